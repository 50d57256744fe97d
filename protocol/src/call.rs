//! The effect of each step of a call on the world.

use crate::bug::Bug;
use crate::protocol::Protocol;
use crate::state::{Call, Change, CopySession, DATABASES, Database, Fence, Mark, Run, Session, Staged, Task, World};
use crate::step::Step;

/// The outcome of one step for its call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    GoesOn,
    Answers,
    /// Ends with an error: its sessions are closed.
    Fails,
}

/// All possible outcomes of one step; empty if it waits.
pub type Outcomes = Vec<(Outcome, World, Call)>;

/// Takes the next step of the call, which is not in the world's list of calls meanwhile.
#[must_use]
pub fn take(world: &World, call: &Call, protocol: &Protocol) -> Outcomes {
    let held = world.replicates(DATABASES - 1);
    let mut taking = Taking { world: world.clone(), call: call.clone(), protocol, held };
    let step = protocol.next_step(call);
    match taking.apply(step) {
        Took::Waits => Vec::new(),
        Took::WaitsOrFails => vec![(Outcome::Fails, world.clone(), call.clone())],
        Took::Fails => vec![(Outcome::Fails, taking.world, taking.call)],
        Took::Answers => vec![(Outcome::Answers, taking.world, taking.call)],
        Took::Done => taking.outcomes(step),
    }
}

enum Took {
    Done,
    /// The call ends with an answer.
    Answers,
    Fails,
    /// Waits for something that happens by itself.
    Waits,
    /// Waits for another session's lock, or fails by its timeout.
    WaitsOrFails,
}

struct Taking<'a> {
    world: World,
    call: Call,
    protocol: &'a Protocol,
    /// Whether a walsender holds a slot: it stays a moment longer after it was asked to end.
    held: bool,
}

impl Taking<'_> {
    fn has(&self, bug: Bug) -> bool {
        self.protocol.has(bug)
    }

    fn database(&mut self, index: usize) -> &mut Database {
        &mut self.world.databases[index]
    }

    /// Databases whose fence this call must close.
    fn open(&self) -> impl Iterator<Item = usize> + use<> {
        let sessions = self.call.sessions;
        (0..DATABASES).filter(move |index| sessions[*index] != Session::Fenced)
    }

    fn outcomes(mut self, step: Step) -> Outcomes {
        self.call.next += 1;
        let all_fenced = self.open().next().is_none();
        let one_fenced = self.has(Bug::OneFenceIsEnough) && self.call.sessions.contains(&Session::Fenced);
        if self.call.task == Task::Cutover && step == Step::Prepare(DATABASES - 1) && (all_fenced || one_fenced) {
            if self.has(Bug::ForwardNeedsSlot) && !self.world.databases[0].slot {
                return vec![(Outcome::Fails, self.world, self.call)];
            }
            self.call.next = self.protocol.place_of(Step::CarryOut);
        }
        if self.protocol.is_through(&self.call) {
            return vec![(Outcome::Answers, self.world, self.call)];
        }
        self.call.forget(step);
        let mut outcomes = Vec::new();
        if step == Step::DropSlots && self.held {
            let (mut world, mut call) = (self.world.clone(), self.call.clone());
            world.databases[DATABASES - 1].slot = true;
            call.answer = self.has(Bug::HeldSlotForgotten);
            outcomes.push((Outcome::GoesOn, world, call));
        }
        outcomes.push((Outcome::GoesOn, self.world, self.call));
        outcomes
    }

    fn apply(&mut self, step: Step) -> Took {
        match step {
            Step::EndEarlierCall => self.end_earlier_call(),
            Step::EndEarlierCallOnCopy => self.end_earlier_call_on_copy(),
            Step::ReadState(index) => self.read_state(index),
            Step::Prepare(index) => self.prepare(index),
            Step::LockAll => self.lock_all(),
            Step::WriteMark => self.write_mark(),
            Step::SeeMark => self.see_mark(),
            Step::ReadSequences => self.read_sequences(),
            Step::SetSequences => self.set_sequences(),
            Step::EndApply => self.end_apply(),
            Step::Close => self.close(),
            Step::Commit(index) => self.commit(index),
            // Refused if the version that was read is not current any more; then the secret is read and staged again.
            Step::CarryOut => {
                if self.call.staged == Staged::Stale && self.has(Bug::SecretOverwritten) {
                    self.world.others_change = Change::Lost;
                }
                self.world.switched = true;
                Took::Done
            }
            Step::StageSwitches | Step::EndApplicationsSessions => Took::Done,
            Step::LookForFence(index) => self.look_for_fence(index),
            Step::Cancel(index) => self.cancel(index),
            Step::Remove(index) => self.remove(index),
            Step::Unsubscribe if !self.world.copy => Took::Fails,
            Step::Unsubscribe => {
                self.world.subscribed = false;
                Took::Done
            }
            Step::DropSlots => self.drop_slots(),
            Step::DropRun => {
                self.world.databases.iter_mut().for_each(|database| database.run = Run::Gone);
                Took::Done
            }
            Step::DropTarget => {
                self.world.copy = false;
                Took::Done
            }
        }
    }

    /// Sessions of both `do` and `undo` of the cutover have the application name by which they are ended.
    fn end_earlier_call(&mut self) -> Took {
        if self.has(Bug::LocksOutliveSession) || self.has(Bug::NoEndEarlierCall) {
            return Took::Done;
        }
        for slot in &mut self.world.calls {
            let Some(call) = slot else { continue };
            call.lose_sessions();
            if call.dead && !call.copies.contains(&CopySession::Claimed) {
                *slot = None;
            }
        }
        Took::Done
    }

    fn end_earlier_call_on_copy(&mut self) -> Took {
        if !self.world.copy {
            return Took::Fails;
        }
        for slot in &mut self.world.calls {
            let Some(call) = slot else { continue };
            for copy in &mut call.copies {
                if *copy == CopySession::Claimed {
                    *copy = CopySession::Ended;
                }
            }
            if call.dead && !call.holds_locks() {
                *slot = None;
            }
        }
        Took::Done
    }

    fn read_state(&mut self, index: usize) -> Took {
        let closed = self.world.databases[index].fence == Fence::Closed;
        self.call.sessions[index] = if closed { Session::Fenced } else { Session::Open };
        Took::Done
    }

    fn prepare(&mut self, index: usize) -> Took {
        if self.call.sessions[index] == Session::Fenced {
            return Took::Done;
        }
        if self.call.sessions[index] != Session::Open || !self.world.can_replicate(index) {
            return Took::Fails;
        }
        if !self.has(Bug::NoClaimOnCopy) && self.world.live_calls().any(|call| call.copies[index] == CopySession::Claimed) {
            return Took::WaitsOrFails;
        }
        self.call.copies[index] = CopySession::Claimed;
        // DDL is held from the locks to the fence, and here too.
        if !self.world.databases[index].enabled && !self.has(Bug::EnsureApplyUnheld) {
            if self.world.is_locked(index) {
                return Took::WaitsOrFails;
            }
            if self.world.databases[index].fence == Fence::Closed {
                return Took::Fails;
            }
        }
        let wanted = if self.has(Bug::NoTombstone) { &[Run::Present, Run::WithoutMarks][..] } else { &[Run::Present] };
        if !wanted.contains(&self.world.databases[index].run) {
            return Took::Fails;
        }
        let database = self.database(index);
        (database.enabled, database.runs_settings) = (true, true);
        if matches!(self.world.databases[index].fence, Fence::Absent | Fence::Cancelled) {
            if self.world.is_locked(index) {
                return Took::WaitsOrFails;
            }
            self.database(index).fence = Fence::Open;
        }
        Took::Done
    }

    fn lock_all(&mut self) -> Took {
        let open: Vec<usize> = self.open().collect();
        if open.iter().any(|index| self.call.sessions[*index] != Session::Open) {
            return Took::Fails;
        }
        if open.iter().any(|index| self.world.is_locked(*index)) {
            return Took::WaitsOrFails;
        }
        if !self.has(Bug::NoLookBehindLocks) && open.iter().any(|index| self.world.databases[*index].fence == Fence::Closed) {
            return Took::Fails;
        }
        for index in open {
            self.call.sessions[index] = Session::Locked;
        }
        Took::Done
    }

    fn all_are(&self, wanted: Session) -> bool {
        self.open().all(|index| self.call.sessions[index] == wanted)
    }

    fn write_mark(&mut self) -> Took {
        let wanted = if self.has(Bug::MarkBeforeLocks) { Session::Open } else { Session::Locked };
        if !self.all_are(wanted) || self.open().any(|index| self.world.databases[index].run != Run::Present) {
            return Took::Fails;
        }
        for index in self.open() {
            self.call.marks[index] = Mark::Behind(self.world.databases[index].written);
        }
        Took::Done
    }

    /// Reads on the target only.
    fn see_mark(&mut self) -> Took {
        if self.open().all(|index| self.call.marks[index] == Mark::Seen) {
            return Took::Done;
        }
        // The mark of a database without its slot never arrives; the deadline ends the wait.
        if self.open().any(|index| !self.world.replicates(index)) { Took::WaitsOrFails } else { Took::Waits }
    }

    fn read_sequences(&mut self) -> Took {
        let wanted = if self.has(Bug::SequencesBeforeLocks) { Session::Open } else { Session::Locked };
        if !self.all_are(wanted) {
            return Took::Fails;
        }
        for index in self.open() {
            self.call.sequences[index] = self.world.databases[index].written;
        }
        Took::Done
    }

    /// Writes on the target only, which does not depend on the locks.
    fn set_sequences(&mut self) -> Took {
        let claimed = self.open().all(|index| self.call.copies[index] == CopySession::Claimed);
        if !self.world.copy || (!claimed && !self.has(Bug::NoClaimOnCopy)) {
            return Took::Fails;
        }
        for index in self.open() {
            self.database(index).copy_sequence = self.call.sequences[index];
        }
        Took::Done
    }

    /// Writes on the target only, in one transaction for each database.
    fn end_apply(&mut self) -> Took {
        let behind_switch = self.has(Bug::EndApplyBehindSwitch);
        let claimed = self.open().all(|index| self.call.copies[index] == CopySession::Claimed);
        if !self.world.copy || (!claimed && !self.has(Bug::NoClaimOnCopy) && !behind_switch) {
            return Took::Fails;
        }
        let outlives = self.has(Bug::ApplyOutlivesSettings);
        let ended: Vec<usize> = if behind_switch { (0..DATABASES).collect() } else { self.open().collect() };
        for index in ended {
            let database = self.database(index);
            (database.enabled, database.runs_settings) = (outlives, false);
        }
        Took::Done
    }

    /// In the transactions that hold the locks, before their commit.
    fn close(&mut self) -> Took {
        let open: Vec<usize> = self.open().collect();
        if !self.all_are(Session::Locked) || open.iter().any(|index| self.world.databases[*index].fence != Fence::Open) {
            return Took::Fails;
        }
        for index in open {
            self.call.sessions[index] = Session::Closing;
        }
        Took::Done
    }

    fn commit(&mut self, index: usize) -> Took {
        match self.call.sessions[index] {
            Session::Fenced => Took::Done,
            Session::Closing => {
                self.call.sessions[index] = Session::Fenced;
                self.database(index).fence = Fence::Closed;
                Took::Done
            }
            _ => Took::Fails,
        }
    }

    fn look_for_fence(&mut self, index: usize) -> Took {
        if self.world.databases[index].fence == Fence::Closed && !self.has(Bug::ClosedFenceRemoved) {
            self.call.answer = true;
            return Took::Answers;
        }
        Took::Done
    }

    /// Waits for a transaction that is about to close the fence: both lock the fence's function.
    fn cancel(&mut self, index: usize) -> Took {
        if self.has(Bug::CancelOnlyReads) {
            return self.look_for_fence(index);
        }
        if self.world.live_calls().any(|call| call.sessions[index] == Session::Closing) {
            return Took::WaitsOrFails;
        }
        let keeps_no_trace = self.has(Bug::NoTombstone);
        let removes_closed = self.has(Bug::ClosedFenceRemoved);
        let database = self.database(index);
        if database.fence == Fence::Closed && !removes_closed {
            self.call.answer = true;
            return Took::Answers;
        }
        if database.fence == Fence::Open {
            database.fence = Fence::Cancelled;
        }
        if database.run == Run::Present && !keeps_no_trace {
            database.run = Run::WithoutMarks;
        }
        Took::Done
    }

    /// The event trigger of a closed fence refuses this.
    fn remove(&mut self, index: usize) -> Took {
        let removes_closed = self.has(Bug::ClosedFenceRemoved);
        if self.world.is_locked(index) {
            return Took::WaitsOrFails;
        }
        let database = self.database(index);
        if database.fence == Fence::Closed && !removes_closed {
            return Took::Fails;
        }
        database.fence = Fence::Absent;
        Took::Done
    }

    fn drop_slots(&mut self) -> Took {
        self.call.answer = true;
        self.world.databases.iter_mut().for_each(|database| database.slot = false);
        Took::Done
    }
}
