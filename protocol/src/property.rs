//! The properties that must hold.

use crate::moves::Bounds;
use crate::state::{Change, DATABASES, Fence, Run, State, World};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// No acknowledged write is lost.
    NothingLost,
    /// Source and target never take writes at the same time.
    OneSideTakesWrites,
    /// No value of a sequence is drawn twice.
    NoValueTwice,
    /// A change by somebody else to the secret is in the version that the switch makes current.
    OthersChangeKept,
    /// Every write is applied under the run's settings.
    ValuesStay,
    /// The application has its own settings on the target.
    SettingsAreBack,
    /// The execution's end state is true: `Encrypted` and `Undone` leave no slot behind.
    EndIsTrue,
    /// From every world, without a further fault, writes resume; only `CutoverUnfinished` may leave them stopped.
    WritesResume,
    /// From every world except an end, without a further fault, the execution can reach `Encrypted` or `Undone`.
    CanEndWell,
}

impl Property {
    pub const ALL: [Self; 9] = [
        Self::NothingLost,
        Self::OneSideTakesWrites,
        Self::NoValueTwice,
        Self::OthersChangeKept,
        Self::ValuesStay,
        Self::SettingsAreBack,
        Self::EndIsTrue,
        Self::WritesResume,
        Self::CanEndWell,
    ];

    /// Whether a world breaks the property by itself; the last two are about the worlds that can follow.
    #[must_use]
    pub fn is_broken_in(self, world: &World) -> bool {
        let databases = &world.databases;
        match self {
            Self::NothingLost if world.switched && world.copy => databases.iter().any(|database| database.applied < database.written),
            Self::NothingLost => !world.copy && databases.iter().any(|database| database.copy_written > 0),
            Self::OneSideTakesWrites => world.switched && world.copy && databases.iter().any(|database| database.fence != Fence::Closed),
            Self::NoValueTwice => {
                world.switched && databases.iter().any(|database| database.copy_sequence < database.written + database.copy_written)
            }
            Self::OthersChangeKept => world.others_change == Change::Lost,
            Self::ValuesStay => (0..DATABASES).any(|index| {
                let database = &databases[index];
                world.replicates(index) && !database.runs_settings && database.applied < database.written
            }),
            Self::SettingsAreBack => world.switched && world.copy && databases.iter().any(|database| database.runs_settings),
            Self::EndIsTrue => !end_is_true(world),
            Self::WritesResume | Self::CanEndWell => false,
        }
    }

    /// Worlds from which the goal need not be reachable: ends, and those in which the way forward was tried as often as
    /// allowed.
    #[must_use]
    pub fn excuses(self, world: &World, bounds: Bounds) -> bool {
        let given_up = world.execution.polls == bounds.polls;
        match self {
            Self::WritesResume => given_up || world.execution.state == State::CutoverUnfinished,
            Self::CanEndWell => given_up || world.execution.state.is_end(),
            _ => true,
        }
    }

    /// Worlds in which the goal is reached.
    #[must_use]
    pub fn is_reached_in(self, world: &World) -> bool {
        match self {
            Self::WritesResume => (0..DATABASES).all(|database| world.takes_writes(database)),
            Self::CanEndWell => matches!(world.execution.state, State::Encrypted | State::Undone),
            _ => true,
        }
    }
}

fn end_is_true(world: &World) -> bool {
    let mut databases = world.databases.iter();
    match world.execution.state {
        State::Encrypted => world.switched && world.copy && databases.all(|database| database.fence == Fence::Closed && !database.slot),
        State::CleanUpFailed => world.switched && world.copy && databases.all(|database| database.fence == Fence::Closed),
        State::Undone => {
            !world.switched && !world.copy && databases.all(|database| database.fence == Fence::Absent && database.run == Run::Gone && !database.slot)
        }
        State::UndoFailed => !world.switched && databases.all(|database| database.fence != Fence::Closed),
        _ => true,
    }
}
