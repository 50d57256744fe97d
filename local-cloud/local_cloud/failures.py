"""How a state fails: the exceptions by which moto's interpreter learns of an error, with the event that tells it."""

from moto.stepfunctions.parser import api
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails


def evaluation_failed(env, cause: str) -> FailureEventException:
    error = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    details = api.EvaluationFailedEventDetails(error=error.error_name, cause=cause, state=env.next_state_name)
    return failure(env, error, api.HistoryEventType.EvaluationFailed, evaluationFailedEventDetails=details)


def state_failed(env, kind: StatesErrorNameType, cause: str) -> FailureEventException:
    error = StatesErrorName(typ=kind)
    details = api.ExecutionFailedEventDetails(error=error.error_name, cause=cause)
    return failure(env, error, api.HistoryEventType.ExecutionFailed, executionFailedEventDetails=details)


def failure(env, error: ErrorName, event_type: api.HistoryEventType, **details) -> FailureEventException:
    return FailureEventException(FailureEvent(env=env, error_name=error, event_type=event_type, event_details=EventDetails(**details)))
