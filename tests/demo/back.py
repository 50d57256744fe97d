"""Moves a database under write load and back again, and says whether all of it held in both directions.

PG picks PostgreSQL's major version, 12 to 18; KIND what is moved: instance, aurora, cluster (Multi-AZ) or rekey. Everything that was
found goes to target/demo/back.json.
"""

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from . import pauses
from .application import LEDGER_TABLES, Application
from .comparison import read_contents, read_sequences_behind
from .conclusion import conclude
from .databases import Databases
from .executions import Execution, failures
from .kinds import KINDS, Kind
from .local_cloud import LocalCloud, binaries_directory
from .shop import IDENTIFIER, KEY_ALIAS, MASTER_SECRET, change_something, make_key, open_shop
from .verdict import find_target
from .waiting import wait_until

# The database that each writer writes to.
WRITERS = ("shop", "shop", "shop", "billing")
LIMIT_SECONDS = 180
WRITES_ON_THE_TARGET_SECONDS = 10
AT_ONCE = {"max_seconds": 1, "calls_end_seconds": 3}


@dataclass(frozen=True)
class Sides:
    """Both databases, and where the application is."""

    databases: Databases
    source: dict
    target: dict

    def differences(self, conditions: dict[str, dict[str, str]] | None = None) -> list[str]:
        """The tables that have not the same rows and hash on both sides; of those in `conditions`, by database, the rows that fulfil it."""
        found = []
        for database in sorted(set(WRITERS)):
            with self.databases.connect(self.source, database) as source, self.databases.connect(self.target, database) as target:
                here, there = (read_contents(side, (conditions or {}).get(database)) for side in (source, target))
            found += [
                f"{database}: {name}: {here.get(name)} {there.get(name)}" for name in sorted({*here, *there}) if here.get(name) != there.get(name)
            ]
        return found

    def is_fenced(self, instance: dict) -> bool:
        with self.databases.connect(instance, "shop") as session:
            try:
                session.execute("set session_replication_role = replica; insert into journal.ledger (writer, seq) values (-1, -1)")
            except psycopg.errors.ReadOnlySqlTransaction:
                return True
        return False


def main() -> None:
    arguments = _arguments()
    conclude(lambda: run(KINDS[arguments.kind], arguments.major, arguments.binaries), "back.json")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m demo.back", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=Path, default=binaries_directory(), help="default %(default)s")
    arguments = parser.parse_args()
    major, kind = os.environ.get("PG") or "17", os.environ.get("KIND") or "instance"
    if major not in map(str, range(12, 19)):
        parser.error(f"PG={major}: can be 12 to 18")
    if kind not in KINDS or kind == "unprepared":
        parser.error(f"KIND={kind}: can be {', '.join(name for name in KINDS if name != 'unprepared')}")
    arguments.major, arguments.kind = int(major), kind
    return arguments


def run(kind: Kind, major: int, binaries: Path) -> dict:
    began = time.monotonic()
    report = {"holds": True, "kind": kind.told, "checks": []}

    def check(what: str, holds: bool, found: object) -> None:
        print(f"{'holds' if holds else 'FAILS'}  {what}: {found}", flush=True)
        report["checks"].append({"what": what, "holds": holds, "found": str(found)})
        report["holds"] &= holds

    with LocalCloud("--binaries", str(binaries)) as cloud:
        make_key(cloud, KEY_ALIAS)
        shop = open_shop(cloud, kind, major)
        databases = Databases(cloud)
        print(f"{kind.told}, PostgreSQL {shop.instance['EngineVersion']}")
        places = [(shop.secrets[database], database) for database in WRITERS]
        secrets = list(shop.secrets.values())
        with Application(cloud, places, change_something) as there:
            wait_until(lambda: there.count, lambda count: count > 100, "the first hundred writes", 20)
            request = {
                "source": IDENTIFIER, "kms_key": KEY_ALIAS, "secret": MASTER_SECRET, "consent": {"replica_identity": True},
                "cutover": {"when": "now", "secrets": secrets}, "wait": AT_ONCE, "way_back": {"hours": 1},
            }  # fmt: skip
            moved = succeed(Execution(cloud, "there", request | kind.request))
            wait_until(lambda: there.has_moved, bool, "writes on the target", 20)
            time.sleep(WRITES_ON_THE_TARGET_SECONDS)
        sides = Sides(databases, shop.instance, find_target(databases, there.writers[0].acknowledged[-1].server))
        check("the source takes no writes while it follows", sides.is_fenced(sides.source), "set session_replication_role = replica; insert")
        different = wait_until(sides.differences, lambda found: not found, "the source to have what the target has", 60)
        check("rows and hashes after the switch", not different, "equal on both sides")
        with Application(cloud, places, change_something, first_number=len(WRITERS)) as back:
            wait_until(lambda: back.count, lambda count: count > 100, "a hundred writes more", 20)
            execution = Execution(cloud, "back", {"way_back": "there", "cutover": {"when": "now"}, "wait": AT_ONCE})
            returned = succeed(execution)
            wait_until(lambda: back.has_moved, bool, "writes on the old source", 20)
            time.sleep(1)
        check("the new database takes no writes any more", sides.is_fenced(sides.target), "set session_replication_role = replica; insert")
        different = sides.differences(until_the_return(back))
        check("rows and hashes after the return", not different, "; ".join(different) or "equal on both sides")
        acknowledged, lost, doubled = count(sides, [there, back])
        check("acknowledged writes", lost == doubled == 0, f"{acknowledged} in both directions, {lost} lost, {doubled} doubled")
        for database in sorted(set(WRITERS)):
            with databases.connect(sides.source, database) as session:
                behind = read_sequences_behind(session)
            check(f"{database}: sequences ahead of their columns", not behind, "; ".join(behind) or "all")
        print(f"\nthe product says: {returned['message']}")
        for name, application, said in ("there", there, moved), ("back", back, returned):
            felt = round(pauses.write_pause_ms(application.writers), 1)
            print(f"write pause {name:<6} {felt} ms as writers felt it, {said['write_pause_ms']} ms as the product says")
            report[f"write_pause_{name}_ms"] = felt
    return report | {"seconds": round(time.monotonic() - began, 1)}


def succeed(execution: Execution) -> dict:
    described = execution.wait(LIMIT_SECONDS)
    if described["status"] != "SUCCEEDED":
        raise RuntimeError(f"{execution.name}: {described.get('error')}: {described.get('cause')}: {failures(execution.events())}")
    return execution.output


def until_the_return(application: Application) -> dict[str, dict[str, str]]:
    """By database and table, which rows were written before the application was back: the old source goes on since."""
    conditions: dict[str, dict[str, str]] = {}
    for writer in application.writers:
        if writer.first_seq_moved:
            later = f"(t.writer = {writer.number} and t.seq >= {writer.first_seq_moved})"
            of_database = conditions.setdefault(writer.database, dict.fromkeys(LEDGER_TABLES, "true"))
            conditions[writer.database] = {table: f"{condition} and not {later}" for table, condition in of_database.items()}
    return conditions


def count(sides: Sides, applications: list[Application]) -> tuple[int, int, int]:
    """The acknowledged writes, and how many of them the old source lacks, or has twice."""
    writers = [writer for application in applications for writer in application.writers]
    acknowledged = lost = doubled = 0
    for database in sorted(set(WRITERS)):
        wanted = {(writer.number, write.seq) for writer in writers if writer.database == database for write in writer.acknowledged}
        acknowledged += len(wanted)
        with sides.databases.connect(sides.source, database) as session:
            for table in LEDGER_TABLES:
                found = {(writer, seq): times for writer, seq, times in session.execute(f"select writer, seq, count(*) from {table} group by 1, 2")}
                lost += len(wanted - found.keys())
                doubled += sum(times > 1 for times in found.values())
    return acknowledged, lost, doubled


if __name__ == "__main__":
    main()
