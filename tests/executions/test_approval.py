"""The cutover waits for the word; and one source has one execution."""

import pytest

from demo.executions import Execution, entered_states
from demo.waiting import wait_until

from .runs import approve, finish, writing
from .sources import LIMIT_SECONDS, make_request, make_source, secret_name

NAME = "to-be-approved"


@pytest.fixture(scope="module")
def waiting(cloud, key_arn):
    """A source, an execution on it that waits for its approval, and the application that goes on writing."""
    source = make_source(cloud, NAME, 17)
    request = make_request(NAME, cutover={"secrets": [secret_name(NAME)]})
    with writing(cloud, NAME) as application:
        execution = Execution(cloud, f"move-{NAME}", request)
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        yield source, execution, application


def looks(execution: Execution) -> int:
    states = [each.state for each in entered_states(execution.events())]
    assert states[-1] in ("AwaitApproval", "MayCutOver", "WaitForApproval")
    return states.count("AwaitApproval")


def wait_for_looks(execution: Execution, more: int) -> None:
    before = looks(execution)
    wait_until(lambda: looks(execution), lambda seen: seen >= before + more, "another look for the approval", 30)


def test_it_waits_and_writes_go_on(waiting):
    _, execution, application = waiting
    count = application.count
    wait_for_looks(execution, 2)
    assert application.count > count and not application.has_moved


def test_a_second_execution_is_refused_and_leaves_the_first_alone(waiting, cloud):
    _, first, _ = waiting
    second = Execution(cloud, f"second-{NAME}", make_request(NAME))
    described = second.wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "AlreadyRunning")
    assert first.name in described["cause"]
    wait_for_looks(first, 2)


@pytest.mark.parametrize("value", ["another-execution", "", "true"])
def test_a_tag_that_names_another_execution_approves_nothing(waiting, cloud, value):
    _, execution, _ = waiting
    approve(cloud, NAME, value)
    wait_for_looks(execution, 2)


def test_its_own_name_lets_it_go(waiting, cloud, databases, key_arn):
    source, execution, application = waiting
    approve(cloud, NAME, execution.name)
    finish(cloud, databases, source, execution, application, key_arn).assert_nothing_lost()
