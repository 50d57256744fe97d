"""Reads one execution and shows it."""

from datetime import UTC, datetime
from typing import Any

from .history import History
from .progress import Progress
from .view import View


class Follower:
    """Reads only when asked. `describe_execution` fails if the execution does not exist, and returns its start."""

    def __init__(self, client: Any, arn: str, view: View) -> None:
        self._history = History(client, arn)
        self._view = view
        self._progress = Progress(arn, client.describe_execution(executionArn=arn)["startDate"])

    def look(self) -> Progress:
        """Reads the new events and shows them: each phase as it began, then the current state."""
        for event in self._history.news():
            phase = self._progress.phase
            self._progress.take(event)
            if self._progress.phase is not phase:
                self._view.show(self._progress, event["timestamp"])
        self._view.show(self._progress, datetime.now(UTC))
        return self._progress
