"""The state of an execution as a fold over its history's events, without a clock or a terminal."""

import json
import re
import shlex
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from .history import Event
from .phases import APPROVAL, CAPACITY, CATCH_UP, COPY, PREPARE, SNAPSHOT, UNDO, VERIFY, Phase, phase_of

RUNNING, SUCCEEDED = "RUNNING", "SUCCEEDED"
# The events that end an execution, the status each means, and the member with its details.
_ENDS = {
    "ExecutionSucceeded": (SUCCEEDED, "executionSucceededEventDetails"),
    "ExecutionFailed": ("FAILED", "executionFailedEventDetails"),
    "ExecutionAborted": ("ABORTED", "executionAbortedEventDetails"),
    "ExecutionTimedOut": ("TIMED_OUT", "executionTimedOutEventDetails"),
}
_FAILURES = ("taskFailedEventDetails", "taskTimedOutEventDetails")
# A lag below this counts as caught up: CAUGHT_UP_BYTES in shared/src/lag.rs.
CAUGHT_UP_BYTES = 1 << 20
# The rate of the lag comes from the last polls only: its rate an hour ago says little.
LOOKS_OF_A_RATE = 10
_PERCENT = re.compile(r"(\d+) %")


@dataclass
class Progress:
    """One execution, as far as its events have been read."""

    arn: str
    began: datetime
    status: str = RUNNING
    # The state entered last, its phase, and when that phase began.
    state: str = ""
    phase: Phase | None = None
    phase_began: datetime | None = None
    # Facts from answers; None until an answer has them.
    plan: dict[str, Any] | None = None
    tables: int | None = None
    verified_tables: int = 0
    verified_rows: int = 0
    said: str = ""
    lag_bytes: int | None = None
    retained_wal_bytes: int | None = None
    free_storage_bytes: int | None = None
    caught_up: bool = False
    approved: bool = False
    window_opens_in_seconds: int = 0
    drift: list[str] = field(default_factory=list)
    # The failure since the last answer, which is being retried, and the failure that started the undo.
    trouble: str = ""
    undone_because: str = ""
    # How it ended.
    ended: datetime | None = None
    error: str = ""
    cause: str = ""
    output: dict[str, Any] = field(default_factory=dict)
    _lags: deque[tuple[datetime, int]] = field(default_factory=lambda: deque(maxlen=LOOKS_OF_A_RATE))
    _shares: tuple[datetime, float] | None = None

    @property
    def name(self) -> str:
        return self.arn.split(":")[-1]

    def take(self, event: Event) -> None:
        """Takes in the next event."""
        if entered := event.get("stateEnteredEventDetails"):
            self._enter(entered["name"], event["timestamp"])
        elif succeeded := event.get("taskSucceededEventDetails"):
            self._answer(succeeded.get("output", "{}"), event["timestamp"])
        elif failed := next((event[kind] for kind in _FAILURES if kind in event), None):
            self.trouble = f"{failed.get('error', 'an error')}: {_message(failed.get('cause', ''))}"
        elif event["type"] in _ENDS:
            self._end(event)
        elif event["type"] == "ExecutionRedriven":
            self.status, self.ended, self.error, self.cause = RUNNING, None, "", ""

    def _enter(self, state: str, at: datetime) -> None:
        self.state = state
        phase = phase_of(state)
        if phase is None or phase is self.phase:
            return
        if phase is UNDO:
            self.undone_because = self.trouble
        self.phase, self.phase_began, self.said, self.trouble = phase, at, "", ""
        self._shares = None
        self._lags.clear()

    def _answer(self, output: str, at: datetime) -> None:
        result = json.loads(output)
        answer = result.get("Payload") if isinstance(result, dict) else None
        # Not the answer of a function, but of another service or a nested execution.
        if not isinstance(answer, dict):
            return
        self.trouble = ""
        self.plan = answer.get("plan", self.plan)
        self.said = answer.get("status", self.said)
        if self.state == "CreatePublication":
            self.tables = sum(answer["tables"].values())
        if verified := answer.get("verified"):
            self.verified_tables = sum(each["tables"] for each in verified.values())
            self.verified_rows = sum(each["rows"] for each in verified.values())
        self.retained_wal_bytes = answer.get("retained_wal_bytes", self.retained_wal_bytes)
        self.free_storage_bytes = answer.get("free_storage_bytes", self.free_storage_bytes)
        if "lag_bytes" in answer:
            self.lag_bytes, self.caught_up, self.drift = answer["lag_bytes"], answer["caught_up"], answer["drift"]
            self.approved, self.window_opens_in_seconds = answer["approved"], answer.get("window_opens_in_seconds", 0)
            self._lags.append((at, self.lag_bytes))
        if (share := self.share) is not None:
            self._shares = (at, share)

    def _end(self, event: Event) -> None:
        self.status, details_name = _ENDS[event["type"]]
        self.ended = event["timestamp"]
        details = event.get(details_name, {})
        self.error, self.cause = details.get("error", ""), details.get("cause", "")
        output = json.loads(details.get("output") or "{}")
        self.output = output if isinstance(output, dict) else {}

    @property
    def share(self) -> float | None:
        """The part of this phase that is done, from 0 to 1; None if unknown."""
        if self.phase in (SNAPSHOT, COPY) and (percent := _PERCENT.search(self.said)):
            return int(percent[1]) / 100
        if self.phase is VERIFY and self.tables:
            return min(1, self.verified_tables / self.tables)
        return None

    def seconds_left(self, now: datetime) -> float | None:
        """The time left in this phase; None if it is unknown, or if the estimate has passed."""
        at, seconds = now, 0.0
        if self.phase is CATCH_UP and len(self._lags) > 1:
            (first_at, first), (at, last) = self._lags[0], self._lags[-1]
            if first > last:
                seconds = (last - CAUGHT_UP_BYTES) * (at - first_at).total_seconds() / (first - last)
        elif self._shares and self._shares[1] > 0 and self.phase_began:
            at, share = self._shares
            seconds = (at - self.phase_began).total_seconds() * (1 - share) / share
        left = seconds - (now - at).total_seconds()
        return left if left > 0 else None

    @property
    def needs_approval(self) -> bool:
        """Whether only the approval, or also the window, is missing for the cutover."""
        follows = self.phase is APPROVAL and self.caught_up and not self.drift
        return bool(self.plan and follows and not self.approved)

    @property
    def waits_for(self) -> str:
        """What has to happen outside the run before it goes on; empty while the run itself is working."""
        if self.status != RUNNING:
            return ""
        if self.phase in (CAPACITY, PREPARE):
            return self.said
        if self.phase is not APPROVAL or self.plan is None or self.lag_bytes is None:
            return ""
        if self.drift:
            return "the same changes on the target, or for them to be reverted: " + "; ".join(self.drift)
        if not self.caught_up:
            return "the target to catch up"
        window = f"the window {self.plan['cutover']['window']}, UTC" if self.window_opens_in_seconds else ""
        approval = f"approval: {self.approval_command}" if self.needs_approval else ""
        return ", and for ".join(filter(None, (window, approval)))

    @property
    def approval_command(self) -> str:
        """The command that approves the cutover."""
        assert self.plan
        head, _, _ = self.plan["source"]["arn"].rpartition(":")
        tag = f"Key=rds-reencrypt:approve,Value={self.name}"
        return shlex.join(["aws", "rds", "add-tags-to-resource", "--resource-name", f"{head}:{self.plan['target']}", "--tags", tag])


def _message(cause: str) -> str:
    """The function's message, if the cause is Lambda's JSON around it; otherwise the cause."""
    try:
        return json.loads(cause)["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return cause
