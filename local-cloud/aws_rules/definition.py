"""Checks a definition against the rules of Step Functions for machines in JSONata.

Sources: Step Functions developer guide, "Passing data between states with variables", "Transforming data with JSONata",
"Handling errors in Step Functions workflows", "Step Functions service quotas"; Amazon States Language specification.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from . import expressions

LARGEST_DEFINITION_BYTES = 1024 * 1024
LONGEST_NAME = 80
LARGEST_SECONDS = 99_999_999
LARGEST_DELAY_SECONDS = 31_622_400

_COMMON = {"Type", "Comment", "QueryLanguage", "Next", "End", "Assign", "Output"}
_GUARDED = {"Retry", "Catch"}
FIELDS = {
    "Task": _COMMON | _GUARDED | {"Resource", "Arguments", "TimeoutSeconds", "HeartbeatSeconds", "Credentials"},
    "Pass": _COMMON,
    "Choice": _COMMON - {"Next", "End"} | {"Choices", "Default"},
    "Wait": _COMMON | {"Seconds", "Timestamp"},
    "Succeed": {"Type", "Comment", "QueryLanguage", "Output"},
    "Fail": {"Type", "Comment", "QueryLanguage", "Error", "Cause"},
    "Parallel": _COMMON | _GUARDED | {"Branches", "Arguments"},
    "Map": _COMMON | _GUARDED | {
        "Items", "ItemReader", "ItemSelector", "ItemBatcher", "ItemProcessor", "ResultWriter", "MaxConcurrency", "Label",
        "ToleratedFailurePercentage", "ToleratedFailureCount",
    },
}  # fmt: skip
# What each field may ask of `$states` beside input and context.
_OF_RESULT = {"Assign", "Output"}
_HAVE_RESULT = {"Task", "Parallel", "Map"}


@dataclass(frozen=True)
class Scope:
    """A machine or a part of one with variables of its own: they are seen in the scopes within it."""

    where: str
    states: dict[str, dict]
    start: str
    # Names that are taken outside, and those of them that can be read here.
    outer: frozenset[str] = frozenset()
    seen: frozenset[str] = frozenset()

    @property
    def assigned(self) -> frozenset[str]:
        return frozenset(name for state in self.states.values() for assign in _assignments(state) for name in assign)


def refused(text: str) -> list[str]:
    """What AWS refuses when the machine is made, each with its place; none where it takes the definition."""
    return _problems(text, are_variables_known=False)


def problems(text: str) -> list[str]:
    """The same, and the variables that an execution would not find."""
    return _problems(text, are_variables_known=True)


def _problems(text: str, are_variables_known: bool) -> list[str]:
    if len(text.encode()) > LARGEST_DEFINITION_BYTES:
        return [f"the definition has more than {LARGEST_DEFINITION_BYTES} bytes"]
    machine = json.loads(text)
    scopes = list(_scopes(Scope("", machine["States"], machine["StartAt"])))
    names = Counter(name for scope in scopes for name in scope.states)
    found = [f"{name}: there is another state of that name" for name, times in names.items() if times > 1]
    for scope in scopes:
        found += _of_scope(scope)
        for name, state in scope.states.items():
            language = state.get("QueryLanguage", machine.get("QueryLanguage", "JSONPath"))
            # What is in JSONPath, the interpreter checks.
            if language == "JSONata":
                variables = scope.seen | scope.assigned if are_variables_known else None
                found += [f"{name}: {problem}" for problem in _of_state(state, variables)]
    return found


def _scopes(scope: Scope) -> Iterator[Scope]:
    yield scope
    for name, state in scope.states.items():
        for inner in [state["ItemProcessor"]] if "ItemProcessor" in state else state.get("Branches", []):
            # A distributed map starts executions of their own, which read no variable from outside. Whether they may take its name
            # is written nowhere.
            is_distributed = inner.get("ProcessorConfig", {}).get("Mode") == "DISTRIBUTED"
            seen = frozenset() if is_distributed else scope.seen | scope.assigned
            yield from _scopes(Scope(name, inner["States"], inner["StartAt"], scope.outer | scope.assigned, seen))


def _assignments(state: dict) -> Iterator[dict]:
    for holder in (state, *state.get("Choices", []), *state.get("Catch", [])):
        if "Assign" in holder:
            yield holder["Assign"]


def _of_scope(scope: Scope) -> Iterator[str]:
    within = f"{scope.where}: " if scope.where else ""
    for name in sorted(scope.assigned & scope.outer):
        yield f"{within}variable {name} has the name of one that is assigned outside"
    for name in scope.assigned:
        if not expressions.is_variable(name):
            yield f"{within}{name} is no name for a variable"
    reached, waiting = set(), [scope.start]
    while waiting:
        name = waiting.pop()
        if name not in scope.states:
            yield f"{within}there is no state {name}"
        elif name not in reached:
            reached.add(name)
            waiting += _successors(scope.states[name])
    for name in scope.states.keys() - reached:
        yield f"{name}: is never reached"


def _successors(state: dict) -> list[str]:
    holders = (state, *state.get("Choices", []), *state.get("Catch", []))
    return [holder["Next"] for holder in holders if "Next" in holder] + ([state["Default"]] if "Default" in state else [])


def _of_state(state: dict, variables: frozenset[str] | None) -> Iterator[str]:
    if unknown := sorted(state.keys() - FIELDS.get(state["Type"], state.keys())):
        yield f"a {state['Type']} state in JSONata has no {', '.join(unknown)}"
    if state["Type"] in {"Task", "Pass", "Wait", "Parallel", "Map"} and ("Next" in state) == ("End" in state):
        yield "needs either Next or End"
    if state["Type"] == "Wait" and ("Seconds" in state) == ("Timestamp" in state):
        yield "needs either Seconds or Timestamp"
    for field in "TimeoutSeconds", "HeartbeatSeconds":
        if isinstance(state.get(field), int) and not 1 <= state[field] <= LARGEST_SECONDS:
            yield f"{field} is not from 1 to {LARGEST_SECONDS}"
    yield from _of_retry(state.get("Retry", []))
    yield from _of_order("Catch", state.get("Catch", []))
    for field, value in state.items():
        if field in {"ItemProcessor", "Branches", "Comment", "Retry"}:
            continue
        if field == "Catch":
            for catcher in value:
                yield from _of_texts(catcher, {"input", "context", "errorOutput"}, variables)
        elif field == "Choices":
            for rule in value:
                yield from _of_texts(rule, {"input", "context"}, variables)
        else:
            with_result = field in _OF_RESULT and state["Type"] in _HAVE_RESULT
            yield from _of_texts(value, {"input", "context"} | ({"result"} if with_result else set()), variables)


def _of_retry(retriers: list[dict]) -> Iterator[str]:
    yield from _of_order("Retry", retriers)
    for retrier in retriers:
        interval, delay = retrier.get("IntervalSeconds", 1), retrier.get("MaxDelaySeconds")
        if not 1 <= interval <= LARGEST_SECONDS or not 0 <= retrier.get("MaxAttempts", 3) <= LARGEST_SECONDS or retrier.get("BackoffRate", 2) < 1:
            yield f"Retry of {retrier['ErrorEquals'][0]}: an interval, rate or number of attempts out of its bounds"
        if delay is not None and not interval < delay < LARGEST_DELAY_SECONDS:
            yield f"Retry of {retrier['ErrorEquals'][0]}: MaxDelaySeconds has to be greater than IntervalSeconds, and less than {LARGEST_DELAY_SECONDS}"
        if retrier.get("JitterStrategy", "NONE") not in {"NONE", "FULL"}:
            yield f"Retry of {retrier['ErrorEquals'][0]}: no such JitterStrategy"


def _of_order(field: str, holders: list[dict]) -> Iterator[str]:
    for holder in holders:
        if "States.ALL" in holder["ErrorEquals"] and (len(holder["ErrorEquals"]) > 1 or holder is not holders[-1]):
            yield f"{field}: States.ALL stands alone, and last"


def _of_texts(value: object, of_states: set[str], variables: frozenset[str] | None) -> Iterator[str]:
    if isinstance(value, dict):
        for name, each in value.items():
            if name != "Comment":
                yield from _of_texts(each, of_states, variables)
    elif isinstance(value, list):
        for each in value:
            yield from _of_texts(each, of_states, variables)
    elif isinstance(value, str) and value.startswith("{%"):
        if not value.endswith("%}"):
            yield f"an expression that does not end: {value}"
        else:
            yield from expressions.problems(value[2:-2], of_states, variables)
