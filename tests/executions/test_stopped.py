"""An execution that a person stops gets no chance to undo anything: another one does, started by a rule of EventBridge."""

import json

import pytest

from demo.databases import Databases
from demo.executions import Execution
from demo.footprint import footprint
from demo.waiting import wait_until

from .runs import finish, undo_of, writing
from .sources import LIMIT_SECONDS, make_request, make_source

NAME = "stopped"


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, NAME, 17)


def last_state(execution: Execution) -> str:
    return execution.follow()[-1]


@pytest.mark.parametrize(
    "state", ["Preflight", "CreatePublication", "WaitForSnapshot", "CopyEncrypted", "Restore", "Subscribe", "AdvanceLsn", "AwaitApproval"]
)  # fmt: skip
def test_before_the_fence_it_is_undone(cloud, source, state):
    before = footprint(cloud, source, ["postgres", "app"])
    with writing(cloud, NAME) as application:
        execution = Execution(cloud, f"stopped-in-{state}", make_request(NAME, cutover={}))
        execution.wait_for_state(state, LIMIT_SECONDS)
        execution.stop()
        undo = undo_of(cloud, execution)
        described = undo.wait(LIMIT_SECONDS)
        assert (described["status"], last_state(undo)) == ("SUCCEEDED", "RolledBack"), described
        assert undo.output == {"source": NAME, "undone": execution.arn}
        count = application.count
        wait_until(lambda: application.count, lambda now: now > count, "writes to the source", 10)
    assert footprint(cloud, source, ["postgres", "app"]) == before
    assert [writer.refused for writer in application.writers] == [[], []]


def told_again(cloud, undo: Execution) -> Execution:
    """EventBridge delivers at least once: the execution that it starts by telling of an end a second time."""
    return Execution(cloud, f"{undo.name}-again", json.loads(undo.describe()["input"]))


@pytest.mark.parametrize("state", ["CreatePublication", "WaitForSnapshot", "CopyEncrypted", "Subscribe", "AwaitApproval"])
def test_two_executions_that_undo_the_same_one_are_not_in_each_others_way(cloud, source, state):
    before = footprint(cloud, source, ["postgres", "app"])
    with writing(cloud, NAME) as application:
        execution = Execution(cloud, f"told-twice-in-{state}", make_request(NAME, cutover={}))
        execution.wait_for_state(state, LIMIT_SECONDS)
        execution.stop()
        first = undo_of(cloud, execution)
        for undo in (first, told_again(cloud, first)):
            described = undo.wait(LIMIT_SECONDS)
            assert (described["status"], last_state(undo)) == ("SUCCEEDED", "RolledBack"), described
    assert footprint(cloud, source, ["postgres", "app"]) == before
    assert [writer.refused for writer in application.writers] == [[], []]


def test_an_input_that_is_too_long_for_an_event_is_read_from_the_execution(cloud, source):
    """EventBridge tells of it without its input."""
    before = footprint(cloud, source, ["postgres", "app"])
    execution = Execution(cloud, "stopped-with-much-input", make_request(NAME, cutover={}))
    execution.wait_for_state("WaitForSnapshot", LIMIT_SECONDS)
    execution.stop()
    told = undo_of(cloud, execution)
    told.stop()
    event = json.loads(told.describe()["input"])
    event["detail"] |= {"input": None, "inputDetails": {"included": False}}
    described = Execution(cloud, "undo-with-much-input", event).wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED" and json.loads(described["output"])["undone"] == execution.arn, described
    assert footprint(cloud, source, ["postgres", "app"]) == before


def test_what_its_time_limit_ends_is_undone_too(cloud, source):
    """A running execution keeps the definition that it was started with, here one with a limit of seconds instead of a week."""
    client, arn = cloud.client("stepfunctions"), cloud.state_machine_arn
    definition = client.describe_state_machine(stateMachineArn=arn)["definition"]
    before = footprint(cloud, source, ["postgres", "app"])
    client.update_state_machine(stateMachineArn=arn, definition=json.dumps(json.loads(definition) | {"TimeoutSeconds": 12}))
    try:
        execution = Execution(cloud, "too-long", make_request(NAME, cutover={}))
        execution.wait_for_state("CreatePublication", LIMIT_SECONDS)
    finally:
        client.update_state_machine(stateMachineArn=arn, definition=definition)
    assert execution.wait(LIMIT_SECONDS)["status"] == "TIMED_OUT"
    undo = undo_of(cloud, execution)
    described = undo.wait(LIMIT_SECONDS)
    assert (described["status"], last_state(undo)) == ("SUCCEEDED", "RolledBack"), described
    assert footprint(cloud, source, ["postgres", "app"]) == before


def test_what_could_not_be_undone_is_undone_by_an_execution_that_is_asked_to(cloud, source, strike):
    before = footprint(cloud, source, ["postgres", "app"])
    strike("verify", "error-before", times=4)
    strike("create-publication", "error-before", action="undo", times=4)
    execution = Execution(cloud, "undo-fails", make_request(NAME))
    described = execution.wait(LIMIT_SECONDS)
    assert (described["error"], last_state(execution)) == ("UndoFailed", "UndoFailed")
    assert footprint(cloud, source, ["postgres", "app"]) != before
    undo = Execution(cloud, "by-hand", {**make_request(NAME), "undo": execution.arn})
    assert (undo.wait(LIMIT_SECONDS)["status"], last_state(undo)) == ("SUCCEEDED", "RolledBack")
    assert footprint(cloud, source, ["postgres", "app"]) == before


@pytest.mark.parametrize("state", ["CleanUpSubscription", "CleanUpCopy"])
def test_behind_the_fence_it_is_finished(cloud, key_arn, state):
    identifier = f"stopped-in-{state}".lower()
    source = make_source(cloud, identifier, 13)
    with writing(cloud, identifier) as application:
        execution = Execution(cloud, f"move-{identifier}", make_request(identifier))
        execution.wait_for_state(state, LIMIT_SECONDS)
        execution.stop()
        moved = finish(cloud, Databases(cloud), source, undo_of(cloud, execution), application, key_arn)
        moved.assert_nothing_lost()


@pytest.mark.parametrize("state", ["CleanUpSubscription", "Finish"])
def test_two_executions_that_finish_the_same_one_are_not_in_each_others_way(cloud, key_arn, state):
    identifier = f"told-twice-in-{state}".lower()
    source = make_source(cloud, identifier, 16)
    with writing(cloud, identifier) as application:
        execution = Execution(cloud, f"move-{identifier}", make_request(identifier))
        execution.wait_for_state(state, LIMIT_SECONDS)
        execution.stop()
        first = undo_of(cloud, execution)
        again = told_again(cloud, first)
        moved = finish(cloud, Databases(cloud), source, first, application, key_arn)
        assert again.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
        assert again.output["target"] == first.output["target"]
        moved.assert_nothing_lost()


def test_an_undo_of_nothing_that_is_known_makes_nothing(cloud, source):
    before = footprint(cloud, source, ["postgres", "app"])
    for undo, name in (("not-an-arn", "no-arn"), ("arn:aws:states:eu-central-1:123456789012:execution:rds-reencrypt:never", "never-was")):
        execution = Execution(cloud, name, {**make_request(NAME), "undo": undo})
        described = execution.wait(LIMIT_SECONDS)
        assert (described["status"], last_state(execution)) in [("FAILED", "UndoNotBegun"), ("SUCCEEDED", "RolledBack")]
    assert footprint(cloud, source, ["postgres", "app"]) == before
