"""What moto does over and over, done once; and, for a thousand executions in one process, what they leave behind kept small."""

import functools
import json
import re
import types
from xml.sax.saxutils import escape, quoteattr

from moto.awslambda.models import lambda_backends
from moto.core import responses, serialize
from moto.core.utils import get_value
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service
from moto.stepfunctions.parser.asl.eval import states
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from local_cloud import stepfunctions


def remember() -> None:
    """Nothing answers otherwise, only sooner."""
    # moto lists a class's methods for every request.
    responses.method_names_from_class = functools.cache(responses.method_names_from_class)
    # And works out, for every member of every answer, under which names an attribute could be looked for.
    serialize.ResponseSerializer.get_value = _pick
    serialize.QuerySerializer._serialize_body = lambda self, body: "".join(_xml(*member) for member in body.items())
    # Parses `$`, the default path of every task's result, with a parser that it makes each time.
    result_path.parse = functools.cache(result_path.parse)
    # Copies what came from JSON with a function that is made for anything.
    for module in (states, string_expression, state_task_service, result_path):
        module.copy = types.SimpleNamespace(deepcopy=_copy)


def _copy(value):
    if isinstance(value, dict):
        return {name: _copy(member) for name, member in value.items()}
    return [_copy(member) for member in value] if isinstance(value, list) else value


_names: dict[tuple, list[str]] = {}


def _pick(self: serialize.ResponseSerializer, value, key: str, shape):
    picker = self._value_picker
    if not isinstance(picker, serialize.AttributePicker) or any(end.endswith(key) for end in picker.response_transformers):
        return _get_value(self, value, key, shape)
    for name in _possible_names(self, picker, value, key, shape):
        found = get_value(value, name, serialize.MISSING)
        if found is not serialize.MISSING:
            return found
    return None


_get_value = serialize.ResponseSerializer.get_value


def _possible_names(serializer: serialize.ResponseSerializer, picker: serialize.AttributePicker, value, key, shape) -> list[str]:
    """They follow from the classes and the model alone."""
    parent = getattr(shape, "parent", None)
    service = serializer.operation_model.service_model
    known = (
        type(picker), type(value), key, shape.name, shape.serialization.get("name"), parent and parent.name, service.service_name
    )  # fmt: skip
    if known not in _names:
        context = serialize.AttributePickerContext(
            obj=value, key=key, shape=shape, operation_model=serializer.operation_model, service_model=service, key_path=""
        )
        _names[known] = list(picker.get_possible_keys(context))
    return _names[known]


def _xml(name: str, value) -> str:
    """As xmltodict writes it, which sends an event for every tag."""
    if isinstance(value, list):
        return "".join(_xml(name, member) for member in value)
    attributes = ""
    if isinstance(value, dict):
        attributes = "".join(f" {key[1:]}={quoteattr(str(member))}" for key, member in value.items() if key[0] == "@")
        text = "".join(_xml(key, member) for key, member in value.items() if key[0] != "@")
    else:
        text = "" if value is None else escape(str(value).lower() if isinstance(value, bool) else str(value))
    return f"<{name}{attributes}>{text}</{name}>" if text else f"<{name}{attributes}/>"


def look_up_operations_once() -> None:
    """The service model's name of an operation of Step Functions."""
    names: dict[tuple, object] = {}
    operation = stepfunctions._operation

    def known_operation(task, boto_service_name=None, service_action_name=None):
        key = task._get_boto_service_name(boto_service_name), task._get_boto_service_action(service_action_name)
        if key not in names:
            names[key] = operation(task, boto_service_name, service_action_name)
        return names[key]

    stepfunctions._operation = known_operation


# Not into the context, whose times are no text yet.
_PATH = re.compile(r"\$(?!states(?:\.context|$))(\w+(?:\.\w+)*)")


def follow_paths() -> None:
    """An expression that is nothing but a path through objects to an object, a text or a number is followed, and not
    compiled. What a path through arrays gives is JSONata's own."""
    evaluate = stepfunctions._evaluate

    def follow_or_evaluate(env, expression: str, variables: dict):
        if path := _PATH.fullmatch(expression):
            value = variables
            for name in path[1].split("."):
                value = value.get(name) if isinstance(value, dict) else None
            if isinstance(value, dict | str | int):
                return _copy(value)
        return evaluate(env, expression, variables)

    stepfunctions._evaluate = follow_or_evaluate


def invoke_at_once() -> None:
    """A state machine's call of a function goes to the function, and not through HTTP to this same process."""

    def invoke(parameters: dict, region: str, state_credentials) -> dict:
        arn = parameters["FunctionName"]
        function = lambda_backends[arn.split(":")[4]][region].get_function(arn)
        said: dict = {}
        answer = function.invoke(parameters["Payload"], {"X-Amz-Client-Context": parameters["ClientContext"]}, said)
        failed = {"FunctionError": said["X-Amz-Function-Error"]} if "X-Amz-Function-Error" in said else {}
        return {"ExecutedVersion": "$LATEST", "StatusCode": 200, "Payload": json.loads(answer)} | failed

    lambda_eval_utils._invoke_lambda_function = invoke


# Of a history.
EVENTS_KEPT = 40


def keep_little() -> None:
    """Of each history the latest states and failures stay, without inputs and outputs, and how many states were entered."""

    def publish(self: EventManager, event_type, event_details, **more) -> None:
        details = event_details or {}
        if entered := details.get("stateEnteredEventDetails"):
            self.transitions = transitions(self) + 1
            details = {"stateEnteredEventDetails": {"name": entered["name"]}}
        elif "taskFailedEventDetails" not in details and "executionFailedEventDetails" not in details:
            return
        events = self._history_event_list
        events.append(self._create_history_event(event_type=event_type, event_details=details, **more))
        if len(events) > 2 * EVENTS_KEPT:
            del events[:-EVENTS_KEPT]

    EventManager._publish_history_event = publish


def transitions(events: EventManager) -> int:
    """How many states an execution has entered, which is what Step Functions bills."""
    return getattr(events, "transitions", 0)


def executions() -> list[dict]:
    """Of each state machine, a Distributed Map's included: how many executions there were, and their transitions."""
    found: dict[str, dict] = {}
    for backend in [each for regions in stepfunctions_parser_backends.values() for each in regions.values()]:
        for execution in backend._get_executions():
            name = execution.state_machine.name
            counted = found.setdefault(name, {"state_machine": name, "executions": 0, "transitions": 0})
            counted["executions"] += 1
            if env := execution.exec_worker and execution.exec_worker.env:
                counted["transitions"] += transitions(env.event_manager)
    return list(found.values())
