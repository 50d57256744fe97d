"""Encrypts a database under write load on a local cloud of its own, and says whether all of it held.

PG picks PostgreSQL's major version, 12 to 18; KIND what is encrypted: instance, aurora, cluster (Multi-AZ), rekey (it
has a key already) or unprepared (it has no logical replication yet). Everything that was found goes to target/demo/report.json,
and the report that the product itself wrote to report.html beside it.
"""

import argparse
import os
import time
from dataclasses import asdict
from pathlib import Path

from watch.follower import Follower
from watch.phases import APPROVAL
from watch.progress import RUNNING, SUCCEEDED
from watch.view import View

from . import pauses, verdict
from .application import Application
from .conclusion import DEMO, REPOSITORY, conclude
from .databases import Databases
from .executions import Entered, Execution, entered_states, failures
from .kinds import KINDS, Kind
from .local_cloud import LocalCloud, binaries_directory
from .reports import read_report
from .shop import IDENTIFIER, KEY_ALIAS, MASTER_SECRET, Shop, change_something, make_key, open_shop
from .waiting import wait_until

# The database that each writer writes to.
WRITERS = ("shop", "shop", "shop", "billing")
EXECUTION_LIMIT_SECONDS = 180
WRITES_AFTERWARDS_SECONDS = 2
LOOK_EVERY_SECONDS = 0.25
SNAPSHOT_STATES = {"Snapshot", "IsSnapshotReady", "WaitForSnapshot"}
VERIFY_STATES = {"Verify"}


def main() -> None:
    arguments = _arguments()
    conclude(lambda: run(KINDS[arguments.kind], arguments.major, arguments.binaries), "report.json")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=Path, default=binaries_directory(), help="default %(default)s")
    arguments = parser.parse_args()
    major, kind = os.environ.get("PG") or "17", os.environ.get("KIND") or "instance"
    if major not in map(str, range(12, 19)):
        parser.error(f"PG={major}: can be 12 to 18")
    if kind not in KINDS:
        parser.error(f"KIND={kind}: can be {', '.join(KINDS)}")
    arguments.major, arguments.kind = int(major), kind
    return arguments


def run(kind: Kind, major: int, binaries: Path, *options: str) -> dict:
    """The whole run, from a cloud that is not there yet, with these options, to the report on it."""
    began = time.monotonic()
    with LocalCloud("--binaries", str(binaries), *options) as cloud:
        key_arn = make_key(cloud, KEY_ALIAS)
        shop = open_shop(cloud, kind, major)
        version, endpoint = shop.instance["EngineVersion"], shop.instance["Endpoint"]
        key = shop.instance.get("KmsKeyId", "no key")
        print(f"{kind.told}, PostgreSQL {version} at {endpoint['Address']}:{endpoint['Port']}, encrypted: {shop.instance['StorageEncrypted']}, {key}")
        places = [(shop.secrets[database], database) for database in WRITERS]
        with Application(cloud, places, change_something) as application:
            wait_until(lambda: application.count, lambda count: count > 100, "the first hundred writes", 20)
            execution = start(cloud, shop, kind)
            with View(aside=lambda: f"{application.count} writes") as view:
                follow(cloud, kind, execution, application, execution.watched(view))
            if execution.status == SUCCEEDED:
                # Nothing is waited for here: the writers are to go on for a while.
                time.sleep(WRITES_AFTERWARDS_SECONDS)
        keep_page(cloud, execution)
        report = {"postgres": version, **describe(execution)}
        if report["status"] == "SUCCEEDED":
            report |= judge(shop.scene(cloud, key_arn, application.writers))
            report |= measure(cloud, execution, application, binaries)
            print_measurements(report)
        else:
            print("", *report["failures"], f"{report['error']}: {report['cause']}", sep="\n")
    return {"holds": False, "kind": kind.told} | report | {"seconds": round(time.monotonic() - began, 1)}


def start(cloud: LocalCloud, shop: Shop, kind: Kind) -> Execution:
    return Execution(
        cloud,
        f"demo-{time.strftime('%Y%m%d-%H%M%S')}",
        {
            "source": IDENTIFIER, "kms_key": KEY_ALIAS, "secret": MASTER_SECRET, "consent": {"replica_identity": True},
            "cutover": {"secrets": list(shop.secrets.values())}, "wait": {"max_seconds": 1},
        }
        | kind.request,
    )  # fmt: skip


def follow(cloud: LocalCloud, kind: Kind, execution: Execution, application: Application, follower: Follower) -> None:
    """Follows the execution to its end, and approves it when it asks.

    A history is long, and the process that answers for it also answers for the application's secrets: between approval
    and the first writes on the target nobody looks.
    """
    approved = False
    deadline = time.monotonic() + EXECUTION_LIMIT_SECONDS
    while execution.status == RUNNING:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{execution.name} has not ended after {EXECUTION_LIMIT_SECONDS} s")
        if not approved or application.has_moved:
            if follower.look().phase is APPROVAL and not approved:
                approve(cloud, kind, execution)
                approved = True
        time.sleep(LOOK_EVERY_SECONDS)
    follower.look()


def approve(cloud: LocalCloud, kind: Kind, execution: Execution) -> None:
    """What an operator does in the console: tags the new database with the execution's name."""
    databases = Databases(cloud)
    if kind.is_cluster:
        (arn,) = (each["DBClusterArn"] for each in databases.clusters() if each["DBClusterIdentifier"] != IDENTIFIER)
    else:
        (arn,) = (each["DBInstanceArn"] for each in databases.all() if each["DBInstanceIdentifier"] != IDENTIFIER)
    tags = [{"Key": "rds-reencrypt:approve", "Value": execution.name}]
    cloud.client("rds").add_tags_to_resource(ResourceName=arn, Tags=tags)


def keep_page(cloud: LocalCloud, execution: Execution) -> None:
    """The product's own report, as its function wrote it."""
    DEMO.mkdir(parents=True, exist_ok=True)
    page = DEMO / "report.html"
    page.write_bytes(read_report(cloud, execution.name).html)
    print(f"\nthe product's report of the execution: {page.relative_to(REPOSITORY)}", flush=True)


def describe(execution: Execution) -> dict:
    """How it ended, and which way it took."""
    described = execution.describe()
    events = execution.events()
    entered = entered_states(events)
    return {
        "execution": execution.name,
        "status": described["status"],
        "error": described.get("error"),
        "cause": described.get("cause"),
        "state_transitions": len(entered),
        "states": _visits(entered),
        "failures": failures(events),
    }


def _visits(entered: list[Entered]) -> dict[str, int]:
    """How often each state was entered."""
    states = [each.state for each in entered]
    return {state: states.count(state) for state in dict.fromkeys(states)}


def judge(scene: verdict.Scene) -> dict:
    """The verdict, said and for the report."""
    checks = []
    print()
    for check in verdict.check_all(scene):
        print(f"{'holds' if check.holds else 'FAILS'}  {check.what}: {check.found}", flush=True)
        checks.append(check)
    return {"holds": all(check.holds for check in checks), "verdict": [asdict(check) for check in checks]}


def measure(cloud: LocalCloud, execution: Execution, application: Application, binaries: Path) -> dict:
    writers, entered = application.writers, entered_states(execution.events())
    clock_offset = time.time() - time.monotonic()
    in_snapshot = pauses.during(entered, SNAPSHOT_STATES, clock_offset)
    in_verify = pauses.during(entered, VERIFY_STATES, clock_offset)
    functions = cloud.api("GET", "lambdas")["functions"]
    return {
        "write_pause_ms": round(pauses.write_pause_ms(writers), 1),
        "write_pause_of_worst_writer_ms": round(pauses.longest_switch_ms(writers), 1),
        "write_pause_said_by_the_product_ms": execution.output["write_pause_ms"],
        "longest_gap_before_ms": {
            "snapshot, where the cloud stops the server": round(pauses.longest_gap_ms(writers, in_snapshot), 1),
            "verification": round(pauses.longest_gap_ms(writers, in_verify), 1),
            "otherwise": round(pauses.longest_gap_ms(writers, lambda at: not in_snapshot(at) and not in_verify(at)), 1),
        },
        "writes": {
            "acknowledged": application.count,
            "unknown": sum(len(writer.unknown) for writer in writers),
            "refused": sum(len(writer.refused) for writer in writers),
        },
        "functions": {
            each["name"]: {
                "invocations": each["invocations"],
                "memory_size_mb": each["memory_size_mb"],
                "seconds": round(each["seconds"], 3),
                "gb_seconds": round(each["seconds"] * each["memory_size_mb"] / 1024, 2),
                "max_memory_mb": round(each["max_memory_bytes"] / 2**20, 1),
                "binary_mb": round((binaries / each["name"]).stat().st_size / 2**20, 1),
            }
            for each in functions
        },
        "output": execution.output,
    }


def print_measurements(report: dict) -> None:
    functions = report["functions"].values()
    gaps = ", ".join(f"{when}: {gap} ms" for when, gap in report["longest_gap_before_ms"].items())
    print(f"""
write pause       {report["write_pause_ms"]} ms from the last write on the source to the first on the target
                  ({report["write_pause_of_worst_writer_ms"]} ms for the worst writer; the product says {report["write_pause_said_by_the_product_ms"]} ms)
gaps before       {gaps}
writes            {report["writes"]["acknowledged"]} acknowledged, {report["writes"]["refused"]} refused or broken, {report["writes"]["unknown"]} without an answer
transitions       {report["state_transitions"]}
functions         {max(each["max_memory_mb"] for each in functions)} MB of memory at most, binaries of {max(each["binary_mb"] for each in functions)} MB at most""")


if __name__ == "__main__":
    main()
