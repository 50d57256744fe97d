"""ministack's interpreter, in this process and without its server: it calls `_invoke_resource` for AWS, and its waits take no time.

Three of its rules are known to be other than Amazon's, and are mended here; `mended=False` leaves them. Sources: Step Functions
developer guide, "Succeed workflow state", "Passing data between states with variables" and "Choice workflow state".
"""

import contextlib
import json
import time
import types
from collections.abc import Iterator
from unittest import mock

from ministack.services import stepfunctions

from .answers import Answers, Refused
from .trace import Trace

READ = {"describeSecurityGroupRules": "rules", "describeSubnets": "subnets", "describeKey": "key"}
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:encrypt"


class Interpreter:
    def __init__(self, definition: str, mended: bool = True) -> None:
        self._machine = {"stateMachineArn": MACHINE, "name": "encrypt", "definition": definition, "roleArn": "role"}
        self._mends = MENDS if mended else {}

    def run(self, name: str, answers: Answers) -> Trace:
        arn = f"{MACHINE.replace('stateMachine', 'execution')}:{name}"
        execution = {
            "executionArn": arn, "stateMachineArn": MACHINE, "name": name, "status": "RUNNING", "startDate": "2026-11-29T00:00:00Z",
            "stopDate": None, "input": json.dumps(answers.input), "output": None, "events": [],
        }  # fmt: skip
        trace = Trace(asked=answers.asked)
        with _without_aws(answers, trace, self._mends):
            stepfunctions._state_machines[MACHINE], stepfunctions._executions[arn] = self._machine, execution
            stepfunctions._run_execution(arn)
        trace.states = [event["stateEnteredEventDetails"]["name"] for event in execution["events"] if "stateEnteredEventDetails" in event]
        trace.status, trace.error, trace.cause = execution["status"], execution.get("error", ""), execution.get("cause", "")
        trace.output = json.loads(execution["output"]) if trace.status == "SUCCEEDED" else None
        return trace


@contextlib.contextmanager
def _without_aws(answers: Answers, trace: Trace, mends: dict) -> Iterator[None]:
    def invoke(resource: str, arguments: dict, *_) -> dict:
        if resource.endswith("events:putEvents"):
            if not answers.put_events(arguments["Entries"]):
                raise stepfunctions._ExecutionError("EventBridge.FailedEntry", "later")
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
        if resource.endswith("states:startExecution"):
            try:
                return answers.start(arguments) | {"StartDate": "2026-11-29T00:00:00Z"}
            except Refused as refused:
                raise stepfunctions._ExecutionError(f"StepFunctions.{refused.error}Exception", refused.message) from None
        if what := READ.get(resource.split(":")[-1]):
            try:
                return answers.describe(what, arguments)
            except Refused as refused:
                service = resource.split(":")[-2].title()
                cause = f"{refused.message} (Service: {service}, Status Code: 403, Request ID: 1)"
                raise stepfunctions._ExecutionError(f"{service}.{service}Exception", cause) from None
        try:
            return {"StatusCode": 200, "Payload": answers.invoke(arguments["FunctionName"], arguments["Payload"])}
        except Refused as refused:
            payload = {"errorType": refused.error, "errorMessage": refused.message}
            cause = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
            raise stepfunctions._ExecutionError(refused.error, cause) from None

    wait_seconds = stepfunctions._jsonata_wait_seconds

    def waits(*arguments) -> float:
        trace.waits_seconds.append(wait_seconds(*arguments))
        return trace.waits_seconds[-1]

    patches = {
        "_invoke_resource": invoke, "_invoke_resource_with_timeout": invoke, "_jsonata_wait_seconds": waits,
        "_scaled_sleep": lambda seconds: None, "_emit_execution_status_event": lambda execution: None,
        "time": types.SimpleNamespace(sleep=lambda seconds: None, time=time.time),
    }  # fmt: skip
    with mock.patch.multiple(stepfunctions, **patches, **mends):
        yield


_output_path = stepfunctions._apply_output_path


def _put_out(state: dict, data: object, context: dict | None = None) -> object:
    """A Succeed state has an Output as well."""
    if state.get("Type") == "Succeed" and "Output" in state:
        return stepfunctions._apply_jsonata_output(state, data, context)
    return _output_path(state, data, context)


def _assign_together(state: dict, data: object, context: dict, result: object = None, error_output: object = None) -> None:
    """All of an Assign are evaluated before any is assigned."""
    values = {
        name: stepfunctions._apply_jsonata_template(template, data, context, result=result, error_output=error_output)
        for name, template in state.get("Assign", {}).items()
    }
    context["variables"].update(values)


def _is_true(rule: dict, data: object, context: dict) -> bool:
    """A Condition is true or false, and nothing else."""
    value = stepfunctions._evaluate_jsonata(rule["Condition"][2:-2].strip(), data, context)
    if not isinstance(value, bool):
        raise stepfunctions._ExecutionError("States.QueryEvaluationError", f"no boolean: {value!r}")
    return value


MENDS = {"_apply_output_path": _put_out, "_apply_state_assign": _assign_together, "_evaluate_jsonata_choice_rule": _is_true}
