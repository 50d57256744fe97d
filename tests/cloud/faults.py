"""Failures of Lambda on demand, so that a test can break an execution at any step.

A fault waits for the nth invocation of a function (with a given `action` in its payload, where one is named) counted
from the moment the fault was asked for, strikes once, and stays in the list as struck.
"""

import dataclasses
import json
import threading

KINDS = {
    "error-before": "Lambda fails before the function ran",
    "error-after": "the function ran to its end, but Lambda answers with a failure",
    "timeout-after": "the function ran to its end, but the caller is told of a time-out",
    "kill-during": "the function's process is killed `after_ms` after the invocation began",
}


@dataclasses.dataclass
class Fault:
    """One failure that was asked for."""

    function: str
    kind: str
    action: str | None = None
    nth: int = 1
    after_ms: int = 0
    seen: int = 0
    struck: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}, and must be one of {', '.join(KINDS)}")

    def matches(self, function: str, payload: bytes) -> bool:
        if self.struck or self.function != function:
            return False
        return self.action is None or json.loads(payload or b"{}").get("action") == self.action


class Faults:
    """The failures asked for, in the order of asking."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, wish: dict) -> None:
        with self._lock:
            self._faults.append(Fault(**wish))

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def listing(self) -> list[dict]:
        with self._lock:
            return [dataclasses.asdict(fault) for fault in self._faults]

    def strike(self, function: str, payload: bytes) -> Fault | None:
        """The fault that hits this invocation; every fault that could have done so counts it."""
        with self._lock:
            matching = [fault for fault in self._faults if fault.matches(function, payload)]
            for fault in matching:
                fault.seen += 1
            for fault in matching:
                if fault.seen >= fault.nth:
                    fault.struck = True
                    return fault
            return None
