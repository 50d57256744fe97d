"""How fast verification reads, beside what else could be done with the same rows, in the same run.

    python -m bench.verification --binaries … [--major 17] [--megabytes 600] [--class db.t3.medium]

Everything reads source and copy at the same time, as verification does. All of the data are in memory, so it is
processors that are compared; on a disk that is slower than the slowest line, all lines are as fast as the disk.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from demo.databases import MASTER, MASTER_PASSWORD, Databases
from demo.executions import Execution
from demo.local_cloud import LocalCloud
from demo.shop import make_key, make_secret

NAME = "bench"
LIMIT_SECONDS = 900
ROUNDS = 3
BYTES_PER_ROW = 167

TABLE = """
create table public.orders (id bigint primary key, customer int not null, told text, state text, amount numeric(12,2), made timestamptz,
                            changed timestamptz, flag bool, ref uuid);
insert into public.orders
select n, n % 5000, md5(n::text) || md5((n + 1)::text), 'state ' || n % 7, n / 7.0, now() - n * interval '1 s', now(), n % 2 = 0, md5(n::text)::uuid
  from generate_series(1, {rows}) n;
"""

# What other tools do on the server, one session a side.
STATEMENTS = {
    "scan, nothing but counting": "select count(*) from public.orders",
    "scan, every value as text": "select sum(octet_length(t::text)) from public.orders t",
    "hash of every row's text": "select count(*), sum(hashtextextended(t::text, 1)::numeric), sum(hashtextextended(t::text, 2)::numeric) from public.orders t",
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--major", type=int, default=17)
    parser.add_argument("--megabytes", type=int, default=600)
    parser.add_argument("--class", dest="instance_class", default="db.t3.medium")
    options = parser.parse_args()
    with LocalCloud("--binaries", options.binaries) as cloud:
        databases = Databases(cloud)
        source, target, plan = replicate(cloud, databases, options)
        sessions = [databases.connect(instance, "app") for instance in (source, target)]
        for session in sessions:
            session.execute("set max_parallel_workers_per_gather = 0")
        (size,) = sessions[0].execute("select pg_table_size('public.orders')").fetchone()
        print(f"PostgreSQL {options.major}, {options.instance_class}, {size / 1e6:.0f} MB on each side, best and median of {ROUNDS}")
        with ThreadPoolExecutor(2) as pool:
            ways = {
                what: lambda statement=statement: list(pool.map(lambda session: session.execute(statement).fetchall(), sessions))
                for what, statement in STATEMENTS.items()
            }
            ways |= {
                "every value to a client (copy)": lambda: list(pool.map(copy_out, sessions)),
                "verification, counts": lambda: verify(cloud, plan | {"verify": "counts"}),
                "verification, rows": lambda: verify(cloud, plan | {"verify": "rows"}),
            }
            report(measure(ways), size)


def replicate(cloud: LocalCloud, databases: Databases, options: argparse.Namespace) -> tuple[dict, dict, dict]:
    """Source, copy that follows it, and the plan of the execution that made it."""
    source = databases.create(NAME, options.major, DBName="app", DBInstanceClass=options.instance_class)
    with databases.connect(source, "app") as session:
        session.execute(TABLE.format(rows=options.megabytes * 1_000_000 // BYTES_PER_ROW))
        session.execute("vacuum (freeze, analyze) public.orders")
    endpoint = source["Endpoint"]
    place = {"username": MASTER, "password": MASTER_PASSWORD, "host": endpoint["Address"], "port": endpoint["Port"]}
    make_secret(cloud, f"{NAME}/master", place)
    make_key(cloud, "alias/bench")
    request = {"source": NAME, "secret": f"{NAME}/master", "kms_key": "alias/bench", "verify": "off", "wait": {"max_seconds": 1}}
    execution = Execution(cloud, NAME, request)
    execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
    (target,) = [each for each in databases.all() if each["DBInstanceIdentifier"] != NAME]
    return source, target, execution.plan


def copy_out(session) -> None:
    with session.cursor().copy("copy public.orders to stdout") as rows:
        for _ in rows:
            pass


def verify(cloud: LocalCloud, plan: dict) -> None:
    """One whole call of the function, locks and snapshots included."""
    payload = json.dumps({"plan": plan, "verified": {}})
    answer = json.load(cloud.client("lambda").invoke(FunctionName="verify", Payload=payload)["Payload"])
    if not answer.get("ready"):
        raise RuntimeError(f"not verified: {answer}")


def measure(ways: dict[str, Callable[[], object]]) -> dict[str, list[float]]:
    """Seconds of each way, in turns, so that all of them have the same neighbours."""
    seconds = {what: [] for what in ways}
    for _ in range(ROUNDS):
        for what, way in ways.items():
            began = time.monotonic()
            way()
            seconds[what].append(time.monotonic() - began)
    return seconds


def report(seconds: dict[str, list[float]], size: int) -> None:
    ours = statistics.median(seconds["verification, rows"])
    for what, each in seconds.items():
        best, median = min(each), statistics.median(each)
        print(
            f"{what:32} {size / best / 1e6:7.0f} MB/s {size / median / 1e6:7.0f} MB/s   verification runs at {median / ours:5.2f} of it", flush=True
        )


if __name__ == "__main__":
    main()
