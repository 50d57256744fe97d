//! The complete state at one moment: the two servers, the secret, the execution and the calls.

use crate::step::Step;

/// The number of databases: two, so that a fence can be closed in one and not in the other.
pub const DATABASES: usize = 2;
/// How many calls may exist at once, including those whose process is dead and whose sessions still live.
pub const CALLS: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct World {
    pub databases: [Database; DATABASES],
    /// Whether the target exists.
    pub copy: bool,
    pub subscribed: bool,
    /// Whether the application's secret names the target.
    pub switched: bool,
    /// Whether a change by somebody else to the secret is still there.
    pub others_change: Change,
    pub execution: Execution,
    /// Sorted: the order of two calls makes no difference.
    pub calls: [Option<Call>; CALLS],
    /// How many faults may still happen.
    pub faults_left: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Change {
    Kept,
    /// By the switch.
    Lost,
}

/// The next version of the secret that a call has staged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Staged {
    Fresh,
    /// Somebody has written the secret since.
    Stale,
}

/// One database of the source, and the same one on the target.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Database {
    pub fence: Fence,
    pub run: Run,
    pub slot: bool,
    /// Whether the target's subscription is enabled.
    pub enabled: bool,
    /// Whether the target has the run's settings, under which values are applied as they are, or the source's.
    pub runs_settings: bool,
    /// Writes that the source acknowledged. Each drew a value from the sequence, so this is also the sequence's value.
    pub written: u8,
    /// How many of them the target has applied, in order.
    pub applied: u8,
    /// Writes that the target acknowledged.
    pub copy_written: u8,
    pub copy_sequence: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fence {
    Absent,
    Open,
    Cancelled,
    Closed,
}

/// The run's schema with its marks, and the publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Run {
    Present,
    /// The cutover's undo renamed its table of marks: no drain can begin any more.
    WithoutMarks,
    Gone,
}

/// One execution of `statemachine/encrypt.asl.json`, from the approval on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Execution {
    pub state: State,
    /// The task failed or gave no answer: retry or catch is next.
    pub failed: bool,
    pub polls: u8,
    /// Whether the slots are gone, as `create-publication` answered.
    pub publication_gone: bool,
}

/// The states of the state machine; those without an effect in the model are left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    AwaitApproval,
    Cutover,
    CancelCutover,
    WaitForward,
    CleanUpSubscription,
    CleanUpPublication,
    IsCleanedUp,
    Encrypted,
    CleanUpFailed,
    CutoverUnfinished,
    UndoPublication,
    UndoRestore,
    IsUndone,
    Undone,
    UndoFailed,
    /// Stopped by a person. Not a state of the file.
    Stopped,
}

impl State {
    pub const ALL: [Self; 16] = [
        Self::AwaitApproval,
        Self::Cutover,
        Self::CancelCutover,
        Self::WaitForward,
        Self::CleanUpSubscription,
        Self::CleanUpPublication,
        Self::IsCleanedUp,
        Self::Encrypted,
        Self::CleanUpFailed,
        Self::CutoverUnfinished,
        Self::UndoPublication,
        Self::UndoRestore,
        Self::IsUndone,
        Self::Undone,
        Self::UndoFailed,
        Self::Stopped,
    ];

    #[must_use]
    pub fn is_end(self) -> bool {
        matches!(self, Self::Encrypted | Self::CleanUpFailed | Self::CutoverUnfinished | Self::Undone | Self::UndoFailed)
    }
}

/// One call of a Lambda, and its variables.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Call {
    pub task: Task,
    /// Index of its next step.
    pub next: u8,
    pub awaited: bool,
    /// Its process is dead, but its sessions are alive at the server.
    pub dead: bool,
    pub sessions: [Session; DATABASES],
    pub copies: [CopySession; DATABASES],
    pub marks: [Mark; DATABASES],
    pub sequences: [u8; DATABASES],
    pub staged: Staged,
    /// Its answer: `fenced` of the cutover's undo, `ready` of the publication's.
    pub answer: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Task {
    Cutover,
    CutoverUndo,
    SubscribeUndo,
    CreatePublicationUndo,
    RestoreUndo,
}

/// A call's session on one database of the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Session {
    None,
    /// Not needed: the fence was already closed, or this call closed it.
    Fenced,
    Open,
    /// Holds the locks on all tables.
    Locked,
    /// Holds them, and the fence's function too: the fence closes with the commit.
    Closing,
    /// Ended by another call; this call notices when it uses it.
    Ended,
}

/// A call's session on one database of the target. It holds the claim on the database; only one session can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CopySession {
    None,
    Claimed,
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mark {
    None,
    /// Written after this many writes.
    Behind(u8),
    Seen,
}

impl World {
    /// Everything is verified, and the target follows.
    #[must_use]
    pub fn before_the_cutover(faults: u8) -> Self {
        let database = Database {
            fence: Fence::Absent,
            run: Run::Present,
            slot: true,
            enabled: true,
            runs_settings: true,
            written: 0,
            applied: 0,
            copy_written: 0,
            copy_sequence: 0,
        };
        Self {
            databases: [database.clone(), database],
            copy: true,
            subscribed: true,
            switched: false,
            others_change: Change::Kept,
            execution: Execution { state: State::AwaitApproval, failed: false, polls: 0, publication_gone: false },
            calls: [const { None }; CALLS],
            faults_left: faults,
        }
    }

    /// Whether changes of a database reach the target.
    #[must_use]
    pub fn replicates(&self, database: usize) -> bool {
        self.can_replicate(database) && self.databases[database].enabled
    }

    /// Whether the target, the subscription and the slot exist.
    #[must_use]
    pub fn can_replicate(&self, database: usize) -> bool {
        self.copy && self.subscribed && self.databases[database].slot
    }

    pub fn live_calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().flatten()
    }

    #[must_use]
    pub fn is_locked(&self, database: usize) -> bool {
        self.live_calls().any(|call| matches!(call.sessions[database], Session::Locked | Session::Closing))
    }

    /// Whether either side acknowledges writes to this database.
    #[must_use]
    pub fn takes_writes(&self, database: usize) -> bool {
        let on_source = self.databases[database].fence != Fence::Closed && !self.is_locked(database);
        on_source || (self.copy && self.switched)
    }
}

impl Call {
    #[must_use]
    pub fn of(task: Task) -> Self {
        Self {
            task,
            next: 0,
            awaited: true,
            dead: false,
            sessions: [Session::None; DATABASES],
            copies: [CopySession::None; DATABASES],
            marks: [Mark::None; DATABASES],
            sequences: [0; DATABASES],
            staged: Staged::Fresh,
            answer: false,
        }
    }

    #[must_use]
    pub fn holds_locks(&self) -> bool {
        self.sessions.iter().any(|session| matches!(session, Session::Locked | Session::Closing))
    }

    pub fn lose_sessions(&mut self) {
        for session in &mut self.sessions {
            if matches!(session, Session::Open | Session::Locked | Session::Closing) {
                *session = Session::Ended;
            }
        }
    }

    /// Values that the call does not use any more would only split one world into two.
    pub fn forget(&mut self, done: Step) {
        match done {
            Step::SetSequences => {
                self.marks = [Mark::None; DATABASES];
                self.sequences = [0; DATABASES];
            }
            Step::CarryOut => self.staged = Staged::Fresh,
            Step::Commit(last) if last + 1 == DATABASES => {
                self.sessions = [Session::None; DATABASES];
                self.copies = [CopySession::None; DATABASES];
            }
            _ => {}
        }
    }
}
