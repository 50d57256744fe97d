"""A source that somebody renames, stops or deletes while a run is about it, and passwords that change beside their secret."""

import json

import pytest

from demo.databases import MASTER, MASTER_PASSWORD
from demo.executions import Execution, failures
from demo.footprint import footprint
from demo.waiting import wait_until
from executions.runs import approve, undo_of
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name, secret_value

from .test_found_by_hand import key_of

LONG = pytest.mark.long
NAMES = ["postgres", "app"]


def rename(databases, rds, old: str, new: str) -> dict:
    rds.modify_db_instance(DBInstanceIdentifier=old, NewDBInstanceIdentifier=new, ApplyImmediately=True)
    found = lambda: [each for each in databases.all() if each["DBInstanceIdentifier"] == new and each["DBInstanceStatus"] == "available"]
    (renamed,) = wait_until(found, bool, f"{new} available", 60)
    return renamed


def waiting(cloud, identifier: str, state: str = "WaitForApproval", **members) -> Execution:
    execution = Execution(cloud, f"run-{identifier}", make_request(identifier, **{"cutover": {"secrets": []}} | members))
    execution.wait_for_state(state, LIMIT_SECONDS)
    return execution


def ended(execution: Execution) -> tuple[str, str]:
    return execution.wait(LIMIT_SECONDS)["status"], execution.follow()[-1]


def snapshots(rds) -> list[str]:
    return [each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"]]


def delete(rds, identifier: str) -> None:
    rds.delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)


@pytest.mark.parametrize("by", ["eventbridge", pytest.param("hand", marks=LONG)])
def test_a_source_that_was_renamed_is_undone_by_its_old_name_and_by_its_new_one(cloud, databases, outcome, by):
    rds, name = cloud.client("rds"), f"renamed-by-{by}"
    source = make_source(cloud, name, 17)
    before = footprint(cloud, source, NAMES)
    execution = waiting(cloud, name)
    rename(databases, rds, name, f"{name}-old")
    # Another database has the name by now.
    databases.create(name, 17, DBParameterGroupName=f"{name}-settings")
    execution.stop()
    undo = undo_of(cloud, execution)
    if by == "hand":
        undo.stop()
        undo = Execution(cloud, f"undo-{name}", make_request(f"{name}-old", secret=secret_name(name)) | {"undo": execution.arn})
    assert ended(undo) == ("SUCCEEDED", "RolledBack"), undo.describe()
    delete(rds, name)
    wait_until(lambda: [each["DBInstanceIdentifier"] for each in databases.all()], lambda names: name not in names, f"{name} gone", 60)
    assert footprint(cloud, rename(databases, rds, f"{name}-old", name), NAMES) == before
    outcome._tell("renamed, given back")


@LONG
def test_a_run_whose_source_is_renamed_gives_it_back_under_its_new_name(cloud, databases, outcome):
    rds, name = cloud.client("rds"), "renamed-in-a-run"
    source = make_source(cloud, name, 16)
    before = footprint(cloud, source, NAMES)
    execution = waiting(cloud, name)
    rename(databases, rds, name, f"{name}-old")
    assert ended(execution) == ("FAILED", "Undone"), execution.describe()
    assert footprint(cloud, rename(databases, rds, f"{name}-old", name), NAMES) == before
    outcome._tell("renamed, given back")


@pytest.mark.parametrize("state", ["WaitForApproval", pytest.param("WaitForSnapshot", marks=LONG)])
def test_an_undo_waits_for_a_source_that_is_stopped(cloud, databases, outcome, state):
    rds, name = cloud.client("rds"), f"stopped-in-{state.lower()}"
    source = make_source(cloud, name, 17)
    before = footprint(cloud, source, NAMES)
    execution = waiting(cloud, name, state)
    databases.in_status(name, "available")
    rds.stop_db_instance(DBInstanceIdentifier=name)
    databases.in_status(name, "stopped")
    execution.wait_for_state("WaitForUndo", LIMIT_SECONDS)
    # What is in RDS is undone meanwhile.
    wait_until(
        lambda: [each for each in databases.all() if each["DBInstanceIdentifier"].startswith(f"{name}-enc-")], lambda left: not left, "no target", 60
    )
    rds.start_db_instance(DBInstanceIdentifier=name)
    assert ended(execution) == ("FAILED", "Undone"), execution.describe()
    assert footprint(cloud, databases.in_status(name, "available"), NAMES) == before
    outcome._tell("stopped, given back once it is started")


@LONG
def test_an_undo_that_finds_the_source_stopped_says_so_and_goes_on_once_it_is_started(cloud, databases, outcome):
    rds, name = cloud.client("rds"), "stopped-undo"
    source = make_source(cloud, name, 15)
    before = footprint(cloud, source, NAMES)
    execution = waiting(cloud, name, "WaitForSnapshot")
    databases.in_status(name, "available")
    execution.stop()
    rds.stop_db_instance(DBInstanceIdentifier=name)
    databases.in_status(name, "stopped")
    undo = undo_of(cloud, execution)
    (seen, *_) = wait_until(lambda: failures(undo.events()), bool, "an undo that cannot ask the source", LIMIT_SECONDS)
    assert f"{name} is stop" in seen and f"start-db-instance --db-instance-identifier {name}" in seen, seen
    rds.start_db_instance(DBInstanceIdentifier=name)
    assert ended(undo) == ("SUCCEEDED", "RolledBack"), undo.describe()
    assert footprint(cloud, databases.in_status(name, "available"), NAMES) == before
    outcome._tell("stopped, given back once it is started")


@pytest.mark.parametrize("state", ["WaitForApproval", pytest.param("WaitForCopy", marks=LONG)])
def test_a_source_that_is_deleted_leaves_what_has_its_data(cloud, databases, outcome, state):
    rds, name = cloud.client("rds"), f"deleted-in-{state.lower()}"
    make_source(cloud, name, 17)
    execution = waiting(cloud, name, state)
    delete(rds, name)
    assert ended(execution) == ("FAILED", "SourceGone"), execution.describe()
    described = execution.describe()
    assert described["error"] == "UndoFailed" and f"{name} does not exist any more" in described["cause"], described
    key = key_of(execution.arn)
    # And an undo of what that left, once another database has the name, keeps it as well.
    databases.create(name, 17, DBParameterGroupName=f"{name}-settings")
    again = Execution(cloud, f"undo-{name}", make_request(name) | {"undo": execution.arn})
    assert ended(again) == ("FAILED", "SourceGone"), again.describe()
    targets = [each["DBInstanceIdentifier"] for each in databases.all() if each["DBInstanceIdentifier"] == f"{name}-enc-{key}"]
    left = [each for each in snapshots(rds) if key in each]
    assert all(each in again.describe()["cause"] for each in [*targets, *left]), again.describe()
    if state == "WaitForApproval":
        assert (len(targets), left) == (1, [])
        with databases.connect(databases.describe(targets[0]), "app") as session:
            assert session.execute("select count(*) from public.thing").fetchone() == (600,)
    else:
        assert targets == [] and left, left
    for each in [*targets, name]:
        delete(rds, each)
    for snapshot in left:
        rds.delete_db_snapshot(DBSnapshotIdentifier=snapshot)
    outcome._tell("UndoFailed, what has the data kept and named")


@LONG
@pytest.mark.parametrize("is_made_again", [False, True])
def test_an_undo_of_a_run_whose_source_was_deleted_meanwhile_keeps_its_data(cloud, databases, outcome, is_made_again):
    """Another database may have its name by the time at which the undo begins."""
    rds, name = cloud.client("rds"), f"deleted-then-undone-{is_made_again}".lower()
    make_source(cloud, name, 16)
    execution = waiting(cloud, name, wait={"max_seconds": 1, "calls_end_seconds": 30})
    (snapshot,) = [
        each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots(DBInstanceIdentifier=name)["DBSnapshots"] if not each["Encrypted"]
    ]
    execution.stop()
    delete(rds, name)
    wait_until(lambda: [each["DBInstanceIdentifier"] for each in databases.all()], lambda names: name not in names, f"{name} gone", 60)
    if is_made_again:
        databases.create(name, 16, DBParameterGroupName=f"{name}-settings")
    undo = undo_of(cloud, execution)
    assert ended(undo) == ("FAILED", "SourceGone"), undo.describe()
    assert snapshot not in snapshots(rds)
    (target,) = [each for each in databases.all() if each["DBInstanceIdentifier"].startswith(f"{name}-enc-")]
    with databases.connect(target, "app") as session:
        assert session.execute("select count(*) from public.thing").fetchone() == (600,)
    for identifier in [target["DBInstanceIdentifier"], *([name] if is_made_again else [])]:
        delete(rds, identifier)
    outcome._tell("the unencrypted snapshot gone, the target kept and named")


@LONG
@pytest.mark.parametrize("after", ["keep", "delete"])
def test_a_source_that_is_renamed_behind_the_fence_is_settled_under_its_new_name(cloud, databases, outcome, strike, after):
    rds, name = cloud.client("rds"), f"renamed-late-{after}"
    make_source(cloud, name, 17, DeletionProtection=True)
    execution = Execution(cloud, f"run-{name}", make_request(name, after={"source": after}))
    # Retried for some seconds, so that there is time between the fence and the clearing up.
    strike("subscribe", "error-before", action="undo", times=3)
    execution.wait_for_state("CleanUpSubscription", LIMIT_SECONDS)
    renamed = rename(databases, rds, name, f"{name}-old")
    databases.create(name, 17, DBParameterGroupName=f"{name}-settings")
    assert ended(execution) == ("SUCCEEDED", "Encrypted"), execution.describe()
    target = databases.describe(execution.output["target"]["identifier"])
    assert target["DeletionProtection"]
    identifiers = [each["DBInstanceIdentifier"] for each in databases.all()]
    if after == "delete":
        assert f"{name}-old" not in identifiers and f"rds-reencrypt-{key_of(execution.arn)}-last" in snapshots(rds)
        return
    moved_to = {tag["Key"]: tag["Value"] for tag in databases.describe(f"{name}-old")["TagList"]}["rds-reencrypt:moved-to"]
    assert moved_to == target["DBInstanceIdentifier"]
    assert [tag for tag in databases.describe(name).get("TagList", []) if tag["Key"].startswith("rds-reencrypt")] == []
    with databases.connect(renamed, "app") as session:
        assert session.execute("select count(*) from pg_replication_slots").fetchone() == (0,)
    outcome._tell("carried, and settled under its new name")


@LONG
def test_a_run_that_failed_behind_the_fence_is_completed_after_the_names_were_swapped(cloud, databases, outcome, strike):
    rds, name = cloud.client("rds"), "swapped"
    make_source(cloud, name, 16)
    execution = Execution(cloud, f"run-{name}", make_request(name))
    strike("subscribe", "error-before", action="undo", times=4)
    assert ended(execution) == ("FAILED", "CleanUpFailed"), execution.describe()
    target = f"{name}-enc-{key_of(execution.arn)}"
    source = rename(databases, rds, name, f"{name}-old")
    renamed = rename(databases, rds, target, name)
    # Who renames the application's database tells the application.
    cloud.client("secretsmanager").put_secret_value(SecretId=secret_name(name), SecretString=json.dumps(secret_value(renamed)))
    undo = Execution(cloud, f"undo-{name}", make_request(name) | {"undo": execution.arn})
    assert ended(undo) == ("SUCCEEDED", "Encrypted"), (undo.describe().get("cause"), failures(undo.events()))
    assert undo.output["target"]["identifier"] == name
    with databases.connect(source, "app") as session:
        assert session.execute("select count(*) from pg_replication_slots").fetchone() == (0,)
    with databases.connect(databases.describe(name), "app") as session:
        assert session.execute("select count(*) from pg_subscription").fetchone() == (0,)
    outcome._tell("completed under the names that both have by now")


def test_a_run_that_has_succeeded_is_not_undone(cloud, databases, outcome):
    rds, name = cloud.client("rds"), "succeeded"
    make_source(cloud, name, 17)
    execution = Execution(cloud, f"run-{name}", make_request(name, after={"source": "delete"}))
    assert ended(execution) == ("SUCCEEDED", "Encrypted"), execution.describe()
    databases.create(name, 17, DBParameterGroupName=f"{name}-settings")
    undo = Execution(cloud, f"undo-{name}", make_request(name) | {"undo": execution.arn})
    assert ended(undo) == ("FAILED", "UndoNotBegun") and "has succeeded" in undo.describe()["cause"], undo.describe()
    assert execution.output["target"]["identifier"] in [each["DBInstanceIdentifier"] for each in databases.all()]
    delete(rds, name)
    outcome._tell("refused")


@LONG
def test_a_window_that_opens_reboots_the_source_and_not_what_has_its_name(cloud, databases, outcome):
    rds, name = cloud.client("rds"), "named-again"
    make_source(cloud, name, 17, "unprepared", PreferredMaintenanceWindow="sun:03:00-sun:03:30")
    consent = {"replica_identity": True, "reboot": True, "reboot_when": "maintenance_window"}
    execution = waiting(cloud, name, "WaitForPreparation", consent=consent, after={"source": "keep"})
    wait_until(lambda: databases.describe(name)["DBInstanceStatus"], lambda status: status == "available", f"{name} available", 60)
    wait_until(
        lambda: databases.describe(name)["DBParameterGroups"][0]["DBParameterGroupName"], lambda group: group.startswith("rds-"), "the group", 60
    )
    rename(databases, rds, name, f"{name}-old")
    other = databases.create(name, 17, DBParameterGroupName="default.postgres17")
    execution.stop()
    undo = undo_of(cloud, execution)
    assert ended(undo) == ("SUCCEEDED", "RolledBack"), undo.describe()
    for identifier in name, f"{name}-old":
        assert databases.describe(identifier)["DBParameterGroups"][0]["DBParameterGroupName"] == "default.postgres17"
    assert databases.describe(name)["DbiResourceId"] == other["DbiResourceId"]
    outcome._tell("renamed, given back")


@pytest.mark.parametrize("major", [17, pytest.param(13, marks=LONG)])
def test_a_master_password_that_was_changed_beside_its_secret_holds_the_cutover_until_they_fit(cloud, databases, outcome, major):
    name = f"beside-{major}"
    source = make_source(cloud, name, major)
    with outcome.carried(source, cutover={"secrets": [secret_name(name)]}) as execution, databases.connect(source, "app") as session:
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        session.execute(f"alter role {MASTER} password 'beside the secret'")
        polls = execution.follow().count("AwaitApproval")
        approve(cloud, name, execution.name)
        wait_until(lambda: execution.follow().count("AwaitApproval"), lambda now: now >= polls + 3, "polls without a login", 60)
        session.execute(f"alter role {MASTER} password '{MASTER_PASSWORD}'")


@LONG
def test_a_master_password_that_stays_wrong_ends_the_run_by_name_and_the_undo_waits_for_it(cloud, databases, outcome):
    name = "wrong-for-long"
    source = make_source(cloud, name, 16)
    with (
        outcome.given_back(source, "SecretUnusable", "no login for 20 polls", "28P01", cutover={}) as execution,
        databases.connect(source, "app") as session,
    ):
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        session.execute(f"alter role {MASTER} password 'beside the secret'")
        execution.wait_for_state("WaitForUndo", LIMIT_SECONDS)
        session.execute(f"alter role {MASTER} password '{MASTER_PASSWORD}'")


@LONG
def test_an_undo_waits_for_a_master_secret_that_was_deleted(cloud, databases, outcome):
    secrets, name = cloud.client("secretsmanager"), "secret-gone"
    source = make_source(cloud, name, 17)
    secrets.create_secret(Name="secret-gone/run", SecretString=json.dumps({"username": MASTER, "password": MASTER_PASSWORD}))
    with outcome.given_back(source, "SecretUnusable", secret="secret-gone/run", cutover={"when": "now", "secrets": []}) as execution:
        execution.wait_for_state("WaitForSnapshot", LIMIT_SECONDS)
        secrets.delete_secret(SecretId="secret-gone/run", RecoveryWindowInDays=7)
        execution.wait_for_state("WaitForUndo", LIMIT_SECONDS)
        secrets.restore_secret(SecretId="secret-gone/run")
