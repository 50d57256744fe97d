"""What an execution is doing, while it does it: a line for each state that works or ends, and on a terminal a last line
that moves."""

import sys
import time
from typing import Protocol

from .executions import Execution, entered_states, last_lag_bytes

CLEAR_LINE = "\r\x1b[K"
PASSED_OVER = {"Choice", "Wait", "Pass"}


class Counting(Protocol):
    """An application, or several."""

    @property
    def count(self) -> int: ...


class Progress:
    """Prints each state when the execution first enters it."""

    def __init__(self, execution: Execution, application: Counting, began: float) -> None:
        self._execution = execution
        self._application = application
        self._began = began
        self._shown: set[str] = set()

    def look(self) -> list[str]:
        """The states that were entered so far, after showing what is new."""
        events = self._execution.events()
        lag_bytes = last_lag_bytes(events)
        entered = entered_states(events)
        for each in entered:
            if each.state not in self._shown and each.kind not in PASSED_OVER:
                self._shown.add(each.state)
                self._print(self._line(each.state, lag_bytes), "\n")
        if sys.stdout.isatty() and entered:
            self._print(self._line(entered[-1].state, lag_bytes), "")
        return [each.state for each in entered]

    def tell(self, what: str) -> None:
        """A line of its own, as for a state."""
        self._print(self._line(what, None), "\n")

    def _line(self, state: str, lag_bytes: int | None) -> str:
        lag = "" if lag_bytes is None else f"lag {lag_bytes} bytes"
        return f"{time.monotonic() - self._began:6.1f} s  {state:<22} {self._application.count:6} writes  {lag}"

    def _print(self, line: str, end: str) -> None:
        print(CLEAR_LINE * sys.stdout.isatty() + line, end=end, flush=True)
