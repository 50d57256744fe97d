"""A cloud without a stack."""

import json
import re
import uuid

import pytest

from local_cloud.testing import Cloud


@pytest.fixture(scope="module")
def cloud():
    running = Cloud()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def function_arn(cloud):
    return cloud.create_function("step")


@pytest.fixture
def machine(cloud, request):
    """Creates state machines of the test's own, in JSONata."""
    client = cloud.client("stepfunctions")

    def create(name=None, **states):
        name = name or re.sub(r"\W+", "-", request.node.name, flags=re.ASCII)[-70:] + uuid.uuid4().hex[:8]
        start = next(iter(states))
        return client.create_state_machine(
            name=name, roleArn=cloud.role_arn("states.amazonaws.com"),
            definition=json.dumps({"QueryLanguage": "JSONata", "StartAt": start, "States": states}),
        )["stateMachineArn"]  # fmt: skip

    return create


@pytest.fixture
def run(cloud, machine):
    """Runs one state machine to its end; DescribeExecution's answer."""
    # machines.py needs what is above.
    from machines import ended

    client = cloud.client("stepfunctions")

    def run(given=None, **states):
        execution = client.start_execution(stateMachineArn=machine(**states), input=json.dumps(given or {}))
        return ended(client, execution["executionArn"])

    return run
