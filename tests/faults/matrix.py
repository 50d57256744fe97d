"""The matrix of faults, computed from the state machine file, so that a new state adds its cases."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from demo.kinds import KINDS

from . import interference

DEFINITION = Path(__file__).resolve().parents[2] / "statemachine" / "encrypt.asl.json"
# The retries of the state machine after a failure of Lambda itself, plus the first attempt.
TRIES = 4
# When a call is killed or overtaken, in milliseconds after it began. The cutover has the most distinct moments.
MOMENTS_MS = (3, 30, 120)
CUTOVER_MOMENTS_MS = (5, 15, 25, 35, 50, 70, 100, 140, 200)

# Refused: before anything was created.
MOVED, GIVEN_BACK, REFUSED = "moved", "given back", "refused"


@dataclass(frozen=True)
class Case:
    """A fault, on one of the paths through the state machine, and the allowed ends of the run."""

    name: str
    kind: str
    # `forward`, `undo` (verification fails for good), `approved` (waits for approval), `stopped` (by a person).
    way: str
    faults: tuple[dict, ...] = ()
    # The state at which an operator, a server or a person interferes, and the interference.
    at: str | None = None
    meanwhile: Callable | None = None
    ends: tuple[str, ...] = (MOVED,)
    request: dict = field(default_factory=dict)
    # One of the demo's kinds, and more members of the request to create it, which may have to be created first.
    source: str = "instance"
    members: dict = field(default_factory=dict)
    more_members: Callable | None = None
    # The major version of PostgreSQL, if the case needs a certain one.
    major: int | None = None


def definition() -> dict:
    return json.loads(DEFINITION.read_text())


def successors(state: dict) -> list[str]:
    rules = [*state.get("Choices", []), *state.get("Catch", [])]
    return [each["Next"] for each in [*rules, state] if "Next" in each] + ([state["Default"]] if "Default" in state else [])


def reachable(states: dict, start: str, without: tuple[str, ...] = ()) -> set[str]:
    seen, open_ = set(), [start]
    while open_:
        name = open_.pop()
        if name not in seen and name not in without:
            seen.add(name)
            open_ += successors(states[name])
    return seen


def ways(states: dict) -> dict[str, str]:
    """The path on which each function call is reached. Notify states call no function and fail silently:
    tests/observability covers that; a stop in one is the same as a stop between its neighbours."""
    tasks = [name for name, state in states.items() if "FunctionName" in state.get("Arguments", {}) and name not in OF_GOING_BACK]
    undo = reachable(states, "UndoPublication")
    found = {}
    for name in tasks:
        if name in ("RecoverPlan", "FindWhatIsLeft", "CancelCutover"):
            found[name] = "stopped"
        elif name == "AwaitApproval":
            found[name] = "approved"
        else:
            found[name] = "undo" if name in undo else "forward"
    return found


# States of an execution with a way back.
OF_WAY_BACK = ("OpenWayBack", "PublishWayBack", "SubscribeWayBack", "FollowBack")
# States of an execution that goes back, or completes or loses a way back, which tests/executions/test_way_back.py goes through without faults.
OF_GOING_BACK = (
    "PlanGoingBack", "ClaimWayBack", "ReleaseWayBack", "RemoveWayBackSubscription", "OpenOldSource", "RemoveWayBackPublication",
    "PlanWayBackAgain", "WayBackLost", "WayBackUnsubscribed",
)  # fmt: skip

# A verification in many calls, as for tens of gigabytes.
IN_MANY_CALLS = {"wait": {"max_seconds": 1, "calls_end_seconds": 3, "verify_call_seconds": 0}}


# States only for a source that has no logical replication yet.
OF_UNPREPARED = ("Prepare", "RestoreParameterGroup", "WatchDuringParameterGroup", "UndoPreparation", "CleanUpPreparation")
# States that differ for a cluster.
OF_CLUSTERS = ("Snapshot", "Restore", "AdvanceLsn", "CompareSettings", "UndoRestore", "UndoSnapshot", "CleanUpSnapshot", "Finish")


def needs_of(state: str) -> dict:
    """The source and request with which an execution reaches a state."""
    if state in OF_UNPREPARED:
        return {"source": "unprepared", "request": KINDS["unprepared"].request}
    if state in OF_WAY_BACK:
        return {"request": {"way_back": {"hours": 1}}}
    return {"request": IN_MANY_CALLS if state in ("Verify", "WatchDuringVerify") else {}}


def lambda_cases() -> list[Case]:
    states = definition()["States"]
    behind_fence = reachable(states, "WhichDirection")
    cases = []
    for state, way in ways(states).items():
        needs = needs_of(state)
        ends = (GIVEN_BACK,) if way in ("undo", "stopped") else (MOVED,)
        faults = [(kind, {}) for kind in ("error-before", "error-after", "timeout-after", "twice")]
        moments = CUTOVER_MOMENTS_MS if state == "Cutover" else MOMENTS_MS
        faults += [(f"{kind}", {"after_ms": ms}) for kind in ("kill-during", "overtaken") for ms in moments]
        for kind, members in faults:
            name = f"{state}: {kind}" + (f" {members['after_ms']} ms" if members else "")
            cases.append(Case(name, "Lambda", way, ({"state": state, "kind": kind, **members},), ends=ends, **needs))
        for_good = tuple({"state": state, "kind": "error-before"} for _ in range(TRIES))
        ends_for_good = (MOVED,) if state in behind_fence else (GIVEN_BACK,)
        cases.append(Case(f"{state}: fails for good", "Lambda", way, for_good, ends=ends_for_good, **needs))
    lost = tuple({"state": "Cutover", "kind": "error-after"} for _ in range(TRIES))
    cases.append(Case("Cutover: every answer is lost", "Lambda", "forward", lost))
    for state in OF_CLUSTERS:
        way = ways(states)[state]
        ends = (GIVEN_BACK,) if way == "undo" else (MOVED,)
        for kind in "error-after", "twice", "kill-during":
            fault = {"state": state, "kind": kind, "after_ms": 30}
            cases.append(Case(f"{state} of an Aurora cluster: {kind}", "Lambda", way, (fault,), ends=ends, source="aurora"))
    return cases


def stop_cases() -> list[Case]:
    """An execution that a person stops, in every task; another one undoes or completes it."""
    states = definition()["States"]
    behind_fence = reachable(states, "WhichDirection")
    cases = []
    for state, way in ways(states).items():
        if way == "stopped":
            continue
        ends = (MOVED,) if state in behind_fence else (GIVEN_BACK, MOVED) if state == "Cutover" else (GIVEN_BACK,)
        cases.append(Case(f"{state}: the execution is stopped", "stopped", way, at=state, meanwhile=interference.stop, ends=ends, **needs_of(state)))
    return cases


THROTTLED = (
    "CreateDBSnapshot", "DescribeDBSnapshots", "CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot", "DescribeDBInstances",
    "DeleteDBSnapshot",
)  # fmt: skip


THROTTLED_FOR_CLUSTERS = ("CreateDBClusterSnapshot", "RestoreDBClusterFromSnapshot", "CreateDBInstance", "DescribeDBClusters")
THROTTLED_FOR_UNPREPARED = ("CreateDBParameterGroup", "ModifyDBParameterGroup", "DeleteDBParameterGroup")


def rds_cases() -> list[Case]:
    def refused(request: str, error: str, times: int, ends: str, source: str = "instance") -> Case:
        faults = tuple({"kind": "refuse", "request": request, "error": error} for _ in range(times))
        needs = {"source": source, "request": KINDS[source].request}
        return Case(f"{request}: {error}, {times} times", "RDS", "forward", faults, ends=(ends,), **needs)

    def ends_as(request: str, outcome: str, source: str = "instance") -> Case:
        fault = {"kind": "outcome", "request": request, "outcome": outcome}
        return Case(f"{request}: ends as {outcome}", "RDS", "forward", (fault,), ends=(GIVEN_BACK,), source=source)

    return [
        *(refused(request, "ThrottlingException", 4, MOVED) for request in THROTTLED),
        refused("CreateDBSnapshot", "InvalidDBInstanceState", 2, MOVED),
        refused("DeleteDBSnapshot", "InvalidDBSnapshotState", 2, MOVED),
        refused("CopyDBSnapshot", "SnapshotQuotaExceeded", 1, MOVED),
        refused("RestoreDBInstanceFromDBSnapshot", "AccessDenied", 1, GIVEN_BACK),
        refused("RestoreDBInstanceFromDBSnapshot", "InsufficientDBInstanceCapacity", 1, MOVED),
        ends_as("CreateDBSnapshot", "failed"),
        ends_as("CopyDBSnapshot", "failed"),
        *(
            ends_as("RestoreDBInstanceFromDBSnapshot", outcome)
            for outcome in ("incompatible-restore", "incompatible-network", "incompatible-parameters", "storage-full", "failed")
        ),
        *(refused(request, "ThrottlingException", 4, MOVED, "aurora") for request in THROTTLED_FOR_CLUSTERS),
        refused("RestoreDBClusterFromSnapshot", "KMSKeyNotAccessibleFault", 1, GIVEN_BACK, "aurora"),
        refused("CreateDBInstance", "InsufficientDBInstanceCapacity", 1, MOVED, "aurora"),
        ends_as("CreateDBClusterSnapshot", "failed", "aurora"),
        ends_as("RestoreDBClusterFromSnapshot", "inaccessible-encryption-credentials", "aurora"),
        ends_as("CreateDBInstance", "failed", "aurora"),
        *(refused(request, "ThrottlingException", 4, MOVED, "unprepared") for request in THROTTLED_FOR_UNPREPARED),
        refused("RebootDBInstance", "InvalidDBInstanceState", 2, MOVED, "unprepared"),
        refused("DeleteDBParameterGroup", "InvalidDBParameterGroupState", 2, MOVED, "unprepared"),
        refused("CreateDBParameterGroup", "DBParameterGroupQuotaExceeded", 1, GIVEN_BACK, "unprepared"),
        Case(
            "the key is disabled after the snapshot", "RDS", "forward", at="WaitForSnapshot", meanwhile=interference.disable_key, ends=(GIVEN_BACK,)
        ),
    ]


# States whose functions are in the VPC, and lose their network when idle.
SLEEPING = ("Inspect", "CreatePublication", "WatchDuringSnapshot", "Subscribe", "AdvanceLsn", "PollLag", "Verify", "Cutover", "CleanUpPublication")
MONITORED = {"MonitoringInterval": 15, "MonitoringRoleArn": "arn:aws:iam::123456789012:role/monitoring", "EnablePerformanceInsights": True}


def aws_cases() -> list[Case]:
    """Behaviour of AWS, occasional or permanent, that no other part of this matrix covers."""

    def case(name: str, *faults: dict, ends: str = MOVED, **needs) -> Case:
        source = needs.pop("source", "instance")
        return Case(name, "AWS", "forward", faults, ends=(ends,), source=source, request=KINDS[source].request, **needs)

    def lasting(request: str, status: str, source: str = "instance") -> Case:
        fault = {"kind": "outcome", "request": request, "outcome": status, "after_ms": 60_000}
        return case(f"{request}: {status} for a minute", fault, source=source)

    def lost(request: str, source: str = "instance") -> Case:
        return case(f"{request}: carried out, and its answer is lost", {"kind": "lose", "request": request}, source=source)

    def tagged(key: str, value: str, source: str = "instance") -> Case:
        return case(f"{key} is {value}", source=source, members={"Tags": [{"Key": f"cloud:{key}", "Value": value}]})

    def asleep(state: str, error: str) -> Case:
        way = "approved" if state == "AwaitApproval" else "forward"
        return Case(f"{state}: {error}, twice", "AWS", way, tuple({"state": state, "kind": "not-ready", "error": error} for _ in range(2)))

    return [
        lasting("RestoreDBInstanceFromDBSnapshot", "storage-initialization"),
        lasting("RestoreDBInstanceFromDBSnapshot", "storage-optimization"),
        lasting("CreateDBInstance", "storage-initialization", "aurora"),
        *(asleep(state, "ResourceNotReadyException") for state in SLEEPING),
        *(asleep(state, "CodeArtifactUserPendingException") for state in ("Inspect", "Verify", "Cutover", "AwaitApproval")),
        *(lost(request) for request in ("CreateDBSnapshot", "CopyDBSnapshot", "RestoreDBInstanceFromDBSnapshot", "DeleteDBSnapshot")),
        *(lost(request, "aurora") for request in ("CreateDBClusterSnapshot", "RestoreDBClusterFromSnapshot", "CreateDBInstance")),
        case("CreateDBSnapshot: 503 without a code", {"kind": "fail", "request": "CreateDBSnapshot", "status": 503, "error": ""}),
        case("no capacity for the class", {"kind": "refuse", "request": "RestoreDBInstanceFromDBSnapshot", "error": "InsufficientDBInstanceCapacity"}),
        case("security groups that do not let themselves in", ends=REFUSED, more_members=interference.closed_group),
        case("security groups of a cluster that do not let themselves in", ends=REFUSED, more_members=interference.closed_group, source="aurora"),
        case("a public endpoint that resolves outside", members={"PubliclyAccessible": True}),
        case("monitoring and insights of a Multi-AZ DB cluster", members=MONITORED, source="cluster"),
        case("a dedicated log volume", members={"DedicatedLogVolume": True, "StorageType": "io1", "Iops": 3000, "AllocatedStorage": 100}),
        case("a version that cannot be had any more", ends=REFUSED, members={"EngineVersion": "13.10"}, major=13),
        *(tagged("rds_tools", value) for value in ("off", "without-function", "not-allowed")),
        tagged("log", "files"),
        tagged("in-sync-seconds", "4", "unprepared"),
    ]  # fmt: skip


def postgres_cases() -> list[Case]:
    def case(name: str, at: str, meanwhile: Callable, *ends: str, way: str = "approved", major: int | None = None) -> Case:
        return Case(name, "PostgreSQL", way, at=at, meanwhile=meanwhile, ends=ends, major=major)

    return [
        case("the source restarts during the copy", "WaitForCopy", interference.restart_source, MOVED),
        case("the source restarts while the copy follows", "AwaitApproval", interference.restart_source, MOVED),
        case("the source restarts during the cutover", "Cutover", interference.restart_source, MOVED, GIVEN_BACK, way="forward"),
        case("the copy restarts while it follows", "AwaitApproval", interference.restart_target, MOVED),
        case("the copy restarts during the cutover", "Cutover", interference.restart_target, MOVED, GIVEN_BACK, way="forward"),
        case("replication is cut again and again", "AwaitApproval", interference.cut_replication, MOVED),
        case("the slot is dropped", "AwaitApproval", interference.drop_slots, GIVEN_BACK),
        # 12 has no wal_status, and cannot lose a slot's WAL.
        case("the WAL of the slot is removed", "WaitForCopy", interference.remove_wal, GIVEN_BACK, major=17),
        case("the disk of the copy is full", "AwaitApproval", interference.fill_disk_of_target, GIVEN_BACK),
        case("the disk of the copy is full for a while", "AwaitApproval", interference.fill_disk_of_target_for_a_while, MOVED),
        case("a row on the copy is in the way", "AwaitApproval", interference.put_row_in_the_way, GIVEN_BACK),
        case("a row on the copy was changed", "Subscribe", interference.change_row, GIVEN_BACK),
        case("a transaction holds its tables", "Cutover", interference.hold_tables, MOVED, way="forward"),
    ]


def all_cases() -> list[Case]:
    return lambda_cases() + stop_cases() + rds_cases() + aws_cases() + postgres_cases()
