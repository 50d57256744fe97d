"""Step Functions on the cloud: state machines run as AWS's documentation says, and promptly."""

import json
import time

import pytest
from machines import AWKWARD, ended, most_at_once, output, passing, task, then

from local_cloud.testing import wait_until


def test_a_function_gets_the_payload_and_its_answer_is_assigned_and_put_out(run, function_arn):
    execution = run(
        {"text": AWKWARD, "none": None, "list": [1]},
        Call=then("Show", task(
            function_arn, {"answer": "{% $states.input %}"},
            Assign={"kept": "{% $states.result.Payload.text %}"}, Output="{% $states.result.Payload %}",
        )),
        Show=passing({"kept": "{% $kept %}", "input": "{% $states.input %}"}),
    )  # fmt: skip
    assert output(execution) == {"kept": AWKWARD, "input": {"text": AWKWARD, "none": None, "list": [1]}}


def test_a_caught_error_has_the_functions_own_name_and_text(run, function_arn):
    execution = run(
        Call=task(
            function_arn, {"fail": "SlotLost", "message": AWKWARD},
            Catch=[
                {"ErrorEquals": ["Other"], "Next": "Wrong"},
                {"ErrorEquals": ["SlotLost"], "Next": "Give", "Assign": {"error": "{% $states.errorOutput %}"}},
            ],
        ),
        Wrong={"Type": "Fail"},
        Give={"Type": "Fail", "Error": "{% $error.Error %}", "Cause": "{% $parse($error.Cause).errorMessage %}"},
    )  # fmt: skip
    assert (execution["status"], execution["error"], execution["cause"]) == ("FAILED", "SlotLost", AWKWARD)


def test_an_uncaught_error_ends_the_execution_with_the_functions_json(run, function_arn):
    execution = run(Call=task(function_arn, {"fail": "SlotLost", "message": AWKWARD}))
    assert (execution["status"], execution["error"]) == ("FAILED", "SlotLost")
    cause = {"errorType": "SlotLost", "errorMessage": AWKWARD}
    assert execution["cause"] == json.dumps(cause, separators=(",", ":"), ensure_ascii=False)


def test_a_task_over_its_time_is_states_timeout_and_may_be_passed_on(run, function_arn):
    execution = run(
        Call=task(
            function_arn, {"seconds": 3}, TimeoutSeconds=1,
            Catch=[{"ErrorEquals": ["States.Timeout"], "Next": "Give", "Output": "{% $states.errorOutput.Error %}"}],
        ),
        Give={"Type": "Fail", "Error": "{% $states.input %}", "Cause": "late"},
    )  # fmt: skip
    assert (execution["status"], execution["error"], execution["cause"]) == ("FAILED", "States.Timeout", "late")


@pytest.mark.parametrize("wrong", ["$nothing.there", "$parse('{')", "1 + 'a'", "$error('no')"])
def test_a_wrong_expression_is_a_query_evaluation_error(run, wrong):
    execution = run(Show=passing(f"{{% {wrong} %}}"))
    assert (execution["status"], execution["error"]) == ("FAILED", "States.QueryEvaluationError")


def test_a_retry_waits_longer_each_time_and_then_the_catch_has_its_turn(run, function_arn, tmp_path):
    execution = run(
        Call=task(
            function_arn, {"touch": str(tmp_path / "runs"), "fail": "LockTimeout"},
            Retry=[
                # Without the most that a delay may be, the second would outlast what a test waits for.
                {"ErrorEquals": ["LockTimeout"], "IntervalSeconds": 1, "BackoffRate": 100000, "MaxDelaySeconds": 2,
                 "MaxAttempts": 2, "JitterStrategy": "FULL"},
            ],
            Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Caught"}],
        ),
        Caught=passing("{% $states.input.Error %}"),
    )  # fmt: skip
    assert output(execution) == "LockTimeout"
    assert (tmp_path / "runs").read_text() == "xxx"


def test_assign_and_output_see_the_variables_as_they_were(run):
    execution = run(
        Set=then("Add", passing("", Assign={"count": 1})),
        Add=then("Show", passing("{% $count %}", Assign={"count": "{% $count + 1 %}", "before": "{% $count %}"})),
        Show=passing({"output": "{% $states.input %}", "count": "{% $count %}", "before": "{% $before %}"}),
    )
    assert output(execution) == {"output": 1, "count": 2, "before": 1}


@pytest.mark.parametrize("given, taken", [(1, "low"), (10, "high"), ("'", "else")])
def test_a_choice_takes_the_first_rule_that_holds(run, given, taken):
    states = {
        "Choose": {
            "Type": "Choice",
            "Choices": [
                {"Condition": '{% $states.input.lag = "\'" %}', "Next": "Else"},
                {"Condition": "{% $states.input.lag < 10 and $exists($states.input.ready) %}", "Next": "Low"},
                {"Condition": "{% $states.input.lag >= 10 %}", "Next": "High", "Assign": {"high": True}},
            ],
            "Default": "Else",
        },
        "Low": passing("low"),
        "High": passing("{% $high ? 'high' : 'odd' %}"),
        "Else": passing("else"),
    }
    assert output(run({"lag": given, "ready": False}, **states)) == taken


@pytest.mark.parametrize(
    "expression, value",
    [
        ("$count([1, 2, 3])", 3),
        ("$min([20, 10 / 2])", 5),
        ("$merge([{'a': 1}, {'b': null}])", {"a": 1, "b": None}),
        ("$states.input.a.b ? 'yes' : $exists($states.input.none) ? 'null' : 'no'", "null"),
        ("$string({'a': 'é'})", '{"a":"é"}'),
        ('$parse(\'{"a": [1, null, "x"]}\')', {"a": [1, None, "x"]}),
        ("$hash('a', 'SHA-256')", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
        ("$partition([1, 2, 3], 2)", [[1, 2], [3]]),
        ("$range(1, 5, 2)", [1, 3, 5]),
        ("$length($uuid())", 36),
        ("$length($now()) > 20 and $toMillis($now()) > 0", True),
        ("$toMillis($states.context.Execution.StartTime) > 0", True),
        ("$toMillis($states.context.State.EnteredTime) > 0", True),
        ("$contains($states.context.Execution.Id, $states.context.Execution.Name)", True),
        ("$map([1, 2], function($v) { $v * 2 })", [2, 4]),
        ("($a := 'x'; $a & '\"' & $states.input.text)", 'x"' + AWKWARD),
        ("$states.input.list[]", [1]),
        ("$states.input.text ~> $uppercase()", AWKWARD.upper()),
        ("$type($states.input.none)", "null"),
        ("$lookup($states.input, 'list')[0]", 1),
        ("$states.input.rows.(name & '=' & $string(count))", ["a=1", "b=2"]),
        ("$join($states.input.rows.name, ', ')", "a, b"),
        ("$sum($states.input.rows.count)", 3),
        ("$states.input.rows[count > 1].name", "b"),
        ("$append([], $states.input.rows[name = 'none'])", []),
        ("$floor(7 / 2)", 3),
        ("$split('a:b', ':')[-1]", "b"),
    ],
)
def test_jsonata(run, expression, value):
    given = {"text": AWKWARD, "none": None, "list": [1], "rows": [{"name": "a", "count": 1}, {"name": "b", "count": 2}]}
    assert output(run(given, Show=passing(f"{{% {expression} %}}"))) == value


def test_a_wait_takes_its_seconds_from_an_expression(run):
    began = time.monotonic()
    run({"seconds": 1}, Wait={"Type": "Wait", "Seconds": "{% $states.input.seconds %}", "End": True})
    assert time.monotonic() - began >= 1


def test_sdk_integrations_spell_members_as_step_functions_does(run):
    resource = "arn:aws:states:::aws-sdk:rds:describeDBSubnetGroups"
    execution = run(Describe={"Type": "Task", "Resource": resource, "Arguments": {}, "End": True})
    assert list(output(execution)) == ["DbSubnetGroups"]


def test_sdk_errors_are_named_after_the_java_sdk(run):
    execution = run(
        Describe={
            "Type": "Task", "End": True, "Resource": "arn:aws:states:::aws-sdk:rds:describeDBInstances",
            "Arguments": {"DbInstanceIdentifier": "none"},
        }
    )  # fmt: skip
    assert execution["error"] == "Rds.DbInstanceNotFoundException"


def test_times_in_a_result_are_text(run, cloud):
    secret = cloud.client("secretsmanager").create_secret(Name="dated", SecretString="{}")["ARN"]
    execution = run(
        Describe={
            "Type": "Task", "End": True, "Resource": "arn:aws:states:::aws-sdk:secretsmanager:describeSecret",
            "Arguments": {"SecretId": secret}, "Output": "{% $toMillis($states.result.CreatedDate) > 0 %}",
        }
    )  # fmt: skip
    assert output(execution) is True


def test_stopping_shows_at_once_and_the_next_state_is_never_entered(cloud, machine, function_arn):
    client = cloud.client("stepfunctions")
    arn = machine(
        Long=then("After", task(function_arn, {"seconds": 2})),
        After=passing("ran"),
    )
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]

    def history():
        return client.get_execution_history(executionArn=execution)["events"]

    def calls():
        return next(each["ran"] for each in cloud.api("GET", "lambdas")["functions"] if each["name"] == "step")

    before = calls()
    wait_until(lambda: history()[-1]["type"] == "TaskStarted", "the call")
    client.stop_execution(executionArn=execution, error="Operator", cause=AWKWARD)
    stopped = client.describe_execution(executionArn=execution)
    assert (stopped["status"], stopped["error"], stopped["cause"]) == ("ABORTED", "Operator", AWKWARD)

    ended_with = history()
    assert ended_with[-1]["executionAbortedEventDetails"] == {"error": "Operator", "cause": AWKWARD}
    wait_until(lambda: calls() > before, "the call's end")
    assert history() == ended_with and entered(ended_with) == ["Long"]
    assert client.describe_execution(executionArn=execution)["stopDate"] == stopped["stopDate"]


def entered(events):
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


def test_a_name_can_be_used_once_but_starting_a_running_execution_again_is_no_error(cloud, machine):
    client = cloud.client("stepfunctions")
    arn = machine(Wait={"Type": "Wait", "Seconds": 1, "End": True})
    start = {"stateMachineArn": arn, "name": "once", "input": '{"a": 1}'}
    first = client.start_execution(**start)["executionArn"]
    assert client.start_execution(**start)["executionArn"] == first
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(**start | {"input": '{"a": 2}'})
    ended(client, first)
    with pytest.raises(client.exceptions.ExecutionAlreadyExists):
        client.start_execution(**start)


def test_an_unsound_definition_is_refused_by_name(cloud, machine):
    with pytest.raises(cloud.client("stepfunctions").exceptions.InvalidDefinition, match="Secondz"):
        machine(Wait={"Type": "Wait", "Secondz": 1, "End": True})


def test_executions_without_names_run_side_by_side_and_are_listed(cloud, machine, function_arn):
    client = cloud.client("stepfunctions")
    arn = machine(Call=task(function_arn, {"seconds": 3}))
    started = {client.start_execution(stateMachineArn=arn)["executionArn"] for _ in range(3)}
    for execution in started:
        ended(client, execution)
    listed = client.list_executions(stateMachineArn=arn, statusFilter="SUCCEEDED")["executions"]
    assert {execution["executionArn"] for execution in listed} == started
    assert most_at_once(listed) == 3


def test_the_history_names_every_state_in_order_and_can_be_reversed(cloud, run):
    execution = run(
        First=then("Second", passing(1, Assign={"text": AWKWARD})),
        Second=passing("{% $text %}"),
    )
    client = cloud.client("stepfunctions")
    events = client.get_execution_history(executionArn=execution["executionArn"])["events"]
    assert entered(events) == ["First", "Second"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    last_first = client.get_execution_history(executionArn=execution["executionArn"], reverseOrder=True)["events"]
    assert last_first == events[::-1]
    paginator = client.get_paginator("get_execution_history")
    pages = list(paginator.paginate(executionArn=execution["executionArn"], reverseOrder=True, PaginationConfig={"PageSize": 3}))
    assert [page["events"] for page in pages] == [events[:-4:-1], events[-4:-7:-1], events[-7::-1]][: len(pages)]
    assert [event for page in pages for event in page["events"]] == events[::-1]
    assert abs(events[-1]["timestamp"].timestamp() - time.time()) < 60


def test_map_and_parallel_have_variables_of_their_own(run):
    execution = run(
        {"names": ["a", "b"]},
        Set=then("Each", passing("{% $states.input %}", Assign={"outer": "x"})),
        Each={
            "Type": "Map", "Items": "{% $states.input.names %}", "MaxConcurrency": 2, "Next": "Both",
            "ItemSelector": {"name": "{% $states.context.Map.Item.Value %}"},
            "ItemProcessor": {
                "StartAt": "Keep",
                "States": {
                    "Keep": then("Give", passing("", Assign={"inner": "{% $outer & $states.input.name %}"})),
                    "Give": passing("{% $inner %}"),
                },
            },
            "Assign": {"mapped": "{% $states.result %}"},
        },
        Both={
            "Type": "Parallel", "End": True,
            "Branches": [
                {"StartAt": "Left", "States": {"Left": passing("{% $mapped %}")}},
                {"StartAt": "Right", "States": {"Right": passing("{% $outer %}")}},
            ],
        },
    )  # fmt: skip
    assert output(execution) == [["xa", "xb"], "x"]


def test_a_task_token_lets_the_execution_go_on(cloud, machine, function_arn):
    client = cloud.client("stepfunctions")
    arn = machine(
        Ask=task(
            function_arn, {"answer": "{% $states.context.Task.Token %}"},
            Resource="arn:aws:states:::lambda:invoke.waitForTaskToken", TimeoutSeconds=20,
        )
    )  # fmt: skip
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]

    def token():
        events = client.get_execution_history(executionArn=execution)["events"]
        submitted = [event["taskSubmittedEventDetails"] for event in events if "taskSubmittedEventDetails" in event]
        return submitted and json.loads(submitted[0]["output"])["Payload"]

    client.send_task_success(taskToken=wait_until(token, "task token"), output='{"approved": true}')
    assert output(ended(client, execution)) == {"approved": True}


def test_an_execution_over_its_time_is_timed_out(cloud):
    client = cloud.client("stepfunctions")
    arn = client.create_state_machine(
        name="limited", roleArn=cloud.role_arn("states.amazonaws.com"),
        definition=json.dumps({
            "StartAt": "Wait", "TimeoutSeconds": 1, "States": {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}},
        }),
    )["stateMachineArn"]  # fmt: skip
    execution = ended(client, client.start_execution(stateMachineArn=arn)["executionArn"])
    assert execution["status"] == "TIMED_OUT"
    assert execution["stopDate"]


def test_a_wait_can_be_stopped(cloud, machine):
    client = cloud.client("stepfunctions")
    arn = machine(Wait={"Type": "Wait", "Seconds": 600, "End": True})
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]
    client.stop_execution(executionArn=execution)

    def last():
        return client.get_execution_history(executionArn=execution)["events"][-1]["type"] == "ExecutionAborted"

    wait_until(last, "ExecutionAborted")


def test_an_input_over_the_limit_is_refused(cloud, machine):
    client = cloud.client("stepfunctions")
    arn = machine(Give=passing(1))
    client.start_execution(stateMachineArn=arn, input=json.dumps("x" * (262_144 - 2)))
    with pytest.raises(client.exceptions.InvalidExecutionInput):
        client.start_execution(stateMachineArn=arn, input=json.dumps("x" * (262_144 - 1)))


@pytest.mark.parametrize("member", ["Output", "Assign"])
def test_an_output_or_a_variable_over_the_limit_fails_the_execution(run, member):
    doubled = "{% $join([$states.input.half, $states.input.half]) %}"
    state = passing(1) | {member: doubled if member == "Output" else {"kept": doubled}}
    execution = run({"half": "x" * 140_000}, Double=state)
    assert (execution["status"], execution["error"]) == ("FAILED", "States.DataLimitExceeded")
