"""After the fence there is only forward, and any step may be interrupted and run twice."""

import pytest

from .runs import move
from .sources import make_request, make_source

STEPS = (
    "create-publication", "snapshot", "copy-encrypted", "restore", "subscribe", "advance-lsn", "poll-lag", "verify", "cutover",
    "finish",
)  # fmt: skip
CLEAN_UPS = ("subscribe", "create-publication", "copy-encrypted", "snapshot")
# As often as the state machine tries again after a failure of Lambda itself, and once.
TRIES = 4


def test_a_cutover_whose_answer_is_lost_goes_forward(cloud, key_arn, strike):
    source = make_source(cloud, "unanswered", 17)
    strike("cutover", "error-after", times=TRIES)
    moved = move(cloud, source, make_request("unanswered"), key_arn)
    assert "CancelCutover" in moved.states and moved.states.count("Cutover") == 2
    moved.assert_nothing_lost()


def test_a_cutover_that_is_killed_again_and_again_loses_no_write(cloud, key_arn, strike):
    source = make_source(cloud, "killed-cutover", 17)
    for after_ms in 20, 60, 120:
        strike("cutover", "kill-during", after_ms=after_ms)
    moved = move(cloud, source, make_request("killed-cutover"), key_arn)
    moved.assert_nothing_lost()


@pytest.mark.parametrize("kind, major", [("error-after", 13), ("kill-during", 17)])
def test_every_step_may_run_twice(cloud, key_arn, strike, kind, major):
    identifier = f"twice-{kind}"
    source = make_source(cloud, identifier, major)
    for step in STEPS:
        strike(step, kind, after_ms=15)
    for step in CLEAN_UPS:
        strike(step, kind, action="undo", after_ms=15)
    move(cloud, source, make_request(identifier), key_arn).assert_nothing_lost()
    assert all(fault["struck"] for fault in cloud.api("GET", "faults")["faults"])
