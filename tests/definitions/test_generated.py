"""What is generated of the state machines is what is committed."""

import importlib.util
import json
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = sorted((REPOSITORY / "statemachine").glob("*.yaml"))


def load(name: str):
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "statemachine" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("source", SOURCES, ids=lambda file: file.stem)
def test_a_definition_is_current(source):
    assert load("generate").generate(source.read_text()) == source.with_suffix(".asl.json").read_text(), "make definitions"


def test_the_drawing_is_current():
    machine = json.loads((REPOSITORY / "statemachine" / "encrypt.asl.json").read_text())
    assert load("draw").draw(machine) == (REPOSITORY / "docs" / "procedure.md").read_text(), "make definitions"
