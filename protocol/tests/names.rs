//! The model matches the code: its steps and states have names that exist there.

use std::path::PathBuf;

use protocol::state::State;
use protocol::step;

fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_step_is_a_function_of_the_code() {
    for step in [step::CUT_OVER, step::CANCEL, step::UNSUBSCRIBE, step::UNPUBLISH, step::DROP_TARGET].concat() {
        let (path, function) = step.code();
        let is_there = file(path).contains(&format!("fn {function}(")) || file(path).contains(&format!("fn {function}<"));
        assert!(is_there, "{step:?}: no function {function} in {path}");
    }
}

#[test]
fn every_state_is_one_of_the_state_machine() {
    let machine: serde_json::Value = serde_json::from_str(&file("statemachine/encrypt.asl.json")).unwrap();
    for state in State::ALL.into_iter().filter(|state| *state != State::Stopped) {
        let found = &machine["States"][format!("{state:?}")];
        assert!(found.is_object(), "no state {state:?}");
        let ends = matches!(found["Type"].as_str(), Some("Fail" | "Succeed"));
        assert_eq!(ends, state.is_end(), "{state:?}");
    }
}

/// The order of the calls in the code, as far as the model's proof depends on it.
#[test]
fn the_cutover_does_its_steps_in_the_order_of_the_model() {
    let pause = file("functions/cutover/src/pause.rs");
    let place = |what: &str| pause.find(what).unwrap_or_else(|| panic!("pause.rs has no {what}"));
    let order =
        ["fence::read_state(", "prepare(aws, session, watcher", "lock_all(&mut locks", "replicate_all(open, target", "batch_execute(\"commit\")"];
    assert!(order.map(place).is_sorted(), "{order:?}");
    let of_all = ["drain(open, plan, deadline)", "hand_over(open, plan, drained)", "fence::close("];
    assert!(of_all.map(place).is_sorted(), "{of_all:?}");
    let inside = ["open.drain.carry_out(", "read_sequences(open)", "finish_target(open, &drained)", "keep_snapshot(open)"];
    assert!(inside.map(place).is_sorted(), "{inside:?}");
    let open = ["prepare(aws, session, watcher", "last_check)", "pause(&open"];
    assert!(open.map(place).is_sorted(), "{open:?}");
    let cut_over = file("functions/cutover/src/lib.rs");
    let whole = ["stage_switches(aws", "pause::fence_source(", "carry_out(aws", "end_applications_sessions(&control"];
    let found = whole.map(|what| cut_over.find(what).unwrap_or_else(|| panic!("lib.rs has no {what}")));
    assert!(found.is_sorted(), "{whole:?}");
}
