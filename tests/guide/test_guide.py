"""The first hour, followed literally: each command of docs/guide.md in one bash, on a local cloud with the stack deployed.

The document's blocks for AWS alone are the deployment and its removal, which the cloud stands in for.
"""

import pytest

from .blocks import Block, read_blocks
from .conftest import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "guide.md").read_text()
# Between the outputs of two blocks.
MARK = "----- next block -----"


@pytest.fixture(scope="module")
def printed(shell) -> list[tuple[Block, str]]:
    """Each block that was run, and what it printed."""
    blocks = [block for block in read_blocks(GUIDE) if block.only_for != "aws"]
    run = shell("".join(f"echo; echo '{MARK}'\n{block.commands}" for block in blocks))
    outputs = run.stdout.split(f"{MARK}\n")[1:]
    assert run.returncode == 0, f"{blocks[len(outputs) - 1].commands}\nended with {run.returncode}:\n{outputs[-1]}"
    return list(zip(blocks, outputs, strict=True))


def test_what_the_guide_says_is_to_be_seen(printed):
    problems = [
        f"{line}\nis not to be seen of\n{block.commands}\nwhich printed\n{output}" for block, output in printed for line in block.missing(output)
    ]
    assert not problems, "\n\n".join(problems)
    assert sum(bool(block.seen) for block, _ in printed) >= 8


def test_nothing_but_the_deployment_is_for_aws_alone():
    blocks = read_blocks(GUIDE)
    assert [block.commands.split()[0] for block in blocks if block.only_for] == ["export", "(cd", "export", "sam"]


def test_a_line_that_is_missing_or_out_of_place_is_found():
    block = Block("", None, ("one …", "two"))
    assert block.missing("one 1\nelse\ntwo\n") == []
    assert block.missing("two\none 1\n") == ["two"]
    assert block.missing("two\n") == ["one …", "two"]
