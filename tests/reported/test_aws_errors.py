"""Errors that AWS does not list: a service that fails, an answer that is lost, a function that sleeps, a zone without room."""

import pytest

from demo.local_cloud import LocalCloud, binaries_directory
from executions.sources import make_source

# What the SDK asks by itself before it gives up.
ATTEMPTS = 3


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud("--binaries", str(binaries_directory())) as running:
        yield running
        # What is gone has no tags any more, by which a role may delete it once more.
        refused = {action for actions in running.api("GET", "refusals").values() for action in actions}
        assert refused <= {"rds:DeleteDBSnapshot", "rds:DeleteDBClusterSnapshot", "rds:DeleteDBInstance"}


@pytest.fixture
def fault(cloud):
    """Asks for a fault, as many times in a row as wanted; forgets what is left of it after the test."""

    def ask(times: int = 1, **wish) -> None:
        for _ in range(times):
            cloud.api("POST", "faults", wish)

    yield ask
    cloud.api("DELETE", "faults")


@pytest.mark.long
def test_a_function_that_slept_for_weeks_is_called_until_it_is_awake(cloud, outcome, fault):
    """Before anything is made, with slots made, and where the fence is about to close."""
    source = make_source(cloud, "asleep", 16)
    for state, error in (
        ("Inspect", "CodeArtifactUserPendingException"),
        ("CreatePublication", "ResourceNotReadyException"),
        ("Cutover", "CodeArtifactUserPendingException"),
        ("CleanUpPublication", "EC2ThrottledException"),
    ):
        fault(2, kind="not-ready", state=state, error=error)
    with outcome.carried(source):
        pass
    assert all(each["struck"] for each in cloud.api("GET", "faults")["faults"])


def test_what_rds_made_before_its_answer_was_lost_is_ours(cloud, outcome, fault):
    """The SDK asks again, and is told that it exists; and RDS fails with codes that nobody listed, or with none at all."""
    source = make_source(cloud, "lost-answers", 17)
    for request in ("CreateDBSnapshot", "CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot", "DeleteDBSnapshot", "AddTagsToResource"):
        fault(kind="lose", request=request)
    fault(ATTEMPTS, kind="fail", request="DescribeAccountAttributes", status=500, error="InternalServiceError")
    fault(ATTEMPTS, kind="fail", request="DescribeOrderableDBInstanceOptions", status=503, error="")
    fault(ATTEMPTS, kind="fail", request="ModifyDBInstance", status=500, error="InternalError")
    with outcome.carried(source):
        pass
    unused = [each for each in cloud.api("GET", "faults")["faults"] if not each["struck"]]
    assert [each["request"] for each in unused if each["request"] != "ModifyDBInstance"] == []


@pytest.mark.long
def test_a_zone_without_room_is_waited_for_and_named(cloud, outcome, fault):
    source = make_source(cloud, "no-capacity", 15)
    fault(2, kind="refuse", request="RestoreDBInstanceFromDBSnapshot", error="InsufficientDBInstanceCapacity")
    fault(kind="refuse", request="RestoreDBInstanceFromDBSnapshot", error="InstanceQuotaExceeded")
    fault(kind="refuse", request="RestoreDBInstanceFromDBSnapshot", error="StorageQuotaExceeded")
    with outcome.carried(source) as execution:
        execution.wait_for_state("Subscribe", 120)
    seen = "".join(event["taskSucceededEventDetails"]["output"] for event in execution.events() if "taskSucceededEventDetails" in event)
    assert f"InsufficientDBInstanceCapacity: a fault that was asked for ({source['DBInstanceClass']} in {source['AvailabilityZone']})" in seen


@pytest.mark.long
def test_an_undo_outlasts_a_service_that_fails(cloud, outcome, fault):
    """The unencrypted snapshot must not stay because RDS failed while it was deleted."""
    source = make_source(cloud, "failing-undo", 14)
    fault(kind="outcome", request="RestoreDBInstanceFromDBSnapshot", outcome="restore-error")
    fault(2 * ATTEMPTS, kind="fail", request="DeleteDBSnapshot", status=500, error="InternalError")
    fault(kind="lose", request="DeleteDBInstance")
    fault(2, kind="not-ready", state="UndoPublication", error="ResourceNotReadyException")
    with outcome.given_back(source, "RestoreFailed", "restore-error"):
        pass


@pytest.mark.long
@pytest.mark.parametrize("kind", ["aurora", "cluster"])
def test_what_rds_made_of_a_cluster_is_ours_too(cloud, outcome, fault, kind):
    source = make_source(cloud, f"lost-{kind}", 16, kind)
    for request in ("CreateDBClusterSnapshot", "RestoreDBClusterFromSnapshot", "CreateDBInstance", "DeleteDBClusterSnapshot"):
        fault(kind="lose", request=request, about="-enc-" if request == "CreateDBInstance" else None)
    fault(2, kind="refuse", request="RestoreDBClusterFromSnapshot", error="InsufficientStorageClusterCapacity")
    with outcome.carried(source):
        pass
