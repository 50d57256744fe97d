"""What becomes of the source."""

import json

import psycopg
import pytest

from demo.comparison import read_contents
from demo.databases import CREATING_LIMIT_SECONDS
from demo.executions import Execution
from demo.waiting import wait_until

from .runs import move
from .sources import make_request, make_source


def test_a_stopped_source_is_still_fenced_when_it_is_started_again(cloud, databases, key_arn):
    source = make_source(cloud, "to-stop", 17)
    moved = move(cloud, source, make_request("to-stop", after={"source": "stop"}), key_arn)
    assert databases.describe("to-stop")["DBInstanceStatus"] == "stopped"
    cloud.client("rds").start_db_instance(DBInstanceIdentifier="to-stop")
    databases.in_status("to-stop", "available")
    moved.assert_nothing_lost()


def test_a_deleted_source_leaves_one_last_snapshot_with_all_its_rows(cloud, databases, key_arn):
    rds = cloud.client("rds")
    source = make_source(cloud, "to-delete", 17, DeletionProtection=True)
    moved = move(cloud, source, make_request("to-delete", after={"source": "delete"}), key_arn)
    with pytest.raises(rds.exceptions.DBInstanceNotFoundFault):
        databases.describe("to-delete")
    target = databases.describe(moved.scene.target["DBInstanceIdentifier"])
    assert target["DeletionProtection"]

    (last,) = [each for each in rds.describe_db_snapshots(SnapshotType="manual")["DBSnapshots"] if each["DBInstanceIdentifier"] == "to-delete"]
    assert last["Status"] == "available" and last["DBSnapshotIdentifier"] in str(moved.execution.output["report"])
    rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="restored", DBSnapshotIdentifier=last["DBSnapshotIdentifier"])
    restored = wait_until(
        lambda: databases.describe("restored"), lambda seen: seen["DBInstanceStatus"] == "available", "restored",
        CREATING_LIMIT_SECONDS,
    )  # fmt: skip
    with databases.connect(restored, "app") as old, databases.connect(target, "app") as new:
        old_things, new_things = read_contents(old), read_contents(new)
        assert old_things["thing"] == new_things["thing"] and old_things["thing"].rows == 600
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            old.execute("insert into thing (told) values ('late')")


def finish_once_more(cloud, execution: Execution, after: str) -> dict:
    """A call of the last step that comes late, or again."""
    scheduled = [json.loads(event["taskScheduledEventDetails"]["parameters"]) for event in execution.events() if "taskScheduledEventDetails" in event]
    call = next(each for each in scheduled if "finish" in each.get("FunctionName", "").lower())
    call["Payload"]["plan"]["after"] = {"source": after}
    answer = cloud.client("lambda").invoke(FunctionName=call["FunctionName"], Payload=json.dumps(call["Payload"]))
    return json.loads(answer["Payload"].read())


def test_a_late_call_leaves_another_database_alone_that_bears_the_sources_name_by_then(cloud, databases, key_arn):
    moved = move(cloud, make_source(cloud, "handed-on", 16), make_request("handed-on", after={"source": "delete"}), key_arn)
    other = databases.create("handed-on", 16, DBParameterGroupName="handed-on-settings")
    for after in ("keep", "stop", "delete"):
        answer = finish_once_more(cloud, moved.execution, after)
        assert answer["ready"] and answer["status"].startswith("deleted; "), answer
    now = databases.describe("handed-on")
    for member in ("DbiResourceId", "DBInstanceStatus", "TagList"):
        assert now[member] == other[member]
