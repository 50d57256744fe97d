"""The table of phases against the state machines: each new state needs a phase, which operators see."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from watch.phases import ENCRYPT, FLEET

MACHINES = Path(__file__).resolve().parents[2] / "statemachine"


def states(machine: str) -> set[str]:
    """States with a phase. One that only sends an event (`Notify…`) belongs to the phase of the state before it."""
    every = json.loads((MACHINES / machine).read_text())["States"]
    return {name for name in every if not re.match("Notify.", name)}


@pytest.mark.parametrize("machine, phases", [("encrypt.asl.json", ENCRYPT), ("fleet.asl.json", FLEET)])
def test_every_state_has_its_phase_and_no_phase_has_another_state(machine, phases):
    assert {state for phase in phases for state in phase.states} == states(machine)


def test_no_state_has_two_phases():
    counted = Counter(state for phase in (*ENCRYPT, *FLEET) for state in phase.states)
    assert [state for state, count in counted.items() if count > 1] == []
