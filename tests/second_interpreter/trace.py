"""What an execution did, as both interpreters tell it."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

DEFINITION = Path(__file__).parents[2] / "statemachine" / "encrypt.asl.json"
# As in ${PollLagFunctionArn}: each function is called by its name.
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")


@dataclass
class Trace:
    status: str = ""
    error: str = ""
    cause: str = ""
    output: object = None
    states: list[str] = field(default_factory=list)
    # What each task was asked, retries one by one.
    asked: list[tuple[str, object]] = field(default_factory=list)
    waits_seconds: list[int] = field(default_factory=list)

    @property
    def transitions(self) -> set[tuple[str, str]]:
        return set(zip(self.states, self.states[1:]))

    def differences(self, other: "Trace") -> list[str]:
        """In words, the first of each kind."""
        found = [f"{name}: {getattr(self, name)!r} and {getattr(other, name)!r}" for name in ("status", "error", "cause", "output")
                 if getattr(self, name) != getattr(other, name)]  # fmt: skip
        for name in "states", "asked", "waits_seconds":
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                at = next((at for at, (one, another) in enumerate(zip(ours, theirs)) if one != another), min(len(ours), len(theirs)))
                found.append(f"{name}, number {at}: {ours[at : at + 1]!r} and {theirs[at : at + 1]!r}, after {self.states[:at][-1:]}")
        return found


def definition() -> str:
    return _PLACEHOLDER.sub(lambda found: _called(found[1]), DEFINITION.read_text())


def _called(placeholder: str) -> str:
    """`PollLagFunctionArn` is poll-lag."""
    name = placeholder.removesuffix("FunctionArn")
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower() if name != placeholder else placeholder


def transitions() -> set[tuple[str, str]]:
    """All that the definition has."""
    found = set()
    for name, state in json.loads(DEFINITION.read_text())["States"].items():
        holders = (state, *state.get("Choices", []), *state.get("Catch", []))
        found |= {(name, holder["Next"]) for holder in holders if "Next" in holder}
        found |= {(name, state["Default"])} if "Default" in state else set()
    return found
