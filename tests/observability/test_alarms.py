"""Each alarm on what was measured of real runs, and on hours that no test can wait for."""

import re
from collections.abc import Callable

import pytest

from demo.executions import Execution, entered_states
from demo.waiting import wait_until
from executions.denials import ONLY_THE_SWITCH, denied
from executions.sources import LIMIT_SECONDS, make_request, make_source

from .evaluation import goes_off
from .seen import Points
from .template import REPOSITORY, alarms

ALARMS = alarms()
QUEUE = "DeadFindingsName"
GIB = 1 << 30
HOUR = 3600
MINUTE = 60


def read_of(seen, what: str, rules: dict[str, str]) -> Callable[[dict], Points]:
    """Reads what was measured during a run; the stack has given its rules their names."""

    def read(metric: dict) -> Points:
        dimensions = [{"Name": each["Name"], "Value": rules[each["Value"]["Ref"]]} for each in metric["Dimensions"]]
        return seen.points(what, {"Namespace": metric["Namespace"], "MetricName": metric["MetricName"], "Dimensions": dimensions})

    return read


@pytest.fixture(scope="module")
def rules(cloud) -> dict[str, str]:
    names = [rule["Name"] for rule in cloud.client("events").list_rules()["Rules"]]
    wanted = {each["Value"]["Ref"] for alarm in ALARMS.values() for each in alarm.get("Dimensions", [])} - {QUEUE}
    (queue,) = [url.split("/")[-1] for url in cloud.client("sqs").list_queues()["QueueUrls"] if "DeadFindings" in url]
    return {resource: next(name for name in names if resource in name) for resource in wanted} | {QUEUE: queue}


def going_off(read: Callable[[dict], Points]) -> set[str]:
    return {name for name, alarm in ALARMS.items() if goes_off(alarm, read)}


def test_a_run_that_succeeds_sets_none_off(seen, moved, rules):
    assert going_off(read_of(seen, "moved", rules)) == set()


def test_a_slot_that_is_dropped_sets_one_off(seen, given_back, rules):
    assert going_off(read_of(seen, "given back", rules)) == {"SlotLost"}


def test_an_undo_that_fails_sets_one_off(seen, left_over, rules):
    assert going_off(read_of(seen, "left over", rules)) == {"UndoFailed"}


def test_a_secret_that_cannot_be_switched_behind_the_fence_sets_one_off(cloud, key_arn, seen, rules, left_over):
    make_source(cloud, "seen-locked", 16)

    def laps() -> int:
        return [each.state for each in entered_states(execution.events())].count("WaitForward")

    with seen.during("locked"):
        with denied(cloud, "Cutover", "secretsmanager:UpdateSecretVersionStage", ONLY_THE_SWITCH):
            execution = Execution(cloud, "seen-locked", make_request("seen-locked"))
            wait_until(laps, lambda count: count >= 5, "laps behind the fence", LIMIT_SECONDS)
        assert execution.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
    assert going_off(read_of(seen, "locked", rules)) == {"WritePauseLong"}


def every(step_seconds: float, until_seconds: float, value: Callable[[float], float]) -> Points:
    return [(at, value(at)) for at in range(0, int(until_seconds), int(step_seconds))]


def of_ten_hours(hours: dict[str, Points]) -> Callable[[dict], Points]:
    return lambda metric: hours.get(metric["MetricName"], [])


# Three hours of catching up from 50 GiB, then a night's wait for an approval, with looks six minutes apart.
CAUGHT_UP = 3 * HOUR
HEALTHY: dict[str, dict[str, Points]] = {
    "catches up and waits": {
        "LagBytes": every(6 * MINUTE, 10 * HOUR, lambda at: max(50 * GIB * (1 - at / CAUGHT_UP), 300_000 + at % 7 * 40_000_000)),
        "ApplyStopped": every(6 * MINUTE, 10 * HOUR, lambda at: float(at == 0 or at == 5 * HOUR)),
        "WalToFreeStoragePercent": every(6 * MINUTE, 10 * HOUR, lambda at: 49 * max(1 - at / CAUGHT_UP, 0)),
        "SlotsLost": every(6 * MINUTE, 10 * HOUR, lambda at: 0),
        "WritePauseMs": [(10 * HOUR, 250)],
    },
    "a night's load comes and goes": {
        "LagBytes": every(3 * MINUTE, 6 * HOUR, lambda at: 2 * GIB - abs(at - 20 * MINUTE) * 2 * GIB / (20 * MINUTE) if at < 40 * MINUTE else 5_000),
    },
}  # fmt: skip

BROKEN: dict[str, tuple[str, dict[str, Points]]] = {
    "the WAL has taken half of the disk": ("WalOutgrowsStorage", {"WalToFreeStoragePercent": [(0, 12), (300, 51)]}),
    "a slot is lost": ("SlotLost", {"SlotsLost": [(0, 0), (60, 1)]}),
    "a lag that stays": ("LagNotFalling", {"LagBytes": every(6 * MINUTE, 3 * HOUR, lambda at: 3 * GIB)}),
    "a lag that grows": ("LagNotFalling", {"LagBytes": every(MINUTE, 3 * HOUR, lambda at: GIB + at * 1_000_000)}),
    "nothing is applied": ("ApplyStopped", {"ApplyStopped": every(MINUTE, 20 * MINUTE, lambda at: 1)}),
    "nothing is applied while it waits": ("ApplyStopped", {"ApplyStopped": every(6 * MINUTE, 30 * MINUTE, lambda at: 1)}),
    "a long pause": ("WritePauseLong", {"WritePauseMs": [(0, 5_001)]}),
}


@pytest.mark.parametrize("what", HEALTHY)
def test_what_is_healthy_sets_none_off(what):
    assert going_off(of_ten_hours(HEALTHY[what])) == set()


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_sets_its_alarm_off(what):
    expected, hours = BROKEN[what]
    assert going_off(of_ten_hours(hours)) == {expected}


@pytest.mark.parametrize(
    "name, metric_name, dimension",
    [
        ("UndoFailed", "TriggeredRules", {"Name": "RuleName", "Value": {"Ref": "UndoFailedRule"}}),
        ("CutoverUnfinished", "TriggeredRules", {"Name": "RuleName", "Value": {"Ref": "CutoverUnfinishedRule"}}),
        ("CleanUpFailed", "TriggeredRules", {"Name": "RuleName", "Value": {"Ref": "CleanUpFailedRule"}}),
        ("UndoNotStarted", "FailedInvocations", {"Name": "RuleName", "Value": {"Ref": "UndoStoppedRule"}}),
        ("DeadFindings", "ApproximateNumberOfMessagesVisible", {"Name": "QueueName", "Value": {"Ref": QUEUE}}),
    ],
)
def test_what_needs_somebody_sets_its_alarm_off(name, metric_name, dimension):
    def read(metric: dict) -> Points:
        return [(0, 1)] if (metric["MetricName"], metric["Dimensions"]) == (metric_name, [dimension]) else []

    assert going_off(read) == {name}


def test_each_alarm_leads_to_a_paragraph_of_the_runbook():
    paragraphs = re.findall(r"^##+ (\w+)$", (REPOSITORY / "infra" / "runbook.md").read_text(), re.M)
    assert ALARMS.keys() <= set(paragraphs)
    assert all(alarm["AlarmDescription"].endswith(f"infra/runbook.md, {name}.") for name, alarm in ALARMS.items())
