//! The protocol holds, and the checker detects it if it does not.

use protocol::bug::Bug;
use protocol::explore::{explore, find_broken};
use protocol::moves::Bounds;
use protocol::protocol::Protocol;

/// More writes and more polls than `make model`, and one fault.
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

/// Ending an earlier call saves the minute until the server itself ends the sessions of a silent client. Checking the fence after
/// the locks are taken saves the wait for a target that applies nothing any more.
#[test]
fn data_is_safe_without_ending_an_earlier_call_and_without_checking_the_fence_after_the_locks() {
    for bug in [Bug::NoEndEarlierCall, Bug::NoLookBehindLocks] {
        let found = explore(Bounds::SMALL, &Protocol::with(bug));
        assert!(found.broken.is_empty(), "{bug:?}: {:#?}", found.broken);
    }
}
