"""startExecution.sync:2 on the cloud: what the waiting state gets, and what becomes of the nested execution."""

import json
import time

import pytest
from machines import AWKWARD, calling, ended, output, passing

from local_cloud.testing import wait_until


def start(machine_arn, given=None, **more):
    arguments = {"StateMachineArn": machine_arn, "Input": given or {}} | more.pop("arguments", {})
    return calling("states:startExecution.sync:2", arguments, **more)


WAIT = {"Type": "Wait", "Seconds": 600, "End": True}


def test_the_result_is_the_description_with_its_output_as_json(run, machine):
    nested = machine(Give=passing({"text": "{% $states.input.text %}"}))
    inner = {"text": "{% $states.input.text %}"}
    execution = run({"text": AWKWARD}, Start=start(nested, inner, arguments={"Name": "one"}))
    result = output(execution)
    assert result["Output"] == {"text": AWKWARD}
    assert result["Input"] == {"text": AWKWARD}
    assert (result["Name"], result["Status"], result["StateMachineArn"]) == ("one", "SUCCEEDED", nested)
    assert list(result) == sorted(result)
    assert abs(result["StopDate"] - time.time() * 1000) < 60_000


def test_its_failure_is_states_task_failed_with_the_description_as_cause(run, machine):
    nested = machine(Fail={"Type": "Fail", "Error": "SlotLost", "Cause": AWKWARD})
    caught = passing("{% $merge([{'error': $states.input.Error}, $parse($states.input.Cause)]) %}")
    execution = run(Start=start(nested, Catch=[{"ErrorEquals": ["States.TaskFailed"], "Next": "Caught"}]), Caught=caught)
    cause = output(execution)
    assert cause["error"] == "States.TaskFailed"
    assert (cause["Error"], cause["Cause"], cause["Status"]) == ("SlotLost", AWKWARD, "FAILED")


def test_one_that_is_stopped_is_a_failure_too(cloud, machine):
    client = cloud.client("stepfunctions")
    nested = machine(Wait=WAIT)
    outer = client.start_execution(stateMachineArn=machine(Start=start(nested, arguments={"Name": "stopped"})))
    client.stop_execution(executionArn=started(client, nested, "stopped"), error="Operator", cause="enough")
    execution = ended(client, outer["executionArn"])
    assert execution["error"] == "States.TaskFailed"
    cause = json.loads(execution["cause"])
    assert (cause["Status"], cause["Error"], cause["Cause"]) == ("ABORTED", "Operator", "enough")


def started(client, machine_arn, name):
    arn = f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}"

    def is_there():
        executions = client.list_executions(stateMachineArn=machine_arn)["executions"]
        return arn in [found["executionArn"] for found in executions]

    wait_until(is_there, f"execution {name}")
    return arn


def test_a_used_name_is_an_error_and_a_running_execution_with_the_same_input_is_joined(cloud, machine, run):
    client = cloud.client("stepfunctions")
    nested = machine(Wait={"Type": "Wait", "Seconds": 1, "Next": "Give"}, Give=passing("given"))
    catch = [{"ErrorEquals": ["StepFunctions.ExecutionAlreadyExistsException"], "Next": "Used"}]
    used = {"arguments": {"Name": "used"}, "Catch": catch}
    states = {"Used": passing("used")}
    first = client.start_execution(stateMachineArn=machine(Start=start(nested, {"a": 1}, **used), **states))
    started(client, nested, "used")
    assert output(run(Start=start(nested, {"a": 2}, **used), **states)) == "used"
    assert output(run(Start=start(nested, {"a": 1}, **used), **states))["Output"] == "given"
    assert output(ended(client, first["executionArn"]))["Output"] == "given"
    assert output(run(Start=start(nested, {"a": 1}, **used), **states)) == "used"


def test_an_unknown_state_machine_is_an_error_of_its_own(run, machine):
    execution = run(Start=start(machine(Give=passing(1)) + "-none"))
    assert execution["error"] == "StepFunctions.StateMachineDoesNotExistException"


@pytest.mark.parametrize("how", ["stopped", "over its time"])
def test_it_is_stopped_with_the_state_that_waits_for_it(cloud, machine, how):
    client = cloud.client("stepfunctions")
    nested = machine(Wait=WAIT)
    time_limit = {"TimeoutSeconds": 1} if how == "over its time" else {}
    outer = client.start_execution(stateMachineArn=machine(Start=start(nested, arguments={"Name": "n"}, **time_limit)))
    execution_arn = started(client, nested, "n")
    if how == "stopped":
        client.stop_execution(executionArn=outer["executionArn"])
    assert ended(client, execution_arn)["status"] == "ABORTED"
    assert outer["executionArn"] in ended(client, execution_arn)["cause"]
    execution = ended(client, outer["executionArn"])
    assert (execution["status"], execution.get("error")) in [("ABORTED", None), ("FAILED", "States.Timeout")]


def test_none_runs_on_whenever_the_state_that_starts_it_is_stopped(cloud, machine):
    client = cloud.client("stepfunctions")
    nested = machine(Wait=WAIT)
    outer = machine(Start=start(nested))
    for milliseconds in range(60):
        execution = client.start_execution(stateMachineArn=outer)
        time.sleep(milliseconds / 1000)
        client.stop_execution(executionArn=execution["executionArn"])

    def all_are_stopped():
        return not client.list_executions(stateMachineArn=nested, statusFilter="RUNNING")["executions"]

    wait_until(all_are_stopped, "end of the nested executions")


def test_a_hundred_wait_at_the_same_time_and_leave_the_processor_alone(cloud, machine):
    client = cloud.client("stepfunctions")
    nested = machine(Wait={"Type": "Wait", "Seconds": 8, "End": True})
    each = {
        "Type": "Map", "End": True, "Items": "{% [1..100] %}", "Label": "Each",
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Start", "States": {"Start": start(nested, Output="{% $states.result.Status %}")},
        },
    }  # fmt: skip
    execution = client.start_execution(stateMachineArn=machine(Each=each))["executionArn"]

    def all_run():
        return len(client.list_executions(stateMachineArn=nested, statusFilter="RUNNING")["executions"]) == 100

    wait_until(all_run, "a hundred nested executions")
    before = processor_seconds(cloud.process.pid)
    time.sleep(2)
    assert processor_seconds(cloud.process.pid) - before < 0.6
    assert output(ended(client, execution)) == ["SUCCEEDED"] * 100


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100
