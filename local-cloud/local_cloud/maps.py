"""Distributed Map: every item is an execution of its own, as on AWS.

moto runs the items in frames of the parent's execution instead: they see its variables and bear its name, their errors
get lost, and stopping the parent leaves them running. Here a child has its own ARN, history and variables, can be
described and stopped, and a map run ends as the developer guide says ("Using Map state in Distributed mode", "Setting
failure thresholds", "Passing data between states with variables": a Distributed Map's children see no outer scope).

What the guide leaves open is decided so that a state machine cannot count on it: a child's context has no `Map`, and a
failure that is tolerated stands in the results as an object with `Status`, `Error` and `Cause`.
"""

import datetime
import json
import queue
import re
import types
import uuid

from moto.core.responses import ActionResult
from moto.stepfunctions.parser import api, models
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.backend.execution import Execution
from moto.stepfunctions.parser.backend.execution_worker import ExecutionWorker
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

# AWS's own bound, where a state machine sets none.
MOST_AT_A_TIME = 10_000
# How late a map run notices at most that its parent was stopped.
LOOK_SECONDS = 0.2
STOPPED = "The Map Run which was managing this execution was stopped"
_PERCENTAGE = re.compile(r'("ToleratedFailurePercentage"\s*:\s*)(\d+)(?=\s*[,}])')

Children = dict[str, "Child"]


def install() -> None:
    DistributedIterationComponent._eval_body = _run
    _find_children()


def with_parsable_percentage(definition: str) -> str:
    """The parser takes a percentage only with a decimal point."""
    return _PERCENTAGE.sub(r"\1\2.0", definition)


class Child(Execution):
    """One item's execution."""

    def __init__(self, map_run: "MapRun", index: int, parent: dict, details, value) -> None:
        machine_arn, name = map_run.record.map_state_machine_arn, str(uuid.uuid4())
        machine_name = machine_arn.split(":stateMachine:")[1]
        super().__init__(
            name=name, sm_type=api.StateMachineType.STANDARD, role_arn=parent["RoleArn"],
            exec_arn=f"{machine_arn.replace(':stateMachine:', ':execution:')}:{name}",
            account_id=details.account, region_name=details.region,
            state_machine=types.SimpleNamespace(
                arn=machine_arn, name=machine_name, sm_type=api.StateMachineType.STANDARD, definition=None
            ),
            start_date=datetime.datetime.now(tz=datetime.UTC), cloud_watch_logging_session=None,
            activity_store={}, input_data=json.dumps(value),
        )  # fmt: skip
        self.index = index
        self.map_run = map_run

    def to_describe_output(self) -> dict:
        return super().to_describe_output() | {"mapRunArn": self.map_run.record.map_run_arn}

    def tell_end(self) -> None:
        super().tell_end()
        self.map_run.ended.put(self)

    def _get_start_execution_worker(self) -> ExecutionWorker:
        worker = super()._get_start_execution_worker()
        worker._get_evaluation_entrypoint = lambda: self.map_run.program
        return worker


class MapRun:
    """The children of one Map state while it runs."""

    def __init__(self, program, record, known: Children) -> None:
        self.program = program
        self.record = record
        self.ended: queue.Queue[Child] = queue.Queue()
        self._known = known
        self._running: dict[int, Child] = {}
        self._failures = 0

    def run(self, env, items: list, input_of) -> list | None:
        """The results in the order of the items; None if the parent was stopped meanwhile."""
        execution = env.states.context_object.context_object_data["Execution"]
        results = [None] * len(items)
        waiting = list(enumerate(items))[::-1]
        self._count("total", len(items))
        self._count("pending", len(items))
        while (waiting or self._running) and env.is_running():
            while waiting and len(self._running) < (self.record.max_concurrency or MOST_AT_A_TIME):
                index, item = waiting.pop()
                child = Child(self, index, execution, env.aws_execution_details, input_of(index, item))
                self._known[child.exec_arn] = self._running[index] = child
                self._count("pending", -1)
                self._count("running", 1)
                child.start()
            try:
                child = self.ended.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                continue
            results[child.index] = self._result(child)
            if self._exceeds(len(items)):
                self.stop()
                raise _threshold_exceeded(env)
        if env.is_running():
            return results
        return self.stop()

    def stop(self) -> None:
        now = datetime.datetime.now(tz=datetime.UTC)
        for child in list(self._running.values()):
            child.stop(stop_date=now, error=None, cause=STOPPED)
            self._result(child)

    def _result(self, child: Child):
        del self._running[child.index]
        self._count("running", -1)
        match child.exec_status:
            case api.ExecutionStatus.SUCCEEDED:
                self._count("succeeded", 1)
                return child.output
            case api.ExecutionStatus.ABORTED:
                self._count("aborted", 1)
            case api.ExecutionStatus.TIMED_OUT:
                self._count("timed_out", 1)
            case _:
                self._count("failed", 1)
        self._failures += 1
        return {"Status": child.exec_status.value, "Error": child.error, "Cause": child.cause}

    def _exceeds(self, total: int) -> bool:
        """A threshold of 0 is one that is not set, as AWS shows it in DescribeMapRun."""
        count, percentage = self.record.tolerated_failure_count, self.record.tolerated_failure_percentage
        if not count and not percentage:
            return self._failures > 0
        return (bool(count) and self._failures > count) or (bool(percentage) and self._failures * 100 > percentage * total)

    def _count(self, what: str, by: int) -> None:
        for counter in (self.record.item_counter, self.record.execution_counter):
            getattr(counter, what).offset(by)


def _run(self: DistributedIterationComponent, env) -> None:
    """Takes the place of the state's own evaluation of its items."""
    given = env.stack.pop()
    record = given.map_run_record

    def tell(event_type, **details) -> None:
        env.event_manager.add_event(context=env.event_history_context, event_type=event_type, event_details=EventDetails(**details))

    tell(api.HistoryEventType.MapRunStarted, mapRunStartedEventDetails={"mapRunArn": record.map_run_arn})
    if given.item_reader:
        given.item_reader.eval(env=env)
        items = env.stack.pop()
    else:
        items = given.input_items

    def input_of(index: int, item):
        if not (selector := given.item_selector or given.parameters):
            return item
        frame = env.open_inner_frame()
        try:
            frame.states.context_object.context_object_data["Map"] = {"Item": {"Index": index, "Value": item}}
            frame.states.reset(env.states.get_input())
            frame.stack.append(frame.states.get_input())
            selector.eval(frame)
            return frame.stack.pop()
        finally:
            env.delete_frame(frame)

    map_run = MapRun(self._get_iteration_program(), record, _children(env))
    try:
        results = map_run.run(env, items, input_of)
    except FailureEventException as failure:
        map_run.stop()
        error, cause = failure.extract_error_cause_pair()
        tell(api.HistoryEventType.MapRunFailed, mapRunFailedEventDetails={"error": error, "cause": cause})
        record.set_stop(api.MapRunStatus.FAILED)
        raise
    if results is None:
        tell(api.HistoryEventType.MapRunAborted)
        record.set_stop(api.MapRunStatus.ABORTED)
    else:
        tell(api.HistoryEventType.MapRunSucceeded)
        record.set_stop(api.MapRunStatus.SUCCEEDED)
    env.stack.append(results or [])


def _threshold_exceeded(env) -> FailureEventException:
    error = StatesErrorName(typ=StatesErrorNameType.StatesExceedToleratedFailureThreshold)
    details = api.MapRunFailedEventDetails(error=error.error_name, cause="The specified tolerated failure threshold was exceeded")
    return FailureEventException(
        FailureEvent(
            env=env, error_name=error, event_type=api.HistoryEventType.MapRunFailed,
            event_details=EventDetails(mapRunFailedEventDetails=details),
        )
    )  # fmt: skip


def _children(env) -> Children:
    details = env.aws_execution_details
    backend = models.stepfunctions_parser_backends[details.account][details.region]
    return backend.__dict__.setdefault("children", {})


def _find_children() -> None:
    # A child can be described, stopped and sent a task token, but is not in its state machine's list; it is in its map run's.
    describe, executions = StepFunctionsParserBackend.describe_execution, StepFunctionsParserBackend._get_executions

    def describe_execution(self: StepFunctionsParserBackend, execution_arn: str) -> Execution:
        return self.__dict__.get("children", {}).get(execution_arn) or describe(self, execution_arn)

    def get_executions(self: StepFunctionsParserBackend, execution_status=None) -> list[Execution]:
        children = list(self.__dict__.get("children", {}).values())
        return executions(self, execution_status) + [child for child in children if execution_status in (None, child.exec_status)]

    # ListExecutions by state machine is moto's; by map run it is told here (API reference, "ListExecutions": latest first).
    list_executions = StepFunctionResponse.list_executions

    def list_children(self: StepFunctionResponse) -> ActionResult:
        map_run_arn, status = self._get_param("mapRunArn"), self._get_param("statusFilter")
        if not map_run_arn:
            return list_executions(self)
        children = self.stepfunction_backend.__dict__.get("children", {}).values()
        listed = [
            child.to_execution_list_item() | {"mapRunArn": map_run_arn}
            for child in children
            if child.map_run.record.map_run_arn == map_run_arn and status in (None, child.exec_status)
        ]
        return ActionResult({"executions": sorted(listed, key=lambda each: each["startDate"], reverse=True)})

    StepFunctionsParserBackend.describe_execution = describe_execution
    StepFunctionsParserBackend._get_executions = get_executions
    StepFunctionResponse.list_executions = list_children
