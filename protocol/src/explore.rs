//! Visits every reachable world, nearest first, and keeps the path to each.
//!
//! Written here because half of the properties are "from every world there is a path to …", which needs all moves backwards;
//! `tests/stateright.rs` counts the same worlds with another checker.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher, Hasher};

use crate::moves::{Bounds, Move, moves};
use crate::property::Property;
use crate::protocol::Protocol;
use crate::state::World;

/// A broken property, and the shortest path to it.
#[derive(Clone, Debug)]
pub struct Broken {
    pub property: Property,
    pub trace: Vec<Move>,
    pub world: World,
}

#[derive(Clone, Debug)]
pub struct Explored {
    pub worlds: usize,
    pub moves: usize,
    /// Length of the longest of all shortest paths.
    pub depth: usize,
    /// At most one for each property.
    pub broken: Vec<Broken>,
}

/// Explores everything, and checks every property.
#[must_use]
pub fn explore(bounds: Bounds, protocol: &Protocol) -> Explored {
    let mut graph = Graph::new(bounds, protocol);
    let mut broken = Vec::<Broken>::new();
    while graph.visited < graph.worlds.len() {
        for property in Property::ALL {
            if property.is_broken_in(&graph.worlds[graph.visited]) && broken.iter().all(|known| known.property != property) {
                broken.push(graph.broken(property, graph.visited));
            }
        }
        graph.visit_next();
    }
    broken.extend(graph.dead_ends());
    let depth = graph.trace(graph.worlds.len() - 1).len();
    Explored { worlds: graph.worlds.len(), moves: graph.moves, depth, broken }
}

/// Finds one broken property: in a world by itself, else in a world without a path out.
#[must_use]
pub fn find_broken(bounds: Bounds, protocol: &Protocol) -> Option<Broken> {
    let mut graph = Graph::new(bounds, protocol);
    while graph.visited < graph.worlds.len() {
        let world = &graph.worlds[graph.visited];
        if let Some(property) = Property::ALL.into_iter().find(|property| property.is_broken_in(world)) {
            return Some(graph.broken(property, graph.visited));
        }
        graph.visit_next();
    }
    graph.dead_ends().next()
}

/// A world by its number.
type Number = u32;

struct Graph<'a> {
    bounds: Bounds,
    protocol: &'a Protocol,
    worlds: Vec<World>,
    /// By hash; a second world with the same hash is stored under the next one.
    numbers: HashMap<u64, Number, BuildHasherDefault<AsItIs>>,
    /// For each world, the world from which it was first reached, and the index of the move.
    came_by: Vec<(Number, u8)>,
    /// Moves without a fault, from and to.
    good_moves: Vec<(Number, Number)>,
    moves: usize,
    visited: usize,
}

impl<'a> Graph<'a> {
    fn new(bounds: Bounds, protocol: &'a Protocol) -> Self {
        let mut graph = Self {
            bounds,
            protocol,
            worlds: Vec::new(),
            numbers: HashMap::default(),
            came_by: Vec::new(),
            good_moves: Vec::new(),
            moves: 0,
            visited: 0,
        };
        graph.number_of(World::before_the_cutover(bounds.faults), (0, 0));
        graph
    }

    fn number_of(&mut self, world: World, came_by: (Number, u8)) -> Number {
        let mut hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(&world);
        while let Some(number) = self.numbers.get(&hash) {
            if self.worlds[*number as usize] == world {
                return *number;
            }
            hash = hash.wrapping_add(1);
        }
        let number = number(self.worlds.len());
        self.numbers.insert(hash, number);
        self.worlds.push(world);
        self.came_by.push(came_by);
        number
    }

    fn visit_next(&mut self) {
        let from = number(self.visited);
        for (place, (name, world)) in (0..).zip(moves(&self.worlds[self.visited], self.bounds, self.protocol)) {
            let to = self.number_of(world, (from, place));
            self.moves += 1;
            if !name.is_fault() {
                self.good_moves.push((from, to));
            }
        }
        self.visited += 1;
    }

    fn trace(&self, mut at: usize) -> Vec<Move> {
        let mut trace = Vec::new();
        while at != 0 {
            let (from, place) = self.came_by[at];
            at = from as usize;
            trace.extend(moves(&self.worlds[at], self.bounds, self.protocol).get(usize::from(place)).map(|(name, _)| *name));
        }
        trace.reverse();
        trace
    }

    fn broken(&self, property: Property, at: usize) -> Broken {
        Broken { property, trace: self.trace(at), world: self.worlds[at].clone() }
    }

    /// The nearest worlds from which no path without a fault reaches a property's goal.
    fn dead_ends(&mut self) -> impl Iterator<Item = Broken> + use<'a, '_> {
        self.good_moves.sort_unstable_by_key(|(_, to)| *to);
        [Property::WritesResume, Property::CanEndWell].into_iter().filter_map(|property| {
            let leads = self.ways_to(|world| property.is_reached_in(world));
            let stuck = (0..leads.len()).find(|at| !leads[*at] && !property.excuses(&self.worlds[*at], self.bounds));
            stuck.map(|at| self.broken(property, at))
        })
    }

    /// The worlds that have a path to a wanted one.
    fn ways_to(&self, wanted: impl Fn(&World) -> bool) -> Vec<bool> {
        let mut leads: Vec<bool> = self.worlds.iter().map(wanted).collect();
        let mut queue: Vec<Number> = (0..).zip(&leads).filter(|(_, leads)| **leads).map(|(number, _)| number).collect();
        while let Some(to) = queue.pop() {
            let first = self.good_moves.partition_point(|(_, other)| *other < to);
            for (from, _) in self.good_moves[first..].iter().take_while(|(_, other)| *other == to) {
                if !std::mem::replace(&mut leads[*from as usize], true) {
                    queue.push(*from);
                }
            }
        }
        leads
    }
}

fn number(index: usize) -> Number {
    Number::try_from(index).unwrap_or(Number::MAX)
}

/// The keys are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
