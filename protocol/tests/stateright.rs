//! A second opinion: another checker counts the same worlds and finds the same bugs.

use protocol::bug::Bug;
use protocol::explore::explore;
use protocol::moves::{Bounds, Move, moves};
use protocol::property::Property;
use protocol::protocol::Protocol;
use protocol::state::World;
use stateright::{Checker, Model};

struct Run(Protocol);

impl Run {
    /// Stateright checks the properties of each world by itself.
    fn checked(self) -> impl Checker<Self> {
        self.checker().spawn_bfs().join()
    }
}

impl Model for Run {
    type State = World;
    /// With the resulting world.
    type Action = (Move, World);

    fn init_states(&self) -> Vec<World> {
        vec![World::before_the_cutover(Bounds::SMALL.faults)]
    }

    fn actions(&self, world: &World, actions: &mut Vec<(Move, World)>) {
        actions.extend(moves(world, Bounds::SMALL, &self.0));
    }

    fn next_state(&self, _: &World, (_, world): (Move, World)) -> Option<World> {
        Some(world)
    }

    fn properties(&self) -> Vec<stateright::Property<Self>> {
        vec![
            stateright::Property::always("nothing lost", |_, world| !Property::NothingLost.is_broken_in(world)),
            stateright::Property::always("one side takes writes", |_, world| !Property::OneSideTakesWrites.is_broken_in(world)),
            stateright::Property::always("no value twice", |_, world| !Property::NoValueTwice.is_broken_in(world)),
            stateright::Property::always("others' change kept", |_, world| !Property::OthersChangeKept.is_broken_in(world)),
            stateright::Property::always("values stay", |_, world| !Property::ValuesStay.is_broken_in(world)),
            stateright::Property::always("settings are back", |_, world| !Property::SettingsAreBack.is_broken_in(world)),
            stateright::Property::always("end is true", |_, world| !Property::EndIsTrue.is_broken_in(world)),
        ]
    }
}

#[test]
fn stateright_visits_the_same_worlds_and_finds_nothing() {
    let found = Run(Protocol::of_the_code()).checked();
    assert_eq!(found.discoveries().len(), 0);
    assert_eq!(found.unique_state_count(), explore(Bounds::SMALL, &Protocol::of_the_code()).worlds);
}

#[test]
fn stateright_finds_the_same_bugs() {
    for bug in Bug::ALL {
        let broken = explore(Bounds::SMALL, &Protocol::with(bug)).broken;
        let by_itself = broken.iter().any(|broken| !matches!(broken.property, Property::WritesResume | Property::CanEndWell));
        assert_eq!(!Run(Protocol::with(bug)).checked().discoveries().is_empty(), by_itself, "{bug:?}");
    }
}
