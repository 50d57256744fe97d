"""State machines of the tests, in JSONata: how one is written, and what became of it."""

import json

from conftest import wait_until

AWKWARD = 'a "quote", a \\ backslash,\na new line, ${no} {% placeholder %} and é €'
ENDED = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def ended(client, execution_arn):
    def description():
        found = client.describe_execution(executionArn=execution_arn)
        return found if found["status"] in ENDED else None

    return wait_until(description, "end of the execution")


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
