"""What a document tells its reader to type, and what it says is to be seen."""

import re
from dataclasses import dataclass

_FENCED = re.compile(r"^```(\w+)(?: ([\w-]+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Stands for whatever differs from run to run.
_SOMETHING = "…"


@dataclass(frozen=True)
class Block:
    """Commands; in the order in which they come, these lines are among what they print."""

    commands: str
    # `aws` or `local-cloud`, where it is for one of them alone.
    only_for: str | None
    seen: tuple[str, ...] = ()

    def missing(self, printed: str) -> list[str]:
        """Lines that were to be seen and were not, or not in their place."""
        left = iter(printed.splitlines())
        return [line for line in self.seen if not any(_pattern(line).fullmatch(each.strip()) for each in left)]


def read_blocks(document: str) -> list[Block]:
    blocks: list[Block] = []
    for language, only_for, text in _FENCED.findall(document):
        if language == "bash":
            blocks.append(Block(text, only_for or None))
        elif language == "text":
            blocks[-1] = Block(blocks[-1].commands, blocks[-1].only_for, tuple(line.strip() for line in text.splitlines()))
        else:
            raise ValueError(f"a block of {language}: neither commands nor what is to be seen")
    return blocks


def _pattern(line: str) -> re.Pattern:
    return re.compile(".*".join(map(re.escape, line.split(_SOMETHING))))
