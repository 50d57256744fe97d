"""How far waits reach that depend on people and on sizes, by the state machine's own expressions and bounds."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonata.jsonata import Jsonata

STATES = json.loads((Path(__file__).resolve().parents[2] / "statemachine/encrypt.asl.json").read_text())["States"]
HOUR = 3600
WEEK = 7 * 24 * HOUR
FOLLOWING = {"connected": True, "caught_up": True, "window_opens_in_seconds": 0}


def pauses(wait: str, choice: str, lag_at: Callable[[int], dict]) -> list[int]:
    """Seconds between the looks of this loop, up to its bound, where `lag_at` tells what is seen after so many seconds."""
    (bound,) = re.findall(r"\$polls >= (\d+) %", json.dumps(STATES[choice]))
    expression = Jsonata(STATES[wait]["Seconds"].removeprefix("{%").removesuffix("%}"))
    found = []
    for polls in range(int(bound)):
        frame = expression.create_frame()
        for name, value in {"polls": polls, "plan": {"wait": {"max_seconds": 60}}, "lag": lag_at(sum(found))}.items():
            frame.bind(name, value)
        found.append(expression.evaluate(None, frame))
    return found


@pytest.mark.parametrize(
    "wait, choice, hours, longest_minutes",
    [
        ("WaitForSnapshot", "IsSnapshotReady", 14, 6),
        ("WaitForCopy", "IsCopyReady", 14, 6),
        ("WaitForApproval", "MayCutOver", 84, 10),
    ],
)
def test_the_looks_become_rarer_and_reach_far(wait, choice, hours, longest_minutes):
    found = pauses(wait, choice, lambda _: FOLLOWING)
    assert found == sorted(found) and found[0] <= 2 and found[-1] == longest_minutes * 60
    assert sum(found) >= hours * HOUR


def test_a_window_that_opens_in_a_week_is_met_when_it_opens():
    looks_at, at = [], 0
    for pause in pauses("WaitForApproval", "MayCutOver", lambda after: FOLLOWING | {"window_opens_in_seconds": max(0, WEEK - after)}):
        at += pause
        looks_at.append(at)
    assert WEEK in looks_at and len(looks_at) - looks_at.index(WEEK) > 10


def test_who_waits_for_a_place_outlasts_one_who_waits_for_an_approval_there():
    looks = {
        wait: pauses(wait, choice, lambda _: FOLLOWING) for wait, choice in [("WaitForCapacity", "HasCapacity"), ("WaitForApproval", "MayCutOver")]
    }
    assert sum(looks["WaitForCapacity"]) > sum(looks["WaitForApproval"]) + 24 * HOUR


@pytest.mark.parametrize("trouble", [{"connected": False}, {"caught_up": False}])
def test_a_copy_that_stays_behind_is_looked_at_every_minute(trouble):
    closed = FOLLOWING | {"window_opens_in_seconds": WEEK}
    assert max(pauses("WaitForApproval", "MayCutOver", lambda _: closed | trouble)) == 60
