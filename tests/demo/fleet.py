"""Encrypts eight databases in one campaign, under write load on a local cloud of its own, and says whether all of it held.

In one of them the application writes to the copy, which has to be found and undone while the other seven go on. Everything
that was found goes to target/demo/fleet.json.
"""

import argparse
import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from watch.progress import RUNNING, SUCCEEDED
from watch.view import View

from . import pauses, verdict
from .application import Application
from .comparison import read_contents
from .conclusion import conclude
from .databases import Databases
from .executions import Execution, entered_states
from .footprint import footprint
from .kinds import KINDS
from .local_cloud import LocalCloud, binaries_directory
from .shop import APPLICATION_USER, KEY_ALIAS, Shop, change_something, make_key, open_shop
from .verdict import Check
from .waiting import wait_until

ROWS = 2_000
WRITERS = 2
# Seldom enough that sixteen writers and twenty servers get along with two processors.
BETWEEN_WRITES_SECONDS = 0.05
CAMPAIGN_LIMIT_SECONDS = 900
WRITES_AFTERWARDS_SECONDS = 2
LOOK_EVERY_SECONDS = 0.5


@dataclass(frozen=True)
class Member:
    """A database of the fleet; no identifier is a part of another one."""

    identifier: str
    kind: str
    major: int
    environment: str


FLEET = (
    Member("accounts", "instance", 12, "production"),
    Member("invoices", "instance", 13, "dev"),
    Member("payments", "unprepared", 14, "production"),
    Member("searches", "cluster", 15, "dev"),
    Member("tickets", "aurora", 16, "dev"),
    Member("orders", "rekey", 17, "production"),
    Member("parcels", "instance", 18, "dev"),
    Member("reports", "instance", 17, "dev"),
)
UNDONE = "reports"
MOVED = tuple(member.identifier for member in FLEET if member.identifier != UNDONE)


class Fleet:
    """The databases, and the application of each, which writes to them within the `with` block."""

    def __init__(self, cloud: LocalCloud) -> None:
        self.cloud, self.databases = cloud, Databases(cloud)
        self.key_arn = make_key(cloud, KEY_ALIAS)
        with ThreadPoolExecutor(len(FLEET)) as at_once:
            shops = list(at_once.map(self._open, FLEET))
        self.shops = {shop.identifier: shop for shop in shops}
        self.applications = {
            shop.identifier: Application(cloud, [(f"{shop.identifier}/app", shop.identifier)] * WRITERS, change_something, BETWEEN_WRITES_SECONDS)
            for shop in shops
        }

    def _open(self, member: Member) -> Shop:
        name = member.identifier
        tags = {
            "environment": member.environment, "encrypt:mode": "migrate", "encrypt:approval": "none",
            "encrypt:secret": f"{name}/master", "encrypt:application-secrets": f"{name}/app",
            "encrypt:consent": "replica-identity reboot" if member.kind == "unprepared" else "replica-identity",
        }  # fmt: skip
        return open_shop(self.cloud, KINDS[member.kind], member.major, name, {name: ROWS}, tags)

    def __enter__(self) -> "Fleet":
        with contextlib.ExitStack() as started:
            for application in self.applications.values():
                started.enter_context(application)
                wait_until(lambda application=application: application.count, bool, "the first writes", 20)
            self._end = started.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._end.close()

    @property
    def count(self) -> int:
        return sum(application.count for application in self.applications.values())

    def footprint(self) -> dict[str, list]:
        """Of the one that is to be undone; without what bears another one's name."""
        found = footprint(self.cloud, self.shops[UNDONE].instance, ["postgres", UNDONE])
        return {what: [each for each in things if not any(name in str(each) for name in MOVED)] for what, things in found.items()}

    def scene(self, identifier: str) -> verdict.Scene:
        """Source and target are the same where the application has not moved."""
        return self.shops[identifier].scene(self.cloud, self.key_arn, self.applications[identifier].writers)


class Mailbox:
    """Whoever reads the fleet's messages."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._sqs = cloud.client("sqs")
        self._url = self._sqs.create_queue(QueueName="operators")["QueueUrl"]
        queue = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        cloud.client("sns").subscribe(TopicArn=cloud.fleet_topic_arn, Protocol="sqs", Endpoint=queue)

    def subjects(self) -> list[str]:
        """Of the messages that came since the last look."""
        read = []
        while messages := self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            read += [json.loads(message["Body"])["Subject"] for message in messages]
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return sorted(read)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m demo.fleet", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=Path, default=binaries_directory(), help="default %(default)s")
    binaries = parser.parse_args().binaries
    conclude(lambda: run(binaries), "fleet.json")


def run(binaries: Path) -> dict:
    """The whole run, from a cloud that is not there yet to the report on it."""
    began = time.monotonic()
    with LocalCloud("--binaries", str(binaries)) as cloud:
        mailbox = Mailbox(cloud)
        with Fleet(cloud) as fleet:
            before = fleet.footprint()
            spring = campaign(fleet, f"spring-{time.strftime('%H%M%S')}", {})
            with View(aside=lambda: f"{fleet.count} writes") as view, ThreadPoolExecutor() as aside:
                spoiled = aside.submit(spoil, fleet, spring, view)
                seconds = follow(fleet, spring, view)
                spoiled.result()
            written, told = fleet.applications[UNDONE].count, mailbox.subjects()
            checks = check_resumption(fleet, mailbox, f"{spring.name}-again")
            # Nothing is waited for here: the writers are to go on for a while.
            time.sleep(WRITES_AFTERWARDS_SECONDS)
        rows = summary(cloud, spring.name)
        checks += [check for identifier in MOVED for check in check_moved(fleet, identifier, rows)]
        checks += check_undone(fleet, before, written, rows)
        checks += check_told(fleet, spring, told)
        return {"campaign": spring.name, "campaign_seconds": round(seconds, 1)} | conclude_on(fleet, rows, checks, seconds, began)


def campaign(fleet: Fleet, name: str, request: dict) -> Execution:
    """All at once, and on where one fails; which databases, their tags say."""
    defaults = {"kms_key": KEY_ALIAS, "wait": {"max_seconds": 2}}
    request = {"defaults": defaults, "rekey": True, "max_concurrency": len(FLEET), "stop_after_failures": len(FLEET)} | request
    return Execution(fleet.cloud, name, request, machine_arn=fleet.cloud.fleet_state_machine_arn)


def spoil(fleet: Fleet, campaign: Execution, view: View) -> None:
    """The application of one database has found its copy, and writes there what the source does not have."""
    begun = wait_until(lambda: runs_of(fleet.cloud, f"{campaign.name}-encrypt-{UNDONE}-"), bool, f"the run of {UNDONE}", 300, LOOK_EVERY_SECONDS)
    Execution(fleet.cloud, "", arn=begun[0]).wait_for_state("Subscribe", CAMPAIGN_LIMIT_SECONDS, LOOK_EVERY_SECONDS)
    (copy,) = [each for each in fleet.databases.all() if each["DBInstanceIdentifier"].startswith(f"{UNDONE}-enc-")]
    password = fleet.shops[UNDONE].secret_values[UNDONE]["password"]
    with fleet.databases.connect(copy, UNDONE, APPLICATION_USER, password) as session:
        session.execute("update sales.customer set balance = balance + 1 where id = %s", (ROWS,))
    view.tell(f"{UNDONE} has been spoiled")


def runs_of(cloud: LocalCloud, prefix: str) -> list[str]:
    """ARNs of the encrypting executions whose names begin so."""
    pages = cloud.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=cloud.state_machine_arn)
    return [each["executionArn"] for page in pages for each in page["executions"] if each["name"].startswith(prefix)]


def follow(fleet: Fleet, campaign: Execution, view: View) -> float:
    """Follows the campaign to its success, and tells of each application that has moved; the seconds that it took."""
    moved, deadline, follower = set(), time.monotonic() + CAMPAIGN_LIMIT_SECONDS, campaign.watched(view)
    while (progress := follower.look()).status == RUNNING:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{campaign.name} has not ended after {CAMPAIGN_LIMIT_SECONDS} s")
        for name in [name for name, application in fleet.applications.items() if application.has_moved and name not in moved]:
            moved.add(name)
            view.tell(f"{name} has moved")
        time.sleep(LOOK_EVERY_SECONDS)
    if progress.status != SUCCEEDED:
        raise RuntimeError(f"{campaign.name}: {progress.status}: {progress.error}: {progress.cause}")
    return (progress.ended - progress.began).total_seconds()


def check_resumption(fleet: Fleet, mailbox: Mailbox, name: str) -> list[Check]:
    """The same campaign once more, of those that have moved: it begins nothing, and changes nothing."""

    def look() -> tuple:
        return runs_of(fleet.cloud, ""), footprint(fleet.cloud, fleet.shops[UNDONE].instance, [])

    before = look()
    again = campaign(fleet, name, {"databases": list(MOVED)})
    status = again.wait(CAMPAIGN_LIMIT_SECONDS)["status"]
    outcomes, told = count(summary(fleet.cloud, name)), mailbox.subjects()
    return [
        Check("started again, the campaign has nothing to do", status == "SUCCEEDED" and outcomes == {"done": len(MOVED)}, f"{status}, {outcomes}"),
        Check("and touches nothing", look() == before, f"{len(before[0])} executions before, {len(look()[0])} after"),
        Check("and says so", told == [f"rds-reencrypt: {len(MOVED)} already done"], "; ".join(told)),
    ]


def summary(cloud: LocalCloud, campaign: str) -> dict[str, dict]:
    """The campaign's rows by database."""
    return {row["source"]: row for row in json.loads(read(cloud, f"campaigns/{campaign}/summary.json"))}


def read(cloud: LocalCloud, key: str) -> str:
    return cloud.client("s3").get_object(Bucket=cloud.fleet_bucket, Key=key)["Body"].read().decode()


def count(rows: dict[str, dict]) -> dict[str, int]:
    outcomes = [row["outcome"] for row in rows.values()]
    return {outcome: outcomes.count(outcome) for outcome in sorted(set(outcomes))}


def has_moved(scene: verdict.Scene) -> bool:
    return scene.target["DBInstanceIdentifier"] != scene.source["DBInstanceIdentifier"]


def check_moved(fleet: Fleet, identifier: str, rows: dict[str, dict]) -> list[Check]:
    scene, row = fleet.scene(identifier), rows[identifier]
    if not has_moved(scene):
        return [Check(f"{identifier}: its application has moved", False, f"{row['outcome']}: {row['why']}")]
    checks = [replace(check, what=f"{identifier}: {check.what.removeprefix(f'{identifier}: ')}") for check in verdict.check_all(scene)]
    said = row["outcome"], (row["output"] or {}).get("target", {}).get("identifier")
    agrees = said == ("encrypted", verdict.identifier_of(scene.target))
    return [*checks, Check(f"{identifier}: the summary says so", agrees, " ".join(map(str, said)))]


def check_undone(fleet: Fleet, before: dict, written: int, rows: dict[str, dict]) -> list[Check]:
    scene, application, row = fleet.scene(UNDONE), fleet.applications[UNDONE], rows[UNDONE]
    acknowledged = verdict.check_acknowledged(scene, UNDONE)
    after = fleet.footprint()
    left = [f"{what}: {before[what]}, now {after[what]}" for what in before if before[what] != after[what]]
    refused = [said for writer in application.writers for said in writer.refused]
    return [
        acknowledged,
        Check(
            f"{UNDONE}: its application is where it was, and writes",
            not has_moved(scene) and application.count > written,
            f"{application.count - written} writes since",
        ),
        Check(f"{UNDONE}: its application has noticed nothing", not refused, "; ".join(refused) or "no write was refused"),
        Check(f"{UNDONE}: nothing is left of the run", not left, "; ".join(left) or "nothing"),
        Check(
            f"{UNDONE}: the summary says why", row["outcome"] == "undone" and row["why"].startswith("DataDiffers"), f"{row['outcome']}: {row['why']}"
        ),
    ]


def check_told(fleet: Fleet, campaign: Execution, told: list[str]) -> list[Check]:
    """Who reads the page, or only the messages, knows as much."""
    page = read(fleet.cloud, f"campaigns/{campaign.name}/summary.html")
    missing = [text for text in (*fleet.shops, fleet.key_arn, "DataDiffers", f"{len(MOVED)} encrypted", "1 undone") if text not in page]
    due = sorted([f"rds-reencrypt: {UNDONE} undone", f"rds-reencrypt: {len(MOVED)} encrypted, 1 undone"])
    return [
        Check("summary.html names all", not missing, "; ".join(missing) or "all of them"),
        Check("messages", told == due, "; ".join(told)),
    ]


def conclude_on(fleet: Fleet, rows: dict[str, dict], checks: list[Check], seconds: float, began: float) -> dict:
    """The table, what does not hold, and the last line, said and for the report."""
    lines = [line_of(fleet, member, rows[member.identifier]) for member in FLEET]
    print()
    for line in [{name: name.replace("_", " ") for name in lines[0]}, *lines]:
        print("  ".join(f"{value!s:<{max(len(str(each[name])) for each in [*lines, {name: name}])}}" for name, value in line.items()))
    print()
    for check in checks:
        if not check.holds or not check.what.startswith(MOVED):
            print(f"{'holds' if check.holds else 'FAILS'}  {check.what}: {check.found}")
    lost, doubled = (sum(line[name] for line in lines) for name in ("lost", "doubled"))
    outcomes, undone = count(rows), [f"{source}: {row['why'][:200]}" for source, row in rows.items() if row["outcome"] == "undone"]
    print(
        f"\n{len(checks)} checks, {sum(not check.holds for check in checks)} fail; the campaign took {seconds:.0f} s, {fleet.count} writes were acknowledged"
    )
    print(f"{outcomes.get('encrypted', 0)} encrypted, {len(undone)} undone: {', '.join(undone)}; {lost} rows lost, {doubled} doubled")
    return {
        "holds": all(check.holds for check in checks),
        "databases": lines,
        "outcomes": outcomes,
        "summary": rows,
        "verdict": [vars(check) for check in checks],
        "seconds": round(time.monotonic() - began, 1),
    }


def line_of(fleet: Fleet, member: Member, row: dict) -> dict:
    scene, writers = fleet.scene(member.identifier), fleet.applications[member.identifier].writers
    counted = verdict.count_writes(scene, member.identifier)
    with scene.databases.connect(scene.target, member.identifier) as session:
        contents = read_contents(session)
    moved = has_moved(scene)
    return {
        "database": member.identifier,
        "kind": member.kind,
        "version": scene.target["EngineVersion"],
        "environment": member.environment,
        "state": row["outcome"],
        "rows": sum(table.rows for table in contents.values()),
        "writes": counted.acknowledged,
        "lost": counted.lost,
        "doubled": counted.doubled,
        "pause_ms": round(pauses.write_pause_ms(writers), 1) if moved else "",
        "worst_writer_ms": round(pauses.longest_switch_ms(writers), 1) if moved else "",
        "transitions": len(entered_states(Execution(fleet.cloud, "", arn=row["execution"]).events())) if row["execution"] else 0,
        "key": scene.target.get("KmsKeyId", "no key").split("/")[-1].split("-")[0],
    }


if __name__ == "__main__":
    main()
