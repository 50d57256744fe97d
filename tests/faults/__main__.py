"""Tries every fault of the matrix on whole executions, and records the results.

python -m faults --binaries DIR [--only TEXT] [--every N [--first M]] [--workers 3] [--report FILE]
"""

import argparse
import itertools
import queue
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from demo.local_cloud import LocalCloud

from .matrix import Case, all_cases
from .run import Result, carry_out

MAJORS = (17, 13, 16, 14, 18, 15, 12)


def main() -> None:
    arguments = _arguments()
    cases = [case for case in all_cases() if arguments.only in f"{case.kind} {case.name}"]
    if arguments.every > 1:
        cases = cases[arguments.first :: arguments.every]
    results = _try_all(cases, arguments)
    survived = sum(not result.problems for result in results)
    lost = sum(result.lost for result in results)
    doubled = sum(result.doubled for result in results)
    text = f"{len(results)} cases tried of {len(all_cases())}, {survived} survived, {lost} rows lost, {doubled} doubled"
    if arguments.report:
        arguments.report.write_text(_table(results, text))
    print(text)
    sys.exit(survived != len(results) or lost > 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", required=True)
    parser.add_argument("--only", default="", help="cases whose kind or name has this text")
    parser.add_argument("--every", type=int, default=1, help="one case out of this many")
    parser.add_argument("--first", type=int, default=0, help="the first case with --every")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--report", type=Path, help="file for the table")
    return parser.parse_args()


def _try_all(cases: list[Case], arguments: argparse.Namespace) -> list[Result]:
    """Each worker has its own cloud with its own faults."""
    waiting = queue.Queue()
    for numbered in enumerate(cases):
        waiting.put(numbered)
    results: dict[int, Result] = {}

    def work() -> None:
        # A cloud that has run many executions is slow to describe them, so it is replaced after some cases.
        for _ in itertools.count():
            if waiting.empty():
                return
            with LocalCloud("--binaries", arguments.binaries) as cloud:
                for _ in range(25):
                    try:
                        number, case = waiting.get_nowait()
                    except queue.Empty:
                        return
                    cloud.api("DELETE", "faults")
                    began = time.monotonic()
                    major = case.major or MAJORS[number % len(MAJORS)]
                    results[number] = result = carry_out(cloud, case, f"fault-{number}", major)
                    took = time.monotonic() - began
                    print(f"{len(results)}/{len(cases)} {case.kind}, PostgreSQL {major}: {case.name}: {result.ended} {result.error} "
                          f"({took:.0f} s, longest silence {result.longest_silence_ms} ms)", *result.problems, sep="\n    ", flush=True)  # fmt: skip

    workers = [threading.Thread(target=work) for _ in range(arguments.workers)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return [results[number] for number in sorted(results)]


def _table(results: list[Result], text: str) -> str:
    rows = [
        f"| {result.case.kind} | {result.case.name} | {result.ended or 'did not end'} | {result.error} | {result.acknowledged} "
        f"| {result.lost} | {result.doubled} | {'; '.join(result.problems)} |"
        for result in results
    ]
    kinds = Counter(result.case.kind for result in results)
    counted = ", ".join(f"{count} of {kind}" for kind, count in kinds.items())
    return "\n".join(
        [
            "# Faults",
            "",
            f"{text} ({counted}). Written by `make test-faults`: one whole execution for each line, with writers that count their",
            "acknowledged writes. *moved*: the application uses the encrypted database and the demo's verdict holds;",
            "*given back*: the source is as it was before, and takes writes.",
            "",
            "| kind | fault | the run | error | writes acknowledged | lost | doubled | problems |",
            "|---|---|---|---|---|---|---|---|",
            *rows,
            "",
        ]
    )


if __name__ == "__main__":
    main()
