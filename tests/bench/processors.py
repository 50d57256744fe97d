"""The write pause, and what else a function computes, under the share of a processor that its memory buys on Lambda.

Each size is given to all functions at once, by the kernel's CPU bandwidth control; `template` gives each its own, `all` has no quota.
The sizes take turns, so that what else the machine does falls on all of them. The database's servers have no quota.
"""

import argparse
import contextlib
import io
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from demo.__main__ import run
from demo.kinds import KINDS
from demo.local_cloud import binaries_directory

from .costs import PER_GB_SECOND, PER_REQUEST

SIZES_MB = (128, 256, 512, 1_024, 1_769)
ALL, TEMPLATE = "all", "template"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.processors", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", type=Path, default=binaries_directory(), help="default %(default)s")
    parser.add_argument("--runs", type=int, default=3, help="demos for each size; default %(default)s")
    parser.add_argument("--major", type=int, default=17, help="of PostgreSQL; default %(default)s")
    parser.add_argument("--sizes", default=",".join(map(str, [*SIZES_MB, TEMPLATE, ALL])), help="default %(default)s")
    arguments = parser.parse_args()
    sizes = arguments.sizes.split(",")
    reports: dict[str, list[dict]] = {size: [] for size in sizes}
    for number in range(arguments.runs):
        for size in sizes:
            options = [] if size == ALL else ["--cpu-of-mb", size]
            began = time.monotonic()
            with contextlib.redirect_stdout(io.StringIO()):
                report = run(KINDS["instance"], arguments.major, arguments.binaries, *options)
            reports[size].append(report)
            told = "holds" if report["holds"] else f"FAILS: {report.get('cause')}"
            print(f"{number + 1} of {arguments.runs}, {size}: {told}, {time.monotonic() - began:.0f} s", flush=True)
    print()
    print_table(sizes, reports)


def print_table(sizes: list[str], reports: dict[str, list[dict]]) -> None:
    head = "memory", "pause, ms", "felt, ms", "worst", "verify call, s", "all calls, s", "USD a run", "most MB"
    print(" | ".join(f"{each:>14}" for each in head))
    for size in sizes:
        held = [report for report in reports[size] if report["holds"]]
        if not held:
            print(f"{size:>14} | no run held")
            continue
        row = (
            size,
            median(held, lambda report: report["write_pause_said_by_the_product_ms"]),
            median(held, lambda report: report["write_pause_ms"]),
            max(report["write_pause_of_worst_writer_ms"] for report in held),
            median(held, lambda report: seconds_a_call(report, "verify")),
            median(held, lambda report: sum(each["seconds"] for each in report["functions"].values())),
            median(held, lambda report, size=size: cost(report, size)),
            max(each["max_memory_mb"] for report in held for each in report["functions"].values()),
        )
        print(" | ".join(f"{each:>14}" if isinstance(each, str) else f"{each:>14.4g}" for each in row))


def median(reports: list[dict], of: Callable[[dict], float]) -> float:
    return statistics.median(map(of, reports))


def seconds_a_call(report: dict, function: str) -> float:
    used = report["functions"][function]
    return used["seconds"] / used["invocations"]


def cost(report: dict, size: str) -> float:
    """Of the functions alone, at this size; without a quota at that of the template."""
    used = report["functions"].values()
    memory_mb = [each["memory_size_mb"] if size in (ALL, TEMPLATE) else int(size) for each in used]
    gb_seconds = sum(each["seconds"] * mb / 1024 for each, mb in zip(used, memory_mb, strict=True))
    return gb_seconds * PER_GB_SECOND + sum(each["invocations"] for each in used) * PER_REQUEST


if __name__ == "__main__":
    main()
