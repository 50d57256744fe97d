"""A cloud for the tests of each module, with somebody who reads the topic, and runs of each kind to be seen."""

import pytest

from demo.databases import Databases
from demo.executions import Execution
from demo.waiting import wait_until
from executions.conftest import cloud, databases, key_arn, strike  # noqa: F401 - fixtures
from executions.runs import finish, undone, writing
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name
from executions.test_undo import drop_slots

from .seen import Seen, carry_out


@pytest.fixture(scope="module")
def seen(cloud):  # noqa: F811
    return Seen(cloud)


@pytest.fixture(scope="module")
def moved(cloud, key_arn, seen):  # noqa: F811
    """A run that was approved by the very command that its notification has."""
    source = make_source(cloud, "seen", 17)
    with writing(cloud, "seen") as application, seen.during("moved"):
        execution = Execution(cloud, "seen-moved", make_request("seen", cutover={"secrets": [secret_name("seen")]}))
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        carry_out(cloud, seen.phases(execution)[-1]["approve_command"])
        finish(cloud, Databases(cloud), source, execution, application, key_arn).assert_nothing_lost()
    return execution


@pytest.fixture(scope="module")
def given_back(cloud, key_arn, seen, moved):  # noqa: F811
    """A run whose slot somebody drops. One after another, so that the metrics of one are not another's."""
    source = make_source(cloud, "seen-back", 16)
    with seen.during("given back"), undone(cloud, source, "seen", "SlotLost", cutover={}) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with Databases(cloud).connect(source) as session:
            wait_until(lambda: drop_slots(session), lambda left: left == 0, "the slots to be gone", 20)
    return execution


@pytest.fixture(scope="module")
def left_over(cloud, key_arn, seen, given_back):  # noqa: F811
    """A run whose undo fails, and the one by hand that finishes that."""
    make_source(cloud, "seen-left", 15)
    faults = [{"function": "verify", "action": "do"}] * 4 + [{"function": "create-publication", "action": "undo"}] * 4
    for fault in faults:
        cloud.api("POST", "faults", {"kind": "error-before", **fault})
    with seen.during("left over"):
        execution = Execution(cloud, "seen-left-over", make_request("seen-left"))
        assert execution.wait(LIMIT_SECONDS)["error"] == "UndoFailed"
    cloud.api("DELETE", "faults")
    undo = Execution(cloud, "seen-by-hand", {**make_request("seen-left"), "undo": execution.arn})
    assert undo.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
    return execution, undo
