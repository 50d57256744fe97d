"""Distributed Map on the cloud: children that are executions of their own."""

import json

import pytest
from machines import AWKWARD, ended, most_at_once, output, passing, task, then

from local_cloud.testing import wait_until


def distributed(states, **members):
    """A Map state over the input's items."""
    return {
        "Type": "Map", "End": True, "Items": "{% $states.input.items %}", "Label": "Each",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": next(iter(states)),
            "States": states,
        },
    } | members  # fmt: skip


def test_a_child_gets_what_the_selector_makes_and_results_keep_the_order(run):
    states = {
        "Wait": {"Type": "Wait", "Seconds": "{% $states.input.last ? 0 : 1 %}", "Next": "Give"},
        "Give": passing("{% $states.input.text & $string($states.input.index) & $states.input.outer %}"),
    }
    selector = {
        "text": "{% $states.context.Map.Item.Value %}",
        "index": "{% $states.context.Map.Item.Index %}",
        "last": "{% $states.context.Map.Item.Index = $count($states.input.items) - 1 %}",
        "outer": "{% $outer %}",
    }
    execution = run(
        {"items": [AWKWARD, "b", "c"]},
        Set=then("Each", passing("{% $states.input %}", Assign={"outer": "x", "most": 10})),
        Each=then("Show", distributed(
            states, ItemSelector=selector, MaxConcurrency="{% $most %}", Assign={"kept": "{% $states.result %}"},
            Output="{% $states.result[1] %}",
        )),
        Show=passing("{% $append($kept, $states.input) %}"),
    )  # fmt: skip
    assert output(execution) == [AWKWARD + "0x", "b1x", "c2x", "b1x"]


def test_a_child_is_an_execution_of_its_own(cloud, run):
    about = "{'machine': $states.context.StateMachine, 'map': $exists($states.context.Map)}"
    context = f"{{% $merge([$states.context.Execution, {about}]) %}}"
    execution = run({"items": ["a"]}, Each=distributed({"Give": passing(context)}))
    (child,) = output(execution)
    assert child["Id"].split(":")[5:] == ["execution", child["machine"]["Name"], child["Name"]]
    assert child["machine"]["Id"] == execution["stateMachineArn"] + "/Each"
    assert (child["Input"], child["map"]) == ("a", False)
    client = cloud.client("stepfunctions")
    described = client.describe_execution(executionArn=child["Id"])
    assert (described["status"], json.loads(described["input"])) == ("SUCCEEDED", "a")
    events = client.get_execution_history(executionArn=child["Id"])["events"]
    assert events[-1]["type"] == "ExecutionSucceeded"
    (listed,) = client.list_executions(stateMachineArn=execution["stateMachineArn"])["executions"]
    assert listed["executionArn"] == execution["executionArn"]
    (map_run,) = client.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]
    counts = client.describe_map_run(mapRunArn=map_run["mapRunArn"])["itemCounts"]
    assert (counts["total"], counts["succeeded"], counts["running"], counts["pending"]) == (1, 1, 0, 0)
    (of_the_map,) = client.list_executions(mapRunArn=map_run["mapRunArn"])["executions"]
    assert (of_the_map["executionArn"], of_the_map["status"]) == (child["Id"], "SUCCEEDED")
    assert client.list_executions(mapRunArn=map_run["mapRunArn"], statusFilter="RUNNING")["executions"] == []


def test_a_child_does_not_see_its_parents_variables(run):
    execution = run(
        {"items": [1]},
        Set=then("Each", passing("{% $states.input %}", Assign={"outer": "x"})),
        Each=distributed({"Give": passing("{% $exists($outer) ? 'seen' : 'unseen' %}", Assign={"inner": "its own"})}),
    )
    assert output(execution) == ["unseen"]


def test_children_choose_assign_retry_and_catch(run, function_arn, tmp_path):
    states = {
        "Choose": {
            "Type": "Choice", "Default": "Call",
            "Choices": [{"Condition": "{% $states.input = 'skip' %}", "Next": "Skip", "Assign": {"why": "skipped"}}],
        },
        "Skip": passing("{% $why %}"),
        "Call": task(
            function_arn, {"touch": str(tmp_path / "calls"), "fail": "LockTimeout", "message": "{% $states.input %}"},
            Retry=[{"ErrorEquals": ["LockTimeout"], "IntervalSeconds": 1, "MaxAttempts": 1}],
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught", "Assign": {"error": "{% $states.errorOutput %}"}}],
        ),
        "Caught": passing("{% $error.Error & ' ' & $parse($error.Cause).errorMessage %}"),
    }  # fmt: skip
    execution = run({"items": ["skip", AWKWARD]}, Each=distributed(states))
    assert output(execution) == ["skipped", "LockTimeout " + AWKWARD]
    assert (tmp_path / "calls").read_text() == "xx"


def test_nothing_to_do_is_success(run):
    assert output(run({"items": []}, Each=distributed({"Give": passing(1)}))) == []


FAILING = {
    "Choose": {
        "Type": "Choice", "Default": "Wait",
        "Choices": [{"Condition": "{% $states.input = 'bad' %}", "Next": "Fail"}],
    },
    "Fail": {"Type": "Fail", "Error": "Bad", "Cause": "because"},
    "Wait": {"Type": "Wait", "Seconds": 1, "Next": "Give"},
    "Give": passing("{% $states.input %}"),
}  # fmt: skip


def test_a_child_that_fails_fails_the_map_and_stops_the_others(cloud, run):
    failing = FAILING | {"Wait": {"Type": "Wait", "Seconds": 600, "Next": "Give"}}
    execution = run({"items": ["good", "bad"]}, Each=distributed(failing))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    assert execution["cause"] == "The specified tolerated failure threshold was exceeded"
    counts = only_map_run(cloud, execution)["executionCounts"]
    assert (counts["failed"], counts["aborted"], counts["running"]) == (1, 1, 0)


def test_the_maps_failure_can_be_caught(run):
    catch = [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Caught"}]
    execution = run({"items": ["bad"]}, Each=distributed(FAILING, Catch=catch), Caught=passing("{% $states.input.Error %}"))
    assert output(execution) == "States.ExceedToleratedFailureThreshold"


def test_failures_may_be_tolerated_by_count_and_by_percentage(run):
    bad = {"Status": "FAILED", "Error": "Bad", "Cause": "because"}
    for tolerated in ({"ToleratedFailureCount": 1}, {"ToleratedFailurePercentage": 100}):
        execution = run({"items": ["bad", "good"]}, Each=distributed(FAILING, **tolerated))
        assert output(execution) == [bad, "good"]
    execution = run({"items": ["bad", "bad", "good"]}, Each=distributed(FAILING, ToleratedFailurePercentage=50))
    assert execution["status"] == "FAILED"


def children(client, execution):
    (map_run,) = client.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]
    pages = client.get_paginator("list_executions").paginate(mapRunArn=map_run["mapRunArn"])
    return [child for page in pages for child in page["executions"]]


@pytest.mark.parametrize("allowed, items", [(2, 6), (100, 200)])
def test_as_many_children_run_side_by_side_as_the_map_allows(cloud, run, allowed, items):
    states = {"Wait": {"Type": "Wait", "Seconds": 1, "Next": "Give"}, "Give": passing("{% $states.input %}")}
    execution = run({"items": list(range(items))}, Each=distributed(states, MaxConcurrency=allowed))
    assert output(execution) == list(range(items))
    assert most_at_once(children(cloud.client("stepfunctions"), execution)) == allowed


def test_stopping_the_parent_stops_the_children(cloud, machine):
    client = cloud.client("stepfunctions")
    arn = machine(Each=distributed({"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}))
    execution = client.start_execution(stateMachineArn=arn, input=json.dumps({"items": [1, 2]}))["executionArn"]

    def both_run():
        runs = client.list_map_runs(executionArn=execution)["mapRuns"]
        return runs and client.describe_map_run(mapRunArn=runs[0]["mapRunArn"])["executionCounts"]["running"] == 2

    wait_until(both_run, "two children that run")
    client.stop_execution(executionArn=execution)
    description = ended(client, execution)
    assert description["status"] == "ABORTED"

    def counts():
        found = only_map_run(cloud, description)
        return found if found["status"] == "ABORTED" else None

    assert wait_until(counts, "end of the map run")["executionCounts"]["aborted"] == 2


def only_map_run(cloud, execution):
    client = cloud.client("stepfunctions")
    (map_run,) = client.list_map_runs(executionArn=execution["executionArn"])["mapRuns"]
    return client.describe_map_run(mapRunArn=map_run["mapRunArn"])


def test_a_selector_that_goes_wrong_fails_the_map(cloud, run):
    selector = {"name": "{% $states.context.Map.Item.Value.name %}"}
    states = {"Wait": {"Type": "Wait", "Seconds": 600, "End": True}}
    execution = run({"items": [{"name": "a"}, {}]}, Each=distributed(states, ItemSelector=selector))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.QueryEvaluationError")
    assert only_map_run(cloud, execution)["executionCounts"]["aborted"] == 1


def test_a_child_waits_for_its_task_token(cloud, machine, function_arn):
    client = cloud.client("stepfunctions")
    ask = task(
        function_arn, {"wish": "token", "answer": "{% $states.context.Task.Token %}"},
        Resource="arn:aws:states:::lambda:invoke.waitForTaskToken", TimeoutSeconds=20,
    )  # fmt: skip
    arn = machine(Each=distributed({"Ask": ask}))
    execution = client.start_execution(stateMachineArn=arn, input=json.dumps({"items": [1]}))["executionArn"]

    def token():
        events = cloud.client("logs").filter_log_events(logGroupName="/aws/lambda/step")["events"]
        asked = [json.loads(event["message"].removeprefix("event ")) for event in events if "wish" in event["message"]]
        return [event["answer"] for event in asked]

    client.send_task_success(taskToken=wait_until(token, "task token")[0], output='{"approved": true}')
    assert output(ended(client, execution)) == [{"approved": True}]
