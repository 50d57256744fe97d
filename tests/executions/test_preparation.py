"""A source without logical replication: prepared with consent, and given its parameter group back."""

import pytest

from demo.databases import values
from demo.executions import Execution
from demo.footprint import footprint, own_parameter_groups, parameter_group_of
from demo.waiting import wait_until

from .runs import move, name_of
from .sources import LIMIT_SECONDS, make_request, make_source

WITH_REBOOT = {"consent": {"replica_identity": True, "reboot": True}}


@pytest.fixture(autouse=True)
def few_servers(cloud, databases):
    """Those of all tests would be more than the account's quota."""
    yield
    databases.remove_all()


def test_a_source_without_logical_replication_is_refused_with_what_would_be_done(cloud, databases, key_arn):
    source = make_source(cloud, "not-asked", 16, "unprepared")
    before = footprint(cloud, source, ["app"])
    execution = Execution(cloud, "not-asked", make_request("not-asked"))
    described = execution.wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "PreconditionFailed")
    for word in "consent.reboot", "default.postgres16 with rds.logical_replication = 1", "a reboot of not-asked at once":
        assert word in described["cause"], described["cause"]
    assert footprint(cloud, source, ["app"]) == before


@pytest.fixture(params=["default", "custom", "cluster"])
def unprepared(request, cloud, databases):
    """A source without logical replication; with a group of its own it has changed parameters, which have to stay."""
    identifier = f"unready-{request.param}"
    work_mem = {"work_mem": 8192}
    if request.param == "default":
        return make_source(cloud, identifier, 17, "unprepared")
    if request.param == "custom":
        return make_source(cloud, identifier, 13, DBParameterGroupName=databases.parameter_group("changed", 13, work_mem))
    group = databases.cluster_parameter_group("changed-cluster", "aurora-postgresql14", work_mem)
    return make_source(cloud, identifier, 14, "aurora", DBClusterParameterGroupName=group)


def test_a_source_without_logical_replication_is_prepared_and_has_its_group_again(cloud, databases, key_arn, unprepared):
    group = parameter_group_of(cloud, unprepared)
    moved = move(cloud, unprepared, make_request(name_of(unprepared), **WITH_REBOOT), key_arn)
    moved.assert_nothing_lost()
    assert "Prepare" in moved.states and "RestoreParameterGroup" in moved.states
    assert parameter_group_of(cloud, moved.scene.source) == parameter_group_of(cloud, moved.scene.target) == group
    assert own_parameter_groups(cloud) == []
    changed = "8MB" if group.startswith("changed") else "4MB"
    for side in moved.scene.source, moved.scene.target:
        with databases.connect(side, "app") as session:
            assert values(session, "show work_mem") == [changed]
    with databases.connect(moved.scene.target, "app") as session:
        assert values(session, "show wal_level") == ["replica"]


@pytest.mark.parametrize("kind, major", [("instance", 15), pytest.param("aurora", 16, marks=pytest.mark.long)])
def test_a_group_that_is_in_sync_before_it_is_applied_does_not_pass_for_logical_replication(cloud, databases, key_arn, kind, major):
    identifier = f"early-{kind}"
    late = [{"Key": "cloud:in-sync-seconds", "Value": "4"}]
    group = {"DBParameterGroupName": f"default.postgres{major}"}
    if kind == "aurora":
        group = {"DBClusterParameterGroupName": f"default.aurora-postgresql{major}"}
    source = make_source(cloud, identifier, major, kind, Tags=late, **group)
    moved = move(cloud, source, make_request(identifier, **WITH_REBOOT), key_arn)
    moved.assert_nothing_lost()
    # The server was asked, and RDS once more.
    assert moved.states.count("CreatePublication") > 1 and "IsPublished" in moved.states


def test_a_prepared_source_that_is_given_back_has_its_group_again_and_can_be_tried_once_more(cloud, databases, key_arn):
    source = make_source(cloud, "once-more", 16, "unprepared")
    before = footprint(cloud, source, ["postgres", "app"])
    fault = {"function": "verify", "kind": "error-before", "action": "do"}
    for _ in range(4):
        cloud.api("POST", "faults", fault)
    try:
        execution = Execution(cloud, "once", make_request("once-more", **WITH_REBOOT))
        described = execution.wait(LIMIT_SECONDS)
    finally:
        cloud.api("DELETE", "faults")
    assert described["status"] == "FAILED" and execution.follow()[-1] == "Undone", described
    assert footprint(cloud, source, ["postgres", "app"]) == before
    # Its group takes effect with the next restart; until then the server replicates, and a copy's would not start.
    with databases.connect(source) as session:
        assert values(session, "show wal_level") == ["logical"]
    again = Execution(cloud, "without-consent", make_request("once-more"))
    assert "wal_level is logical until the next restart" in again.wait(LIMIT_SECONDS)["cause"]
    moved = move(cloud, source, make_request("once-more", **WITH_REBOOT), key_arn)
    moved.assert_nothing_lost()


def test_a_reboot_waits_for_the_maintenance_window_and_nobody_takes_the_source_meanwhile(cloud, databases, key_arn):
    source = make_source(cloud, "patient", 17, "unprepared", PreferredMaintenanceWindow="sun:03:00-sun:03:30")
    before = footprint(cloud, source, ["postgres", "app"])
    request = make_request("patient", consent={"replica_identity": True, "reboot": True, "reboot_when": "maintenance_window"})
    execution = Execution(cloud, "patient", request)
    execution.wait_for_state("WaitForPreparation", LIMIT_SECONDS)
    wait_until(lambda: parameter_group_of(cloud, source), lambda group: group.startswith("rds-reencrypt-"), "the run's group", 30)
    wait_until(lambda: databases.describe("patient")["DBInstanceStatus"], lambda status: status == "available", "patient", 30)
    # No role says yet that the source is taken.
    second = Execution(cloud, "impatient", make_request("patient", **WITH_REBOOT))
    described = second.wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "AlreadyRunning"), described
    assert parameter_group_of(cloud, source) in described["cause"] and execution.status == "RUNNING"
    execution.stop()
    wait_until(lambda: footprint(cloud, source, ["postgres", "app"]), lambda now: now == before, "the source as it was", 60)
