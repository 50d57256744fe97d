"""The reckoning of costs against what can be reckoned by hand."""

import json

import pytest

from .costs import LAPS, MACHINE, Hours, bill, count, function_of, laps

STATES = json.loads(MACHINE.read_text())["States"]
NO_TIME = Hours(snapshot=0, copy=0, restore=0, catch_up=0, verify=0, approval=0)
# A run that has waited once for its copy.
DEMO = {
    "states": {"CopyEncrypted": 2, "IsCopyReady": 2, "WatchDuringCopy": 1, "WaitForCopy": 1, "Cutover": 1},
    "functions": {
        "copy-encrypted": {"invocations": 2, "gb_seconds": 0.2, "memory_size_mb": 128},
        "watch-source": {"invocations": 1, "gb_seconds": 0.3, "memory_size_mb": 128},
        "cutover": {"invocations": 1, "gb_seconds": 0.5, "memory_size_mb": 128},
        "verify": {"invocations": 0, "gb_seconds": 0, "memory_size_mb": 128},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    "seconds, expected",
    # 1 + 2 + … + 60 seconds, then 180, 240 and 300, then a look every 360 seconds.
    [(0, 0), (1, 1), (3, 2), (1830, 60), (1831, 61), (2550, 63), (3600, 66), (3 * 3600, 86)],
)
def test_a_wait_has_as_many_laps_as_the_state_machine_lets_it_have(seconds, expected):
    assert laps(STATES["WaitForCopy"]["Seconds"], seconds) == expected


def test_an_approval_is_waited_for_as_by_a_copy_that_follows():
    # 2 + 4 + … + 2n seconds.
    assert laps(STATES["WaitForApproval"]["Seconds"], 12 * 3600) == 208


def test_the_laps_that_are_counted_are_those_of_the_state_machine():
    for wait, lap in LAPS.values():
        assert STATES[wait]["Next"] == lap[0] and set(lap) <= STATES.keys()


def test_hours_add_laps_and_nothing_else():
    least, most = count(STATES, DEMO, NO_TIME), count(STATES, DEMO, Hours(**vars(NO_TIME) | {"copy": 1}))
    # The demo's own lap is taken off.
    assert least.transitions == sum(DEMO["states"].values()) - 4
    assert most.transitions - least.transitions == 4 * 66
    assert (least.invocations, most.invocations) == (2, 2 + 2 * 66)
    assert (least.gb_seconds, most.gb_seconds) == (pytest.approx(0.1 + 0.5), pytest.approx(0.1 + 0.5 + 66 * (0.1 + 0.3)))


def test_a_function_is_called_as_its_binary():
    assert function_of(STATES["CopyEncrypted"]) == "copy-encrypted"


def test_a_bill_adds_up():
    lines = bill(count(STATES, DEMO, NO_TIME), Hours(**vars(NO_TIME) | {"restore": 10}), 100, 0.2)
    *parts, together = (float(line.split()[-2]) for line in lines)
    assert together == pytest.approx(sum(parts), abs=0.03) and lines[5].split()[-2] == "2.00"
