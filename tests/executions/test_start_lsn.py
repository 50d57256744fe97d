"""Where replication starts, by each of the two witnesses."""

import re

import pytest

from demo.executions import Execution, failures

from .runs import move
from .sources import LIMIT_SECONDS, make_request, make_source

REDO_DONE = re.compile(r"redo done at ([0-9A-F]+)/([0-9A-F]+)")


@pytest.mark.parametrize("major", [13, 17])
def test_without_the_function_the_log_alone_says_it_and_nothing_is_lost(cloud, key_arn, major):
    identifier = f"old-minor-{major}"
    source = make_source(cloud, identifier, major, Tags=[{"Key": "cloud:rds_tools", "Value": "off"}])
    moved = move(cloud, source, make_request(identifier), key_arn)
    moved.assert_nothing_lost()
    assert moved.execution.output["databases"]["app"]["start_lsn"]


def test_with_both_the_log_agrees_with_the_function(cloud, key_arn):
    # The export stays on, since the source has it on: so the log of the recovery is still there afterwards.
    source = make_source(cloud, "with-both", 13, EnableCloudwatchLogsExports=["postgresql"])
    moved = move(cloud, source, make_request("with-both"), key_arn)
    target = moved.scene.target["DBInstanceIdentifier"]
    group = f"/aws/rds/instance/{target}/postgresql"
    events = cloud.client("logs").filter_log_events(logGroupName=group, limit=500)["events"]
    high, low = next(match for event in events if (match := REDO_DONE.search(event["message"]))).groups()
    assert moved.execution.output["databases"]["app"]["start_lsn"] == f"{high}/{int(low, 16) + 1:X}"


def test_an_idle_source_whose_last_record_is_older_than_its_slot_is_moved(cloud, key_arn):
    """Symptom: StartLsnDoubtful, since nothing was written between slot and snapshot."""
    make_source(cloud, "idle", 17)
    execution = Execution(cloud, "idle", make_request("idle"))
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
