"""EventBridge: state machines, functions and topics as targets, and the events that Step Functions sends.

moto knows none of them, nor the metrics of rules. What a target does not take goes to its dead-letter queue, and an event is what AWS makes of it
(user guide, "Events in Amazon EventBridge", "Using dead-letter queues to process undelivered events", "Calculating
PutEvents event entry size"). In one thing this is more lenient than AWS, so that a test can stand in for AWS Config:
an event from `aws.config` may come from anyone.
"""

import contextlib
import copy
import functools
import json

from moto.awslambda.models import lambda_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.core.utils import iso_8601_datetime_without_milliseconds, utcfromtimestamp
from moto.events.exceptions import ValidationException
from moto.events.models import EventsBackend, Rule, events_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser import models
from moto.stepfunctions.parser.backend.execution import Execution

ENTRY_BYTES = 256 * 1024
# The longest input that an event has.
INPUT_BYTES = 248 * 1024
# How EventBridge names what Step Functions refused; anything else is an error of the target.
REFUSALS = {"StateMachineDoesNotExist": "NO_RESOURCE", "ExecutionAlreadyExists": "RESOURCE_ALREADY_EXISTS"}


def install() -> None:
    _send_to_targets()
    _refuse_large_entries()


def report_end(execution: Execution) -> None:
    """The event of the developer guide, "Automating Step Functions event delivery with EventBridge"."""
    text = json.dumps(execution.input_data)
    is_included = len(text.encode()) <= INPUT_BYTES
    detail = {
        "executionArn": execution.exec_arn,
        "stateMachineArn": execution.state_machine.arn,
        "name": execution.name,
        "status": execution.exec_status,
        "startDate": int(execution.start_date.timestamp() * 1000),
        "stopDate": int(execution.stop_date.timestamp() * 1000),
        "input": text if is_included else None,
        "inputDetails": {"included": is_included},
        "output": None,
        "error": execution.error,
        "cause": execution.cause,
    }
    event = {
        "Source": "aws.states", "DetailType": "Step Functions Execution Status Change", "Detail": json.dumps(detail),
        "Resources": [execution.exec_arn],
    }  # fmt: skip
    events_backends[execution.account_id][execution.region_name].put_events([event])


def _send_to_targets() -> None:
    send = Rule.send_to_targets

    def send_to_targets(self: Rule, event: dict, transform_input: bool = True) -> None:
        if self.state != "ENABLED" or not self.event_pattern.matches_event(event):
            return
        _count(self, "TriggeredRules")
        for target in self.targets:
            if deliver := _DELIVERIES.get(_service(target)):
                deliver(self, target, event)
        # The rest is moto's.
        for target in self.targets:
            if _service(target) in _DELIVERIES:
                continue
            rest = copy.copy(self)
            rest.targets = [target]
            # A target that is gone loses its own events, and nobody else's; who sends them does not hear of it.
            with contextlib.suppress(Exception):
                send(rest, event, transform_input)

    Rule.send_to_targets = send_to_targets


def _service(target: dict) -> str:
    return target["Arn"].split(":")[2]


def _count(rule: Rule, metric: str) -> None:
    counted = {"MetricName": metric, "Dimensions": [{"Name": "RuleName", "Value": rule.name}], "Unit": "Count", "Value": 1}
    cloudwatch_backends[rule.account_id][rule.region_name].put_metric_data("AWS/Events", [counted])


def _publish(rule: Rule, target: dict, event: dict) -> None:
    sns_backends[rule.account_id][rule.region_name].publish(_text(target, event), arn=target["Arn"])


def _text(target: dict, event: dict) -> str:
    """The event as it is, or the target's line of text: in quotes, which no value may end (user guide, "Input transformation")."""
    transformer = target.get("InputTransformer")
    if not transformer:
        return json.dumps(_as_sent(event), ensure_ascii=False)
    text = transformer["InputTemplate"]
    for name, path in transformer["InputPathsMap"].items():
        value = functools.reduce(lambda part, member: part[member], path.removeprefix("$.").split("."), event)
        text = text.replace(f"<{name}>", value)
    return json.loads(text)


def _as_sent(event: dict) -> dict:
    """moto's event has its time as a number, and a member of moto's own."""
    time = iso_8601_datetime_without_milliseconds(utcfromtimestamp(float(event["time"])))
    return {name: value for name, value in event.items() if name != "ingestion-time"} | {"time": time}


def _invoke(rule: Rule, target: dict, event: dict) -> None:
    """Nobody waits for the answer."""
    function = lambda_backends[rule.account_id][rule.region_name].get_function(target["Arn"])
    function.invoke(json.dumps(_as_sent(event), ensure_ascii=False), {"X-Amz-Invocation-Type": "Event"}, {})


def _start(rule: Rule, target: dict, event: dict) -> None:
    """What is refused would be refused again: EventBridge retries none of these."""
    text = json.dumps(_as_sent(event), ensure_ascii=False)
    backend = models.stepfunctions_parser_backends[rule.account_id][rule.region_name]
    try:
        backend.start_execution(target["Arn"], execution_input=text)
    except Exception as error:
        _count(rule, "FailedInvocations")
        if dead_letters := target.get("DeadLetterConfig", {}).get("Arn"):
            name = getattr(error, "TYPE", None) or type(error).__name__
            attributes = {
                "RULE_ARN": rule.arn,
                "TARGET_ARN": target["Arn"],
                "ERROR_CODE": REFUSALS.get(name, "ERROR_FROM_TARGET"),
                "ERROR_MESSAGE": str(getattr(error, "message", error)),
            }
            sqs_backends[rule.account_id][rule.region_name].send_message(
                dead_letters.split(":")[-1], text,
                message_attributes={
                    attribute: {"DataType": "String", "StringValue": value} for attribute, value in attributes.items()
                },
            )  # fmt: skip


_DELIVERIES = {"states": _start, "lambda": _invoke, "sns": _publish}


def _refuse_large_entries() -> None:
    put = EventsBackend.put_events

    def put_events(self: EventsBackend, events: list[dict]) -> list[dict]:
        if sum(map(_size, events)) > ENTRY_BYTES:
            raise ValidationException("Total size of the entries in the request is over the limit.")
        return put(self, events)

    EventsBackend.put_events = put_events


def _size(entry: dict) -> int:
    texts = [entry.get("Source"), entry.get("DetailType"), entry.get("Detail"), *entry.get("Resources", [])]
    return sum(len(text.encode()) for text in texts if text) + (14 if "Time" in entry else 0)
