"""When an alarm goes off: CloudWatch's evaluation of statistics, metric math and missing data, as far as our alarms use it.

Source: CloudWatch user guide, "Using Amazon CloudWatch alarms", "Using math expressions with CloudWatch metrics".
"""

import itertools
import operator
from collections.abc import Callable
from typing import Self

from .seen import Points
from .template import PARAMETERS, metrics_of

STATISTICS: dict[str, Callable] = {"Maximum": max, "Sum": sum}
COMPARISONS = {"GreaterThanThreshold": operator.gt, "GreaterThanOrEqualToThreshold": operator.ge}


class Line:
    """A value for each period that has one."""

    def __init__(self, values: dict[int, float]) -> None:
        self.values = values

    def __gt__(self, limit: float) -> Self:
        return Line({period: float(value > limit) for period, value in self.values.items()})


def if_(condition: Line, then: Line, otherwise: float) -> Line:
    """Where the condition has a value, and, if it holds, `then` has one."""
    held = {period: then.values.get(period) if holds else otherwise for period, holds in condition.values.items()}
    return Line({period: value for period, value in held.items() if value is not None})


def diff(line: Line) -> Line:
    """To the value before, whichever period that is of."""
    periods = sorted(line.values)
    return Line({now: line.values[now] - line.values[before] for before, now in itertools.pairwise(periods)})


FUNCTIONS = {"IF": if_, "DIFF": diff}


def goes_off(alarm: dict, read: Callable[[dict], Points]) -> bool:
    """Whether it does at any time; `read` gives what was measured of a metric."""
    assert alarm["TreatMissingData"] == "notBreaching"
    lines = {name: _line(metric, read(metric)) for name, metric in metrics_of(alarm).items()}
    (expression,) = [each["Expression"] for each in alarm.get("Metrics", []) if "Expression" in each] or ["m"]
    line = eval(expression, {"__builtins__": {}}, FUNCTIONS | lines)
    breaches = COMPARISONS[alarm["ComparisonOperator"]]
    threshold = _number(alarm["Threshold"])
    breaching = {period for period, value in line.values.items() if breaches(value, threshold)}
    window = alarm["EvaluationPeriods"]
    needed = alarm.get("DatapointsToAlarm", window)
    return any(len(breaching & set(range(last - window + 1, last + 1))) >= needed for last in breaching)


def _line(metric: dict, points: Points) -> Line:
    values: dict[int, list[float]] = {}
    for seconds, value in points:
        values.setdefault(int(seconds // metric["Period"]), []).append(value)
    return Line({period: STATISTICS[metric["Statistic"]](of) for period, of in values.items()})


def _number(value: float | dict) -> float:
    return PARAMETERS[value["Ref"]]["Default"] if isinstance(value, dict) else value
