"""Cuts the WAL of crashed servers at many places, starts them, and says whether each start LSN was exact."""

import argparse
import contextlib
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from demo.cache import cache_directory
from local_cloud.postgres import Templates, guard

from .crashed_server import CrashedServer, crash
from .cuts import choose
from .recovery import Recovered, recover, write_golden

REPOSITORY = Path(__file__).resolve().parents[2]
SEGMENT_MEGABYTES = (1, 16)
PROGRESS_SECONDS = 15
# A cut that leaves no checkpoint to start from is drawn again.
DRAWS = 20
GOLDEN_OF_AN_ENDING = 3


def main() -> None:
    arguments = parse_arguments()
    # Ends as Ctrl-C does: with everything that was made.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    sweep = run(arguments.cuts, arguments.majors, arguments.seed, arguments.parallel)
    print_verdict(sweep)
    if arguments.golden:
        write_golden(most_telling(sweep), arguments.golden)
    sys.exit(0 if len(sweep) == arguments.cuts and all(each.exact for each in sweep) else 1)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sweep", description=__doc__)
    parser.add_argument("--cuts", type=int, default=1000, help="how many; default %(default)s")
    parser.add_argument("--majors", type=lambda text: [int(major) for major in text.split(",")], default=[13, 14, 15, 16, 17, 18])
    parser.add_argument("--seed", type=int, default=random.randrange(2**32), help="to draw the same cuts again")
    parser.add_argument("--parallel", type=int, default=2, help="recoveries at a time; default %(default)s")
    parser.add_argument("--golden", type=Path, help="keep the most telling logs there, with the truth")
    return parser.parse_args()


def run(cuts: int, majors: list[int], seed: int, parallel: int = 2) -> list[Recovered]:
    """So many recoveries, spread evenly over the majors."""
    print(f"seed {seed}", flush=True)
    parser = build_parser()
    with contextlib.ExitStack() as at_end:
        directory = Path(tempfile.mkdtemp(prefix="rds-reencrypt-sweep-"))
        at_end.callback(shutil.rmtree, directory, ignore_errors=True)
        directory.chmod(0o755)
        # Ends all servers, however this process ends.
        watching = guard(directory)
        at_end.callback(watching.wait)
        at_end.callback(watching.stdin.close)
        pool = at_end.enter_context(ThreadPoolExecutor(parallel))
        kinds = list(itertools.product(majors, SEGMENT_MEGABYTES))
        home = Templates(postgres_directory(), directory).home
        crashes = [
            pool.submit(crash, home(major), directory / f"{major}-{megabytes}", major, megabytes, seed + number)
            for number, (major, megabytes) in enumerate(kinds)
        ]
        crashed = [each.result() for each in crashes]
        print(f"{len(crashed)} servers crashed, {sum(len(each.commits) for each in crashed)} transactions in their WAL", flush=True)
        numbers = itertools.count()
        work = [
            pool.submit(draw, crashed[number % len(crashed)], random.Random(f"{seed} {number}"), directory, numbers, parser) for number in range(cuts)
        ]
        return collect(work)


def draw(crashed: CrashedServer, chance: random.Random, directory: Path, numbers: itertools.count, parser: Path) -> Recovered:
    for _ in range(DRAWS):
        recovered = recover(crashed, choose(crashed, chance), directory / str(next(numbers)), parser)
        if recovered:
            return recovered
    raise RuntimeError(f"no copy of {crashed.data} started in {DRAWS} draws")


def collect(work: list) -> list[Recovered]:
    """All results, with a word on the way, and at once when one is wrong."""
    done, told = [], time.monotonic()
    for each in work:
        done.append(each.result())
        if not done[-1].exact:
            print_wrong(done[-1])
        if time.monotonic() - told > PROGRESS_SECONDS:
            told = time.monotonic()
            print(f"{len(done)} of {len(work)}, {sum(each.exact for each in done)} exact", flush=True)
    return done


def print_wrong(recovered: Recovered) -> None:
    print(
        f"WRONG: PostgreSQL {recovered.crashed.major}, cut at {recovered.cut}: {recovered.told}, truth {recovered.truth()}, "
        f"{recovered.out_of_order} out of order\n{recovered.log}", flush=True,
    )  # fmt: skip


def print_verdict(sweep: list[Recovered]) -> None:
    print(f"{sum(each.exact for each in sweep)} / {len(sweep)} exact")
    for what, key in (
        ("by version", lambda each: f"PostgreSQL {each.crashed.major}"),
        ("by segment size", lambda each: f"{each.crashed.segment_bytes // 2**20} MB"),
        ("by what was behind the cut", lambda each: each.cut.tail),
        ("by ending", lambda each: each.ending),
    ):
        total, exact = Counter(map(key, sweep)), Counter(key(each) for each in sweep if each.exact)
        print(f"{what}: " + ", ".join(f"{name} {exact[name]} / {count}" for name, count in sorted(total.items())))


def most_telling(sweep: list[Recovered]) -> list[Recovered]:
    """A few recoveries of every ending, of as many majors, where kept and lost commits are closest."""
    by_ending: dict[str, list[Recovered]] = {}
    for each in sorted(sweep, key=lambda each: each.leeway):
        by_ending.setdefault(each.ending, []).append(each)
    kept: list[Recovered] = []
    for ending in sorted(by_ending):
        majors = Counter(each.crashed.major for each in kept)
        first_of_major = {each.crashed.major: each for each in reversed(by_ending[ending])}
        kept += [first_of_major[major] for major in sorted(first_of_major, key=lambda major: majors[major])[:GOLDEN_OF_AN_ENDING]]
    return sorted(kept, key=lambda each: (each.crashed.major, each.ending))


def build_parser() -> Path:
    """The product's own reading of a log, as a command."""
    subprocess.run(["cargo", "build", "-q", "-p", "shared", "--example", "start-lsn"], cwd=REPOSITORY, check=True)
    target = Path(os.environ.get("CARGO_TARGET_DIR", cache_directory() / "target"))
    return target / "debug/examples/start-lsn"


def postgres_directory() -> Path:
    return cache_directory() / "postgres"


if __name__ == "__main__":
    main()
