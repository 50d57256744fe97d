//! There and back, as a model of its own: where the old source begins to follow, what its fence lets through, and when the application may return.
//!
//! One database. The log is what the new database writes to its WAL: what was replicated to it, and what its own application writes. The inside
//! of each cutover, with its late calls and lost answers, is the other model's, which is the same code in both directions.

use stateright::{Checker, Model, Property};

const WRITES: u8 = 2;
const FAULTS: u8 = 2;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Entry {
    Replicated,
    Own,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Side {
    Source,
    Target,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and all combinations are visited")]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct World {
    /// Where the application's secret points.
    application: Side,
    source_locked: bool,
    source_fenced: bool,
    target_locked: bool,
    target_fenced: bool,
    /// Writes that the source has acknowledged, and how many of them the target has.
    written: u8,
    replicated: u8,
    applies: bool,
    /// What the target has written to its WAL, and how much of it is its application's.
    log: Vec<Entry>,
    own: u8,
    /// Positions in that log: of the slot, of the handover, and of what the source applies next.
    slot: Option<usize>,
    handover: Option<usize>,
    next: Option<usize>,
    follows: bool,
    /// What the source has got back, of its own writes and of the target's.
    doubled: u8,
    got: u8,
    intruded: bool,
    has_moved: bool,
    faults_left: u8,
}

impl World {
    fn is_back(&self) -> bool {
        self.has_moved && self.application == Side::Source
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Step {
    Write,
    Replicate,
    MakeSlot,
    LockSource,
    EndApply,
    CloseSourceFence,
    Switch,
    Follow,
    Apply,
    WritePastFence,
    LockTarget,
    EndFollowing,
    CloseTargetFence,
    OpenSourceFence,
    SwitchBack,
    /// A call dies: its locks end with its sessions, and the next one begins anew.
    Die,
}

const STEPS: [Step; 16] = [
    Step::Write,
    Step::Replicate,
    Step::MakeSlot,
    Step::LockSource,
    Step::EndApply,
    Step::CloseSourceFence,
    Step::Switch,
    Step::Follow,
    Step::Apply,
    Step::WritePastFence,
    Step::LockTarget,
    Step::EndFollowing,
    Step::CloseTargetFence,
    Step::OpenSourceFence,
    Step::SwitchBack,
    Step::Die,
];

/// What somebody could do in good faith.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    /// The source begins at the slot's position instead of the handover.
    StartBeforeLastReplicated,
    /// The handover is read after the switch, when the application may have written already.
    HandoverAfterSwitch,
    /// The fence lets sessions through that call themselves replicas.
    FenceOpenToReplicas,
    /// The slot is made when the source begins to follow.
    SlotAfterFirstWrite,
    /// The cutover back does not wait for what is still to be applied.
    BackBeforeCatchUp,
    /// The source is opened before the other one is fenced.
    OpenBeforeFence,
}

const BUGS: [Bug; 6] = [
    Bug::StartBeforeLastReplicated,
    Bug::HandoverAfterSwitch,
    Bug::FenceOpenToReplicas,
    Bug::SlotAfterFirstWrite,
    Bug::BackBeforeCatchUp,
    Bug::OpenBeforeFence,
];

struct ThereAndBack(Option<Bug>);

impl ThereAndBack {
    fn has(&self, bug: Bug) -> bool {
        self.0 == Some(bug)
    }

    /// The world after a step; none where it cannot be taken.
    fn take(&self, world: &World, step: Step) -> Option<World> {
        let mut after = world.clone();
        let is_there = world.has_moved;
        let possible = match step {
            Step::Write if world.application == Side::Source => {
                after.written += 1;
                world.written < WRITES + u8::from(is_there) && !world.source_locked && !world.source_fenced
            }
            Step::Write => {
                after.own += 1;
                after.log.push(Entry::Own);
                world.own < WRITES && !world.target_locked && !world.target_fenced
            }
            Step::Replicate => {
                after.replicated += 1;
                after.log.push(Entry::Replicated);
                world.applies && !is_there && world.replicated < world.written
            }
            Step::MakeSlot => {
                after.slot = Some(world.log.len());
                world.slot.is_none() && if self.has(Bug::SlotAfterFirstWrite) { is_there } else { !world.source_locked && !is_there }
            }
            Step::LockSource => {
                (after.source_locked, after.applies) = (true, true);
                !world.source_locked && !world.source_fenced && !is_there && (world.slot.is_some() || self.has(Bug::SlotAfterFirstWrite))
            }
            Step::EndApply => {
                (after.applies, after.handover) = (false, Some(world.log.len()));
                world.source_locked && world.applies && world.replicated == world.written
            }
            Step::CloseSourceFence => {
                (after.source_fenced, after.source_locked) = (true, false);
                world.source_locked && !world.applies
            }
            Step::Switch => {
                (after.application, after.has_moved) = (Side::Target, true);
                world.source_fenced && !is_there
            }
            Step::Follow => {
                let start = match self.0 {
                    Some(Bug::StartBeforeLastReplicated) => world.slot,
                    Some(Bug::HandoverAfterSwitch) => Some(world.log.len()),
                    _ => world.handover,
                };
                // What lies before the slot is never decoded.
                (after.next, after.follows) = (world.next.or(start.max(world.slot)), true);
                is_there && world.slot.is_some() && !world.follows && world.application == Side::Target && !world.target_locked
            }
            Step::Apply => {
                let entry = world.next.and_then(|next| world.log.get(next));
                match entry {
                    Some(Entry::Replicated) => after.doubled += 1,
                    Some(Entry::Own) => after.got += 1,
                    None => {}
                }
                after.next = world.next.map(|next| next + 1);
                world.follows && entry.is_some()
            }
            Step::WritePastFence => {
                after.intruded = true;
                world.source_fenced && self.has(Bug::FenceOpenToReplicas)
            }
            Step::LockTarget => {
                after.target_locked = true;
                is_there && world.follows && !world.target_locked && !world.target_fenced
            }
            Step::EndFollowing => {
                after.follows = false;
                world.target_locked && world.follows && (world.next == Some(world.log.len()) || self.has(Bug::BackBeforeCatchUp))
            }
            Step::CloseTargetFence => {
                (after.target_fenced, after.target_locked) = (true, false);
                world.target_locked && !world.follows
            }
            Step::OpenSourceFence => {
                after.source_fenced = false;
                is_there && world.source_fenced && (world.target_fenced || self.has(Bug::OpenBeforeFence) && world.target_locked)
            }
            Step::SwitchBack => {
                after.application = Side::Source;
                is_there && world.target_fenced && !world.source_fenced && world.application == Side::Target
            }
            Step::Die => {
                after.faults_left = world.faults_left.saturating_sub(1);
                (after.source_locked, after.target_locked) = (false, false);
                world.faults_left > 0 && (world.source_locked || world.target_locked)
            }
        };
        possible.then_some(after)
    }
}

impl Model for ThereAndBack {
    type State = World;
    type Action = Step;

    fn init_states(&self) -> Vec<World> {
        vec![World {
            application: Side::Source,
            source_locked: false,
            source_fenced: false,
            target_locked: false,
            target_fenced: false,
            written: 0,
            replicated: 0,
            applies: true,
            log: Vec::new(),
            own: 0,
            slot: None,
            handover: None,
            next: None,
            follows: false,
            doubled: 0,
            got: 0,
            intruded: false,
            has_moved: false,
            faults_left: FAULTS,
        }]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Step>) {
        actions.extend(STEPS.into_iter().filter(|step| self.take(world, *step).is_some()));
    }

    fn next_state(&self, world: &World, step: Step) -> Option<World> {
        self.take(world, step)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("no write is lost there", |_, world: &World| world.application == Side::Source || world.replicated == world.written),
            Property::always("no write comes back to where it was made", |_, world: &World| world.doubled == 0),
            Property::always("no write is lost on the way back", |_, world: &World| !world.is_back() || world.got == world.own),
            Property::always("nobody but replication writes behind the fence", |_, world: &World| !world.intruded),
            Property::always("never do both take writes", |_, world: &World| !world.has_moved || world.source_fenced || world.target_fenced),
            Property::sometimes("it can go back", |_, world: &World| world.is_back() && world.own == WRITES && world.faults_left == 0),
        ]
    }
}

fn broken(bug: Option<Bug>) -> Vec<&'static str> {
    let checked = ThereAndBack(bug).checker().spawn_bfs().join();
    let discoveries = checked.discoveries();
    let broken = checked.model().properties().into_iter().filter(|property| {
        let is_found = discoveries.contains_key(property.name);
        is_found != (property.expectation == stateright::Expectation::Sometimes)
    });
    broken.map(|property| property.name).collect()
}

#[test]
fn there_and_back_breaks_nothing() {
    assert_eq!(broken(None), Vec::<&str>::new());
}

#[test]
fn every_bug_on_the_way_back_is_found() {
    for bug in BUGS {
        assert!(!broken(Some(bug)).is_empty(), "{bug:?} breaks nothing");
    }
}
