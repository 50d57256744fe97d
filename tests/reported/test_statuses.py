"""Statuses of RDS by what they mean: a database that answers works, and one that will never answer is no "not yet"."""

import time

import pytest

from demo.executions import Execution
from executions.sources import LIMIT_SECONDS, make_request, make_source

OPTIMIZING_SECONDS = 25


@pytest.mark.long
def test_storage_optimization_keeps_nobody_from_moving(cloud, databases, outcome):
    """The source's keeps the run at its beginning, with nothing made; the copy's lasts for a day, and it answers."""
    source = make_source(cloud, "optimized", 16)
    rds = cloud.client("rds")
    for request, milliseconds in (("ModifyDBInstance", OPTIMIZING_SECONDS * 1000), ("RestoreDBInstanceFromDBSnapshot", 0)):
        cloud.api("POST", "faults", {"kind": "outcome", "request": request, "outcome": "storage-optimization", "after_ms": milliseconds})
    rds.modify_db_instance(DBInstanceIdentifier="optimized", AllocatedStorage=30, ApplyImmediately=True)
    source = databases.in_status("optimized", "storage-optimization")
    began = time.monotonic()
    plan = Execution(cloud, "plan-optimized", make_request("optimized", plan_only=True))
    assert plan.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
    (finding,) = [each for each in plan.output["findings"] if each["name"] == "InstanceStatus"]
    assert finding["verdict"] == "warn" and "storage-optimization" in finding["found"]
    with outcome.carried(source) as execution:
        execution.wait_for_state("WaitForCapacity", LIMIT_SECONDS)
        assert rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"] == []
        execution.wait_for_state("CreatePublication", LIMIT_SECONDS)
        assert time.monotonic() - began > OPTIMIZING_SECONDS / 2
        assert databases.describe("optimized")["DBInstanceStatus"] == "available"


@pytest.mark.long
def test_a_key_that_is_lost_during_the_restore_is_named_at_once(cloud, key_arn, outcome):
    source = make_source(cloud, "keyless", 17)
    lost = "inaccessible-encryption-credentials-recoverable"
    cloud.api("POST", "faults", {"kind": "outcome", "request": "RestoreDBInstanceFromDBSnapshot", "outcome": lost})
    with outcome.given_back(source, "RestoreFailed", lost, key_arn) as execution:
        execution.wait_for_state("IsTargetReady", LIMIT_SECONDS)
    assert execution.follow().count("IsTargetReady") < 20
