"""Reports of real executions, looked at in a real browser.

Makes executions on a local cloud that end in every way, takes the reports that the product has written of them, holds their
figures against what Step Functions and the databases say, and has a browser open each page, as wide as a screen and as a phone.
Pages and pictures stay in target/report-check.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from demo.cache import cache_directory
from demo.conclusion import REPOSITORY
from demo.local_cloud import LocalCloud, binaries_directory
from demo.shop import make_key
from executions.sources import KEY_ALIAS

from .cases import CASES
from .record import record

PAGES = REPOSITORY / "target" / "report-check"
TESTS = REPOSITORY / "tests"


def main() -> None:
    arguments = _arguments()
    if not arguments.look_only:
        make_reports(arguments)
    browser = arguments.browser / "venv" / "bin" / "python"
    looked = subprocess.run([browser, "-m", "report_check.look", PAGES], env=os.environ | {"PYTHONPATH": str(TESTS)}, check=False)
    print(f"pages and pictures: {PAGES.relative_to(REPOSITORY)}")
    sys.exit(looked.returncode)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m report_check", description=__doc__.splitlines()[0])
    parser.add_argument("--binaries", default=binaries_directory(), help="default %(default)s")
    parser.add_argument("--browser", type=Path, default=cache_directory() / "browser", help="where tests/install-browser has put it")
    parser.add_argument("--look-only", action="store_true", help="look at the pages of the last time once more")
    parser.add_argument("--record", type=Path, help="write the history of a run that succeeded there, for the unit tests")
    return parser.parse_args()


def make_reports(arguments: argparse.Namespace) -> None:
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir(parents=True)
    with LocalCloud("--binaries", str(arguments.binaries)) as cloud:
        make_key(cloud, KEY_ALIAS)
        for case in CASES:
            began = time.monotonic()
            for name, written in case(cloud):
                (PAGES / f"{name}.html").write_bytes(written.html)
                (PAGES / f"{name}.json").write_text(json.dumps(written.json, indent=2, ensure_ascii=False))
            print(f"{case.__name__.replace('_', ' ')} ({time.monotonic() - began:.0f} s)", flush=True)
        if refused := cloud.api("GET", "refusals"):
            sys.exit(f"refused by roles: {refused}")
        if arguments.record:
            record(cloud, "report-encrypted", arguments.record)


if __name__ == "__main__":
    main()
