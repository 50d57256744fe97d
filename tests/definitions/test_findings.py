"""Every finding that preflight and inspect can name has its row in the runbook, and no row is left over."""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
# Where a name is given: as the first argument, or as a constant that is one.
GIVEN = re.compile(r'\.(?:refuse|warn|fine|room|add)\(\s*"(\w+)"|const NAME: &str = "(\w+)"')


def in_the_code() -> set[str]:
    crates = [*REPOSITORY.glob("functions/inspect/src/*.rs"), *REPOSITORY.glob("functions/preflight/src/*.rs"), REPOSITORY / "shared/src/finding.rs"]
    text = "\n".join(file.read_text().split("#[cfg(test)]")[0] for file in crates)
    return {name for found in GIVEN.findall(text) for name in found if name}


def in_the_runbook() -> set[str]:
    table = (REPOSITORY / "infra" / "runbook.md").read_text().split("\n# Findings\n")[1]
    return {name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)}


def test_every_finding_has_a_row_and_every_row_a_finding():
    missing = in_the_code() - in_the_runbook()
    assert missing == set()
    assert len(in_the_code()) > 40
