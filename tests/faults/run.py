"""One case: a source with writers, an execution with a fault, and the checks afterwards."""

import hashlib
import itertools
from dataclasses import dataclass, field

from demo import verdict
from demo.databases import Databases
from demo.executions import Execution, failures
from demo.footprint import footprint
from demo.local_cloud import LocalCloud
from demo.shop import make_key
from demo.waiting import wait_until
from executions.runs import approve, undo_of, writing
from executions.sources import make_request, make_source, secret_name, secret_value

from .matrix import GIVEN_BACK, MOVED, REFUSED, TRIES, Case

LIMIT_SECONDS = 400
# End states after which something may be left, which another execution completes.
UNFINISHED = ("UndoFailed", "UndoNotBegun", "SourceGone", "CutoverUnfinished", "CleanUpFailed")
# Requests that do not name the run's resources.
OF_THE_SOURCE = ("DescribeDBInstances", "DescribeDBClusters", "RebootDBInstance")


@dataclass
class Result:
    """The result of a case; `problems` is empty if everything is right."""

    case: Case
    ended: str = ""
    error: str = ""
    acknowledged: int = 0
    lost: int = 0
    doubled: int = 0
    longest_silence_ms: int = 0
    problems: list[str] = field(default_factory=list)


class Run:
    """A case in progress, as the interference functions see it."""

    def __init__(self, cloud: LocalCloud, case: Case, identifier: str, major: int) -> None:
        self.cloud, self.case, self.identifier = cloud, case, identifier
        self.databases = Databases(cloud)
        self.key_arn = make_key(cloud, f"alias/{identifier}")
        more = case.more_members(cloud, identifier) if case.more_members else {}
        self.source = make_source(cloud, identifier, major, case.source, **case.members, **more)
        self.before = footprint(cloud, self.source, ["postgres", "app"])
        self.execution: Execution | None = None

    def carry_out(self) -> Result:
        result = Result(self.case)
        with writing(self.cloud, self.identifier) as application:
            try:
                self._start()
                if self.case.meanwhile:
                    self.execution.wait_for_state(self.case.at, LIMIT_SECONDS)
                    self.case.meanwhile(self)
                last = self._wait()
                result.ended, result.error = self._outcome(last), self.execution.describe().get("error", "")
                if result.ended == MOVED:
                    wait_until(lambda: application.has_moved, bool, "writes of every writer on the target", 60)
                else:
                    count = application.count
                    wait_until(lambda: application.count, lambda now: now > count, "writes to the source", 60)
                application.stop()
                result.problems += self._problems(result.ended, application)
            except Exception as problem:
                states = self.execution.follow()[-6:] if self.execution else []
                result.problems.append(f"{type(problem).__name__}: {str(problem)[:500]}; last states {states}")
            application.stop()
        self._count(result, application)
        return result

    def _start(self) -> None:
        name = f"case-{self.identifier}"
        request = make_request(self.identifier, kms_key=f"alias/{self.identifier}", **self.case.request)
        if self.case.way in ("approved", "stopped"):
            request["cutover"] = {"secrets": [secret_name(self.identifier)]}
        arn = f"{self.cloud.state_machine_arn.replace(':stateMachine:', ':execution:')}:{name}"
        key = hashlib.sha256(arn.encode()).hexdigest()[:10]
        for fault in self._spoilers() + list(self.case.faults):
            # Faults of RDS are selected by the run's names; all others by execution, except when another one takes over.
            members = {"about": key} if "request" in fault else {} if self.case.way == "stopped" else {"execution": name}
            if fault.get("request") in OF_THE_SOURCE:
                members = {"about": self.identifier}
            self.cloud.api("POST", "faults", fault | members)
        self.execution = Execution(self.cloud, name, request)

    def _spoilers(self) -> list[dict]:
        """Faults that bring an execution onto the case's path."""
        if self.case.way == "undo":
            return [{"state": "Verify", "kind": "error-before"} for _ in range(TRIES)]
        return []

    def _wait(self) -> Execution:
        """The execution that ends the case."""
        last = self.execution
        if self.case.way in ("approved", "stopped") and self._is_waiting():
            if self.case.way == "approved":
                approve(self.cloud, self.identifier, last.name)
            else:
                last.stop()
        if last.wait(LIMIT_SECONDS)["status"] == "ABORTED":
            last = undo_of(self.cloud, last)
            last.wait(LIMIT_SECONDS)
        if self._last_state(last) in UNFINISHED:
            request = make_request(self.identifier, kms_key=f"alias/{self.identifier}", undo=self.execution.arn)
            last = Execution(self.cloud, f"undo-{self.identifier}", request)
            last.wait(LIMIT_SECONDS)
        return last

    def _is_waiting(self) -> bool:
        """Whether the execution waits for its approval; otherwise it is being undone, or has ended."""

        def look() -> str | None:
            entered = self.execution.follow()
            if any(state.startswith("Undo") for state in entered) or self.execution.status != "RUNNING":
                return "ending"
            return "waiting" if "AwaitApproval" in entered else None

        return wait_until(look, bool, f"{self.execution.name} to wait for its approval", LIMIT_SECONDS) == "waiting"

    @staticmethod
    def _last_state(execution: Execution) -> str:
        return execution.follow()[-1]

    def _outcome(self, last: Execution) -> str:
        state = self._last_state(last)
        if state == "Encrypted":
            return MOVED
        if state == "Refused":
            return REFUSED
        if state in ("Undone", "RolledBack"):
            return GIVEN_BACK
        raise AssertionError(f"ended in {state}: {last.describe().get('cause')}; {failures(last.events())[-3:]}")

    def _problems(self, ended: str, application) -> list[str]:
        # A refused run has changed nothing, which also counts as given back.
        due = {*self.case.ends, *({REFUSED} if GIVEN_BACK in self.case.ends else ())}
        problems = [] if ended in due else [f"{ended}, where {' or '.join(self.case.ends)} was due"]
        if ended == MOVED and "way_back" in self.case.request:
            problems += self._give_up()
        if ended == MOVED:
            target = verdict.find_target(self.databases, application.writers[0].acknowledged[-1].server)
            before = {secret_name(self.identifier): secret_value(self.source)}
            scene = verdict.Scene(self.cloud, self.databases, self.source, target, self.key_arn, before, application.writers)
            return problems + [f"{check.what}: {check.found}" for check in verdict.check_all(scene) if not check.holds]
        after = footprint(self.cloud, self.source, ["postgres", "app"])
        return problems + [f"{what} before: {self.before[what]}, after: {after[what]}" for what in after if after[what] != self.before[what]]

    def _give_up(self) -> list[str]:
        """Removes the way back, unless the fault has lost it: what is left then is judged as after any run."""
        giving_up = Execution(
            self.cloud, f"give-up-{self.identifier}", {"way_back": self.execution.name, "give_up": True, "wait": {"max_seconds": 1}}
        )
        described = giving_up.wait(LIMIT_SECONDS)
        is_closed = described.get("error") == "InvalidInput" and "is closed" in described.get("cause", "")
        return [] if described["status"] == "SUCCEEDED" or is_closed else [f"giving up: {described.get('error')}: {described.get('cause')}"]

    def _count(self, result: Result, application) -> None:
        """Compares acknowledged writes with the database that the writers use."""
        writes = [(writer.number, write.seq) for writer in application.writers for write in writer.acknowledged]
        result.acknowledged = len(writes)
        moments = sorted(write.at for writer in application.writers for write in writer.acknowledged)
        result.longest_silence_ms = round(1000 * max((b - a for a, b in itertools.pairwise(moments)), default=0))
        place = max((write for writer in application.writers for write in writer.acknowledged), key=lambda write: write.at).server
        with self.databases.connect(verdict.find_target(self.databases, place), "app") as session:
            for table in ("journal.ledger", "journal.event"):
                rows = session.execute(f"select writer, seq, count(*) from {table} group by writer, seq").fetchall()
                there = {(writer, seq): count for writer, seq, count in rows}
                result.lost += len(set(writes) - there.keys())
                result.doubled += sum(count > 1 for count in there.values())
        if result.lost or result.doubled:
            result.problems.append(f"{result.lost} writes lost, {result.doubled} doubled")

    def remove(self) -> None:
        """Removes the servers: hundreds of cases would fill the machine. Waits until they are gone, since the next case must not see them."""
        clusters = [each["DBClusterIdentifier"] for each in self.databases.clusters()]
        instances = [each["DBInstanceIdentifier"] for each in self.databases.all() if "DBClusterIdentifier" not in each]
        own = [name for name in clusters + instances if name == self.identifier or name.startswith(f"{self.identifier}-enc-")]
        for identifier in own:
            self.databases.remove(identifier)
        wait_until(
            lambda: [each["DBInstanceIdentifier"] for each in self.databases.all()], lambda left: not set(own) & set(left), "them to be gone", 120
        )


def carry_out(cloud: LocalCloud, case: Case, identifier: str, major: int) -> Result:
    run = Run(cloud, case, identifier, major)
    try:
        return run.carry_out()
    finally:
        run.remove()
