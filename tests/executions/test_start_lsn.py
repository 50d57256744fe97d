"""Where replication starts: by each witness, by both, and not at all where they contradict each other."""

import hashlib
import json
import re
import time

import pytest

from demo.executions import Execution, failures

from .runs import move, undone
from .sources import LIMIT_SECONDS, make_request, make_source

REDO_DONE = re.compile(r"redo done at ([0-9A-F]+)/([0-9A-F]+)")
NO_FUNCTION = {"Key": "cloud:rds_tools", "Value": "off"}
FILES_ONLY = {"Key": "cloud:log", "Value": "files"}
NO_LOG = {"Key": "cloud:log", "Value": "none"}


def answers(execution: Execution) -> list[dict]:
    """What the step answered, look by look."""
    outputs = [json.loads(event["taskSucceededEventDetails"]["output"]) for event in execution.events() if "taskSucceededEventDetails" in event]
    return [output["Payload"] for output in outputs if "witnesses" in (output.get("Payload") or {})]


def witnesses(execution: Execution) -> list[str]:
    return answers(execution)[-1]["witnesses"]


@pytest.mark.parametrize(("variant", "major"), [("off", 13), ("without-function", 17), ("not-allowed", 16)])
def test_without_the_function_the_log_alone_says_it_and_nothing_is_lost(cloud, key_arn, variant, major):
    """Symptom: undone with `function rds_tools.logical_seed_lsn() does not exist`, or `not allowed`, though the log said it."""
    identifier = f"log-alone-{major}"
    source = make_source(cloud, identifier, major, Tags=[{"Key": "cloud:rds_tools", "Value": variant}])
    moved = move(cloud, source, make_request(identifier), key_arn)
    moved.assert_nothing_lost()
    assert moved.execution.output["databases"]["app"]["start_lsn"]
    assert set(witnesses(moved.execution)) <= {"log", "log_file"}


def test_with_both_the_log_agrees_with_the_function(cloud, key_arn):
    # The export stays on, since the source has it on: so the log of the recovery is still there afterwards.
    source = make_source(cloud, "with-both", 13, EnableCloudwatchLogsExports=["postgresql"])
    moved = move(cloud, source, make_request("with-both"), key_arn)
    assert witnesses(moved.execution)[0] == "function" and len(witnesses(moved.execution)) == 2
    target = moved.scene.target["DBInstanceIdentifier"]
    group = f"/aws/rds/instance/{target}/postgresql"
    events = cloud.client("logs").filter_log_events(logGroupName=group, limit=500)["events"]
    high, low = next(match for event in events if (match := REDO_DONE.search(event["message"]))).groups()
    assert moved.execution.output["databases"]["app"]["start_lsn"] == f"{high}/{int(low, 16) + 1:X}"


@pytest.mark.parametrize(("tags", "expected"), [([FILES_ONLY], ["function", "log_file"]), ([FILES_ONLY, NO_FUNCTION], ["log_file"])])
def test_where_nothing_is_exported_the_log_files_say_it(cloud, key_arn, tags, expected):
    identifier = f"files-{len(tags)}"
    source = make_source(cloud, identifier, 16, Tags=tags)
    moved = move(cloud, source, make_request(identifier), key_arn)
    moved.assert_nothing_lost()
    assert witnesses(moved.execution) == expected


def test_the_function_alone_is_believed_only_after_the_log_had_its_time(cloud, key_arn):
    """Symptom: the log had not arrived yet, and the cross-check was left out without a word."""
    make_source(cloud, "no-log", 17, Tags=[NO_LOG])
    execution = Execution(cloud, "no-log", make_request("no-log"))
    execution.wait_for_state("PollLag", LIMIT_SECONDS)
    assert [answer["ready"] for answer in answers(execution)] == [False] * 8 + [True]
    assert witnesses(execution) == ["function"]
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))


def test_an_earlier_instances_recovery_in_the_same_log_group_is_not_taken(cloud, key_arn):
    """Symptom: an earlier instance of that name had recovered too, further on in its WAL; what lay between was lost."""
    source = make_source(cloud, "namesake", 17, Tags=[NO_FUNCTION])
    name = "move-namesake"
    group = f"/aws/rds/instance/{target_name(cloud, name, 'namesake')}/postgresql"
    put_recovery(cloud, group, "0/7FFFFF00")
    moved = move(cloud, source, make_request("namesake"), key_arn)
    moved.assert_nothing_lost()
    assert moved.scene.target["DBInstanceIdentifier"] in group


def target_name(cloud, name: str, identifier: str) -> str:
    """The name of the instance that an execution will make (shared/src/names.rs)."""
    arn = cloud.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"
    return f"{identifier}-enc-{hashlib.sha256(arn.encode()).hexdigest()[:10]}"


def put_recovery(cloud, group: str, redo_done: str) -> None:
    """A whole recovery in a log group, of just now."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now))
    messages = [
        f"database system was interrupted; last known up at {stamp}",
        "redo starts at 0/7FFF0000",
        f"redo done at {redo_done} system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.00 s",
        "database system is ready to accept connections",
    ]
    logs = cloud.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="earlier")
    events = [{"timestamp": int(now * 1000), "message": f"{stamp}::@:[77]:LOG:  {message}"} for message in messages]
    logs.put_log_events(logGroupName=group, logStreamName="earlier", logEvents=events)


@pytest.mark.parametrize("mistake", ["confirmed_flush_lsn", "current_wal_lsn", "redo_done"])
def test_a_function_that_says_what_tools_have_mistaken_for_the_start_stops_the_run(cloud, key_arn, mistake):
    """The slot's position, the copy's own, and the last record's start without one more: each contradicts the log."""
    identifier = "mistaken-" + mistake.replace("_", "-")
    source = make_source(cloud, identifier, 17, Tags=[{"Key": "cloud:rds_tools", "Value": mistake}])
    with undone(cloud, source, identifier, "StartLsnDoubtful") as execution:
        pass
    assert "rds_tools puts the end of the target's data at" in execution.describe()["cause"]


def test_an_idle_source_whose_last_record_is_older_than_its_slot_is_moved(cloud, key_arn):
    """Symptom: StartLsnDoubtful, since nothing was written between slot and snapshot."""
    make_source(cloud, "idle", 17)
    execution = Execution(cloud, "idle", make_request("idle"))
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
