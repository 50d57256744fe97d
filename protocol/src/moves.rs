//! All possible next events: a step of a call, an answer or none, the servers' own work, writers, people.

use crate::bug::Bug;
use crate::call::{self, Outcome};
use crate::protocol::Protocol;
use crate::state::{CALLS, Call, DATABASES, Execution, Fence, Mark, Session, Staged, State, Task, World};
use crate::step::Step;

/// The limits of the exploration.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Crashes, failures, lost answers, lost sessions and stops of an execution, all together.
    pub faults: u8,
    /// Writes per database and side.
    pub writes: u8,
    /// How often the execution retries the cutover before it gives up: 100 in the file.
    pub polls: u8,
}

impl Bounds {
    /// Takes a second to explore.
    pub const SMALL: Self = Self { faults: 1, writes: 1, polls: 1 };
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// A person, or `cutover.when`.
    Approve,
    /// Not approved, or `poll-lag` failed.
    GiveUpWaiting,
    Invoke(Task),
    Retry,
    Catch,
    WaitedForUndo,
    Step {
        step: Step,
        awaited: bool,
        outcome: Outcome,
    },
    Apply(usize),
    ApplyMark(usize),
    WriteSource(usize),
    WriteCopy(usize),
    /// Somebody rotates a password in the secret, or adds a key.
    WriteSecret,
    /// A commit that had reached the server when its client died.
    CommitOfDeadCall(usize),
    /// The server ends the sessions of a client that fell silent.
    EndSilentSessions,
    /// Somebody starts a new execution to recover a stopped one: it begins with `CancelCutover`.
    StartAgain,
    /// This and all following ones are faults.
    Fail {
        step: Step,
        awaited: bool,
    },
    Crash {
        step: Step,
        awaited: bool,
    },
    LoseSessions {
        step: Step,
        awaited: bool,
    },
    LoseAnswer(Task),
    StopExecution,
}

impl Move {
    #[must_use]
    pub fn is_fault(self) -> bool {
        matches!(self, Self::Fail { .. } | Self::Crash { .. } | Self::LoseSessions { .. } | Self::LoseAnswer(_) | Self::StopExecution)
    }
}

/// All moves from a world, each with the resulting world.
#[must_use]
pub fn moves(world: &World, bounds: Bounds, protocol: &Protocol) -> Vec<(Move, World)> {
    let mut moves = Moves { world, bounds, protocol, all: Vec::new() };
    moves.of_the_execution();
    moves.of_calls();
    moves.of_servers();
    moves.of_writers();
    moves.of_other_writers_of_the_secret();
    if world.faults_left > 0 {
        moves.faults();
    }
    for (_, world) in &mut moves.all {
        world.calls.sort();
    }
    moves.all
}

/// The task of a state, if the model has it.
fn task(state: State) -> Option<Task> {
    match state {
        State::Cutover => Some(Task::Cutover),
        State::CancelCutover => Some(Task::CutoverUndo),
        State::CleanUpSubscription => Some(Task::SubscribeUndo),
        State::CleanUpPublication | State::UndoPublication => Some(Task::CreatePublicationUndo),
        State::UndoRestore => Some(Task::RestoreUndo),
        _ => None,
    }
}

/// `Catch` of a task.
fn catch(state: State, protocol: &Protocol) -> State {
    match state {
        State::Cutover if protocol.has(Bug::CatchWithoutIsFenced) => State::UndoPublication,
        State::Cutover => State::CancelCutover,
        State::CancelCutover if protocol.has(Bug::UndoWhereUnsure) => State::UndoPublication,
        State::CancelCutover => State::CutoverUnfinished,
        State::UndoPublication | State::UndoRestore => State::UndoFailed,
        _ => State::CleanUpFailed,
    }
}

struct Moves<'a> {
    world: &'a World,
    bounds: Bounds,
    protocol: &'a Protocol,
    all: Vec<(Move, World)>,
}

impl Moves<'_> {
    fn add(&mut self, name: Move, change: impl FnOnce(&mut World)) {
        let mut world = self.world.clone();
        change(&mut world);
        if name.is_fault() {
            world.faults_left -= 1;
        }
        self.all.push((name, world));
    }

    fn go(&mut self, name: Move, to: State) {
        self.add(name, |world| enter(&mut world.execution, to));
    }

    fn of_the_execution(&mut self) {
        let execution = &self.world.execution;
        match execution.state {
            State::AwaitApproval => {
                self.go(Move::Approve, State::Cutover);
                self.go(Move::GiveUpWaiting, State::UndoPublication);
            }
            State::WaitForward => self.go(Move::Retry, State::Cutover),
            State::IsCleanedUp if execution.publication_gone => self.go(Move::WaitedForUndo, State::Encrypted),
            State::IsCleanedUp => self.go(Move::WaitedForUndo, State::CleanUpPublication),
            State::IsUndone if execution.publication_gone => self.go(Move::WaitedForUndo, State::Undone),
            State::IsUndone => self.go(Move::WaitedForUndo, State::UndoPublication),
            State::Stopped => self.add(Move::StartAgain, |world| {
                world.execution = Execution { state: State::CancelCutover, failed: false, polls: 0, publication_gone: false };
            }),
            state if execution.failed => {
                self.add(Move::Retry, |world| world.execution.failed = false);
                self.go(Move::Catch, catch(state, self.protocol));
            }
            state => {
                let Some(task) = task(state) else { return };
                let is_called = self.world.live_calls().any(|call| call.awaited);
                let Some(free) = self.world.calls.iter().position(Option::is_none).filter(|_| !is_called) else { return };
                self.add(Move::Invoke(task), |world| world.calls[free] = Some(Call::of(task)));
            }
        }
    }

    /// Late calls go on as awaited ones do.
    fn of_calls(&mut self) {
        for index in 0..CALLS {
            let Some(call) = self.world.calls[index].clone().filter(|call| !call.dead) else { continue };
            let mut others = self.world.clone();
            others.calls[index] = None;
            let step = self.protocol.next_step(&call);
            for (outcome, mut world, after) in call::take(&others, &call, self.protocol) {
                match outcome {
                    Outcome::GoesOn => world.calls[index] = Some(after),
                    Outcome::Answers if call.awaited => self.answered(&mut world.execution, &after),
                    Outcome::Fails => fail(&mut world, index, after, self.protocol),
                    Outcome::Answers => {}
                }
                self.all.push((Move::Step { step, awaited: call.awaited, outcome }, world));
            }
        }
    }

    fn answered(&self, execution: &mut Execution, call: &Call) {
        let next = match execution.state {
            State::Cutover => State::CleanUpSubscription,
            State::CancelCutover => self.which_way(execution, call.answer),
            State::CleanUpSubscription => State::CleanUpPublication,
            State::CleanUpPublication => State::IsCleanedUp,
            State::UndoPublication => State::UndoRestore,
            State::UndoRestore => State::IsUndone,
            other => other,
        };
        if call.task == Task::CreatePublicationUndo {
            execution.publication_gone = call.answer;
        }
        enter(execution, next);
    }

    fn which_way(&self, execution: &mut Execution, fenced: bool) -> State {
        if !fenced || self.protocol.has(Bug::UndoThoughFenced) {
            return State::UndoPublication;
        }
        if execution.polls >= self.bounds.polls {
            return State::CutoverUnfinished;
        }
        execution.polls += 1;
        State::WaitForward
    }

    fn of_servers(&mut self) {
        for database in 0..DATABASES {
            if !self.world.replicates(database) {
                continue;
            }
            let (applied, written) = (self.world.databases[database].applied, self.world.databases[database].written);
            if applied < written {
                self.add(Move::Apply(database), |world| world.databases[database].applied += 1);
            }
            for index in 0..CALLS {
                let mark = self.world.calls[index].as_ref().map(|call| call.marks[database]);
                if mark.is_some_and(|mark| matches!(mark, Mark::Behind(writes) if writes <= applied)) {
                    self.add(Move::ApplyMark(database), |world| {
                        world.calls[index].iter_mut().for_each(|call| call.marks[database] = Mark::Seen);
                    });
                }
            }
        }
        for index in 0..CALLS {
            let Some(call) = self.world.calls[index].clone().filter(|call| call.dead) else { continue };
            if let Step::Commit(database) = self.protocol.next_step(&call)
                && call.sessions[database] == Session::Closing
            {
                self.add(Move::CommitOfDeadCall(database), |world| {
                    world.databases[database].fence = Fence::Closed;
                    if let Some(call) = &mut world.calls[index] {
                        call.sessions[database] = Session::Fenced;
                    }
                });
            }
            if !self.protocol.has(Bug::LocksOutliveSession) {
                self.add(Move::EndSilentSessions, |world| world.calls[index] = None);
            }
        }
    }

    fn of_writers(&mut self) {
        for (index, database) in self.world.databases.iter().enumerate() {
            let locked = self.is_locked(index);
            if database.fence != Fence::Closed && !locked && database.written < self.bounds.writes {
                self.add(Move::WriteSource(index), |world| world.databases[index].written += 1);
            }
            if self.world.copy && self.world.switched && database.copy_written < self.bounds.writes {
                self.add(Move::WriteCopy(index), |world| {
                    world.databases[index].copy_written += 1;
                    world.databases[index].copy_sequence += 1;
                });
            }
        }
    }

    /// A write after the staging: its time before the switch makes no difference, so it comes right before it.
    fn of_other_writers_of_the_secret(&mut self) {
        let switch = self.protocol.place_of(Step::CarryOut);
        let is_concerned = |call: &Call| call.task == Task::Cutover && !call.dead && call.staged == Staged::Fresh && call.next == switch;
        if self.world.live_calls().any(is_concerned) {
            self.add(Move::WriteSecret, |world| {
                world.calls.iter_mut().flatten().filter(|call| is_concerned(call)).for_each(|call| call.staged = Staged::Stale);
            });
        }
    }

    fn is_locked(&self, database: usize) -> bool {
        let closing_holds = !self.protocol.has(Bug::FenceAfterLocks);
        self.world.live_calls().any(|call| match call.sessions[database] {
            Session::Locked => true,
            Session::Closing => closing_holds,
            _ => false,
        })
    }

    fn faults(&mut self) {
        if !self.world.execution.state.is_end() && self.world.execution.state != State::Stopped {
            self.add(Move::StopExecution, |world| {
                world.execution.state = State::Stopped;
                world.execution.failed = false;
                world.calls.iter_mut().flatten().for_each(|call| call.awaited = false);
            });
        }
        for index in 0..CALLS {
            if let Some(call) = self.world.calls[index].clone().filter(|call| !call.dead) {
                self.faults_of(index, &call);
            }
        }
    }

    /// A late call without locks that fails is the same as one that does not go on.
    fn faults_of(&mut self, index: usize, call: &Call) {
        let (step, awaited, protocol) = (self.protocol.next_step(call), call.awaited, self.protocol);
        if awaited || call.holds_locks() {
            self.add(Move::Fail { step, awaited }, |world| fail(world, index, call.clone(), protocol));
        }
        if call.holds_locks() {
            self.add(Move::Crash { step, awaited }, |world| {
                world.execution.failed |= awaited;
                world.calls[index] = Some(Call { awaited: false, dead: true, marks: Call::of(call.task).marks, ..call.clone() });
            });
            self.add(Move::LoseSessions { step, awaited }, |world| {
                world.calls[index].iter_mut().for_each(Call::lose_sessions);
            });
        }
        if awaited {
            self.add(Move::LoseAnswer(call.task), |world| {
                world.execution.failed = true;
                world.calls[index].iter_mut().for_each(|call| call.awaited = false);
            });
        }
    }
}

fn enter(execution: &mut Execution, state: State) {
    execution.state = state;
    execution.failed = false;
}

/// The call ends with an error, after its sessions are closed.
fn fail(world: &mut World, index: usize, mut call: Call, protocol: &Protocol) {
    world.execution.failed |= call.awaited;
    call.awaited = false;
    call.dead = true;
    let keeps_locks = protocol.has(Bug::LocksOutliveSession) && call.holds_locks();
    world.calls[index] = keeps_locks.then_some(call);
}
