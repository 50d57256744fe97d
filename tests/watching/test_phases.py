"""The table of phases against the state machines: whoever adds a state says what an operator sees in it."""

import json
from collections import Counter
from pathlib import Path

import pytest
from watch.phases import ENCRYPT, FLEET

MACHINES = Path(__file__).resolve().parents[2] / "statemachine"


def states(machine: str) -> set[str]:
    """Those of the execution itself. One that only tells others (`Tell…`) says what begins with the state behind it."""
    every = json.loads((MACHINES / machine).read_text())["States"]
    return {name for name in every if not name.startswith("Tell")}


@pytest.mark.parametrize("machine, phases", [("encrypt.asl.json", ENCRYPT), ("fleet.asl.json", FLEET)])
def test_every_state_has_its_phase_and_no_phase_has_another_state(machine, phases):
    assert {state for phase in phases for state in phase.states} == states(machine)


def test_no_state_has_two_phases():
    counted = Counter(state for phase in (*ENCRYPT, *FLEET) for state in phase.states)
    assert [state for state, count in counted.items() if count > 1] == []
