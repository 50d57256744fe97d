"""What cannot go well is refused before anything is made: by the name of what is the case, and naming the thing."""

import contextlib
import itertools

import pytest

from demo.databases import MASTER, values
from demo.executions import Execution, entered_states
from demo.footprint import footprint
from demo.shop import make_secret

from .sources import KEY_ALIAS, LIMIT_SECONDS, make_request, make_source

NAME = "refused"
DATABASES = ["postgres", "app"]
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    make_secret(cloud, "without/password", {"username": MASTER})
    make_secret(cloud, "with/empty-password", {"username": MASTER, "password": ""})
    make_secret(cloud, "with/wrong-password", {"username": MASTER, "password": "wrong"})
    make_secret(cloud, "not/json", "no object")
    return make_source(cloud, NAME, 17)


def refuse(cloud, instance: dict, request: object, error: str, *named: str) -> None:
    """Sees an execution refused, and nothing made, nothing changed."""
    before = footprint(cloud, instance, DATABASES)
    execution = Execution(cloud, f"refused-{next(NUMBERS)}", request)
    described = execution.wait(LIMIT_SECONDS)
    assert (described["status"], described.get("error")) == ("FAILED", error), described.get("cause")
    for word in named:
        assert word in described["cause"]
    states = [each.state for each in entered_states(execution.events())]
    # What is not even found has no inside to look at.
    looked = ["IsRecovery", "Preflight", "ReadSecurityGroups", "ReadSubnets", "Inspect", "Refused"]
    assert states in (looked, ["IsRecovery", "Preflight", "Refused"])
    assert footprint(cloud, instance, DATABASES) == before


@pytest.mark.parametrize(
    "members, error, named",
    [
        ({"source": "no-such-db"}, "SourceNotFound", "no-such-db"),
        ({"source": "arn:aws:rds:eu-central-1:123456789012:db:no-such-db"}, "SourceNotFound", "no-such-db"),
        ({"source": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"}, "SourceNotFound", "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ({"source": "arn:aws:s3:::bucket"}, "SourceNotFound", "bucket"),
        ({"kms_key": "alias/no-such-key"}, "KmsKeyUnusable", "alias/no-such-key"),
        ({"kms_key": "00000000-0000-0000-0000-000000000000"}, "KmsKeyUnusable", "does not exist"),
        ({"secret": "no/such-secret"}, "SecretUnusable", "no/such-secret"),
        ({"secret": None}, "SecretUnusable", "secret"),
        ({"secret": "without/password"}, "SecretUnusable", "password"),
        ({"secret": "with/empty-password"}, "SecretUnusable", "password"),
        ({"secret": "not/json"}, "SecretUnusable", "not/json"),
        ({"secret": "with/wrong-password"}, "PostgresRefused", "password"),
        ({"cutover": {"secrets": ["no/such-secret"]}}, "SecretUnusable", "no/such-secret"),
        ({"cutover": {"secrets": ["without/password"]}}, "SecretUnusable", "without/password"),
        ({"databases": ["app", "no such database"]}, "PreconditionFailed", "no such database"),
        ({"consent": {}}, "PreconditionFailed", "journal.event"),
        ({"kms_kye": "alias/tests"}, "InvalidInput", "kms_kye"),
        ({"cutover": {"wen": "now"}}, "InvalidInput", "wen"),
        ({"cutover": {"when": "soon"}}, "InvalidInput", "soon"),
        ({"cutover": {"max_write_pause_seconds": -1}}, "InvalidInput", "max_write_pause_seconds"),
        ({"cutover": {"how": "secret"}}, "InvalidInput", "secrets"),
        ({"databases": "app"}, "InvalidInput", "databases"),
        ({"plan_only": "yes"}, "InvalidInput", "plan_only"),
        ({"source": 7}, "InvalidInput", "source"),
        ({"source": ""}, "InvalidInput", "source"),
        ({"source": None}, "InvalidInput", "source"),
        ({"verify": "everything"}, "InvalidInput", "everything"),
        ({"after": {"source": "burn"}}, "InvalidInput", "burn"),
    ],
)
def test_what_a_request_asks_for(cloud, source, members, error, named):
    refuse(cloud, source, make_request(NAME, **members), error, named)


@pytest.mark.parametrize("request_itself", [{}, [], "refused", None])
def test_what_is_no_request(cloud, source, request_itself):
    refuse(cloud, source, request_itself, "InvalidInput", "input")


def test_keys_that_rds_cannot_encrypt_with(cloud, source, key_arn):
    kms = cloud.client("kms")
    disabled, doomed = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    kms.disable_key(KeyId=disabled)
    kms.schedule_key_deletion(KeyId=doomed)
    asymmetric = kms.create_key(KeySpec="RSA_2048", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    elsewhere = key_arn.replace(kms.meta.region_name, "ap-south-2")
    for key, why in (disabled, "Disabled"), (doomed, "PendingDeletion"), (asymmetric, "symmetric"), (elsewhere, "ap-south-2"):
        refuse(cloud, source, make_request(NAME, kms_key=key), "KmsKeyUnusable", key, why)


def test_everything_that_is_wrong_is_told_at_once(cloud, source):
    request = make_request(NAME, kms_key="alias/no-such-key", cutover={"secrets": ["no/such-secret"]}, consent={}, databases=["gone"])
    refuse(cloud, source, request, "PreconditionFailed", "alias/no-such-key", "no/such-secret", "gone")


def test_a_database_that_has_the_key_already(cloud, key_arn):
    instance = make_source(cloud, "encrypted", 17, StorageEncrypted=True, KmsKeyId=KEY_ALIAS)
    refuse(cloud, instance, make_request("encrypted"), "AlreadyEncrypted", "encrypted", key_arn)


def test_a_cluster_that_is_not_postgresql(cloud, source):
    cloud.client("rds").create_db_cluster(
        DBClusterIdentifier="a-cluster", Engine="aurora-mysql", MasterUsername="master", MasterUserPassword="correct-horse"
    )
    refuse(cloud, source, make_request(NAME, source="a-cluster"), "SourceUnsupported", "a-cluster", "aurora-mysql")


def test_an_instance_that_is_not_postgresql(cloud, source):
    cloud.client("rds").create_db_instance(
        DBInstanceIdentifier="a-mysql", Engine="mysql", DBInstanceClass="db.t3.medium", AllocatedStorage=20,
        MasterUsername="master", MasterUserPassword="correct-horse",
    )  # fmt: skip
    refuse(cloud, source, make_request(NAME, source="a-mysql"), "SourceUnsupported", "a-mysql", "mysql")


def test_triggers_and_row_security_that_would_disturb_the_copy(cloud, databases, source):
    with databases.connect(source, "app") as session:
        session.execute("create function noop() returns trigger language plpgsql as 'begin return new; end'")
        session.execute("create trigger loud before insert on thing for each row execute function noop()")
        session.execute("alter table thing enable always trigger loud")
        session.execute("alter table journal.ledger enable row level security, force row level security")
        try:
            refuse(
                cloud,
                source,
                make_request(NAME),
                "PreconditionFailed",
                "thing (loud)",
                "forced row security, where the target cannot apply changes: journal.ledger",
            )
        finally:
            session.execute("alter table journal.ledger disable row level security, no force row level security")
            session.execute("drop function noop() cascade")


def test_a_server_with_too_little_of_everything(cloud, databases, key_arn):
    group = databases.parameter_group("cramped", 17, {"max_replication_slots": 1, "max_wal_senders": 1})
    instance = make_source(cloud, "cramped", 17, DBParameterGroupName=group)
    named = "wal_level is replica", "max_replication_slots", "max_wal_senders", "1 of 1"
    refuse(cloud, instance, make_request("cramped"), "PreconditionFailed", *named)


def test_a_server_whose_slots_are_taken(cloud, databases, source):
    with databases.connect(source) as session:
        session.execute("select pg_create_physical_replication_slot('taken_' || n) from generate_series(1, 19) n")
        try:
            refuse(cloud, source, make_request(NAME), "PreconditionFailed", "1 of 20 replication slots")
        finally:
            session.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots")


@contextlib.contextmanager
def extra_database(databases, source, option: str):
    with databases.connect(source) as session:
        session.execute("create database closed")
        session.execute(f"alter database closed with {option}")
        try:
            yield
        finally:
            session.execute("drop database closed")


@pytest.mark.parametrize("option", ["allow_connections false", "connection limit 0"])
def test_a_database_that_nobody_can_connect_to(cloud, databases, source, option):
    with extra_database(databases, source, option):
        refuse(cloud, source, make_request(NAME, databases=["app", "closed"]), "PreconditionFailed", "closed")


def test_a_table_of_an_owner_whose_rights_we_lack(cloud, databases, source):
    with databases.connect(source, "app") as session:
        session.execute("create role stranger login password 'stranger'")
        session.execute("grant create on database app to stranger")
    with databases.connect(source, "app", "stranger", "stranger") as session:
        session.execute("create schema stranger")
        session.execute("create table stranger.theirs (id int primary key)")
    refuse(cloud, source, make_request(NAME), "PreconditionFailed", f"grant stranger to {MASTER}")
    with databases.connect(source, "app", "stranger", "stranger") as session:
        session.execute("drop schema stranger cascade")


def test_a_pending_prepared_transaction(cloud, databases, key_arn):
    group = databases.parameter_group("two-phase", 17, {"rds.logical_replication": 1, "max_prepared_transactions": 5})
    instance = make_source(cloud, "two-phase", 17, DBParameterGroupName=group)
    with databases.connect(instance, "app") as session:
        session.execute("begin")
        session.execute("update public.thing set changed = 1 where id = 1")
        session.execute("prepare transaction 'pending'")
    refuse(cloud, instance, make_request("two-phase"), "PreconditionFailed", "1 prepared")
    assert values(databases.connect(instance, "app"), "select gid from pg_prepared_xacts") == ["pending"]
