"""Executions that end in every way, and their reports, whose figures are those that Step Functions gave."""

import json
from collections.abc import Callable, Iterator

from psycopg import sql

from demo.databases import Databases
from demo.executions import Execution, failures
from demo.local_cloud import LocalCloud
from demo.reports import WrittenReport, read_report
from executions.runs import approve, undo_of
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name
from executions.warehouse import NAMES, make_warehouse
from faults.matrix import TRIES

Reports = Iterator[tuple[str, WrittenReport]]

HOSTILE = "<script>alert('x')</script>"
APPROVER = '<b>Eve</b> "& Söhne" \'); drop'
# What a page, a shell or a program could take for something else.
HOSTILE_SQL = f"""
create schema "{HOSTILE}";
create table "{HOSTILE}"."a ""quoted"" & <i>set</i>" (id int primary key);
create table "{HOSTILE}"."Größe ☃ $(id) `id`" (id int primary key, told text);
insert into "{HOSTILE}"."Größe ☃ $(id) `id`" select n, repeat('ä', n) from generate_series(1, 1234) n;
create table "{HOSTILE}"."line
break" (id int primary key);
create unlogged table public.scratch (id int primary key);
"""


def succeeds_with_an_approval_and_odd_names(cloud: LocalCloud) -> Reports:
    databases = Databases(cloud)
    instance = make_warehouse(cloud, "warehouse", 17)
    with databases.connect(instance) as session:
        session.execute(sql.SQL("create database {}").format(sql.Identifier(HOSTILE)))
    with databases.connect(instance, HOSTILE) as session:
        session.execute(HOSTILE_SQL)
    # Each takes one of the copy's four logical workers.
    chosen = {"databases": [*NAMES[:2], HOSTILE], "cutover": {"secrets": [secret_name("warehouse")]}}
    execution = Execution(cloud, "report-encrypted", make_request("warehouse", **chosen))
    execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
    execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
    yield "running", _written_by_hand(cloud, execution)
    _tag_approver(cloud)
    approve(cloud, "warehouse", execution.name)
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
    written = read_report(cloud, execution.name)
    _check_output(written.json, execution.output)
    assert written.json["approval"]["claimed_by"] == APPROVER
    compared = {table["table"] for database in written.json["databases"] for table in database["compared"]}
    assert f'"{HOSTILE}"."a ""quoted"" & <i>set</i>"' in compared, compared
    yield "encrypted", written


def succeeds_as_a_cluster_whose_application_nobody_leads(cloud: LocalCloud) -> Reports:
    make_source(cloud, "ring", 16, "aurora")
    request = make_request("ring", cutover={"when": "now"}, verify="counts")
    written = _ended(cloud, Execution(cloud, "report-counted", request), "SUCCEEDED", "encrypted")
    titles = [task["title"].split(":")[0] for task in written.json["to_do"]]
    assert titles == [
        "Point the application at the new database, now",
        "Terraform",
        "CloudFormation",
        "Delete the source cluster once nobody needs it",
    ]
    page = written.html.decode()
    assert "has to be pointed" in page and "counted on both sides" in page
    yield "counted", written


def is_planned_and_refused(cloud: LocalCloud) -> Reports:
    make_source(cloud, "unready", 16, "unprepared")
    with Databases(cloud).connect(Databases(cloud).describe("unready"), "app") as session:
        session.execute(f'create table "{HOSTILE}" (id int)')
    planned = Execution(cloud, "report-planned", make_request("unready", plan_only=True, consent={"replica_identity": True, "reboot": True}))
    yield "planned", _ended(cloud, planned, "SUCCEEDED", "planned")
    yield "refused", _ended(cloud, Execution(cloud, "report-refused", make_request("unready", consent={})), "FAILED", "refused")
    hostile = Execution(cloud, "report-unknown", make_request(HOSTILE))
    yield "unknown", _ended(cloud, hostile, "FAILED", "refused")


def is_undone_stopped_and_given_back(cloud: LocalCloud) -> Reports:
    make_source(cloud, "given-back", 13)
    for _ in range(TRIES):
        cloud.api("POST", "faults", {"kind": "error-before", "state": "CompareSettings", "execution": "report-undone"})
    yield "undone", _ended(cloud, Execution(cloud, "report-undone", make_request("given-back")), "FAILED", "undone")
    stopped = Execution(cloud, "report-stopped", make_request("given-back", cutover={}))
    stopped.wait_for_state("CopyEncrypted", LIMIT_SECONDS)
    stopped.stop()
    yield "stopped", _ended(cloud, stopped, "ABORTED", "stopped")
    yield "given-back", _ended(cloud, undo_of(cloud, stopped), "SUCCEEDED", "given_back")


def needs_a_person(cloud: LocalCloud) -> Reports:
    make_source(cloud, "left", 17, "rekey")
    for state in ("Verify", "UndoPublication"):
        for _ in range(TRIES):
            cloud.api("POST", "faults", {"kind": "error-before", "state": state, "execution": "report-needs-you"})
    yield "needs-you", _ended(cloud, Execution(cloud, "report-needs-you", make_request("left")), "FAILED", "needs_you")


def _written_by_hand(cloud: LocalCloud, execution: Execution) -> WrittenReport:
    request = json.dumps({"detail": {"executionArn": execution.arn}})
    answer = json.load(cloud.client("lambda").invoke(FunctionName="report", Payload=request)["Payload"])
    assert answer.get("html", "").endswith(f"/executions/{execution.name}/report.html"), answer
    written = read_report(cloud, execution.name)
    assert (written.json["outcome"], written.json["execution"]["status"]) == ("running", "RUNNING")
    # Who waits for the report of its end is not to take this one for it.
    cloud.client("s3").delete_object(Bucket=cloud.report_bucket, Key=f"executions/{execution.name}/report.html")
    return written


def _tag_approver(cloud: LocalCloud) -> None:
    (target,) = (each for each in Databases(cloud).all() if each["DBInstanceIdentifier"].startswith("warehouse-enc-"))
    tags = [{"Key": "rds-reencrypt:approved-by", "Value": APPROVER}]
    cloud.client("rds").add_tags_to_resource(ResourceName=target["DBInstanceArn"], Tags=tags)


def _ended(cloud: LocalCloud, execution: Execution, status: str, outcome: str) -> WrittenReport:
    described = execution.wait(LIMIT_SECONDS)
    written = read_report(cloud, execution.name)
    report = written.json
    found = (described["status"], report["execution"]["status"], report["outcome"])
    assert found == (status, status, outcome), (found, described, failures(execution.events()))
    assert (report["error"], report["cause"]) == (described.get("error"), described.get("cause"))
    assert report["execution"]["input"] == json.loads(described["input"])
    assert [failure["error"] for failure in report["failed_calls"]] == [text.split(":")[0] for text in failures(execution.events())]
    return written


def _check_output(report: dict, output: dict) -> None:
    databases = {each["name"]: {key: each[key] for key in ("start_lsn", "tables", "rows", "verified")} for each in report["databases"]}
    told = output["report"]
    assert databases == output["databases"]
    assert report["pause"]["write_pause_ms"] == output["write_pause_ms"] == sum(phase["ms"] for phase in report["pause"]["phases"])
    assert report["pause"]["drained_lsn"] == told["drained_lsn"]
    assert report["pause"]["switched_secrets"] == told["switched_secrets"]
    assert report["keys"]["after"] == output["kms_key_arn"] and report["keys"]["encrypted_after"] == output["encrypted"]
    assert report["target"] == output["target"]
    assert report["settings"]["left"] == told["settings"]
    assert [finding for finding in report["findings"] if finding["verdict"] != "fine"] == told["warnings"]
    assert set(told["left"]) <= set(report["left"])
    assert report["execution"]["name"] == told["execution"]
    for database in report["databases"]:
        assert sum(table["rows"] for table in database["compared"]) == database["rows"]
        assert len(database["compared"]) == database["tables"]


CASES: list[Callable[[LocalCloud], Reports]] = [
    succeeds_with_an_approval_and_odd_names,
    succeeds_as_a_cluster_whose_application_nobody_leads,
    is_planned_and_refused,
    is_undone_stopped_and_given_back,
    needs_a_person,
]
