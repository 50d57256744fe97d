"""Whichever step fails for good before the fence, the source is as it was, and nothing is left."""

import pytest

from .runs import undone
from .sources import make_source

# As often as the state machine tries again after a failure of Lambda itself, and once.
TRIES = 4


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, "each-step", 17)


@pytest.mark.parametrize(
    "function, kind",
    [
        ("create-publication", "error-after"),
        ("snapshot", "error-before"),
        ("copy-encrypted", "error-after"),
        ("restore", "error-after"),
        ("subscribe", "error-after"),
        ("advance-lsn", "error-after"),
        ("poll-lag", "error-before"),
        ("verify", "error-before"),
        ("cutover", "error-before"),
    ],
)
def test_a_step_that_fails_for_good(cloud, source, strike, function, kind):
    strike(function, kind, times=TRIES)
    with undone(cloud, source, function, "Lambda.Unknown"):
        pass


def test_an_undo_that_fails_at_first_is_tried_again(cloud, source, strike):
    strike("verify", "error-before", times=TRIES)
    for function in "create-publication", "restore", "copy-encrypted", "snapshot":
        strike(function, "error-after", action="undo", times=2)
    with undone(cloud, source, "at-second-try", "Lambda.Unknown"):
        pass
