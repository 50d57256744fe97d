"""A call of the cutover that comes after the cutover was undone: one whose answer was lost, or whose execution was stopped."""

import json

from demo.executions import Execution
from demo.footprint import footprint

from .runs import approve, writing
from .sources import LIMIT_SECONDS, make_request, make_source, secret_name

NAME = "late-call"


def undo_cutover(cloud, execution: Execution) -> dict:
    """What `CancelCutover` calls, with the plan that the execution has."""
    functions = cloud.client("lambda").list_functions(MaxItems=100)["Functions"]
    name = next(each["FunctionName"] for each in functions if "cutover" in each["FunctionName"].lower())
    answer = cloud.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"action": "undo", "plan": execution.plan}))
    return json.loads(answer["Payload"].read())


def test_a_cutover_that_comes_after_its_undo_fences_nothing(cloud, key_arn):
    source = make_source(cloud, NAME, 17)
    before = footprint(cloud, source, ["app"])
    with writing(cloud, NAME) as application:
        execution = Execution(cloud, f"move-{NAME}", make_request(NAME, cutover={"secrets": [secret_name(NAME)]}))
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        assert undo_cutover(cloud, execution) == {"fenced": False}
        approve(cloud, NAME, execution.name)
        described = execution.wait(LIMIT_SECONDS)
        assert described["status"] == "FAILED" and "marks" in described["cause"], described
        assert not application.has_moved
        application.stop()
    assert footprint(cloud, source, ["app"]) == before
