"""Who applies changes on the copy may do it, and so may the run's own sessions: told before anything is made, each with the
statement that gives the right; carried out, nothing is left to be told."""

import pytest

from demo.databases import MASTER
from executions.sources import make_source
from executions.test_preflight_traps import ask, of


@pytest.fixture(scope="module", params=[17, pytest.param(14, marks=pytest.mark.long), pytest.param(15, marks=pytest.mark.long)])
def source(request, cloud, key_arn, databases):
    instance = make_source(cloud, f"rights-{request.param}", request.param)
    with databases.connect(instance, "app") as session:
        session.execute("create role app_owner; create role clerk; grant app_owner to master" if request.param < 16 else
                        "create role app_owner; create role clerk; grant app_owner to master with inherit true, set true")  # fmt: skip
        session.execute("create schema books; create table books.ledger (id serial primary key, told text)")
        session.execute("grant create, usage on schema books to app_owner")
        session.execute("create table books.theirs (id int primary key); alter table books.theirs owner to app_owner")
    return request.param, instance


def mend(cloud, databases, instance, spoil: str, *statements: str) -> str:
    """What is told of rights once they are spoilt; after the statements, nothing is."""
    identifier = instance["DBInstanceIdentifier"]
    with databases.connect(instance, "app") as session:
        session.execute(spoil)
    found = of(ask(cloud, identifier), "Rights", "refuse")
    for statement in statements:
        assert statement in found, found
        with databases.connect(instance, "app") as session:
            session.execute(statement)
    assert not of(ask(cloud, identifier), "Rights", "refuse")
    return found


def test_an_owner_who_has_revoked_his_own_rights(cloud, databases, source, outcome):
    major, instance = source
    wanted = "delete, insert, select, trigger, truncate, update" if major >= 15 else "select, trigger, update"
    with databases.connect(instance, "app") as session:
        session.execute("revoke all on books.ledger from master")
    outcome.refused(
        instance, "PreconditionFailed", "Rights", f"{MASTER} lacks", "1 tables: books.ledger", f"grant {wanted} on table books.ledger to {MASTER}"
    )
    mend(cloud, databases, instance, "select 1", f"grant {wanted} on table books.ledger to {MASTER}")


def test_sequences_are_read_on_the_source_and_set_on_the_copy(cloud, databases, source):
    """18 reads a sequence that is closed to us as one that was never used, and says nothing."""
    _, instance = source
    mend(
        cloud,
        databases,
        instance,
        "revoke all on sequence books.ledger_id_seq from master",
        f"grant select, update on sequence books.ledger_id_seq to {MASTER}",
    )
    mend(
        cloud,
        databases,
        instance,
        "revoke update on sequence books.ledger_id_seq from master",
        f"grant update on sequence books.ledger_id_seq to {MASTER}",
    )


def test_a_schema_that_its_owner_has_closed(cloud, databases, source):
    _, instance = source
    with databases.connect(instance, "app") as session:
        session.execute("create schema shut; create table shut.away (id int primary key)")
    mend(cloud, databases, instance, "revoke all on schema shut from master", f"grant usage on schema shut to {MASTER}")


def test_a_partition_root_without_the_rights_that_the_fence_needs(cloud, databases, source):
    _, instance = source
    with databases.connect(instance, "app") as session:
        session.execute("create table books.part (id int primary key) partition by list (id)")
    mend(cloud, databases, instance, "revoke all on books.part from master", f"grant trigger, update on table books.part to {MASTER}")


def test_since_16_the_copy_works_as_the_owner_of_the_table(cloud, databases, source):
    major, instance = source
    if major < 16:
        return
    found = mend(
        cloud,
        databases,
        instance,
        "revoke insert, truncate on books.theirs from app_owner",
        "grant insert, truncate on table books.theirs to app_owner",
    )
    assert "app_owner lacks INSERT, TRUNCATE on 1 tables: books.theirs" in found
    # As createrole_self_grant = inherit leaves it.
    statement = f"grant app_owner to {MASTER} with inherit true, set true"
    found = mend(cloud, databases, instance, f"grant app_owner to {MASTER} with inherit true, set false", statement)
    assert f"{MASTER} may not become the owner of 1 tables and sequences, app_owner" in found
    found = mend(cloud, databases, instance, f"grant app_owner to {MASTER} with inherit false, set true", statement)
    assert f"{MASTER} has no owner's rights on 1 tables and sequences of app_owner" in found


def test_before_16_a_role_can_be_one_that_does_not_inherit(cloud, databases, source):
    major, instance = source
    if major < 16:
        mend(cloud, databases, instance, "alter role master noinherit", f"alter role {MASTER} inherit")


def test_a_function_of_an_expression_that_the_copy_may_not_execute(cloud, databases, source):
    major, instance = source
    with databases.connect(instance, "app") as session:
        session.execute("create function books.fine(int) returns boolean language sql immutable as 'select $1 > 0'")
        session.execute("alter table books.theirs add constraint fine check (books.fine(id))")
    role = "app_owner" if major >= 16 else MASTER
    found = mend(
        cloud,
        databases,
        instance,
        f"revoke execute on function books.fine(int) from public, {MASTER}",
        f"grant execute on function books.fine(integer) to {role}",
    )
    assert "books.theirs (check fine)" in found
    with databases.connect(instance, "app") as session:
        session.execute("alter table books.theirs drop constraint fine")


def test_a_setting_that_makes_another_role_of_us(cloud, databases, source, outcome):
    """Ours lift it, so that all findings speak of who logs in; but the copy's apply has it again."""
    _, instance = source
    with databases.connect(instance, "app") as session:
        session.execute("alter role master set role = 'app_owner'")
    found = ask(cloud, instance["DBInstanceIdentifier"])
    assert {each["name"] for each in found if each["verdict"] == "refuse"} == {"RoleSetting"}, found
    outcome.refused(instance, "PreconditionFailed", "RoleSetting", "role master: role=app_owner", "alter role master reset role")
    with databases.connect(instance, "app") as session:
        session.execute("set role none; alter role master reset role")
        session.execute("alter database app set role = 'app_owner'")
    outcome.refused(instance, "PreconditionFailed", "RoleSetting", "database app: role=app_owner", "alter database app reset role")
    with databases.connect(instance, "app") as session:
        session.execute("set role none; alter database app reset role")
    assert not of(ask(cloud, instance["DBInstanceIdentifier"]), "RoleSetting", "refuse")
