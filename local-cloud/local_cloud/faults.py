"""Failures on demand, so that a test can break an execution at any step.

A fault names what it is meant for: a function, an action in the payload, a state and an execution of Step Functions, an
action of RDS and a text among its parameters, or a service that functions ask. It waits for the nth call that fits, counted from the moment the fault was
asked for, strikes once, and stays in the list as struck. One with a `share` strikes that share of all calls that fit, drawn
by a generator of its own with a fixed seed, and counts its strikes.
"""

import dataclasses
import json
import random
import threading

OF_FUNCTIONS = {
    "error-before": "Lambda fails before the function ran",
    "not-ready": "Lambda does not run the function, and says `error`, as of one that was idle for weeks",
    "error-after": "the function ran to its end, but Lambda answers with a failure",
    "timeout-after": "the function ran to its end, but the caller is told of a time-out",
    "overtaken": "the caller is told of a time-out after `after_ms`, and the function goes on",
    "twice": "the function is called twice at the same time",
    "kill-during": "the function's process is killed `after_ms` after the invocation began",
}
OF_RDS = {
    "refuse": "the request is refused with `error`",
    "fail": "RDS fails with the HTTP status `status` and the code `error`; without a body where that is empty",
    "lose": "the request is carried out, and its answer is lost: the HTTP status `status` without a body",
    "outcome": "what the request makes or changes ends in the status `outcome`, for good or for `after_ms`",
}
OF_NETWORK = {"unreachable": "what functions ask of `service` gets no answer, as without an endpoint of it in their VPC"}


@dataclasses.dataclass
class Fault:
    """One failure that was asked for. What is None fits everything."""

    kind: str
    function: str | None = None
    action: str | None = None
    state: str | None = None
    execution: str | None = None
    request: str | None = None
    about: str | None = None
    service: str | None = None
    error: str = "ThrottlingException"
    outcome: str = "failed"
    status: int = 503
    nth: int = 1
    after_ms: int = 0
    share: float = 0
    seen: int = 0
    strikes: int = 0
    struck: bool = False

    def __post_init__(self) -> None:
        self._draw = random.Random(0).random
        if self.kind not in OF_FUNCTIONS | OF_RDS | OF_NETWORK:
            raise ValueError(f"kind is {self.kind!r}, and must be one of {', '.join(OF_FUNCTIONS | OF_RDS | OF_NETWORK)}")
        if self.kind in OF_RDS and not self.request:
            raise ValueError(f"{self.kind} needs a request, such as CopyDBSnapshot")

    def strikes_now(self) -> bool:
        """Whether a call that fits, and was counted, is hit."""
        if self.share:
            is_hit = self._draw() < self.share
        else:
            is_hit = self.struck = self.seen >= self.nth
        self.strikes += is_hit
        return is_hit

    def matches_call(self, function: str, payload: bytes, caller: dict) -> bool:
        wanted = {"state": self.state, "execution": self.execution}
        if self.kind not in OF_FUNCTIONS or self.function not in (None, function):
            return False
        if any(wish not in (None, caller.get(name)) for name, wish in wanted.items()):
            return False
        return self.action is None or json.loads(payload or b"{}").get("action", "do") == self.action

    def matches_request(self, request: str, parameters: dict) -> bool:
        is_about = self.about is None or any(self.about in str(value) for value in parameters.values())
        return self.kind in OF_RDS and self.request == request and is_about

    def matches_way(self, service: str, function: str) -> bool:
        return self.kind in OF_NETWORK and self.service in (None, service) and self.function in (None, function)


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

    def strike_call(self, function: str, payload: bytes, caller: dict) -> Fault | None:
        """The fault that hits this invocation of a function."""
        return self._strike(lambda fault: fault.matches_call(function, payload, caller))

    def strike_request(self, request: str, parameters: dict) -> Fault | None:
        """The fault that hits this request to RDS."""
        return self._strike(lambda fault: fault.matches_request(request, parameters))

    def strike_way(self, service: str, function: str) -> Fault | None:
        """The fault that keeps what a function asks from a service, which Signature Version 4 names."""
        return self._strike(lambda fault: fault.matches_way(service, function))

    def _strike(self, fits) -> Fault | None:
        """Every fault that could have struck counts the call."""
        with self._lock:
            matching = [fault for fault in self._faults if not fault.struck and fits(fault)]
            for fault in matching:
                fault.seen += 1
            for fault in matching:
                if fault.strikes_now():
                    return fault
            return None
