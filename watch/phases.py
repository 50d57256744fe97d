"""The phases of an execution and their states. A test compares them with the state machines."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    name: str
    # What happens in the phase, as a phrase for people.
    text: str
    states: tuple[str, ...]


PLAN = Phase("plan", "checking preconditions", (
    "IsRecovery", "Preflight", "ReadSecurityGroups", "ReadSubnets", "Inspect", "IsPlanOnly", "Planned", "Refused",
))  # fmt: skip
CAPACITY = Phase("capacity", "checking the Region's capacity; nothing has been made yet", ("CheckCapacity", "HasCapacity", "WaitForCapacity", "IsPreparationNeeded"))
PREPARE = Phase("prepare", "turning logical replication on, with a reboot", ("Prepare", "IsPrepared", "WaitForPreparation"))
PUBLISH = Phase("publish", "creating publications and slots on the source", ("CreatePublication", "IsPublished"))
SNAPSHOT = Phase("snapshot", "taking a snapshot of the source", ("Snapshot", "IsSnapshotReady", "WatchDuringSnapshot", "WaitForSnapshot"))
COPY = Phase(
    "copy", "copying the snapshot under the key",
    ("NeedsEncryptedSnapshot", "CopyEncrypted", "IsCopyReady", "WatchDuringCopy", "WaitForCopy"),
)  # fmt: skip
RESTORE = Phase("restore", "restoring the target, the new database", ("Restore", "IsTargetReady", "WatchDuringTarget", "WaitForTarget"))
SUBSCRIBE = Phase(
    "subscribe", "finding the WAL position where the snapshot ends, to replicate from there",
    ("Subscribe", "AdvanceLsn", "IsStartKnown", "WaitForStart", "RestoreParameterGroup", "IsParameterGroupRestored", "WatchDuringParameterGroup", "WaitForParameterGroup"),
)  # fmt: skip
CATCH_UP = Phase("catch up", "applying the changes made since the snapshot", ("PollLag", "HasCaughtUp", "WaitForLag"))
VERIFY = Phase(
    "verify", "comparing all rows and all settings",
    ("IsVerificationOff", "Verify", "IsAllVerified", "VerifyNext", "WatchDuringVerify", "CompareSettings", "IsApprovalNeeded"),
)  # fmt: skip
APPROVAL = Phase("approval", "keeping the target up to date until the cutover may start", ("AwaitApproval", "MayCutOver", "WaitForApproval"))
CUT_OVER = Phase("cut over", "pausing writes and switching the application", ("Cutover", "WaitForward", "CutoverUnfinished"))
CLEAN_UP = Phase(
    "clean up", "removing what the run made; the source refuses writes",
    (
        "CleanUpSubscription", "CleanUpPublication", "CleanUpCopy", "CleanUpSnapshot", "CleanUpPreparation", "IsCleanedUp",
        "WaitForCleanUp", "Finish", "IsFinished", "WaitForFinish", "Encrypted", "CleanUpFailed",
    ),
)  # fmt: skip

FENCE = Phase("fence?", "checking whether the source is fenced: forward if it is, otherwise undo", ("CancelCutover", "WasFenced"))
UNDO = Phase(
    "undo", "undoing everything the run made",
    (
        "RecoverPlan", "FindWhatIsLeft", "HaveCallsEnded", "WaitForCallsInFlight", "UndoPublication", "UndoRestore", "UndoCopy",
        "UndoSnapshot", "UndoPreparation", "IsUndone", "WaitForUndo", "WasUndoAsked", "RolledBack", "Undone", "UndoNotBegun", "UndoFailed",
    ),
)  # fmt: skip

DISCOVER = Phase("discover", "finding the databases", ("FindingOrCampaign", "Discover", "NothingDone"))
PLAN_ALL = Phase("plan all", "planning every database, changing none", ("PlanAll", "IsAnyChosen"))
MIGRATE_ALL = Phase("migrate all", "moving the databases, a few at a time", ("MigrateAll",))
SUMMARIZE = Phase(
    "summarize", "writing the summary", ("Summarize", "IsNews", "Notify", "HowItEnded", "Summarized", "CampaignUnfinished")
)

# In the order in which an execution passes them. FENCE and UNDO are detours.
ENCRYPT_WAY = (PLAN, CAPACITY, PREPARE, PUBLISH, SNAPSHOT, COPY, RESTORE, SUBSCRIBE, CATCH_UP, VERIFY, APPROVAL, CUT_OVER, CLEAN_UP)
ENCRYPT = (*ENCRYPT_WAY, FENCE, UNDO)
FLEET = FLEET_WAY = (DISCOVER, PLAN_ALL, MIGRATE_ALL, SUMMARIZE)

_PHASE_OF = {state: phase for phase in (*ENCRYPT, *FLEET) for state in phase.states}


def phase_of(state: str) -> Phase | None:
    """None for an unknown state: the previous phase goes on."""
    return _PHASE_OF.get(state)


def place_of(phase: Phase) -> tuple[int, int] | None:
    """Its number, counted from 1, and the total; None for a detour."""
    for way in (ENCRYPT_WAY, FLEET_WAY):
        if phase in way:
            return way.index(phase) + 1, len(way)
    return None
