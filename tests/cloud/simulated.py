"""Answers in place of the functions that talk to PostgreSQL, for a cloud without servers.

A simulation for scale and nothing else: it has the shape of the real answers, some failures by their real names, and the
few consequences that later steps can see. Whether the functions are right is shown where there are servers. Applications'
secrets are not switched.

What befalls a database is drawn from its identifier, so that a run can be repeated.
"""

import json
import random
import threading
from collections.abc import Callable
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.rds.models import RDSBackend, rds_backends

from local_cloud.lambdas import Answer, Lambdas

# How a run fails, by function: which error, and of how many databases. The names are those that the functions raise.
FATES = {
    "inspect": [("PreconditionFailed", 0.015), ("PostgresRefused", 0.005)],
    "create-publication": [("LockTimeout", 0.005)],
    "watch-source": [("SourceStorageLow", 0.005), ("SlotLost", 0.003)],
    "subscribe": [("PostgresRefused", 0.003)],
    "advance-lsn": [("StartLsnDoubtful", 0.005)],
    "poll-lag": [("ReplicationStopped", 0.005)],
    "verify": [("DataDiffers", 0.008)],
    "cutover": [("DrainTimeout", 0.005), ("CatalogsDiffer", 0.005)],
}
# Calls that fail, and go through when the state machine repeats them.
UNAVAILABLE = 0.005
# Cutovers that break off behind their fence: there is only forward.
BROKEN_BEHIND_FENCE = 0.02
GIB = 1 << 30
# Functions that ask RDS alone, and what they have to wait for.
WAITING = {"snapshot", "copy-encrypted", "restore"}
# Where little of a history is kept there is nothing to report of.
SILENT = {"report"}


class Failed(Exception):
    """Error name and message, as a function raises them."""


class SimulatedLambdas(Lambdas):
    """The functions of a cloud without servers: those that ask AWS alone run as they are, in their real binaries."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._simulated = Simulated()
        self._not_yet: dict[tuple[str, bytes], tuple[list, Answer]] = {}

    def _run(self, function: LambdaFunction, payload: bytes, killed_after_seconds: float | None = None) -> Answer:
        name = function.function_name
        if name in self._simulated.functions:
            self._count(function)
            answer, is_error = self._simulated.answer(name, json.loads(payload))
            return Answer(json.dumps(answer).encode(), is_error)
        if name in SILENT:
            self._count(function)
            return Answer(b"{}")
        if name not in WAITING:
            return super()._run(function, payload, killed_after_seconds)
        return self._look(function, payload, lambda: super(SimulatedLambdas, self)._run(function, payload, killed_after_seconds))

    def _look(self, function: LambdaFunction, payload: bytes, run: Callable[[], Answer]) -> Answer:
        """The answer of before, if that was "not yet" and nothing of this run has another status since.

        Of a hundred looks at a copy that is being made a few are real; the others would take most of the time.
        """
        key, plan = (function.function_name, payload), json.loads(payload)["plan"]
        before = _statuses(plan)
        statuses, known = self._not_yet.get(key, (None, None))
        if statuses == before:
            self._count(function)
            return known
        answer = run()
        self._not_yet.pop(key, None)
        # Where the call itself has changed something the next one may say something else.
        if before == _statuses(plan) and json.loads(answer.payload).get("ready") is False:
            self._not_yet[key] = before, answer
        return answer

    def _log_of(self, function: LambdaFunction) -> Callable[[str], None]:
        """To the file alone: in CloudWatch Logs a thousand databases' lines would fill the memory."""
        return self._log_file(function)


class Simulated:
    """What the others answer, and remember; PostgreSQL would."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable[[dict], dict]] = {
            "inspect": self._inspect,
            "create-publication": self._create_publication,
            "watch-source": self._watch_source,
            "subscribe": self._subscribe,
            "advance-lsn": self._advance_lsn,
            "poll-lag": self._poll_lag,
            "verify": self._verify,
            "cutover": self._cutover,
        }
        # How often each function was called by each run, and the runs whose source is fenced.
        self._calls: dict[tuple[str, str], int] = {}
        self._fenced: set[str] = set()
        self._lock = threading.Lock()

    def answer(self, function: str, request: dict) -> tuple[dict[str, Any], bool]:
        """What the function answers, and whether that is an error."""
        plan = request["plan"] if "plan" in request else request["preflight"]["plan"]
        call = self._count(function, plan["names"]["run"])
        source = plan["source"]["identifier"]
        try:
            if random.Random(f"{source} {function} {call}").random() < UNAVAILABLE:
                raise Failed("PostgresUnavailable", f"could not connect to {source}: simulated")
            if request.get("action", "do") == "do" and request.get("purpose") != "recover":
                _suffer(function, source)
            return self.functions[function](request), False
        except Failed as failure:
            name, message = failure.args
            return {"errorType": name, "errorMessage": message}, True

    def _count(self, function: str, run: str) -> int:
        with self._lock:
            self._calls[run, function] = self._calls.get((run, function), 0) + 1
            return self._calls[run, function]

    def _inspect(self, request: dict) -> dict:
        preflight = request["preflight"]
        plan = preflight["plan"] | {"control_database": "postgres", "databases": [{"name": "app", "oid": 16401}]}
        if request["purpose"] == "recover":
            return {"plan": plan, "findings": [], "steps": []}
        findings = preflight["findings"]
        refusals = [each for each in findings if each["verdict"] == "refuse"]
        if preparation := plan.pop("preparation", None):
            # Where the group is right already the server runs with it.
            if preparation["makes_group"]:
                plan["preparation"] = preparation
                if not plan["consent"]["reboot"]:
                    refusals.append({"name": "LogicalReplication", "found": "rds.logical_replication is off"})
        if refusals:
            errors = {each.get("error") or "PreconditionFailed" for each in refusals}
            told = "\n".join(f"refused {each['name']}: {each['found']}" for each in refusals)
            raise Failed(errors.pop() if len(errors) == 1 else "PreconditionFailed", f"nothing was made\n{told}")
        return {"plan": plan, "findings": findings, "steps": ["simulated"]}

    def _create_publication(self, request: dict) -> dict:
        return {"ready": True, "tables": {"app": _tables(request)} if request["action"] == "do" else {}}

    def _watch_source(self, request: dict) -> dict:
        return {"retained_wal_bytes": 1 << 20, "free_storage_bytes": 10 * GIB}

    def _subscribe(self, request: dict) -> dict:
        return {"ready": True, "status": "subscribed" if request["action"] == "do" else "gone"}

    def _advance_lsn(self, request: dict) -> dict:
        """Log lines take a moment to arrive."""
        if request["poll"] < 2:
            return {"ready": False, "start_lsn": None, "witnesses": []}
        return {"ready": True, "start_lsn": "0/31BEEF1", "witnesses": ["function", "log"]}

    def _poll_lag(self, request: dict) -> dict:
        plan = request["plan"]
        caught_up = self._calls[plan["names"]["run"], "poll-lag"] > random.Random(plan["source"]["identifier"]).randint(1, 12)
        return {
            "caught_up": caught_up, "connected": True, "approved": plan["cutover"]["when"] == "now" or _is_approved(plan), "approved_by": None,
            "stopped": "", "lag_bytes": 416 if caught_up else 1 << 28, "retained_wal_bytes": 1 << 28, "free_storage_bytes": 10 * GIB,
            "drift": [], "drift_as": None, "window_opens_in_seconds": 0,
        }  # fmt: skip

    def _verify(self, request: dict) -> dict:
        tables = _tables(request)
        return {"ready": True, "verified": {"app": {"tables": tables, "rows": 1000 * tables}}, "compared": []}

    def _cutover(self, request: dict) -> dict:
        plan = request["plan"]
        run = plan["names"]["run"]
        if request["action"] == "undo":
            return {"fenced": run in self._fenced}
        with self._lock:
            is_first = run not in self._fenced
            self._fenced.add(run)
        if is_first and random.Random(plan["source"]["identifier"]).random() < BROKEN_BEHIND_FENCE:
            raise Failed("Internal", "the cutover broke off behind its fence: simulated")
        return {
            "write_pause_ms": 80,
            "drained_lsn": "0/36355F0",
            "switched_secrets": [],
            "drift": [],
            "pause_phases_ms": [{"phase": "locks", "ms": 80}],
        }


def _suffer(function: str, source: str) -> None:
    """Raises what is in store for this database at this step."""
    drawn = random.Random(f"{source} {function}").random()
    for error, share in FATES[function]:
        if drawn < share:
            raise Failed(error, f"{function} of {source}: simulated")
        drawn -= share


def _tables(request: dict) -> int:
    return random.Random(request["plan"]["source"]["identifier"]).randint(1, 400)


def _statuses(plan: dict) -> list:
    """Of all that a run waits for."""
    rds = _rds(plan)
    names = plan["names"]
    found = [rds.databases.get(plan["source"]["identifier"]), rds.databases.get(plan["target"])]
    found += [rds.database_snapshots.get(names[kind]) for kind in ("snapshot", "copy")]
    return [each and each.status for each in found]


def _rds(plan: dict) -> RDSBackend:
    *_, region, account, _, _ = plan["source"]["arn"].split(":")
    return rds_backends[account][region]


def _is_approved(plan: dict) -> bool:
    target = _rds(plan).find(plan["target"])
    return target.tag("rds-reencrypt:approve") == plan["execution"]["name"]
