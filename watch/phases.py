"""The phases of an execution and their states, as statemachine/phases.json has them. A test compares them with the state machines."""

import json
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

TABLE = json.loads((Path(__file__).resolve().parents[1] / "statemachine" / "phases.json").read_text())


@dataclass(frozen=True)
class Phase:
    name: str
    # What happens in the phase, as a phrase for people.
    text: str
    states: tuple[str, ...]


def _read(phases: list[dict]) -> tuple[Phase, ...]:
    return tuple(Phase(each["name"], each["text"], (*chain(*each["steps"].values()), *each["states"])) for each in phases)


# In the order in which an execution passes them; detours are off the way.
ENCRYPT_WAY = _read(TABLE["encrypt"]["way"])
ENCRYPT = (*ENCRYPT_WAY, *_read(TABLE["encrypt"]["detours"]))
FLEET = FLEET_WAY = _read(TABLE["fleet"]["way"])

_BY_NAME = {phase.name: phase for phase in ENCRYPT}
CAPACITY, PREPARE, SNAPSHOT, COPY, CATCH_UP, VERIFY, APPROVAL, CLEAN_UP, UNDO = map(
    _BY_NAME.__getitem__, ("capacity", "prepare", "snapshot", "copy", "catch up", "verify", "approval", "clean up", "undo")
)

_PHASE_OF = {state: phase for phase in (*ENCRYPT, *FLEET) for state in phase.states}


def phase_of(state: str) -> Phase | None:
    """None for an unknown state: the previous phase goes on."""
    return _PHASE_OF.get(state)


def place_of(phase: Phase) -> tuple[int, int] | None:
    """Its number, counted from 1, and the total; None for a detour."""
    for way in (ENCRYPT_WAY, FLEET_WAY):
        if phase in way:
            return way.index(phase) + 1, len(way)
    return None
