"""A plan of moving the source, which changes nothing: made by the functions themselves, with their roles, in their network."""

import json
import re
import time
from collections.abc import Iterator

from .check import Check, Verdict
from .stack import Stack

LINE = re.compile(r"(refused|warning) (\w+): (.*)")
VERDICTS = {"refuse": Verdict.FAILED, "warn": Verdict.WARNED, "fine": Verdict.FINE}
LIMIT_SECONDS, LOOK_EVERY_SECONDS = 900, 1
# The state that would fail, by the finding's name. Inspect itself refuses for all others.
STEPS = {
    "NetworkPath": "Subscribe", "PublicEndpoint": "Subscribe", "KmsKeyUnusable": "CopyEncrypted", "SecretUnusable": "Cutover",
    "WalLevel": "CreatePublication", "ReplicationSlots": "CreatePublication", "WalSenders": "CreatePublication", "Rights": "CreatePublication",
    "ReplicationOrigins": "AdvanceLsn", "LogicalWorkers": "Subscribe", "InstanceClass": "Restore", "EngineVersion": "Restore", "Quota": "Snapshot",
    "Tags": "Snapshot", "FreeStorage": "CreatePublication", "SourceStorageLow": "CreatePublication", "LongTransactions": "CreatePublication",
    "ReplicaIdentity": "CreatePublication", "EventTriggers": "CreatePublication", "Locks": "Cutover", "AlreadyEncrypted": "CopyEncrypted",
}  # fmt: skip


class Plan:
    """The outcome of an execution with plan_only."""

    def __init__(self, stack: Stack, request: dict) -> None:
        client = stack.session.client("stepfunctions")
        self._request = request | {"plan_only": True}
        name = f"doctor-{time.time_ns() // 1_000_000}"
        arn = client.start_execution(stateMachineArn=stack.state_machine_arn, name=name, input=json.dumps(self._request))["executionArn"]
        until = time.monotonic() + LIMIT_SECONDS
        while (described := client.describe_execution(executionArn=arn))["status"] == "RUNNING" and time.monotonic() < until:
            time.sleep(LOOK_EVERY_SECONDS)
        self._name, self._described = name, described

    @property
    def made(self) -> dict | None:
        """The plan, or None if the run was refused."""
        return json.loads(self._described["output"])["plan"] if self._described["status"] == "SUCCEEDED" else None

    def checks(self) -> Iterator[Check]:
        asked = f"{self._request['source']} can be moved (execution {self._name})"
        if self._described["status"] == "SUCCEEDED":
            yield Check(Verdict.FINE, asked, "planned; nothing was changed")
            for each in json.loads(self._described["output"])["findings"]:
                came = "; ".join(filter(None, (each["found"], each["limit"])))
                yield Check(VERDICTS[each["verdict"]], each["name"], came, _step(each["name"]), each["remedy"])
            return
        error, cause = self._described.get("error", self._described["status"]), self._described.get("cause", "")
        yield Check(Verdict.FAILED, asked, f"{error}: {cause.splitlines()[0] if cause else 'no cause'}", _step(error), f"infra/runbook.md, {error}")
        for verdict, name, found in LINE.findall(cause):
            yield Check(Verdict.FAILED if verdict == "refused" else Verdict.WARNED, name, found, _step(name))


def _step(name: str) -> str:
    return STEPS.get(name, "Inspect")
