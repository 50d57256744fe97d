"""Step Functions: what has to be put right in moto 5.2.5's interpreter before it runs a state machine as AWS does.

moto carries LocalStack's interpreter of the Amazon States Language, but with its JSONata engine taken out and with
service integrations that keep boto's spelling. Each seam below replaces the smallest piece that is wrong; the comment
above it says what happens without. `install` puts all of them in place, once, before the server starts.

AWS's behaviour is taken from the Step Functions developer guide: "Transforming data with JSONata", "Passing data
between states with variables", "Handling errors in Step Functions workflows", and its API reference.
"""

import base64
import datetime
import functools
import hashlib
import json
import threading
import time
import types
import uuid

import boto3
from botocore import xform_name
from botocore.session import get_session
from jsonata.functions import Functions
from jsonata.jexception import JException
from jsonata.jsonata import Jsonata
from jsonata.utils import Utils
from moto.core.config import default_user_config
from moto.core.responses import ActionResult
from moto.stepfunctions import models as stepfunctions_models
from moto.stepfunctions.parser import api, models, quotas
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string.string_expression import StringJSONata, StringVariableSample
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service,
    state_task_service_aws_sdk,
    state_task_service_sns,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.resource import ResourceCondition
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
    StateTaskServiceSfn,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.event.event_manager import EventManager
from moto.stepfunctions.parser.asl.eval.program_state import ProgramRunning, ProgramStopped
from moto.stepfunctions.parser.asl.eval.variable_store import VariableStore
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.asl.utils.encoding import _DateTimeEncoder
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.responses import StepFunctionResponse

from aws_rules import definition as aws_rules
from local_cloud import events, maps, states
from local_cloud.failures import evaluation_failed, failure

# Unless the caller asks for more or less.
EVENTS_ON_A_PAGE = 100
# Of an input, an output, a variable (developer guide, "Step Functions service quotas").
LARGEST_BYTES = 256 * 1024
# How late a nested execution is stopped at most after whoever waits for it.
LOOK_SECONDS = 0.2


def install() -> None:
    """Afterwards every state machine created in this process is executed, and by the rules of AWS."""
    default_user_config["stepfunctions"]["execute_state_machine"] = True
    _evaluate_jsonata()
    _spell_as_step_functions_does()
    _say_who_calls()
    _share_boto_clients()
    _execute_what_cloudformation_creates()
    _refuse_what_aws_refuses()
    _parse_a_definition_once()
    _name_every_execution()
    _stop_at_once()
    _tell_of_ends()
    _wait_for_nested_executions()
    _describe_in_full()
    _name_errors()
    _allow_any_error_in_a_fail_state()
    states.install()
    maps.install()
    events.install()


# --- JSONata ---------------------------------------------------------------------------------------------------------

# What AWS adds to JSONata's own functions; $parse stands in for $eval, which it leaves out.
_AWS_FUNCTIONS = {
    "hash": lambda text, algorithm: hashlib.new(algorithm.replace("-", ""), text.encode()).hexdigest(),
    "parse": lambda text: _to_jsonata(json.loads(text)),
    "partition": lambda items, size: [items[at : at + size] for at in range(0, len(items), size)],
    "range": lambda first, last, step: list(range(first, last + (1 if step > 0 else -1), step)),
    "uuid": lambda: str(uuid.uuid4()),
}


def _evaluate_jsonata() -> None:
    # moto leaves its engine None, and would hand it a program in which every variable is written out as source text,
    # strings without escaping: a quote in an error's Cause breaks the next state. Values are bound instead.
    def eval_jsonata(self: StringJSONata, env) -> None:
        env.stack.append(_evaluate(env, self.expression, {"states": env.states._states_data} | _variables(env)))

    def eval_variable(self: StringVariableSample, env) -> None:
        env.stack.append(_evaluate(env, self.expression, _variables(env)))

    StringJSONata._eval_body = eval_jsonata
    StringVariableSample._eval_body = eval_variable

    # The history shows assigned variables as JSON, where moto puts a string between quotes and leaves it at that.
    def get_assigned_variables(self: VariableStore) -> dict[str, str]:
        return {name: json.dumps(self.get(name)) for name in self._declaration_tracing}

    VariableStore.get_assigned_variables = get_assigned_variables

    # JSON in a string keeps its letters: the engine's $string writes \u00e9, as does moto with a function's error.
    class Encoder(Functions.Encoder):
        def __init__(self, **options) -> None:
            super().__init__(**options | {"ensure_ascii": False})

    Functions.Encoder = Encoder
    lambda_eval_utils.json = types.SimpleNamespace(**vars(json) | {"dumps": functools.partial(json.dumps, ensure_ascii=False)})


def _variables(env) -> dict:
    return env.variable_store._outer_scope | env.variable_store._inner_scope


def _compile(expression: str) -> Jsonata:
    # Anew for every evaluation: $now and functions that take functions look for the Jsonata made last in their thread.
    program = Jsonata(expression)
    program.output_convert_nulls = False
    for name, function in _AWS_FUNCTIONS.items():
        program.register_lambda(name, function)
    program.assign("eval", None)
    return program


def _evaluate(env, expression: str, variables: dict):
    """The value of a JSONata expression. What goes wrong, or is not there, is States.QueryEvaluationError."""
    try:
        bindings = {name: _to_jsonata(value) for name, value in variables.items() if f"${name}" in expression}
        value = _compile(expression).evaluate(None, bindings)
    except (JException, ValueError, TypeError) as error:
        raise evaluation_failed(env, f"The JSONata expression '{expression}' threw an error: {error}") from error
    if value is None:
        raise evaluation_failed(env, f"The JSONata expression '{expression}' returned nothing (undefined).")
    try:
        # Through JSON, since the engine answers with list types and functions of its own, and with 5.0 for 10 / 2.
        return json.loads(json.dumps(Utils.convert_nulls(value)), parse_float=_number)
    except TypeError as error:
        raise evaluation_failed(env, f"The JSONata expression '{expression}' returned no JSON value.") from error


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _to_jsonata(value):
    """JSON as the engine wants it: its own null, for Python's None means undefined to it; times as AWS writes them."""
    match value:
        case None:
            return Utils.NULL_VALUE
        case dict():
            return {key: _to_jsonata(member) for key, member in value.items()}
        case list():
            return [_to_jsonata(member) for member in value]
        case datetime.datetime():
            return _timestamp(value)
        case _:
            return value


def _timestamp(moment: datetime.datetime) -> str:
    return moment.astimezone(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


# --- Service integrations -------------------------------------------------------------------------------------------


def _spell_as_step_functions_does() -> None:
    # Integrations name members in their own case (`DbInstances`), and results are JSON: moto passes boto's spelling and
    # boto's datetime objects on, and the latter break DescribeExecution.
    def normalise_parameters(self, parameters, boto_service_name=None, service_action_name=None) -> None:
        self._to_boto_request(parameters, _operation(self, boto_service_name, service_action_name).input_shape)

    def normalise_response(self, response, boto_service_name=None, service_action_name=None) -> None:
        if shape := _operation(self, boto_service_name, service_action_name).output_shape:
            self._from_boto_response(response, shape)

    StateTaskService._normalise_parameters = normalise_parameters
    StateTaskService._normalise_response = normalise_response

    from_boto_response_value = StateTaskService._from_boto_response_value

    def timestamps_as_text(value):
        return _timestamp(value) if isinstance(value, datetime.datetime) else from_boto_response_value(value)

    StateTaskService._from_boto_response_value = staticmethod(timestamps_as_text)

    # Errors of SDK integrations are named after the Java SDK: `Rds.DbInstanceNotFoundException`. EC2's model has no errors.
    def normalise_exception_name(service: str, error: Exception) -> str:
        if service == "Ec2":
            return "Ec2.Ec2Exception"
        name = StateTaskService._to_sfn_cased(error.response["Error"]["Code"])
        return f"{service}.{name.removesuffix('Fault').removesuffix('Exception')}Exception"

    StateTaskServiceAwsSdk._normalise_exception_name = staticmethod(normalise_exception_name)
    state_task_service_aws_sdk._SERVICE_ERROR_NAMES |= {
        "rds": "Rds", "kms": "Kms", "lambda": "Lambda", "secretsmanager": "SecretsManager", "sns": "Sns", "s3": "S3",
        "ec2": "Ec2",
    }  # fmt: skip

    # A member that is text or bytes takes any JSON, written without spaces and in UTF-8. That a string for bytes keeps
    # its quotes is AWS's own way: `"Body": "text"` of s3:putObject stores "text" with them.
    for module in (state_task_service, state_task_service_sns, quotas):
        module.to_json_str = functools.partial(json.dumps, cls=_DateTimeEncoder, ensure_ascii=False, separators=(",", ":"))


def _operation(task: StateTaskService, boto_service_name: str | None, service_action_name: str | None):
    model = _service_model(task._get_boto_service_name(boto_service_name))
    action = task._get_boto_service_action(service_action_name)
    return model.operation_model(next(name for name in model.operation_names if xform_name(name) == action))


@functools.cache
def _service_model(boto_service_name: str):
    return get_session().get_service_model(boto_service_name)


def _say_who_calls() -> None:
    # Faults are meant for one state of one execution, which AWS would not tell a function.
    evaluate = StateTaskServiceLambda._eval_service_task

    def with_context(self, env, resource_runtime_part, normalised_parameters, state_credentials) -> None:
        execution = env.states.context_object.context_object_data["Execution"]["Name"]
        context = json.dumps({"execution": execution, "state": env.next_state_name})
        normalised_parameters["ClientContext"] = base64.b64encode(context.encode()).decode()
        evaluate(self, env, resource_runtime_part, normalised_parameters, state_credentials)

    StateTaskServiceLambda._eval_service_task = with_context


def _share_boto_clients() -> None:
    # moto makes a new boto client for every task, which costs more than the task. Making one is not safe in several
    # threads at a time, using one is.
    clients = {}
    making = threading.Lock()

    def client(service_name: str, region_name: str, **options):
        with making:
            if (service_name, region_name) not in clients:
                clients[service_name, region_name] = boto3.client(service_name, region_name, **options)
            return clients[service_name, region_name]

    boto_client.boto3 = types.SimpleNamespace(client=client)


# --- Executions -----------------------------------------------------------------------------------------------------


def _execute_what_cloudformation_creates() -> None:
    # moto's CloudFormation puts state machines into the backend that only pretends to run them, where the executing
    # one does not find them.
    stepfunctions_models.stepfunctions_backends = models.stepfunctions_parser_backends


def _refuse_what_aws_refuses() -> None:
    # moto takes every definition that its parser understands, whatever its variables, states and expressions are called.
    parsed = models.StepFunctionsParserBackend._validate_definition

    def validate(definition: str) -> None:
        parsed(definition=definition)
        if found := aws_rules.refused(definition):
            raise api.InvalidDefinition("; ".join(found))

    models.StepFunctionsParserBackend._validate_definition = staticmethod(validate)


def _parse_a_definition_once() -> None:
    # The parser takes a third of a second of CPU for the product's definition, and moto parses anew for every
    # execution. What it makes keeps nothing of an execution.
    parse = AmazonStateLanguageParser.parse

    @functools.cache
    def parse_once(definition: str):
        return parse(maps.with_parsable_percentage(definition))

    AmazonStateLanguageParser.parse = staticmethod(parse_once)


def _name_every_execution() -> None:
    # Without a name AWS makes one up; moto calls them all None, so that the second one is refused or is the first.
    # Nor is a name free for two who ask at the same time.
    start = models.StepFunctionsParserBackend.start_execution
    starting = threading.Lock()

    def start_execution(self, state_machine_arn, name=None, execution_input=None, *arguments, **more):
        if execution_input and len(execution_input.encode()) > LARGEST_BYTES:
            raise api.InvalidExecutionInput(f"The input is larger than {LARGEST_BYTES} bytes.")
        with starting:
            return start(self, state_machine_arn, name or str(uuid.uuid4()), execution_input, *arguments, **more)

    models.StepFunctionsParserBackend.start_execution = start_execution


def _stop_at_once() -> None:
    # moto drops error and cause of StopExecution, shows ABORTED, and ends the history, only when the current state is over
    # (a function may take minutes), and fails while the definition is still being parsed.
    def stop(self: Execution, stop_date, error, cause) -> None:
        while self.exec_status == api.ExecutionStatus.RUNNING and not _is_running(self):
            time.sleep(0.001)
        self.exec_worker.stop(stop_date=stop_date, error=error, cause=cause)
        if isinstance(self.exec_worker.env.program_state(), ProgramStopped) and self.stop_date is None:
            self.exec_status = api.ExecutionStatus.ABORTED
            self.stop_date, self.error, self.cause = stop_date, error, cause
            details = api.ExecutionAbortedEventDetails(error=error, cause=cause)
            env = self.exec_worker.env
            env.event_manager.add_event(
                context=env.event_history_context, event_type=api.HistoryEventType.ExecutionAborted,
                event_details=EventDetails(executionAbortedEventDetails=details),
            )  # fmt: skip

    add_event = EventManager.add_event

    def add_event_before_the_end(self: EventManager, *arguments, **more) -> int:
        last = self._history_event_list[-1] if self._history_event_list else {}
        return last["id"] if last.get("type") == api.HistoryEventType.ExecutionAborted else add_event(self, *arguments, **more)

    def stop_execution(self: StepFunctionResponse) -> ActionResult:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        now = datetime.datetime.now(tz=datetime.UTC)
        execution.stop(stop_date=now, error=self._get_param("error"), cause=self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date or now})

    reflect = BaseExecutionWorkerCommunication._reflect_execution_status

    def reflect_unless_stopped(self: BaseExecutionWorkerCommunication) -> None:
        if self.execution.exec_status != api.ExecutionStatus.ABORTED:
            reflect(self)

    Execution.stop = stop
    EventManager.add_event = add_event_before_the_end
    StepFunctionResponse.stop_execution = stop_execution
    BaseExecutionWorkerCommunication._reflect_execution_status = reflect_unless_stopped


def _tell_of_ends() -> None:
    # Step Functions tells EventBridge of every execution's end, which moto does not. Whoever waits for one here is told
    # too, so that a hundred who wait cost nothing.
    reflect, start, stop = BaseExecutionWorkerCommunication._reflect_execution_status, Execution.start, Execution.stop

    def start_untold(self: Execution) -> None:
        self.ended, self.telling = threading.Event(), threading.Lock()
        start(self)

    def tell_end(self: Execution) -> None:
        """Once: a client that had no answer in time stops an execution twice."""
        with self.telling:
            if self.ended.is_set():
                return
            self.ended.set()
        events.report_end(self)

    def reflect_and_tell(self: BaseExecutionWorkerCommunication) -> None:
        before = self.execution.exec_status
        reflect(self)
        if before == api.ExecutionStatus.RUNNING:
            self.execution.tell_end()

    def stop_and_tell(self: Execution, *arguments, **more) -> None:
        before = self.exec_status
        stop(self, *arguments, **more)
        if (before, self.exec_status) == (api.ExecutionStatus.RUNNING, api.ExecutionStatus.ABORTED):
            self.tell_end()

    BaseExecutionWorkerCommunication._reflect_execution_status = reflect_and_tell
    Execution.start, Execution.stop, Execution.tell_end = start_untold, stop_and_tell, tell_end


def _is_running(execution: Execution) -> bool:
    env = execution.exec_worker.env
    return env is not None and isinstance(env.program_state(), ProgramRunning)


def _wait_for_nested_executions() -> None:
    # moto asks for the nested execution's state twice a second, over HTTP; writes times as text where an integration
    # has milliseconds, and lets it run on when the state that waits for it is stopped or over its time, or was so before
    # the wait began. AWS stops it ("Run a Job (.sync)": it "will call the Step Functions StopExecution API action").
    follow_pattern = StateTaskServiceSfn._eval_integration_pattern

    def follow(self: StateTaskServiceSfn, env, **more) -> None:
        if self.resource.condition == ResourceCondition.WaitForTaskToken:
            return follow_pattern(self, env=env, **more)
        backend = models.stepfunctions_parser_backends[env.aws_execution_details.account][env.aws_execution_details.region]
        execution = backend.describe_execution(env.stack.pop()["ExecutionArn"])
        while env.is_running():
            if execution.ended.wait(LOOK_SECONDS):
                return env.stack.append(_result(self, env, execution))
        parent = env.states.context_object.context_object_data["Execution"]["Id"]
        execution.stop(
            stop_date=datetime.datetime.now(tz=datetime.UTC), error=None,
            cause=f"The Task state in AWS Step Functions execution [{parent}] which was managing this resource was aborted",
        )  # fmt: skip
        return env.stack.append(None)

    StateTaskServiceSfn._eval_integration_pattern = follow


def _result(task: StateTaskServiceSfn, env, execution: Execution) -> dict:
    """What the state gets of an execution that ended, in the spelling and order of AWS."""
    found = execution.to_describe_output()
    result = {name[0].upper() + name[1:]: value for name, value in sorted(found.items()) if value is not None}
    for details in result.keys() & {"InputDetails", "OutputDetails"}:
        result[details] = {"Included": True}
    for date in ("StartDate", "StopDate"):
        result[date] = int(result[date].timestamp() * 1000)
    if task.resource.condition == ResourceCondition.Sync2:
        result |= {name: json.loads(result[name]) for name in result.keys() & {"Input", "Output"}}
    if execution.exec_status == api.ExecutionStatus.SUCCEEDED:
        return result
    error = StatesErrorName(typ=StatesErrorNameType.StatesTaskFailed)
    details = api.TaskFailedEventDetails(
        error=error.error_name, cause=json.dumps(result, separators=(",", ":"), ensure_ascii=False),
        resource=task._get_sfn_resource(), resourceType=task._get_sfn_resource_type(),
    )  # fmt: skip
    raise failure(env, error, api.HistoryEventType.TaskFailed, taskFailedEventDetails=details)


def _describe_in_full() -> None:
    # DescribeExecution gives an output that is a string without its quotes, and no stopDate after a time-out; the
    # execution's own description has both right. GetExecutionHistory ignores reverseOrder and its pages, and copies the
    # whole history for each answer, at a speed that starves everything else here while somebody follows an execution.
    def describe_execution(self: StepFunctionResponse) -> ActionResult:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        description = execution.to_describe_output()
        return ActionResult({name: value for name, value in description.items() if value is not None})

    def get_execution_history(self: StepFunctionResponse) -> ActionResult:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        env = execution.exec_worker.env
        # The list only grows, and its events do not change any more.
        events = env.event_manager._history_event_list if env is not None else []
        # Pages are cut out of what there was when the first one was asked for.
        first, count = map(int, (self._get_param("nextToken") or f"0/{len(events)}").split("/"))
        last = first + (self._get_param("maxResults") or EVENTS_ON_A_PAGE)
        if self._get_param("reverseOrder"):
            page = events[max(count - last, 0) : max(count - first, 0)][::-1]
        else:
            page = events[first : min(last, count)]
        more = {"nextToken": f"{last}/{count}"} if last < count else {}
        return ActionResult({"events": page} | more)

    StepFunctionResponse.describe_execution = describe_execution
    StepFunctionResponse.get_execution_history = get_execution_history


def _name_errors() -> None:
    # The interpreter's own errors (InvalidDefinition, InvalidExecutionInput …) keep their name where moto, writing the
    # answer, does not look for it: clients saw an error without a name.
    for error in vars(api).values():
        if isinstance(error, type) and issubclass(error, api.ServiceException) and isinstance(error.code, str):
            error.TYPE = error.code


def _allow_any_error_in_a_fail_state() -> None:
    # A Fail state may pass on the name that was caught, States.Timeout among them; moto refuses names that begin so,
    # and the execution fails with States.Runtime instead.
    CustomErrorName.__init__ = ErrorName.__init__
