//! The steps of a call, with the names of the code.

/// One step of a Lambda's call. The databases are counted from zero, in the order of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    EndEarlierCall,
    EndEarlierCallOnCopy,
    /// Reads the secrets, and stages their next versions.
    StageSwitches,
    ReadState(usize),
    Prepare(usize),
    LockAll,
    WriteMark,
    SeeMark,
    ReadSequences,
    SetSequences,
    EndApply,
    Close,
    Commit(usize),
    CarryOut,
    EndApplicationsSessions,
    /// The undo's own check, before it cancels.
    LookForFence(usize),
    Cancel(usize),
    Remove(usize),
    Unsubscribe,
    DropSlots,
    DropRun,
    DropTarget,
}

use Step::{
    Cancel, CarryOut, Close, Commit, DropRun, DropSlots, DropTarget, EndApplicationsSessions, EndApply, EndEarlierCall, EndEarlierCallOnCopy,
    LockAll, LookForFence, Prepare, ReadSequences, ReadState, Remove, SeeMark, SetSequences, StageSwitches, Unsubscribe, WriteMark,
};

/// `cutover` with `do`.
pub const CUT_OVER: &[Step] = &[
    EndEarlierCall,
    EndEarlierCallOnCopy,
    StageSwitches,
    ReadState(0),
    Prepare(0),
    ReadState(1),
    Prepare(1),
    LockAll,
    ReadSequences,
    WriteMark,
    SeeMark,
    SetSequences,
    EndApply,
    Close,
    Commit(0),
    Commit(1),
    CarryOut,
    EndApplicationsSessions,
];
/// `cutover` with `undo`.
pub const CANCEL: &[Step] = &[EndEarlierCall, LookForFence(0), LookForFence(1), Cancel(0), Cancel(1), Remove(0), Remove(1)];
/// `subscribe` with `undo`.
pub const UNSUBSCRIBE: &[Step] = &[Unsubscribe];
/// `create-publication` with `undo`.
pub const UNPUBLISH: &[Step] = &[DropSlots, DropRun];
/// `restore` with `undo`.
pub const DROP_TARGET: &[Step] = &[DropTarget];

impl Step {
    /// File and function of the code that this step stands for.
    #[must_use]
    pub fn code(self) -> (&'static str, &'static str) {
        match self {
            EndEarlierCall | EndEarlierCallOnCopy => ("functions/cutover/src/lib.rs", "end_earlier_call"),
            StageSwitches => ("functions/cutover/src/lib.rs", "stage_switches"),
            ReadState(_) => ("functions/cutover/src/pause.rs", "fence_source"),
            Prepare(_) => ("postgres/src/fence.rs", "prepare"),
            LockAll => ("postgres/src/locks.rs", "lock_all"),
            WriteMark | SeeMark => ("postgres/src/replication.rs", "carry_out"),
            ReadSequences => ("functions/cutover/src/pause.rs", "read_sequences"),
            SetSequences => ("functions/cutover/src/pause.rs", "set_sequences"),
            EndApply => ("functions/cutover/src/pause.rs", "finish_target"),
            Close => ("postgres/src/fence.rs", "close"),
            Commit(_) => ("functions/cutover/src/pause.rs", "pause"),
            CarryOut => ("run/src/switch.rs", "carry_out"),
            EndApplicationsSessions => ("functions/cutover/src/lib.rs", "end_applications_sessions"),
            LookForFence(_) => ("postgres/src/fence.rs", "read_state"),
            Cancel(_) => ("postgres/src/fence.rs", "cancel"),
            Remove(_) => ("postgres/src/fence.rs", "remove"),
            Unsubscribe => ("functions/subscribe/src/lib.rs", "unsubscribe"),
            DropSlots | DropRun => ("functions/create-publication/src/lib.rs", "unpublish"),
            DropTarget => ("functions/restore/src/lib.rs", "drop_target"),
        }
    }
}
