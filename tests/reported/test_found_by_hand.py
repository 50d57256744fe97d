"""What people found who drove the local cloud by hand: neighbours of the troubles that were reported."""

import hashlib

import pytest

from demo.executions import Execution
from executions.runs import approve, undo_of
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name
from executions.test_drift import next_drift
from executions.test_preflight_traps import ask, of

LONG = pytest.mark.long
LOGICAL = {"rds.logical_replication": 1}


def key_of(arn: str) -> str:
    """The digits in all names of a run."""
    return hashlib.sha256(arn.encode()).hexdigest()[:10]


def own_key(cloud) -> str:
    return cloud.client("kms").create_key()["KeyMetadata"]["Arn"]


def test_a_key_that_is_disabled_while_a_run_waits_holds_it_until_it_is_enabled(cloud, databases, outcome):
    kms, key = cloud.client("kms"), own_key(cloud)
    source = make_source(cloud, "key-back", 17)
    outcome.key_arn = key
    with outcome.carried(source, kms_key=key, cutover={"secrets": [secret_name("key-back")]}) as execution:
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        kms.disable_key(KeyId=key.rpartition("/")[2])
        approve(cloud, "key-back", execution.name)
        execution.wait_for_state("WaitForKey", LIMIT_SECONDS)
        kms.enable_key(KeyId=key.rpartition("/")[2])


def test_a_key_that_stays_disabled_keeps_the_run_from_moving(cloud, outcome):
    key = own_key(cloud)
    source = make_source(cloud, "key-gone", 16)
    with outcome.given_back(source, "KmsKeyUnusable", key, "Disabled", kms_key=key, cutover={"secrets": []}) as execution:
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        cloud.client("kms").disable_key(KeyId=key.rpartition("/")[2])
        approve(cloud, "key-gone", execution.name)


def test_tags_that_only_the_target_has_hold_nothing(cloud, databases, outcome):
    source = make_source(cloud, "tagged", 17)
    with outcome.carried(source) as execution:
        execution.wait_for_state("PollLag", LIMIT_SECONDS)
        (target,) = [each for each in databases.all() if each["DBInstanceIdentifier"].startswith("tagged-enc-")]
        cloud.client("rds").add_tags_to_resource(ResourceName=target["DBInstanceArn"], Tags=[{"Key": "created-by", "Value": "automation"}])


def test_a_snapshot_of_the_runs_name_that_is_not_its_own_is_neither_used_nor_deleted(cloud, databases, outcome):
    name = "same-name-snapshot"
    make_source(cloud, "namesake", 17)
    arn = cloud.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"
    snapshot = f"rds-reencrypt-{key_of(arn)}"
    rds = cloud.client("rds")
    rds.create_db_snapshot(DBInstanceIdentifier="namesake", DBSnapshotIdentifier=snapshot)
    rds.get_waiter("db_snapshot_available").wait(DBSnapshotIdentifier=snapshot, WaiterConfig={"Delay": 1})
    execution = Execution(cloud, name, make_request("namesake"))
    described = execution.wait(LIMIT_SECONDS)
    assert (described["status"], described["error"], execution.follow()[-1]) == ("FAILED", "SnapshotFailed", "Undone"), described
    assert snapshot in described["cause"] and "namesake" in described["cause"]
    assert [each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]].count(snapshot) == 1
    rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)


@pytest.fixture(scope="module")
def waiting(cloud, databases, key_arn):
    """A run that waits for its approval, with publications of others on its source."""
    source = make_source(cloud, "waiting", 16)
    with databases.connect(source, "app") as session:
        session.execute("create schema further; create table further.t (id int primary key, other int not null unique); create schema empty")
        session.execute("create statistics further.pair on id, other from further.t")
        session.execute("create publication theirs for table public.thing where (id < 5), tables in schema further")
    execution = Execution(cloud, "found-waiting", make_request("waiting", cutover={"secrets": []}))
    execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
    yield source, execution
    execution.stop()
    undo_of(cloud, execution).wait(LIMIT_SECONDS)


@pytest.mark.parametrize(
    "change, named, back",
    [
        ("alter publication theirs set table public.thing where (id > 5), tables in schema further", "publication theirs: differs",
         "alter publication theirs set table public.thing where (id < 5), tables in schema further"),
        ("alter publication theirs add tables in schema empty", "publication theirs: differs", "alter publication theirs drop tables in schema empty"),
        ("create conversion theirs for 'LATIN1' to 'UTF8' from iso8859_1_to_utf8", "conversion public.theirs: only on the source", "drop conversion theirs"),
        ("alter table further.t replica identity full", "table further.t: differs", "alter table further.t replica identity default"),
        ("alter table further.t replica identity using index t_other_key", "index further.t_other_key: differs", "alter table further.t replica identity default"),
        ("alter statistics further.pair set statistics 200", "statistics further.pair: differs", "alter statistics further.pair set statistics -1"),
        ("alter table further.t alter other set statistics 200", "column further.t.other: differs", "alter table further.t alter other set statistics -1"),
    ],
    ids=["row-filter", "schema", "conversion", "identity", "identity-index", "statistics", "column-statistics"],
)  # fmt: skip
def test_what_replication_does_not_carry_is_compared(databases, waiting, change, named, back):
    source, execution = waiting
    with databases.connect(source, "app") as session:
        session.execute(change)
        drift = next_drift(execution)
        session.execute(back)
    assert any(named in each for each in drift), drift


def test_an_undo_of_an_execution_that_runs_never_was_or_was_of_another_database_is_refused(cloud, waiting):
    _, running = waiting
    other = make_source(cloud, "another", 17)
    of_another = Execution(cloud, "found-another", make_request("another", plan_only=True))
    of_another.wait(LIMIT_SECONDS)
    cases = {"is running": running.arn, "there is no execution": f"{running.arn}x", "has succeeded": of_another.arn}
    for number, (said, arn) in enumerate(cases.items()):
        undo = Execution(cloud, f"found-undo-{number}", make_request("waiting") | {"undo": arn})
        described = undo.wait(LIMIT_SECONDS)
        assert (described["status"], described["error"]) == ("FAILED", "UndoFailed") and "InvalidInput" in described["cause"], described
        assert said in described["cause"], described
    assert other["DBInstanceIdentifier"] == "another"


@pytest.mark.parametrize("major", [18, pytest.param(13, marks=LONG)])
def test_an_encoding_of_clients_keeps_no_worker_from_starting(cloud, databases, outcome, major, monkeypatch):
    # This test is a client, too.
    monkeypatch.setenv("PGCLIENTENCODING", "UTF8")
    source = make_source(cloud, f"clients-{major}", major)
    with databases.connect(source) as session:
        session.execute("create database latin encoding 'LATIN9' template template0 lc_collate 'C' lc_ctype 'C'")
        session.execute("alter database latin set client_encoding = 'LATIN1'")
        session.execute("alter role current_user set client_encoding = 'LATIN1'")
    with databases.connect(source, "latin") as session:
        session.execute("create table public.t (id int primary key, v text); insert into public.t select n, 'x' from generate_series(1, 10) n")
    with outcome.carried(source):
        pass


@pytest.mark.parametrize("major", [17, pytest.param(18, marks=LONG)])
def test_a_server_without_event_triggers_is_refused(cloud, databases, outcome, major):
    group = databases.parameter_group(f"no-triggers-{major}", major, LOGICAL | {"event_triggers": 0})
    source = make_source(cloud, f"no-triggers-{major}", major, DBParameterGroupName=group)
    outcome.refused(source, "PreconditionFailed", "event_triggers is off")


def test_checks_that_no_trial_enters_and_checks_that_see_other_rows_are_warned_of(cloud, databases):
    source = make_source(cloud, "checks", 14)
    with databases.connect(source, "app") as session:
        session.execute("""
            create function public.longer(text) returns bool language sql immutable as 'select length($1) > 1';
            create function public.is_valid(c text) returns bool language plpgsql immutable strict as 'begin return longer(c); end';
            create table public.codes (id int primary key, code text check (public.is_valid(code)));
            create table public.most (id int primary key, most int);
            create function public.within(v int) returns bool language sql stable as 'select v <= (select most from public.most where id = 1)';
            create table public.capped (id int primary key, v int check (public.within(v)))""")
    warned = of(ask(cloud, "checks"), "Expressions", "warn")
    assert "is_valid(text) is not called for nulls" in warned and "public.capped (check capped_v_check)" in warned, warned


@pytest.mark.parametrize("major", [18, pytest.param(12, marks=LONG)])
def test_what_an_index_of_ranges_and_a_conversion_to_a_domain_call_is_tried(cloud, databases, major):
    source = make_source(cloud, f"ranges-{major}", major)
    with databases.connect(source, "app") as session:
        session.execute("""
            create function public.away(float8, float8) returns float8 language sql immutable as 'select abs($1 - $2)';
            create function public.apart(a float8, b float8) returns float8 language plpgsql immutable as 'begin return away(a, b); end';
            create function public.inside(a float8, b float8) returns float8 language plpgsql immutable as 'begin return a - b; end';
            create type public.span as range (subtype = float8, subtype_diff = public.apart); create domain public.stay as public.span;
            create type public.reach as range (subtype = float8, subtype_diff = public.inside);
            create table public.stays (id int primary key, during public.stay, exclude using gist (during with &&));
            create table public.reaches (id int primary key, during public.reach, other public.span);
            create index on public.reaches using gist (during); create index on public.reaches (other);
            create function public.longer(text) returns bool language sql immutable as 'select length($1) > 1';
            create function public.is_valid(c text) returns bool language plpgsql immutable as 'begin return longer(c); end';
            create domain public.code as text check (public.is_valid(value)); create domain public.short_code as public.code;
            create table public.codes (id int primary key, code text); create index coded on public.codes ((code::public.short_code))""")
    refused = of(ask(cloud, f"ranges-{major}"), "Expressions", "refuse")
    assert "public.stays (ranges in index stays_during_excl: function away(double precision, double precision) does not exist" in refused, refused
    assert "alter function public.apart(double precision,double precision) set search_path = public" in refused, refused
    assert "public.codes (index coded: function longer(text) does not exist" in refused and "public.reaches" not in refused, refused
