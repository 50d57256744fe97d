"""The phases of an execution, and the states that belong to each. A test holds them against the state machines."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    name: str
    # What happens in it, as the end of a sentence that begins with the execution.
    told: str
    states: tuple[str, ...]


PLAN = Phase("plan", "looks whether all is there that the run needs", (
    "IsRecovery", "Preflight", "ReadSecurityGroups", "ReadSubnets", "Inspect", "IsPlanOnly", "Planned", "Refused",
))  # fmt: skip
TURN = Phase("turn", "waits until the Region has a place for it; nothing was made yet", ("CheckCapacity", "HasCapacity", "WaitForCapacity", "IsPreparationNeeded"))
PREPARE = Phase("prepare", "turns logical replication on, with a reboot", ("Prepare", "IsPrepared", "WaitForPreparation"))
PUBLISH = Phase("publish", "makes publications and slots on the source", ("CreatePublication", "IsPublished"))
SNAPSHOT = Phase("snapshot", "takes a snapshot of the source", ("Snapshot", "IsSnapshotReady", "WatchDuringSnapshot", "WaitForSnapshot"))
COPY = Phase(
    "copy", "copies the snapshot under the key",
    ("NeedsEncryptedSnapshot", "CopyEncrypted", "IsCopyReady", "WatchDuringCopy", "WaitForCopy"),
)  # fmt: skip
RESTORE = Phase("restore", "makes the new database", ("Restore", "IsTargetReady", "WatchDuringTarget", "WaitForTarget"))
SUBSCRIBE = Phase(
    "subscribe", "finds the position where the copy ends, and lets changes flow from there",
    ("Subscribe", "AdvanceLsn", "IsStartKnown", "WaitForStart", "RestoreParameterGroup", "IsParameterGroupRestored", "WatchDuringParameterGroup", "WaitForParameterGroup"),
)  # fmt: skip
CATCH_UP = Phase("catch up", "applies what was written meanwhile", ("PollLag", "HasCaughtUp", "WaitForLag"))
VERIFY = Phase(
    "verify", "compares all rows, and all settings",
    ("IsVerificationOff", "Verify", "IsAllVerified", "VerifyNext", "WatchDuringVerify", "CompareSettings", "IsApprovalNeeded"),
)  # fmt: skip
APPROVAL = Phase("approval", "follows the source until it may cut over", ("AwaitApproval", "MayCutOver", "WaitForApproval"))
CUT_OVER = Phase("cut over", "holds the writers, and moves them", ("Cutover", "WaitForward", "CutoverUnfinished"))
CLEAN_UP = Phase(
    "clean up", "removes what it has made; the source takes no more writes",
    (
        "CleanUpSubscription", "CleanUpPublication", "CleanUpCopy", "CleanUpSnapshot", "CleanUpPreparation", "IsCleanedUp",
        "WaitForCleanUp", "Finish", "IsFinished", "WaitForFinish", "Encrypted", "CleanUpFailed",
    ),
)  # fmt: skip

FENCE = Phase("fence?", "looks whether the source is fenced: then it goes forward, else everything is undone", ("CancelCutover", "WasFenced"))
UNDO = Phase(
    "undo", "gives everything back",
    (
        "RecoverPlan", "FindWhatIsLeft", "HaveCallsEnded", "WaitForCallsInFlight", "UndoPublication", "UndoRestore", "UndoCopy",
        "UndoSnapshot", "UndoPreparation", "IsUndone", "WaitForUndo", "WasUndoAsked", "RolledBack", "Undone", "UndoNotBegun", "UndoFailed",
    ),
)  # fmt: skip

DISCOVER = Phase("discover", "looks which databases there are", ("FindingOrCampaign", "Discover", "NothingDone"))
PLAN_ALL = Phase("plan all", "plans every database, and changes none", ("PlanAll", "IsAnyChosen"))
MIGRATE_ALL = Phase("migrate all", "moves the databases, a few at a time", ("MigrateAll",))
SUMMARIZE = Phase(
    "summarize", "writes what became of each", ("Summarize", "IsNews", "Notify", "HowItEnded", "Summarized", "CampaignUnfinished")
)

# In the order in which an execution passes them; what is not on the way, it turns off to.
ENCRYPT_WAY = (PLAN, TURN, PREPARE, PUBLISH, SNAPSHOT, COPY, RESTORE, SUBSCRIBE, CATCH_UP, VERIFY, APPROVAL, CUT_OVER, CLEAN_UP)
ENCRYPT = (*ENCRYPT_WAY, FENCE, UNDO)
FLEET = FLEET_WAY = (DISCOVER, PLAN_ALL, MIGRATE_ALL, SUMMARIZE)

_PHASE_OF = {state: phase for phase in (*ENCRYPT, *FLEET) for state in phase.states}


def phase_of(state: str) -> Phase | None:
    """None of a state of which nothing is known here: the phase before it goes on."""
    return _PHASE_OF.get(state)


def place_of(phase: Phase) -> tuple[int, int] | None:
    """Which one it is of how many, counted from 1; none off the way."""
    for way in (ENCRYPT_WAY, FLEET_WAY):
        if phase in way:
            return way.index(phase) + 1, len(way)
    return None
