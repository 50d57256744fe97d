"""What AWS did in the course of a run, as its evidence tells, against what was planted and what the cloud wrote down."""

import datetime
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from demo.databases import MASTER
from demo.executions import Execution, failures
from demo.reports import read_report
from local_cloud.permissions import IMPLIED

from .denials import denied
from .runs import approve, target_of
from .sources import LIMIT_SECONDS, make_request, make_source

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "evidence.md"
IDENTIFIER = "told-of"
INITIALIZATION_SECONDS = 20
# What IAM calls otherwise than signatures do.
SIGNED_AS = {"cloudwatch": "monitoring"}


@pytest.fixture(scope="module")
def run(cloud, databases, key_arn):
    """A run whose source had to be prepared, and had a physical slot; RDS failed once, and its target loads its blocks first."""
    source = make_source(cloud, IDENTIFIER, 16, "unprepared", PreferredMaintenanceWindow="sat:05:00-sat:05:30")
    with databases.connect(source) as session:
        session.execute("select pg_create_physical_replication_slot('rds_reader')")
    fault = {"kind": "outcome", "request": "RestoreDBInstanceFromDBSnapshot", "outcome": "storage-initialization"}
    cloud.api("POST", "faults", fault | {"after_ms": INITIALIZATION_SECONDS * 1000})
    cloud.api("POST", "faults", {"kind": "fail", "request": "CopyDBSnapshot", "status": 503, "error": ""})
    cloud.api("DELETE", "actions")
    consent = {"replica_identity": True, "reboot": True}
    execution = Execution(cloud, f"move-{IDENTIFIER}", make_request(IDENTIFIER, consent=consent, cutover={}))
    execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
    target = target_of(databases, IDENTIFIER)
    databases.in_status(target["DBInstanceIdentifier"], "available")
    approve(cloud, IDENTIFIER, execution.name)
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
    asked = {name: actions for name, actions in cloud.api("GET", "actions").items() if name != "report"}
    return SimpleNamespace(execution=execution, source=source, target=target, asked=asked, written=read_report(cloud, execution.name))


def moment(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)


def spells(evidence: dict, what: str, of: str = "status") -> list[dict]:
    return [each for each in evidence["statuses"] if (each["what"], each["of"]) == (what, of)]


def change(evidence: dict, operation: str) -> dict:
    return next(each for each in evidence["changes"] if each["operation"] == operation)


def test_it_is_complete_and_in_the_report(run):
    evidence = run.written.evidence
    assert run.written.json["evidence"] == evidence and b"What AWS did here" in run.written.html
    assert (evidence["schema_version"], evidence["region"]) == (1, run.execution.arn.split(":")[3])
    assert evidence["lines"] == {
        "answered_calls": sum(each["calls"] for each in evidence["functions"]),
        "found": evidence["lines"]["answered_calls"],
        "unread": None,
    }
    told = evidence["run"]
    assert (told["outcome"], told["kind"], told["postgres_major"]) == ("encrypted", "instance", 16)
    assert (told["is_source_encrypted"], told["is_source_public"], told["was_prepared"]) == (False, False, True)
    assert evidence["pause"]["write_pause_ms"] == run.execution.output["write_pause_ms"]
    assert 0 < evidence["replication"]["connected"] <= evidence["replication"]["looks"]


def test_a_status_is_told_for_as_long_as_it_was_there(run):
    target = spells(run.written.evidence, "target")
    (initialization,) = (each for each in target if each["status"] == "storage-initialization")
    following = target[target.index(initialization) + 1]
    assert following["status"] != "storage-initialization"
    took = moment(following["first_seen_at"]) - moment(initialization["first_seen_at"])
    assert initialization["seconds"] == took // datetime.timedelta(seconds=1)
    restored = moment(change(run.written.evidence, "RestoreDBInstanceFromDBSnapshot")["at"])
    assert moment(following["first_seen_at"]) - restored >= datetime.timedelta(seconds=INITIALIZATION_SECONDS)
    assert target[-1]["status"] == "available"
    for what in "source", "snapshot", "encrypted_copy":
        assert "available" in [each["status"] for each in spells(run.written.evidence, what)]


def test_what_was_changed_meanwhile_says_in_which_status(run):
    evidence = run.written.evidence
    assert change(evidence, "RestoreDBInstanceFromDBSnapshot")["target_status"] is None
    modified = [each for each in evidence["changes"] if each["operation"] == "ModifyDBInstance"]
    # The local cloud takes no modification then; whether RDS does is one of the facts that a run on AWS has to answer.
    # A status that was seen may be over when the request comes.
    assert "InvalidDBInstanceState" in {each["error"] for each in modified if each["target_status"] == "storage-initialization"}
    assert None in {each["error"] for each in modified if each["target_status"] == "available"}


def test_a_parameter_group_is_followed_on_both_sides(run):
    source, target = ([each["status"] for each in spells(run.written.evidence, what, "parameters")] for what in ("source", "target"))
    assert source[source.index("pending-reboot") + 1 :][:1] == ["in-sync"], source
    # Its old group is given back, and waits for a reboot of somebody else's.
    assert source[-1] == "pending-reboot", source
    assert "pending-reboot" in target and target[-1] == "in-sync", target


def test_slots_are_counted_by_their_type(run):
    """One of the run's for each database came along, and the one that was planted."""
    assert run.written.evidence["slots"] == {"logical": len(run.execution.output["databases"]), "physical": 1}


def test_both_witnesses_of_the_start_are_told_with_their_way(run):
    start = run.written.evidence["start"]
    assert start["start_lsn"] == run.execution.output["databases"]["app"]["start_lsn"]
    assert start["witnesses"][0] == "function" and start["function_lsn"]
    way = start[start["witnesses"][1]]
    assert way["told"] == "recovery" and way["recoveries"] >= 1 and way["seconds_after_available"] >= 0
    high, low = way["starts"][0]["redo_done_at"].split("/")
    assert start["start_lsn"] == f"{high}/{int(low, 16) + 1:X}"
    assert run.written.evidence["origin_progress"] == "read"


def test_every_request_is_counted_that_the_cloud_wrote_down_and_no_other(run):
    asked = {tuple(action.split(":")) for actions in run.asked.values() for action in actions}
    asked = {(SIGNED_AS.get(service, service), operation) for service, operation in asked}
    told = {(each["service"], each["operation"]) for each in run.written.evidence["requests"]}
    implied = {tuple(action.split(":")) for each in IMPLIED for action in each.actions}
    assert told <= asked and asked - told <= implied
    for each in run.written.evidence["requests"]:
        assert each["count"] >= 1 and each["median_ms"] <= each["max_ms"] and sum(each["errors"].values()) <= each["count"]
    errors = {each["operation"]: each["errors"] for each in run.written.evidence["requests"]}
    assert errors["CopyDBSnapshot"] == {"HTTP-503": 1} and "DBSnapshotNotFound" in errors["DescribeDBSnapshots"]
    assert [each["error"] for each in run.written.evidence["changes"] if each["operation"] == "CopyDBSnapshot"] == ["HTTP-503", None]


def test_every_function_that_was_asked_for_something_has_its_time_and_memory(run):
    functions = {each["name"]: each for each in run.written.evidence["functions"]}
    assert functions.keys() >= run.asked.keys()
    for each in functions.values():
        assert each["peak_memory_bytes"] > 1 << 20 and each["processes"] >= 1 and each["memory_size_mb"] >= 128
        assert each["longest_ms"] <= each["total_ms"] and each["failed_calls"] == 0


def test_nothing_and_nobody_is_named(run):
    text = json.dumps(run.written.evidence)
    key = run.target["DBInstanceIdentifier"].split("-")[-1]
    named = [
        IDENTIFIER, key, run.execution.name, run.execution.arn.split(":")[4], "arn:", "@", "rds_reader",
        *(each["Endpoint"]["Address"] for each in (run.source, run.target)),
        run.execution.output["kms_key_arn"].split("/")[-1], run.source["DbiResourceId"],
    ]  # fmt: skip
    assert [name for name in named if name in text] == []
    words = set(re.findall(r"\w+", text))
    assert words & {"app", "thing", "ledger", MASTER, "localhost", "tests"} == set()


def test_members_of_clusters_are_told_by_numbers(cloud, key_arn):
    source = make_source(cloud, "told-ring", 16, "aurora")
    execution = Execution(cloud, "move-told-ring", make_request("told-ring", cutover={"when": "now"}))
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
    evidence = read_report(cloud, execution.name).evidence
    assert evidence["run"]["kind"] == "aurora" and change(evidence, "RestoreDBClusterFromSnapshot")["error"] is None
    for what in "source", "target", "source_member_1", "source_member_2", "target_member_1", "target_member_2":
        assert "available" in [each["status"] for each in spells(evidence, what)], what
    # Its log tells of no recovery.
    assert evidence["start"]["function_lsn"] == evidence["start"]["start_lsn"] and evidence["start"]["log"] is None
    text = json.dumps(evidence)
    assert [name for name in ("told-ring", source["DBInstanceIdentifier"], source["Endpoint"]["Address"]) if name in text] == []


def test_a_run_that_fails_has_its_evidence_too(cloud, key_arn):
    """Symptom to be avoided: who is refused has nothing to send."""
    execution = Execution(cloud, "told-nothing-of", make_request("nobodys"))
    execution.wait(LIMIT_SECONDS)
    evidence = read_report(cloud, execution.name).evidence
    assert (evidence["run"]["outcome"], evidence["run"]["kind"], evidence["lines"]["found"]) == ("refused", None, 1)
    assert [(each["state"], each["error"], each["count"]) for each in evidence["failed_calls"]] == [("Preflight", "SourceNotFound", 1)]
    assert [(each["name"], each["failed_calls"]) for each in evidence["functions"]] == [("preflight", 1)]
    assert "nobodys" not in json.dumps(evidence)


def fields() -> list[str]:
    """Those that the document names for its facts, as in `statuses[].seconds`."""
    rows = [line.split("|") for line in DOCUMENT.read_text().split("## What nobody")[1].splitlines() if line.startswith("|")]
    return sorted({field for row in rows for field in re.findall(r"`(.+?)`", row[2])})


@pytest.mark.parametrize("field", fields())
def test_a_field_that_the_document_names_is_there(run, field):
    found = [run.written.evidence]
    for name in field.split("."):
        values = [each[name.removesuffix("[]")] for each in found]
        found = [each for value in values for each in value] if name.endswith("[]") else values
    # Of a run without failed calls there is nothing more to be seen in them.
    assert found or field.startswith("failed_calls[]")


def test_a_report_is_written_where_the_log_cannot_be_read(cloud, run):
    """Symptom to be avoided: no report, for want of evidence."""
    with denied(cloud, "Report", "logs:FilterLogEvents"):
        request = json.dumps({"detail": {"executionArn": run.execution.arn, "status": "SUCCEEDED"}})
        answer = json.load(cloud.client("lambda").invoke(FunctionName="report", Payload=request)["Payload"])
    assert answer.get("evidence", "").endswith("/evidence.json"), answer
    written = read_report(cloud, run.execution.name)
    assert written.evidence["lines"]["unread"] == "AwsRefused" and written.evidence["lines"]["found"] == 0
    assert written.json["outcome"] == "encrypted" and b"What AWS did here" not in written.html
