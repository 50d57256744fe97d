"""What each function answers to its event, in the order in which a run calls them.

The events are those of one run in its course, and behind them is nothing but the source: what the run has yet to make is missing,
and is named.
"""

from dataclasses import dataclass
from functools import reduce


@dataclass(frozen=True)
class Case:
    function: str
    # What is so, in words.
    means: str
    # Members of its answer by their paths; `...` for one that has any value.
    answer: dict[str, object] | None = None
    error: str | None = None

    def problem(self, said: dict) -> str | None:
        """What is wrong with what it said."""
        if "errorType" in said:
            return None if said["errorType"] == self.error else f"{said['errorType']}: {said['errorMessage']}"
        if self.error:
            return f"answers, where {self.error} is right: {said}"
        found = {path: _member(said, path) for path in self.answer}
        differing = {path: value for path, value in found.items() if value is None or self.answer[path] not in (value, ...)}
        return f"answers {differing}" if differing else None


def _member(said: dict, path: str) -> object:
    return reduce(lambda value, name: value.get(name) if isinstance(value, dict) else None, path.split("."), said)


CASES = (
    Case("preflight", "the plan", {"plan.source.identifier": "orders-db", "plan.source.major": 17, "findings": ...}),
    Case("inspect", "the plan with its databases, nothing refused", {"plan.control_database": "postgres", "findings": ...}),
    Case("check-capacity", "its turn", {"ready": True}),
    Case("prepare", "logical replication is on", {"ready": True, "status": "nothing to do"}),
    Case("create-publication", "publication and slot are there", {"ready": True, "tables": {"orders": 1}}),
    Case("snapshot", "not yet", {"ready": False}),
    Case("watch-source", "slot and disk are fine", {"retained_wal_bytes": ..., "free_storage_bytes": ...}),
    Case("copy-encrypted", "no such key", error="AwsRefused"),
    Case("restore", "no encrypted copy", error="AwsRefused"),
    Case("subscribe", "no new database", error="RestoreFailed"),
    Case("advance-lsn", "no new database", error="RestoreFailed"),
    Case("restore-parameter-group", "the source was not prepared", {"ready": True, "status": "nothing to do"}),
    Case("poll-lag", "no new database", error="RestoreFailed"),
    Case("verify", "no new database", error="RestoreFailed"),
    Case("compare-settings", "no new database", error="RestoreFailed"),
    Case("cutover", "no new database", error="RestoreFailed"),
    Case("finish", "no new database", error="RestoreFailed"),
    Case("go-back", "no such execution", error="InvalidInput"),
    Case("way-back", "no new database", error="RestoreFailed"),
    Case("doctor", "what it reaches, and what it does not", {"checks": ...}),
    Case("report", "no such execution", error="AwsRefused"),
    Case("discover", "the database of the campaign's list", {"databases": [{"source": "orders-db", "entry": {}}]}),
    Case("evaluate-policy", "a plan, since no tag allows more", {"mode": "plan", "source": "orders-db"}),
    Case("summarize", "the summary is written", {"outcomes": {"gone": 1, "unknown": 1}}),
)
