"""Every trap that preflight knows, laid on real servers: each is named, all in one answer; and none where none is.

A trap is data: what it is called, how it is judged, a piece of what is told, and the SQL that lays it.
"""

from dataclasses import dataclass

import psycopg
import pytest

from demo.databases import MASTER, Databases
from demo.executions import Execution
from demo.shop import make_secret
from demo.waiting import wait_until

from .sources import LIMIT_SECONDS, make_request, make_source, secret_value

MAJORS = [12, 17, 18]


@dataclass(frozen=True)
class Trap:
    name: str
    verdict: str
    told: str
    sql: str
    since: int = 12
    database: str = "app"
    id: str = ""


TRAPS = [
    Trap("UnloggedTables", "warn", "public.scratch", "create unlogged table public.scratch (id int)"),
    Trap("LargeObjects", "warn", "1 large objects", "select lo_create(0)"),
    Trap("MaterializedViews", "warn", "public.summary", "create materialized view public.summary as select 1 as one"),
    Trap(
        "ForeignServers", "warn", "elsewhere (postgres_fdw, 1 tables)",
        "create extension postgres_fdw; create server elsewhere foreign data wrapper postgres_fdw;"
        "create foreign table public.far (id int) server elsewhere",
    ),
    Trap(
        "EventTriggers", "refuse", "event trigger watch",
        # A trap is taken apart at its semicolons.
        r"create function public.watch() returns event_trigger language plpgsql as E'begin raise ''by migrations alone''\073 end';"
        "create event trigger watch on ddl_command_end when tag in ('CREATE SEQUENCE') execute function public.watch()",
    ),
    Trap("ReadOnlyDefault", "warn", "role reader", "create role reader; alter role reader set default_transaction_read_only = on"),
    Trap("AllTablesPublication", "warn", "publication everything", "create publication everything for all tables", database="postgres"),
    Trap(
        "AllTablesPublication", "refuse", "slots listening",
        "create publication everything for all tables; select pg_create_logical_replication_slot('listening', 'pgoutput')",
        id="AllTablesPublication-with-a-slot",
    ),
    Trap("OtherConsumers", "warn", "slot listening keeps", ""),
    Trap("UnreadSlots", "warn", "slot forgotten", "select pg_create_physical_replication_slot('forgotten', true)"),
    Trap(
        "OwnSubscriptions", "refuse", "inherited in app",
        "create subscription inherited connection 'host=127.0.0.1 user=far password=away' publication far with (connect = false)",
    ),
    Trap(
        "TriggersOnCopy", "refuse", "public.loud (shout)",
        "create table public.loud (id int primary key);"
        "create function public.noop() returns trigger language plpgsql as 'begin return new; end';"
        "create trigger shout before insert on public.loud for each row execute function public.noop();"
        "alter table public.loud enable always trigger shout",
    ),
    Trap(
        "ForcedRowSecurity", "refuse", "public.guarded",
        "create table public.guarded (id int primary key); alter table public.guarded enable row level security, force row level security",
    ),
    Trap("ReplicaIdentity", "refuse", "public.heap (no primary key)", "create table public.heap (id int)", id="without-a-key"),
    Trap(
        "ReplicaIdentity", "refuse", "public.late (its primary key is deferrable)",
        "create table public.late (id int primary key deferrable)", id="deferrable-key",
    ),
    Trap(
        "ReplicaIdentity", "refuse", "public.mute (replica identity nothing)",
        "create table public.mute (id int primary key); alter table public.mute replica identity nothing", id="identity-nothing",
    ),
    Trap("ReplicaIdentity", "refuse", "alter table public.mute replica identity default", "", id="remedy-default"),
    Trap(
        "ReplicaIdentity", "refuse", "public.lost (the index of its replica identity was dropped)",
        "create table public.lost (id int not null, constraint lost_id unique (id));"
        "alter table public.lost replica identity using index lost_id; alter table public.lost drop constraint lost_id",
        id="index-was-dropped",
    ),
    Trap(
        "ReplicaIdentity", "refuse", "alter table public.numbered replica identity using index numbered_id",
        "create table public.numbered (id int not null, constraint numbered_id unique (id))", id="remedy-index",
    ),
    Trap(
        "ReplicaIdentity", "refuse", "public.child (no primary key)",
        "create table public.parent (id int primary key); create table public.child () inherits (public.parent)", id="child-of-a-table-with-a-key",
    ),
    Trap(
        "ReplicaIdentity", "refuse", "public.part_1 (no primary key)",
        "create table public.part (id int) partition by list (id); create table public.part_1 partition of public.part for values in (1)",
        id="partition",
    ),
    Trap(
        "ColumnsWithoutEquality", "refuse", "public.document (body)",
        "create table public.document (id int, body json); alter table public.document replica identity full",
    ),
    Trap(
        "GeneratedColumns", "refuse", "public.doubled (twice)",
        "create table public.doubled (id int, twice int generated always as (id * 2) stored primary key)", id="generated-key",
    ),
    Trap(
        "GeneratedColumns", "refuse", "public.tripled (thrice)",
        "create table public.tripled (id int, thrice int generated always as (id * 3) stored); alter table public.tripled replica identity full",
        since=18, id="generated-column-under-full",
    ),
    Trap(
        "CronJobs", "refuse", "1 active jobs would run on the target as well: 7 in app",
        "create schema cron; create table cron.job (jobid bigint primary key, database text not null, active boolean not null);"
        "insert into cron.job values (7, 'app', true), (8, 'app', false), (9, 'gone', true)",
    ),
    Trap("CronJobs", "warn", "9 in gone", "", id="CronJobs-elsewhere"),
    Trap(
        "PreparedTransactions", "refuse", "1 prepared transactions that do not end within 10 s: 'pending' of",
        "begin; update public.thing set changed = 1 where id = 1; prepare transaction 'pending'",
    ),
    Trap(
        "Rights", "refuse", f"grant stranger to {MASTER}",
        "create role stranger; grant stranger to current_user; grant create on database app to stranger; create table public.theirs (id int primary key);"
        "create schema stranger authorization stranger; alter table public.theirs set schema stranger;"
        "alter table stranger.theirs owner to stranger; revoke stranger from current_user",
    ),
    Trap("ConnectionLimit", "refuse", "3 of 3 connections to database narrow", "create database narrow connection limit 3", database="postgres"),
    Trap("PendingReboot", "warn", "parameter group", ""),
]  # fmt: skip

# What a run needs enough of, as it is told where there is enough.
ROOMS = ["ReplicationSlots", "WalSenders", "LogicalWorkers", "WorkerProcesses", "ReplicationOrigins", "ConnectionLimit", "Quota"]


def ask(cloud, identifier: str, **members) -> list[dict]:
    """What preflight finds, in whatever way it answers."""
    ask.count += 1
    execution = Execution(cloud, f"ask-{identifier}-{ask.count}", make_request(identifier, plan_only=True, **members))
    described = execution.wait(LIMIT_SECONDS)
    if described["status"] == "SUCCEEDED":
        return execution.output["findings"]
    verdicts = {"refused": "refuse", "warning": "warn"}
    summary, *lines = described["cause"].split("\n")
    assert summary.startswith("nothing was made"), described
    heads = [line.partition(": ")[0].split(" ") for line in lines]
    findings = [{"name": name, "verdict": verdicts[verdict], "found": line} for (verdict, name), line in zip(heads, lines, strict=True)]
    assert f"unmet: {named(findings, 'refuse')}, warnings: {named(findings, 'warn')}" in summary
    return findings


ask.count = 0


def named(findings: list[dict], verdict: str) -> int:
    return sum(finding["verdict"] == verdict for finding in findings)


def of(findings: list[dict], name: str, verdict: str) -> str:
    return "\n".join(finding["found"] for finding in findings if (finding["name"], finding["verdict"]) == (name, verdict))


def lay(databases: Databases, instance: dict, traps: list[Trap]) -> None:
    """Each statement by itself: a transaction that is to be prepared must not end with its trap."""
    for trap in traps:
        with databases.connect(instance, trap.database) as session:
            try:
                for statement in trap.sql.split(";") if "plpgsql" not in trap.sql else statements_of(trap.sql):
                    if statement.strip():
                        session.execute(statement)
            except psycopg.Error as error:
                raise AssertionError(f"could not lay {trap}") from error


def statements_of(sql: str) -> list[str]:
    """As split at semicolons, but for those within a function's body."""
    parts = sql.split("'")
    outside = [part if place % 2 else part.replace(";", "\0") for place, part in enumerate(parts)]
    return "'".join(outside).split("\0")


@pytest.fixture(scope="module", params=MAJORS)
def answers(request, cloud, databases, key_arn):
    """What preflight tells of a source without a trap, and of the same one with all of them."""
    major = request.param
    identifier = f"traps-{major}"
    parameters = {"rds.logical_replication": 1, "max_prepared_transactions": 5, "max_worker_processes": 20}
    group = databases.parameter_group(f"{identifier}-settings", major, parameters)
    instance = make_source(cloud, identifier, major, DBParameterGroupName=group)
    clean = ask(cloud, identifier)
    traps = [trap for trap in TRAPS if trap.since <= major]
    lay(databases, instance, traps)
    change = {"ParameterName": "max_worker_processes", "ParameterValue": "21", "ApplyMethod": "pending-reboot"}
    cloud.client("rds").modify_db_parameter_group(DBParameterGroupName=group, Parameters=[change])
    return major, clean, ask(cloud, identifier, consent={})


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.id or trap.name)
def test_a_trap_is_named_beside_all_others(answers, trap):
    major, _, trapped = answers
    told = of(trapped, trap.name, trap.verdict)
    assert (trap.told in told) == (trap.since <= major), told or trapped


def test_a_source_without_a_trap_is_told_of_none_and_what_there_is_enough_of(answers):
    _, clean, _ = answers
    names = {finding["name"] for finding in clean if finding["verdict"] != "fine"}
    # The ledger of the tests has no key, and a jsonb in it, and every new instance has another endpoint.
    assert names == {"ReplicaIdentity", "EqualNotIdentical", "NewIdentity"}, clean
    for name in set(ROOMS) - {"ConnectionLimit"}:
        finding = next(finding for finding in clean if finding["name"] == name)
        assert finding["verdict"] == "fine" and " are free" in finding["found"] and " are needed" in finding["limit"]


@pytest.mark.parametrize("major", [13, 18])
def test_a_server_without_room_for_a_second_database(cloud, databases, key_arn, major):
    parameters = {
        "rds.logical_replication": 1, "max_replication_slots": 1, "max_wal_senders": 1, "max_logical_replication_workers": 1,
        "max_worker_processes": 2, "max_slot_wal_keep_size": 64, "shared_preload_libraries": "auth_delay",
    }  # fmt: skip
    if major == 18:
        parameters |= {"max_active_replication_origins": 1, "idle_replication_slot_timeout": 60}
    group = databases.parameter_group(f"cramped-{major}", major, parameters)
    make_source(cloud, f"tight-{major}", major, DBParameterGroupName=group)
    findings = ask(cloud, f"tight-{major}")
    origins = "max_active_replication_origins" if major == 18 else "max_replication_slots"
    for name, told in {
        "ReplicationSlots": "1 of 1 replication slots are free; 2 are needed; raise max_replication_slots",
        "WalSenders": "1 of 1 walsenders are free; 2 are needed",
        "LogicalWorkers": "1 of 1 logical replication workers of the target are free; 2 are needed",
        "WorkerProcesses": "1 of 2 worker processes of the target are free; 2 are needed",
        "ReplicationOrigins": f"1 of 1 replication origins of the target are free; 2 are needed; raise {origins}",
        "SlotWalKeepSize": "max_slot_wal_keep_size is 64 MB",
        **({"IdleSlotTimeout": "idle_replication_slot_timeout is 60 s"} if major == 18 else {}),
    }.items():
        assert told in of(findings, name, "refuse"), findings
    assert "auth_delay is loaded" in of(findings, "PreloadedWorkers", "warn")


def test_the_statements_that_are_told_give_all_rights_that_are_missing(cloud, databases, key_arn):
    """Somebody with nothing but a password: what preflight tells, the master user runs, until there is nothing to tell.

    On 15, since from 16 on nobody on RDS may grant the master user itself, whose tables these are.
    """
    instance = make_source(cloud, "rights", 15)
    secret = {**secret_value(instance), "username": 'an "operator"'}
    make_secret(cloud, "rights/operator", secret)
    with databases.connect(instance) as session:
        operator = psycopg.sql.Identifier(secret["username"])
        password = psycopg.sql.Literal(secret["password"])
        session.execute(psycopg.sql.SQL("create role {} login password {} connection limit 5").format(operator, password))
        session.execute("revoke create on database app from public")
    statements: list[str] = []
    while rights := [finding for finding in ask(cloud, "rights", secret="rights/operator") if finding["verdict"] == "refuse"]:
        new = {finding["found"].rpartition("; ")[2] for finding in rights} - set(statements)
        assert new, rights
        for statement in new:
            for database in "app", "postgres":
                with databases.connect(instance, database) as session:
                    session.execute(statement)
        statements += new
    assert any("grant rds_superuser" in statement for statement in statements)
    assert any("createrole" in statement for statement in statements)
    assert any("grant create on database" in statement for statement in statements)
    assert any("connection limit -1" in statement for statement in statements)


def test_rights_that_somebody_took_from_the_master_user(cloud, databases, key_arn):
    instance = make_source(cloud, "poorer", 15)
    with databases.connect(instance) as session:
        session.execute("revoke pg_monitor, pg_signal_backend from rds_superuser")
    told = of(ask(cloud, "poorer"), "Rights", "refuse")
    assert f"grant pg_monitor to {MASTER}" in told and f"grant pg_signal_backend to {MASTER}" in told


def test_what_a_new_instance_will_not_be_or_have(cloud, databases, key_arn):
    rds = cloud.client("rds")
    make_source(
        cloud, "heirlooms", 12, StorageType="standard", EnableIAMDatabaseAuthentication=True, DBInstanceClass="db.t2.micro",
        EngineLifecycleSupport="open-source-rds-extended-support-disabled", Tags=[{"Key": "cloud:maintenance", "Value": "system-update"}],
    )  # fmt: skip
    rds.modify_db_instance(DBInstanceIdentifier="heirlooms", AllocatedStorage=30, ApplyImmediately=False)
    databases.in_status("heirlooms", "available")
    rds.add_role_to_db_instance(DBInstanceIdentifier="heirlooms", RoleArn="arn:aws:iam::123456789012:role/import", FeatureName="s3Import")
    findings = ask(cloud, "heirlooms")
    for name, told in {
        "MagneticStorage": "magnetic", "IamAuthentication": "rds-db:connect name db-", "ExtendedSupport": "PostgreSQL 12.22",
        "PendingMaintenance": "system-update", "PendingModifications": "AllocatedStorage", "AssociatedRoles": "1 associated",
    }.items():  # fmt: skip
        assert told in of(findings, name, "warn"), findings
    assert "class db.t2.micro cannot have encrypted storage" in of(findings, "InstanceClass", "refuse")

    rds.modify_db_instance(DBInstanceIdentifier="heirlooms", DBInstanceClass="db.m3.large", ApplyImmediately=True)
    databases.in_status("heirlooms", "available")
    rds.modify_db_instance(DBInstanceIdentifier="heirlooms", EngineVersion="12.23", ApplyImmediately=False)
    databases.in_status("heirlooms", "available")
    rds.create_db_instance(
        DBInstanceIdentifier="huge", Engine="mysql", DBInstanceClass="db.t3.medium", AllocatedStorage=65536,
        MasterUsername="master", MasterUserPassword="correct-horse",
    )  # fmt: skip
    rds.create_db_instance(
        DBInstanceIdentifier="huge-too", Engine="mysql", DBInstanceClass="db.t3.medium", AllocatedStorage=34400,
        MasterUsername="master", MasterUserPassword="correct-horse",
    )  # fmt: skip
    try:
        findings = ask(cloud, "heirlooms")
    finally:
        for identifier in "huge", "huge-too":
            rds.delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)
    assert "class db.m3.large is no longer offered" in of(findings, "InstanceClass", "refuse")
    assert "EngineVersion" in of(findings, "PendingModifications", "refuse")
    assert "GiB of the account's storage quota" in of(findings, "Quota", "refuse")


def test_a_master_password_that_rds_manages(cloud, databases, key_arn):
    """And an instance that is stopped, of which the managed secret can still be read."""
    group = databases.parameter_group("managed-settings", 17, {"rds.logical_replication": 1})
    rds = cloud.client("rds")
    rds.create_db_instance(
        DBInstanceIdentifier="managed", Engine="postgres", EngineVersion="17", DBInstanceClass="db.t3.medium", AllocatedStorage=20,
        MasterUsername=MASTER, ManageMasterUserPassword=True, DBParameterGroupName=group, DBName="app",
    )  # fmt: skip
    databases.in_status("managed", "available")
    request = {"secret": None, "cutover": {"when": "now"}}
    assert "stays with the source" in of(ask(cloud, "managed", **request), "ManagedMasterSecret", "warn")
    rds.stop_db_instance(DBInstanceIdentifier="managed")
    databases.in_status("managed", "stopped")
    assert "instance managed is stopped" in of(ask(cloud, "managed", **request), "InstanceStatus", "refuse")


def test_databases_with_any_name(cloud, databases, key_arn):
    instance = make_source(cloud, "names", 17)
    names = ['odd "name"', "it's", "Ü ber%s", "back\\slash"]
    with databases.connect(instance) as session:
        for name in names:
            session.execute(psycopg.sql.SQL("create database {}").format(psycopg.sql.Identifier(name)))
    findings = ask(cloud, "names", databases=names)
    assert named(findings, "refuse") == 0 and "app, postgres" in of(findings, "DatabasesLeftOut", "warn")


@pytest.fixture(scope="module", autouse=True)
def forgotten_transaction(cloud, databases, key_arn):
    """Idle in its transaction for as long as this module's other tests take."""
    instance = make_source(cloud, "busy", 17)
    session = databases.connect(instance, "app")
    session.execute("set application_name = 'forgotten'")
    session.execute("begin")
    session.execute("update public.thing set changed = 7 where id = 7")
    reader = databases.connect(instance, "app")
    reader.execute("begin isolation level repeatable read")
    reader.execute("select count(*) from public.thing")
    yield session
    reader.close()
    session.close()


def test_a_transaction_that_a_slot_would_wait_for(cloud, databases, forgotten_transaction):
    pid = forgotten_transaction.info.backend_pid
    watcher = databases.connect(databases.describe("busy"))
    age = "select extract(epoch from clock_timestamp() - xact_start) from pg_stat_activity where pid = %s"

    def is_older_than(seconds: int) -> None:
        wait_until(lambda: watcher.execute(age, (pid,)).fetchone()[0], lambda found: found > seconds, f"an age of {seconds} s", 70)

    is_older_than(1)
    is_older_than(60)
    told = of(ask(cloud, "busy"), "LongTransactions", "warn")
    assert f"a slot waits for 1 transactions: pid {pid}, user {MASTER}, application forgotten, database app, " in told
    assert "idle in transaction" in told and "changed" not in told
