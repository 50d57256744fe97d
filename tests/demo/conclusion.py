"""How a demo ends: with a report, and an exit status that says whether all of it held."""

import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

REPOSITORY = Path(__file__).resolve().parents[2]
DEMO = REPOSITORY / "target" / "demo"


def conclude(run: Callable[[], dict], name: str) -> NoReturn:
    """Runs it, writes its report to target/demo, and ends this process. Whatever it began ends with it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        report = run()
    except KeyboardInterrupt:
        sys.exit(130)
    DEMO.mkdir(parents=True, exist_ok=True)
    file = DEMO / name
    file.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    print(f"\n{'all holds' if report['holds'] else 'IT DOES NOT HOLD'}, after {report['seconds']} s; {file.relative_to(REPOSITORY)}")
    sys.exit(0 if report["holds"] else 1)
