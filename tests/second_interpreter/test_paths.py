"""Six runs as a reviewer reads them: statemachine/paths/*.txt, `+` done, `-` undone, `!` failed, `=` the end.

They are what the state machine does today. Where it is to do something else, `PATHS=write` writes them anew, and the change is reviewed.
"""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from . import ours
from .answers import Answers, Force, Refused
from .test_two_interpreters import APPROVED, ONE, OPEN, PREPARED, UNDO, WELL
from .trace import definition

PATHS = Path(__file__).resolve().parents[2] / "statemachine" / "paths"
FENCED = {("cutover", "undo"): {"fenced": True}}
GONE = {(name, "undo"): {"ready": True} for name in (*UNDO, "subscribe")}
BY_TAG = {"cutover": {"when": "approved", "how": "secrets", "secrets": ["orders/app"]}}


@dataclass(frozen=True)
class Run:
    about: str
    force: Force
    # The errors of a function's first calls.
    errors: dict[tuple[str, str], list[str]] = field(default_factory=dict)


def move(*, plan: dict | None = None, answers: dict | None = None) -> Force:
    return Force(plan=ONE | (plan or {}), answers=WELL | GONE | (answers or {}))


RUNS = {
    "moved": Run("An instance is moved, once somebody has approved.", move(plan=BY_TAG)),
    "cluster": Run("A cluster: its restore takes the key, so there is no encrypted snapshot.", move(plan={"source": ONE["source"] | {"kind": "aurora"}})),
    "prepared": Run("A source without logical replication, with consent to a reboot.", move(plan=PREPARED)),
    "undone": Run("The verification finds a difference: everything is undone, slots first.", move(), {("verify", "do"): ["DataDiffers"]}),
    "cutover-repeated": Run(
        "The cutover fails after its fence is closed: from there on only forward.", move(answers=FENCED), {("cutover", "do"): ["Internal"]}
    ),
    "stopped": Run("An execution was stopped while it waited; this one undoes it.", Force(is_undo=True, plan=ONE, answers=OPEN | GONE | {("poll-lag", "do"): APPROVED})),
}  # fmt: skip


class Scripted(Answers):
    """Answers that keep who was asked, and whether it failed."""

    def __init__(self, run: Run) -> None:
        super().__init__(0, run.force)
        self._errors = {key: list(errors) for key, errors in run.errors.items()}
        self.calls: list[tuple[str, bool]] = []

    def invoke(self, function: str, payload: dict) -> dict:
        key = function, payload.get("action") or payload.get("purpose", "do")
        failed = bool(self._errors.get(key))
        self.calls.append(("!" if failed else "-" if key[1] == "undo" else "+", function))
        if failed:
            raise Refused(self._errors[key].pop(0), "as scripted")
        return super().invoke(function, payload)


@pytest.fixture(scope="module")
def interpreter():
    return ours.Interpreter(definition())


def path(interpreter: ours.Interpreter, name: str, run: Run) -> str:
    answers = Scripted(run)
    trace = interpreter.run(name, answers)
    calls = iter(answers.calls)
    states = json.loads(definition())["States"]
    lines = [f"# {run.about}"]
    for state in trace.states:
        if states[state].get("Resource") == "arn:aws:states:::lambda:invoke":
            sign, function = next(calls)
            lines.append(f"{sign} {state:<24}{function}")
    assert next(calls, None) is None, "a call was repeated within its state"
    end = f"= {trace.states[-1]:<24}{trace.status.value}"
    return "\n".join([*lines, f"{end} {trace.error}".rstrip()]) + "\n"


@pytest.mark.parametrize("name", RUNS)
def test_a_run_takes_the_path_that_was_reviewed(interpreter, name):
    file = PATHS / f"{name}.txt"
    taken = path(interpreter, f"path-{name}", RUNS[name])
    if os.environ.get("PATHS") == "write":
        file.write_text(taken)
    assert file.read_text() == taken


def test_no_path_is_left_over():
    assert sorted(file.stem for file in PATHS.glob("*.txt")) == sorted(RUNS)
