"""Least privilege, proved: what each function's role allows against what whole executions used of it.

The cloud refuses what a role does not allow, and writes down who asked for what. Executions that together reach every step
run on it; what was refused is missing, and what nobody asked for is unused.
"""

import argparse
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

from demo.local_cloud import LocalCloud, binaries_directory
from demo.shop import make_key
from executions.sources import KEY_ALIAS

from . import roles
from .cases import CASES


def main() -> None:
    arguments = _arguments()
    cases = [case for case in CASES if arguments.only in case.__name__]
    with LocalCloud("--binaries", str(arguments.binaries)) as cloud:
        make_key(cloud, KEY_ALIAS)
        with ThreadPoolExecutor(arguments.workers) as pool:
            succeeded = list(pool.map(lambda case: _run(cloud, case), cases))
        allowed = roles.allowed(cloud)
        used, missing = cloud.api("GET", "actions"), cloud.api("GET", "refusals")
    unused = roles.unused(allowed, used)
    for function, actions in sorted(allowed.items()):
        print(f"{function}: {len(actions)} allowed, {len(used.get(function, {}))} used")
        for what, listed in (("unused", unused[function]), ("missing", sorted(missing.get(function, {})))):
            for action in listed:
                print(f"    {what}: {action}")
    count = sum(map(len, allowed.values()))
    print(f"{len(cases)} executions; {count} actions allowed, {sum(map(len, unused.values()))} unused, {sum(map(len, missing.values()))} missing")
    sys.exit(0 if all(succeeded) and not missing and not any(unused.values()) else 1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m privileges", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", default=binaries_directory(), help="default %(default)s")
    parser.add_argument("--only", default="", help="cases whose name has this")
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def _run(cloud: LocalCloud, case) -> bool:
    began = time.monotonic()
    try:
        case(cloud)
    except Exception:
        traceback.print_exc()
        return False
    print(f"{case.__name__.replace('_', ' ')} ({time.monotonic() - began:.0f} s)", flush=True)
    return True


if __name__ == "__main__":
    main()
