//! The protocol holds, and the checker would see it if it did not.

use protocol::bug::Bug;
use protocol::explore::{explore, find_broken};
use protocol::moves::Bounds;
use protocol::protocol::Protocol;

/// More writes and more ways forward than `make model`, and one fault.
const ONE_FAULT: Bounds = Bounds { faults: 1, writes: 2, polls: 2 };

#[test]
fn the_protocol_of_the_code_breaks_nothing() {
    let found = explore(ONE_FAULT, &Protocol::of_the_code());
    assert!(found.broken.is_empty(), "{:#?}", found.broken);
}

#[test]
fn every_seeded_bug_is_found() {
    for bug in Bug::ALL {
        assert!(find_broken(Bounds::SMALL, &Protocol::with(bug)).is_some(), "{bug:?} breaks nothing");
    }
}

/// What ending an earlier call saves is the minute until the server itself ends the sessions of a client that fell silent, and what the look
/// behind the locks saves is the wait for a copy that applies nothing any more.
#[test]
fn neither_ending_an_earlier_call_nor_looking_behind_the_locks_is_what_keeps_data_safe() {
    for bug in [Bug::NoEndEarlierCall, Bug::NoLookBehindLocks] {
        let found = explore(Bounds::SMALL, &Protocol::with(bug));
        assert!(found.broken.is_empty(), "{bug:?}: {:#?}", found.broken);
    }
}
