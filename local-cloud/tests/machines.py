"""State machines of the tests, in JSONata: how one is written, and what became of it."""

import json
from itertools import accumulate

from local_cloud.testing import wait_until

AWKWARD = 'a "quote", a \\ backslash,\na new line, ${no} {% placeholder %} and é €'
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def ended(client, execution_arn):
    def description():
        found = client.describe_execution(executionArn=execution_arn)
        return found if found["status"] in ENDED else None

    return wait_until(description, "end of the execution")


def most_at_once(executions):
    """How many of these executions, as a list tells of them, were under way at the same time."""
    begins = [(execution["startDate"], 1) for execution in executions]
    ends = [(execution["stopDate"], -1) for execution in executions]
    return max(accumulate(change for _, change in sorted(begins + ends)))


def output(execution):
    assert execution["status"] == "SUCCEEDED", execution
    return json.loads(execution["output"])


def task(function_arn, payload, **more):
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": function_arn, "Payload": payload},
        "End": True,
    } | more


def calling(integration, arguments, **more):
    """A task that calls another service."""
    return {"Type": "Task", "Resource": f"arn:aws:states:::{integration}", "Arguments": arguments, "End": True} | more


def passing(value, **more):
    return {"Type": "Pass", "Output": value, "End": True} | more


def then(name, state):
    """The state, going on to the one named."""
    return {key: value for key, value in state.items() if key != "End"} | {"Next": name}
