"""The table of phases against the state machines: each new state needs a phase, which operators see."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from watch.phases import ENCRYPT, FLEET, TABLE, phase_of

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


def test_each_event_is_the_one_of_the_phase_that_it_is_sent_in():
    every = json.loads((MACHINES / "encrypt.asl.json").read_text())["States"]
    sent = {
        re.search(r"'phase': '(\w+)'", json.dumps(state["Arguments"]))[1]: phase_of(state["Next"]).name
        for state in every.values() if "putEvents" in state.get("Resource", "")
    }  # fmt: skip
    table = (*TABLE["encrypt"]["way"], *TABLE["encrypt"]["detours"])
    assert sent == {phase["event"]: phase["name"] for phase in table if "event" in phase}
