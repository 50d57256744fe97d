"""The source's disk is looked at in every wait: a run gives up before the WAL that is kept for it fills the disk."""

import datetime

import pytest

from demo.executions import Execution, entered_states
from demo.footprint import footprint
from demo.local_cloud import LocalCloud

from .runs import undo_of, undone
from .sources import LIMIT_SECONDS, make_request, make_source

GIB = 1 << 30


def measure_free_storage(cloud: LocalCloud, identifier: str, free_bytes: int, metric: str = "FreeStorageSpace") -> None:
    """A measurement of a moment ago, as RDS sends one every minute: CloudWatch answers up to the last whole second."""
    datum = {
        "MetricName": metric,
        "Dimensions": [{"Name": "DBInstanceIdentifier", "Value": identifier}],
        "Timestamp": datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=2),
        "Value": free_bytes,
        "Unit": "Bytes",
    }
    cloud.client("cloudwatch").put_metric_data(Namespace="AWS/RDS", MetricData=[datum])


@pytest.mark.parametrize("state", ["WaitForSnapshot", "WaitForCopy", "WaitForTarget", "WaitForApproval"])
def test_a_disk_that_fills_up_ends_the_run_before_it_is_full(cloud, key_arn, state):
    identifier = f"fills-up-{state}".lower()
    source = make_source(cloud, identifier, 16, AllocatedStorage=20)
    with undone(cloud, source, identifier, "SourceStorageLow", cutover={}) as execution:
        execution.wait_for_state(state, LIMIT_SECONDS)
        measure_free_storage(cloud, identifier, GIB)
        assert "1024 MiB free of 20480 MiB" in execution.wait(LIMIT_SECONDS)["cause"]


def test_a_disk_that_is_nearly_full_is_no_place_to_start(cloud, key_arn):
    identifier = "nearly-full"
    source = make_source(cloud, identifier, 16, AllocatedStorage=20)
    measure_free_storage(cloud, identifier, GIB)
    before = footprint(cloud, source, ["postgres", "app"])
    execution = Execution(cloud, identifier, make_request(identifier))
    described = execution.wait(LIMIT_SECONDS)
    assert (described["error"], "needed are 10 % free" in described["cause"]) == ("SourceStorageLow", True)
    assert "CreatePublication" not in [each.state for each in entered_states(execution.events())]
    assert footprint(cloud, source, ["postgres", "app"]) == before


def test_with_a_dedicated_log_volume_that_one_is_looked_at(cloud, key_arn):
    """Symptom: the data's volume had room, and the log's was full."""
    identifier = "log-volume"
    source = make_source(cloud, identifier, 16, AllocatedStorage=20, DedicatedLogVolume=True)
    measure_free_storage(cloud, identifier, GIB)
    with undone(cloud, source, identifier, "SourceStorageLow", cutover={}) as execution:
        execution.wait_for_state("WaitForCopy", LIMIT_SECONDS)
        measure_free_storage(cloud, identifier, 50 * GIB, "FreeStorageSpaceLogVolume")
        assert "51200 MiB free of 1024000 MiB on its dedicated log volume" in execution.wait(LIMIT_SECONDS)["cause"]


def test_how_much_must_be_free_is_the_operators_to_say(cloud, key_arn):
    identifier = "small-but-enough"
    make_source(cloud, identifier, 16, AllocatedStorage=20)
    measure_free_storage(cloud, identifier, GIB)
    execution = Execution(cloud, identifier, make_request(identifier, guard={"min_free_storage_percent": 2}))
    execution.wait_for_state("CopyEncrypted", LIMIT_SECONDS)
    execution.stop()
    undo_of(cloud, execution).wait(LIMIT_SECONDS)
