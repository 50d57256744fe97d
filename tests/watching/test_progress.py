"""The lines about an execution, from events as GetExecutionHistory has them."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from watch import phases
from watch.progress import Progress
from watch.view import duration, ending, line_of, size

BEGAN = datetime(2026, 11, 24, 20, 0, tzinfo=UTC)
ARN = "arn:aws:states:eu-central-1:123456789012:execution:rds-reencrypt:first"
PLAN = {
    "source": {"arn": "arn:aws:rds:eu-central-1:123456789012:db:orders"}, "target": "orders-enc-0123456789",
    "cutover": {"when": "approved"},
}  # fmt: skip
LAG = {
    "caught_up": True, "approved": False, "window_opens_in_seconds": 0, "lag_bytes": 0, "retained_wal_bytes": 5_000_000,
    "free_storage_bytes": None, "drift": [],
}  # fmt: skip
CLOSED = {"window_opens_in_seconds": 3600}


def at(second: float) -> datetime:
    return BEGAN + timedelta(seconds=second)


def entered(state: str, second: float = 0) -> dict:
    return {"type": "TaskStateEntered", "timestamp": at(second), "stateEnteredEventDetails": {"name": state}}


def answered(second: float = 0, **answer) -> dict:
    output = json.dumps({"StatusCode": 200, "Payload": answer})
    return {"type": "TaskSucceeded", "timestamp": at(second), "taskSucceededEventDetails": {"output": output}}


def failed(error: str, message: str) -> dict:
    cause = json.dumps({"errorType": error, "errorMessage": message})
    return {"type": "TaskFailed", "timestamp": at(0), "taskFailedEventDetails": {"error": error, "cause": cause}}


def ended(kind: str, details: str, **members) -> dict:
    return {"type": f"Execution{kind}", "timestamp": at(3723), details: members}


def after(*events: dict) -> Progress:
    progress = Progress(ARN, BEGAN)
    for event in events:
        progress.take(event)
    return progress


def planned(**cutover) -> tuple[dict, dict]:
    plan = PLAN | {"cutover": PLAN["cutover"] | cutover}
    return entered("Inspect"), answered(plan=plan, findings=[], steps=[])


def test_a_lag_that_falls_says_when_it_has_fallen():
    mib = 1 << 20
    progress = after(entered("PollLag"), answered(10, **LAG | {"lag_bytes": 101 * mib}), answered(20, **LAG | {"lag_bytes": 51 * mib}))
    assert progress.phase is phases.CATCH_UP
    # 50 MiB to go until one is left, 5 MiB a second; two seconds have passed since.
    assert progress.seconds_left(at(22)) == pytest.approx(8)


@pytest.mark.parametrize("lags", [[5], [5, 5], [5, 9]])
def test_a_lag_that_does_not_fall_says_nothing(lags):
    progress = after(entered("PollLag"), *(answered(second, **LAG | {"lag_bytes": lag << 20}) for second, lag in enumerate(lags)))
    assert progress.seconds_left(at(60)) is None
    assert "left in this phase: unknown" in line_of(progress, at(60))


def test_a_snapshot_tells_its_percentage_and_with_it_how_long_it_takes():
    progress = after(entered("Snapshot", 100), answered(140, ready=False, status="creating, 40 %"))
    assert (progress.share, progress.seconds_left(at(140))) == (0.4, pytest.approx(60))
    assert progress.seconds_left(at(201)) is None
    assert after(entered("Snapshot", 100), answered(140, ready=False, status="creating, 0 %")).seconds_left(at(140)) is None


def test_verification_counts_the_tables_that_were_published():
    published = [entered("CreatePublication"), answered(ready=True, tables={"orders": 6, "billing": 2})]
    verified = answered(60, ready=False, verified={"orders": {"tables": 3, "rows": 1200}, "billing": {"tables": 1, "rows": 34}})
    progress = after(*published, entered("Verify"), verified)
    assert "4 of 8 tables equal, 1,234 rows; left in this phase: about 0:01:00" in line_of(progress, at(60))


def test_an_approval_is_waited_for_with_the_command_that_gives_it():
    waits = after(*planned(), entered("AwaitApproval"), answered(**LAG)).waits_for
    assert waits == (
        "approval: aws rds add-tags-to-resource --resource-name arn:aws:rds:eu-central-1:123456789012:db:orders-enc-0123456789 "
        "--tags Key=rds-reencrypt:approve,Value=first"
    )


@pytest.mark.parametrize(
    "cutover, answer, said",
    [
        ({"window": "sat:02:00-sat:04:00"}, CLOSED, "the window sat:02:00-sat:04:00, UTC, and for approval: aws rds"),
        ({"window": "sat:02:00-sat:04:00"}, {}, "approval: aws rds"),
        ({}, {"caught_up": False}, "the target to catch up"),
        ({}, {"drift": ["table public.new: on the source only"]}, "the same changes on the target, or for them to be reverted: table"),
    ],
)
def test_what_else_keeps_it_from_cutting_over_is_named(cutover, answer, said):
    progress = after(*planned(**cutover), entered("AwaitApproval"), answered(**LAG | answer))
    assert progress.waits_for.startswith(said)


def test_who_has_approved_is_asked_no_more():
    waits = after(*planned(window="sat:02:00-sat:04:00"), entered("AwaitApproval"), answered(**LAG | CLOSED | {"approved": True})).waits_for
    assert waits == "the window sat:02:00-sat:04:00, UTC"


def test_a_failure_that_is_repeated_is_told_until_the_next_answer():
    repeated = [*planned(), entered("PollLag"), failed("PostgresUnavailable", "could not connect")]
    assert "retrying after PostgresUnavailable: could not connect" in line_of(after(*repeated), at(1))
    assert "retrying" not in line_of(after(*repeated, answered(**LAG)), at(1))


def test_an_undo_says_why():
    progress = after(entered("Verify"), failed("DataDiffers", "public.orders has other rows"), entered("UndoPublication"))
    assert "because of DataDiffers: public.orders has other rows" in line_of(progress, at(1))


def test_an_unknown_state_belongs_to_the_phase_before_it():
    assert after(entered("Snapshot"), entered("NotifySomething")).phase is phases.SNAPSHOT


def test_how_a_run_ended_and_where_to_read_on():
    output = {"source": "orders", "target": {"identifier": "o-2", "endpoint": "host", "port": 5432}, "kms_key_arn": "arn:key", "write_pause_ms": 20}
    succeeded = after(entered("Finish"), ended("Succeeded", "executionSucceededEventDetails", output=json.dumps(output)))
    assert ending(succeeded) == ["SUCCEEDED  first, after 1:02:03", "orders is now o-2 at host:5432, under arn:key; writes paused for 20 ms"]
    by_hand = after(ended("Succeeded", "executionSucceededEventDetails", output=json.dumps(output | {"report": {"switched_secrets": []}})))
    assert ending(by_hand)[-1] == "no secret was switched: point the application at it yourself, the source refuses its writes"
    undone = after(entered("Undone"), ended("Failed", "executionFailedEventDetails", error="DataDiffers", cause="one\ntwo"))
    assert ending(undone) == [
        "FAILED  first, after 1:02:03: DataDiffers", "one", "two", "everything was undone", 'what to do: infra/runbook.md, "DataDiffers"',
    ]  # fmt: skip
    urgent = ending(after(entered("CutoverUnfinished"), ended("Failed", "executionFailedEventDetails", error="CutoverUnfinished", cause="c")))
    assert "everything was undone" not in urgent and urgent[-1].endswith('"CutoverUnfinished"')
    assert ending(after(ended("Aborted", "executionAbortedEventDetails")))[0] == "ABORTED  first, after 1:02:03"
    assert ending(after(ended("TimedOut", "executionTimedOutEventDetails"))) == ["TIMED_OUT  first, after 1:02:03: States.Timeout"]


def test_numbers_are_written_with_their_units():
    assert [size(999), size(1_500), size(2_500_000_000_000_000)] == ["999 B", "1.5 kB", "2500.0 TB"]
    assert [duration(59.9), duration(timedelta(days=1))] == ["0:00:59", "24:00:00"]
