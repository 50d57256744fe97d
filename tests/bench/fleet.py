"""Encrypts a fleet of a thousand databases on a local cloud without servers, and says whether it held.

A simulation of the control plane (local_cloud/without_servers.py, cloud/simulated.py): it shows limits, leftovers, transitions and
cost, with the real state machines and the real functions that ask AWS alone. What it cannot show is that rows arrive.
"""

import argparse
import json
import random
import resource
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from demo.local_cloud import LocalCloud, binaries_directory
from demo.waiting import wait_until

from .costs import PER_GB_SECOND, PER_REQUEST, PER_TRANSITION

# So many times faster than AWS. With more, the machine cannot look as often as the waits would let it.
TIME_SCALE = 300
MAX_CONCURRENCY, STOP_AFTER_FAILURES = 18, 100
COPIES_AT_A_TIME, MANUAL_SNAPSHOTS = 20, 100
# Assumed of the functions that are simulated here: a connection to each side, and a few statements.
SECONDS_OF_A_SIMULATED_CALL = 0.3
# GiB, and how many of a hundred databases have them.
SIZES = {20: 35, 50: 20, 100: 20, 200: 12, 500: 8, 1000: 4, 2000: 1}
# What a hundred databases are like.
KINDS = {"migrate": 86, "reboot": 4, "plan": 4, "typo": 3, "encrypted": 3}
# Which outcomes hold for each of them. A run that failed, and was undone, is named with its error in the summary.
EXPECTED = {
    "migrate": {"encrypted", "undone", "refused"},
    "reboot": {"encrypted", "undone", "refused"},
    "plan": {"planned", "refused"},
    "typo": {"misconfigured"},
    "encrypted": {"done"},
}
FAULTS = [
    {"kind": "refuse", "request": "DescribeDBInstances", "share": 0.003},
    {"kind": "refuse", "request": "DescribeDBSnapshots", "share": 0.003},
    {"kind": "refuse", "request": "CreateDBSnapshot", "share": 0.02},
    {"kind": "refuse", "request": "CopyDBSnapshot", "share": 0.02},
    {"kind": "refuse", "request": "RestoreDBInstanceFromDBSnapshot", "share": 0.02},
    {"kind": "outcome", "request": "CreateDBSnapshot", "share": 0.01},
    {"kind": "outcome", "request": "CopyDBSnapshot", "share": 0.01},
    {"kind": "outcome", "request": "RestoreDBInstanceFromDBSnapshot", "outcome": "incompatible-restore", "share": 0.005},
    {"kind": "error-before", "share": 0.001},
    {"kind": "error-after", "share": 0.001},
]
MASTER_SECRET, LOGICAL = "fleet/master", "fleet-logical"
OURS = "rds-reencrypt-"
RUNBOOK = Path(__file__).resolve().parents[2] / "infra" / "runbook.md"


@dataclass(frozen=True)
class Database:
    identifier: str
    kind: str
    gib: int
    environment: str

    @property
    def tags(self) -> dict[str, str]:
        tags = {"environment": self.environment, "encrypt:mode": "migrate", "encrypt:approval": "none"}
        match self.kind:
            case "reboot":
                return tags | {"encrypt:consent": "reboot"}
            case "plan":
                return tags | {"encrypt:mode": "plan"}
            case "typo":
                return tags | {"encrypt:mdoe": "migrate"}
            case _:
                return tags


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=Path, default=binaries_directory(), help="default %(default)s")
    parser.add_argument("--databases", type=int, default=1000)
    parser.add_argument("--time-scale", type=float, default=TIME_SCALE, help="default %(default)s")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    fleet = make_fleet(arguments.databases)
    options = ("--binaries", str(arguments.binaries), "--without-servers", "--time-scale", str(arguments.time_scale))
    with LocalCloud(*options) as cloud:
        create(cloud, fleet)
        for fault in FAULTS:
            cloud.api("POST", "faults", fault)
        began = time.monotonic()
        with Others(cloud, arguments.time_scale) as others:
            ended = run(cloud)
        seconds = time.monotonic() - began
        rows = read_summary(cloud, ended)
        problems = [*check_rows(fleet, rows), *check_targets(cloud, rows), *check_leftovers(cloud, fleet, rows), *check_limits(cloud, others.refused)]
        print_outcomes(rows)
        print_cost(cloud, len(fleet))
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    simulated_hours = seconds * arguments.time_scale / 3600
    print(f"time          {simulated_hours:.0f} hours simulated in {seconds:.0f} s, {peak_mb:.0f} MB of memory at most")
    print(*problems or ["all holds"], sep="\n")
    sys.exit(1 if problems else 0)


def make_fleet(count: int) -> list[Database]:
    """The same one each time."""
    draw = random.Random(count)
    kinds = draw.choices(list(KINDS), KINDS.values(), k=count)
    sizes = draw.choices(list(SIZES), SIZES.values(), k=count)
    environments = draw.choices(["test", "production"], k=count)
    return [Database(f"db-{at:04}", *of) for at, of in enumerate(zip(kinds, sizes, environments, strict=True))]


def create(cloud: LocalCloud, fleet: list[Database]) -> None:
    rds = cloud.client("rds")
    secret = json.dumps({"username": "master", "password": "correct-horse-battery"})
    cloud.client("secretsmanager").create_secret(Name=MASTER_SECRET, SecretString=secret)
    rds.create_db_parameter_group(DBParameterGroupName=LOGICAL, DBParameterGroupFamily="postgres17", Description="logical")
    parameter = {"ParameterName": "rds.logical_replication", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName=LOGICAL, Parameters=[parameter])
    for database in fleet:
        group = {} if database.kind == "reboot" else {"DBParameterGroupName": LOGICAL}
        rds.create_db_instance(
            DBInstanceIdentifier=database.identifier, Engine="postgres", EngineVersion="17", DBInstanceClass="db.m6g.large",
            MasterUsername="master", MasterUserPassword="correct-horse-battery", AllocatedStorage=database.gib,
            StorageEncrypted=database.kind == "encrypted",
            Tags=[{"Key": key, "Value": value} for key, value in database.tags.items()], **group,
        )  # fmt: skip
    wait_until(
        lambda: Counter(each["DBInstanceStatus"] for each in instances(cloud)), lambda statuses: statuses["available"] == len(fleet),
        "all instances to be available", 300, 1,
    )  # fmt: skip


def instances(cloud: LocalCloud) -> Iterator[dict]:
    for page in cloud.client("rds").get_paginator("describe_db_instances").paginate():
        yield from page["DBInstances"]


def snapshots(cloud: LocalCloud) -> Iterator[dict]:
    for page in cloud.client("rds").get_paginator("describe_db_snapshots").paginate(SnapshotType="manual"):
        yield from page["DBSnapshots"]


class Others:
    """Somebody else in the Region, who takes snapshots of a database of his own, copies them, and deletes the old ones."""

    DATABASE = "others"
    # At most, and how long between two, in seconds of AWS.
    KEPT, EVERY_SECONDS = 40, 300

    def __init__(self, cloud: LocalCloud, time_scale: float) -> None:
        self._rds = cloud.client("rds")
        self._every_seconds = self.EVERY_SECONDS / time_scale
        self._cloud = cloud
        self._ended = threading.Event()
        self.refused = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._rds.create_db_instance(
            DBInstanceIdentifier=self.DATABASE, Engine="postgres", EngineVersion="17", DBInstanceClass="db.m6g.large",
            MasterUsername="master", MasterUserPassword="correct-horse-battery", AllocatedStorage=400,
        )  # fmt: skip

    def __enter__(self) -> "Others":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        draw = random.Random(1)
        number = 0
        while not self._ended.wait(self._every_seconds * draw.uniform(0.5, 1.5)):
            mine = [each for each in snapshots(self._cloud) if each["DBInstanceIdentifier"] == self.DATABASE]
            available = [each["DBSnapshotIdentifier"] for each in mine if each["Status"] == "available"]
            number += 1
            try:
                if len(mine) >= self.KEPT:
                    for old in available[: draw.randint(1, self.KEPT // 2)]:
                        self._rds.delete_db_snapshot(DBSnapshotIdentifier=old)
                elif available and draw.random() < 0.7:
                    copy = f"{self.DATABASE}-copy-{number}"
                    self._rds.copy_db_snapshot(SourceDBSnapshotIdentifier=available[-1], TargetDBSnapshotIdentifier=copy)
                else:
                    self._rds.create_db_snapshot(DBInstanceIdentifier=self.DATABASE, DBSnapshotIdentifier=f"{self.DATABASE}-{number}")
            except self._rds.exceptions.ClientError as refused:
                # A backup is under way, most often: he tries again.
                code = refused.response["Error"]["Code"]
                self.refused += code == "SnapshotQuotaExceeded"
                if code != "InvalidDBInstanceState":
                    print(f"others: {refused}", file=sys.stderr)


def run(cloud: LocalCloud) -> dict:
    """Starts the campaign and follows it to its end."""
    states = cloud.client("stepfunctions")
    campaign = {"max_concurrency": MAX_CONCURRENCY, "stop_after_failures": STOP_AFTER_FAILURES, "defaults": {"secret": MASTER_SECRET}}
    arn = states.start_execution(stateMachineArn=cloud.fleet_state_machine_arn, name="bench", input=json.dumps(campaign))["executionArn"]
    began = last_told = time.monotonic()
    while (ended := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        time.sleep(2)
        if time.monotonic() - last_told > 30:
            last_told = time.monotonic()
            told = {each["state_machine"]: each["executions"] for each in cloud.api("GET", "executions")["state_machines"]}
            print(f"{last_told - began:6.0f} s  {told}  {cloud.api('GET', 'rds')}", flush=True)
    if ended["status"] != "SUCCEEDED":
        raise RuntimeError(f"the campaign {ended['status']}: {ended.get('error')}: {ended.get('cause')}")
    return ended


def read_summary(cloud: LocalCloud, ended: dict) -> dict[str, dict]:
    """The campaign's row of each database."""
    summary = cloud.client("s3").get_object(Bucket=cloud.fleet_bucket, Key=f"campaigns/{ended['name']}/summary.json")
    return {row["source"]: row for row in json.load(summary["Body"])}


def check_rows(fleet: list[Database], rows: dict[str, dict]) -> Iterator[str]:
    """Each is in a known state, and what failed has a name that the runbook explains."""
    explained = {line.removeprefix("## ").strip() for line in RUNBOOK.read_text().splitlines() if line.startswith("## ")}
    for database in fleet:
        row = rows.get(database.identifier, {"outcome": "missing", "why": ""})
        known = row["outcome"] not in ("undone", "refused") or row["why"].split(":")[0] in explained
        if row["outcome"] not in EXPECTED[database.kind] or not known:
            yield f"{database.identifier} ({database.kind}) is {row['outcome']}: {row['why']}"


def check_targets(cloud: LocalCloud, rows: dict[str, dict]) -> Iterator[str]:
    """What RDS says of those that are encrypted."""
    found = {each["DBInstanceIdentifier"]: each for each in instances(cloud)}
    for row in rows.values():
        if row["outcome"] == "encrypted":
            target = found.get(row["output"]["target"]["identifier"], {})
            moved_to = [tag["Value"] for tag in found[row["source"]]["TagList"] if tag["Key"] == "rds-reencrypt:moved-to"]
            if not target.get("StorageEncrypted") or target["KmsKeyId"] != row["output"]["kms_key_arn"]:
                yield f"{row['source']}: its successor is not encrypted"
            if moved_to != [target.get("DBInstanceIdentifier")]:
                yield f"{row['source']}: moved to {moved_to}"


def check_leftovers(cloud: LocalCloud, fleet: list[Database], rows: dict[str, dict]) -> Iterator[str]:
    """Of ours there is nothing but the successors."""
    wanted = {database.identifier for database in fleet} | {Others.DATABASE}
    wanted |= {row["output"]["target"]["identifier"] for row in rows.values() if row["outcome"] == "encrypted"}
    groups = cloud.client("rds").describe_db_parameter_groups()["DBParameterGroups"]
    for name in [each["DBInstanceIdentifier"] for each in instances(cloud)]:
        if name not in wanted:
            yield f"instance {name} is left"
    for name in [each["DBSnapshotIdentifier"] for each in snapshots(cloud)] + [each["DBParameterGroupName"] for each in groups]:
        if name.startswith(OURS):
            yield f"{name} is left"


def check_limits(cloud: LocalCloud, refused_to_others: int) -> Iterator[str]:
    """Others may take all places, and be refused one more: that is theirs. A run that has its turn has its places."""
    used = cloud.api("GET", "rds")
    print(f"limits        {used}, {refused_to_others} of the refusals to others")
    if used["most_copies_in_progress"] > COPIES_AT_A_TIME or used["most_manual_snapshots"] > MANUAL_SNAPSHOTS:
        yield "more copies or snapshots than RDS allows"
    if refused := used["refused_for_quota"] - refused_to_others:
        yield f"{refused} requests of runs were refused for a quota"


def print_outcomes(rows: dict[str, dict]) -> None:
    print("outcomes      " + ", ".join(f"{count} {outcome}" for outcome, count in Counter(row["outcome"] for row in rows.values()).most_common()))
    failed = Counter((row["outcome"], row["why"].split(":")[0]) for row in rows.values() if row["outcome"] in ("undone", "refused"))
    print("of these      " + ", ".join(f"{count} {outcome} by {error}" for (outcome, error), count in failed.most_common()))


def print_cost(cloud: LocalCloud, count: int) -> None:
    """Transitions and invocations of the whole campaign, plans and refusals included, per database."""
    transitions = sum(each["transitions"] for each in cloud.api("GET", "executions")["state_machines"]) / count
    functions = cloud.api("GET", "lambdas")["functions"]
    invocations = sum(each["invocations"] for each in functions) / count
    gb_seconds = sum(_seconds(each) * each["memory_size_mb"] / 1024 for each in functions) / count
    states, lambdas = transitions * PER_TRANSITION, invocations * PER_REQUEST + gb_seconds * PER_GB_SECOND
    print(f"per database  {transitions:.0f} transitions, {states:.4f} USD; {invocations:.0f} invocations, {gb_seconds:.1f} GB-s, {lambdas:.4f} USD")
    print(
        "faults        "
        + ", ".join(f"{each['strikes']} {each['kind']} {each['request'] or ''}".strip() for each in cloud.api("GET", "faults")["faults"])
    )


def _seconds(function: dict) -> float:
    """Of all its invocations, by those that a process answered."""
    each = function["seconds"] / function["ran"] if function["ran"] else SECONDS_OF_A_SIMULATED_CALL
    return each * function["invocations"]


if __name__ == "__main__":
    main()
