"""What a server has at the end is not what it had at the start: databases, roles, large objects, and everyday DDL."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator

import psycopg
import pytest

from demo.databases import MASTER, values
from demo.executions import Execution, failures
from demo.waiting import wait_until
from executions.runs import approve, finish, target_of, undone, writing
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name
from executions.test_drift import next_drift
from executions.test_preflight_traps import ask, of

MAJORS = [14, pytest.param(12, marks=pytest.mark.long), pytest.param(18, marks=pytest.mark.long)]


def let_through(execution: Execution) -> list[str]:
    """What the last look told, and let through."""
    looks = [answer for answer in execution.answers() if "let_through" in answer]
    return looks[-1]["let_through"]


@contextlib.contextmanager
def repeated(connect: Callable[[], psycopg.Connection], *statements: str, every_seconds: float = 0.15) -> Iterator[list[str]]:
    """Statements that a client carries out one after the other, again and again; the errors that it met."""
    stopped, errors = threading.Event(), []

    def work() -> None:
        with connect() as session:
            number = 0
            while not stopped.wait(every_seconds):
                number += 1
                for statement in statements:
                    try:
                        session.execute(statement.replace("{n}", str(number)))
                    except psycopg.Error as error:
                        errors.append(str(error))
                        if session.closed:
                            return

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield errors
    finally:
        stopped.set()
        thread.join(10)


@pytest.fixture(scope="module", params=MAJORS)
def waiting(request, cloud, databases, key_arn):
    """An execution that waits for its approval, on a source with a closed template, large objects, and a materialized view."""
    identifier = f"contents-{request.param}"
    source = make_source(cloud, identifier, request.param)
    with databases.connect(source) as session:
        session.execute("create role app_rw")
        session.execute(f"grant app_rw to {MASTER}")
        session.execute("create role leaver login")
        # Not a run's, whatever it begins with.
        session.execute("create role rds_reencrypt_reports")
        session.execute("create database golden")
        session.execute("alter database golden with is_template true allow_connections false")
        session.execute("create database leaving")
        session.execute("create database archive")
        session.execute("alter database archive allow_connections false")
    with databases.connect(source, "app") as session:
        session.execute("create materialized view public.summary as select count(*) as things, 1 as id from public.thing")
        session.execute("create unique index on public.summary (id)")
        session.execute("create schema rds_reencrypt_archive create table t (id int primary key, told text)")
        session.execute("create schema rds_tools; create function rds_tools.own() returns int language sql as 'select 1'")
        session.execute("create extension btree_gist; create table public.of_extension (id int primary key, told int)")
        session.execute("alter extension btree_gist add table public.of_extension")
        session.execute("select lo_from_bytea(4711, 'as the snapshot has it'), lo_from_bytea(4712, convert_to(repeat('long ', 400000), 'utf8'))")
    with writing(cloud, identifier) as application:
        request = make_request(identifier, cutover={"secrets": [secret_name(identifier)]})
        execution = Execution(cloud, identifier, request)
        execution.wait_for_state("MayCutOver", LIMIT_SECONDS)
        yield source, execution, application


# What somebody does, how it is named until it is undone, and how that is done.
HELD = {
    "a-database-is-made": ("create database tenant42", "database tenant42: takes writes and is not moved", "drop database tenant42"),
    "a-database-is-made-from-a-template": (
        "create database tenant7 template golden", "database tenant7: takes writes and is not moved", "drop database tenant7",
    ),
    "a-closed-database-is-opened": (
        "alter database archive allow_connections true", "database archive: takes writes and is not moved",
        "alter database archive allow_connections false",
    ),
    "a-closed-database-is-made": (
        "create database shut allow_connections false", "database shut: only on the source", "drop database shut",
    ),
    "a-database-gets-a-limit": ("alter database app connection limit 77", "database app: differs", "alter database app connection limit -1"),
    "a-database-becomes-a-template": ("alter database leaving is_template true", "database leaving: differs", "alter database leaving is_template false"),
    "a-database-gets-another-owner": ("alter database golden owner to app_rw", "database golden: differs", f"alter database golden owner to {MASTER}"),
    "a-role-whose-name-begins-as-those-of-rds": (
        "create role rds_reporting login password 'secret-of-theirs'", "role rds_reporting: only on the source", "drop role rds_reporting",
    ),
    "a-role-that-stays": ("create role reporting login in role app_rw", "role reporting: only on the source", "drop role reporting"),
    "a-role-gets-a-setting-in-a-database": (
        "alter role leaver in database app set work_mem = '8MB'", "setting of leaver in database app: only on the source",
        "alter role leaver in database app reset work_mem",
    ),
    "an-index-in-a-schema-whose-name-begins-as-those-of-runs": (
        "create index archived on rds_reencrypt_archive.t (told)", "index rds_reencrypt_archive.archived: only on the source",
        "drop index rds_reencrypt_archive.archived",
    ),
    "a-function-in-a-schema-named-as-an-extension-of-rds": (
        "create or replace function rds_tools.own() returns int language sql as 'select 2'", "function rds_tools.own(): differs",
        "create or replace function rds_tools.own() returns int language sql as 'select 1'",
    ),
    "an-index-on-a-table-of-an-extension": (
        "create index of_extension_told on public.of_extension (told)", "index public.of_extension_told: only on the source",
        "drop index public.of_extension_told",
    ),
    "a-default-of-a-table-of-an-extension": (
        "alter table public.of_extension alter told set default 5", "column public.of_extension.told: differs",
        "alter table public.of_extension alter told drop default",
    ),
    "large-objects-are-written-to": (
        "select lo_put(4712, 1500000, 'LONG'), lo_put(4711, 3, 'XYZ')", "database app: 2 large objects differ: 4711, 4712",
        "select lo_put(4712, 1500000, 'long'), lo_put(4711, 3, 'the')",
    ),
}  # fmt: skip
LET_THROUGH = {
    "a-role-of-a-lease": (
        "create role leased login password 'x' valid until 'tomorrow' in role app_rw", "short-lived role leased: only on the source", "drop role leased",
    ),
    "a-role-of-vault": (
        "create role \"v-token-app-Kq3\" login password 'x' in role app_rw",
        'membership of a short-lived role of "v-token-app-Kq3" in app_rw: only on the source', 'drop role "v-token-app-Kq3"',
    ),
    # As Vault's statements for creation often end.
    "a-role-of-vault-that-becomes-another": (
        "create role \"v-token-app-Zx9\" login password 'x'; alter role \"v-token-app-Zx9\" set role app_rw",
        'setting of a short-lived role of "v-token-app-Zx9": only on the source', 'drop role "v-token-app-Zx9"',
    ),
}  # fmt: skip
TEMPORARY = (
    "create temporary table stage (id int primary key, told text); comment on table stage is 'of mine'; comment on column stage.told is 'mine';"
    "create rule none as on update to stage do also nothing; comment on rule none on stage is 'mine too';"
    "create function pg_temp.mine() returns int language sql as 'select 1'; comment on function pg_temp.mine() is 'mine';"
    "create type pg_temp.kind as enum ('a'); comment on type pg_temp.kind is 'mine'; comment on constraint stage_pkey on stage is 'mine'"
)


@pytest.fixture(scope="module")
def looked(waiting, databases):
    """What the looks say of all these changes, while a session has temporary objects."""
    source, execution, _ = waiting
    changes = [*HELD.values(), *LET_THROUGH.values()]
    with databases.connect(source, "app") as session, databases.connect(source, "app") as other:
        other.execute(TEMPORARY)
        for statement, _, _ in changes:
            session.execute(statement)
        drift = next_drift(execution)
        told = let_through(execution)
        for _, _, back in changes:
            session.execute(back)
    return drift, told


@pytest.mark.parametrize("change", HELD)
def test_what_is_changed_is_held_by_name(looked, change):
    drift, _ = looked
    assert any(HELD[change][1] in each for each in drift), drift


@pytest.mark.parametrize("change", LET_THROUGH)
def test_a_role_that_lasts_a_while_is_told_and_holds_nobody(looked, change):
    _, told = looked
    assert LET_THROUGH[change][1] in told


def test_nothing_else_is_held_such_as_temporary_objects_with_comments(looked):
    drift, _ = looked
    # Memberships come with roles, and since 16 whoever makes a role becomes a member of it.
    explained = [*(named for _, named, _ in HELD.values()), "membership of reporting", f"membership of {MASTER} in r"]
    assert [each for each in drift if not any(named in each for named in explained)] == []


def test_postgresql_refuses_to_drop_a_database_as_the_plan_has_said(waiting, databases):
    source, execution, _ = waiting
    findings = [answer for answer in execution.answers() if "findings" in answer][-1]["findings"]
    assert "app, leaving" in of(findings, "DatabasesTied", "warn")
    assert "accept no connections, and stay as of the snapshot: archive, golden" in of(findings, "DatabasesLeftOut", "warn")
    with databases.connect(source) as session, pytest.raises(psycopg.errors.ObjectInUse, match="slot"):
        session.execute("drop database leaving")


# What applications do all day, in as many sessions.
EVERYDAY = [
    ("create temporary table work (id int primary key, told text)", "create index on work (told)", "alter table work add more int",
     "comment on table work is 'of mine'", "grant select on work to public", "drop table work"),
    ("refresh materialized view public.summary", "refresh materialized view concurrently public.summary"),
    ("select 1 as one into temporary gone", "discard temp", "create temporary view seen as select 1 as one", "drop view seen"),
    ("create function public.passing_{n}() returns int language sql as 'select 1'", "drop function public.passing_{n}()"),
]  # fmt: skip
LEASES = ("create role \"v-app-{n}\" login password 'x' valid until 'tomorrow' in role app_rw", 'drop role "v-app-{n}"')


def test_it_comes_through_while_the_application_makes_and_drops_things_all_day(waiting, cloud, databases, key_arn):
    source, execution, application = waiting
    identifier = source["DBInstanceIdentifier"]
    with contextlib.ExitStack() as everyday:
        for statements in EVERYDAY:
            everyday.enter_context(
                repeated(lambda: databases.connect(source, "app"), *statements, every_seconds=0.5 if "function" in statements[0] else 0.05)
            )
        everyday.enter_context(repeated(lambda: databases.connect(source), *LEASES, every_seconds=0.4))
        approve(cloud, identifier, execution.name)
        finish(cloud, databases, source, execution, application, key_arn).assert_nothing_lost()
    drift = execution.output["report"]["drift"]
    assert all("short-lived role" in each for each in drift), drift
    with databases.connect(target_of(databases, identifier), "app") as session:
        assert values(session, "select convert_from(lo_get(4711), 'utf8')") == ["as the snapshot has it"]
        assert values(session, "select count(*) from pg_proc where proname like 'passing%'") == [0]


@pytest.mark.long
@pytest.mark.parametrize("major", [13, 17])
def test_what_is_made_in_the_last_moment_is_at_least_told(cloud, databases, key_arn, major):
    """A table that stays locked keeps the cutover between its last comparison and its locks; a database that comes then is found behind
    them, and what is written to a large object by the report."""
    identifier = f"last-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute("select lo_from_bytea(4711, 'as the snapshot has it')")
    with writing(cloud, identifier) as application:
        execution = Execution(cloud, identifier, make_request(identifier, cutover={"secrets": [secret_name(identifier)]}))
        execution.wait_for_state("MayCutOver", LIMIT_SECONDS)
        with databases.connect(source, "app") as holder, databases.connect(source) as other, databases.connect(source, "app") as writer:
            holder.execute("begin; lock table public.thing in share update exclusive mode")
            approve(cloud, identifier, execution.name)
            is_prepared = "select count(*) from pg_trigger where tgname like 'rds_reencrypt%' and tgrelid = 'journal.ledger'::regclass"
            wait_until(lambda: values(writer, is_prepared) == [1], bool, "the fence to be prepared", 60)
            time.sleep(0.5)
            other.execute("create database tenant42")
            holder.execute("rollback")
            wait_until(lambda: failures(execution.events()), lambda seen: any("tenant42" in each for each in seen), "the database to be named", 60)
            other.execute("drop database tenant42")
            holder.execute("begin; lock table public.thing in exclusive mode")
            begun = time.monotonic()
            waits = "select count(*) from pg_stat_activity where application_name like 'rds_reencrypt%cutover' and wait_event_type = 'Lock'"
            wait_until(lambda: values(writer, waits)[0] > 0, bool, "the cutover to ask for its locks", 90)
            writer.execute("select lo_put(4711, 0, 'in the last moment')")
            assert time.monotonic() - begun < 90
            holder.execute("rollback")
        finish(cloud, databases, source, execution, application, key_arn).assert_nothing_lost()
    assert "database app: 1 large objects differ: 4711" in execution.output["report"]["drift"]


@pytest.mark.long
def test_a_large_object_that_is_written_to_all_the_time_gives_the_run_back(cloud, databases, key_arn):
    source = make_source(cloud, "scribbled", 16)
    with databases.connect(source, "app") as session:
        session.execute("select lo_from_bytea(4711, 'as the snapshot has it')")
    scribbling = repeated(lambda: databases.connect(source, "app"), "select lo_put(4711, 0, '{n} times')")
    with scribbling, undone(cloud, source, "scribbled", "CatalogsDiffer") as execution:
        pass
    assert "1 large objects differ: 4711" in execution.describe()["cause"]


@pytest.mark.long
def test_databases_that_were_left_out_hold_nobody(cloud, databases, key_arn):
    """Who says which to carry has said what becomes of others, and of those that come."""
    source = make_source(cloud, "named", 15)
    with databases.connect(source) as session:
        session.execute("create database other")
    with writing(cloud, "named") as application:
        request = make_request("named", databases=["app"], cutover={"secrets": [secret_name("named")]})
        execution = Execution(cloud, "named", request)
        execution.wait_for_state("MayCutOver", LIMIT_SECONDS)
        with databases.connect(source) as session:
            session.execute("create database tenant42")
            session.execute("alter database other rename to another")
            session.execute("alter database another set work_mem = '8MB'")
        assert next_drift(execution) == []
        approve(cloud, "named", execution.name)
        finish(cloud, databases, source, execution, application, key_arn).assert_nothing_lost()
    drift = execution.output["report"]["drift"]
    assert {"database left out tenant42: only on the source", "database left out another: only on the source"} <= set(drift), drift


@pytest.fixture(scope="module")
def planned(cloud, databases, key_arn):
    """A source that is only planned."""
    return make_source(cloud, "planned", 16)


def test_a_template_that_takes_writes_is_refused_by_name(outcome, databases, planned):
    with databases.connect(planned) as session:
        session.execute("create database golden")
        session.execute("alter database golden is_template true")
        try:
            outcome.refused(
                planned, "PreconditionFailed", "database golden is a template that takes writes", "alter database golden allow_connections false"
            )
            named = ask(outcome.cloud, "planned", databases=["app", "golden"])
            assert "database golden is a template: no database can be made from it" in of(named, "DatabasesTied", "warn")
            without = ask(outcome.cloud, "planned", databases=["app", "postgres"])
            assert "take writes on the source after the cutover: golden" in of(without, "DatabasesLeftOut", "warn")
            session.execute("alter database golden allow_connections false")
            assert "accept no connections" in of(ask(outcome.cloud, "planned"), "DatabasesLeftOut", "warn")
        finally:
            session.execute("alter database golden is_template false")
            session.execute("drop database golden")


def test_objects_in_template1_are_named(outcome, databases, planned):
    with databases.connect(planned, "template1") as session:
        session.execute("create table public.of_each (id int primary key)")
    assert "template1 stays as of the snapshot, with 1 objects" in of(ask(outcome.cloud, "planned"), "DatabasesLeftOut", "warn")
    with databases.connect(planned, "template1") as session:
        session.execute("drop table public.of_each")


def test_large_objects_that_we_may_not_read_need_consent(outcome, databases, planned):
    with databases.connect(planned, "app") as session:
        session.execute("create role scribe login password 'scribe'")
    with databases.connect(planned, "app", "scribe", "scribe") as session:
        session.execute("select lo_from_bytea(4713, 'of the scribe alone')")
    outcome.refused(planned, "PreconditionFailed", "1 of them may not be read by us", f"grant scribe to {MASTER}", "consent.large_objects")
    consented = ask(outcome.cloud, "planned", consent={"replica_identity": True, "large_objects": True})
    assert "1 large objects stay as of the snapshot" in of(consented, "LargeObjects", "warn")
    with databases.connect(planned, "app", "scribe", "scribe") as session:
        session.execute(f"grant select on large object 4713 to {MASTER}")
    assert "1 large objects stay as of the snapshot" in of(ask(outcome.cloud, "planned"), "LargeObjects", "warn")
    with databases.connect(planned, "app", "scribe", "scribe") as session:
        session.execute("select lo_unlink(4713)")


def test_roles_that_come_and_go_are_named_with_what_to_rest(outcome, databases, planned):
    with databases.connect(planned, "app") as session:
        session.execute("create role leased login password 'x' valid until 'tomorrow'")
        session.execute("create role stays login password 'x' valid until '2100-01-01'")
        session.execute("grant select on public.thing to leased")
        told = of(ask(outcome.cloud, "planned"), "ShortLivedRoles", "warn")
        session.execute("revoke select on public.thing from leased; drop role leased, stays")
    assert "1 roles are short-lived" in told and "1 of them have rights of their own" in told and "stays" not in told
