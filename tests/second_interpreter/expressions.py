"""Expressions of JSONata in engines of other makers: in Rust, as jsonata-core has it, and in JavaScript, by the library that AWS names.

Sources: Step Functions developer guide, "Transforming data with JSONata in Step Functions" (jsonata 2.0.6; `$parse` is AWS's own).
"""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonatapy

from local_cloud import stepfunctions

# Of one expression: its thousandth value says nothing new.
KEPT = 40
# Where tests/install has put node and jsonata.
VENV = Path(sys.prefix)
IN_NODE = Path(__file__).with_name("evaluate.cjs")
NOTHING = {"nothing": True}


class Recorded:
    """What the local cloud's engine was asked, and said: a value, or nothing where that was undefined or an error."""

    def __init__(self) -> None:
        self._asked: dict[str, dict[str, dict]] = {}

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        evaluate = stepfunctions._evaluate

        def evaluate_and_note(env, expression: str, variables: dict):
            said = NOTHING
            # As JSON, since later states change what variables hold.
            bound = json.dumps({name: value for name, value in variables.items() if f"${name}" in expression}, default=str)
            try:
                value = evaluate(env, expression, variables)
                said = {"value": value}
                return value
            finally:
                noted = self._asked.setdefault(expression, {})
                if len(noted) < KEPT:
                    noted[bound] = said

        stepfunctions._evaluate = evaluate_and_note
        try:
            yield
        finally:
            stepfunctions._evaluate = evaluate

    @property
    def expressions(self) -> set[str]:
        return set(self._asked)

    def all(self) -> list[dict]:
        return [
            {"expression": expression, "bindings": json.loads(bound), "said": said}
            for expression, noted in self._asked.items() for bound, said in noted.items()
        ]  # fmt: skip


def in_rust(asked: list[dict]) -> list[dict]:
    compiled = {}
    for expression in {each["expression"] for each in asked}:
        compiled[expression] = jsonatapy.compile(expression)
        compiled[expression].register("parse", json.loads)
    return [_in_rust(compiled[each["expression"]], each["bindings"]) for each in asked]


def _in_rust(program, bindings: dict) -> dict:
    try:
        text = program.evaluate_json_or_none(None, bindings)
    except ValueError:
        return NOTHING
    return NOTHING if text is None else {"value": json.loads(text)}


def in_javascript(asked: list[dict]) -> list[dict]:
    ran = subprocess.run([VENV / "bin/node", IN_NODE, VENV / "node_modules"], input=json.dumps(asked), capture_output=True, text=True, check=True)
    return json.loads(ran.stdout)


def differences(asked: list[dict], said: list[dict]) -> list[str]:
    assert len(asked) == len(said)
    return [
        f"{each['expression']} of {json.dumps(each['bindings'])[:500]}: {json.dumps(each['said'])[:300]} and {json.dumps(other)[:300]}"
        for each, other in zip(asked, said, strict=True) if each["said"] != other
    ]  # fmt: skip
