//! The steps of a run, by the states that do their work.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::event::Moment;
use crate::report::Step;

/// Which phases and steps there are, and the states of each.
const TABLE: &str = include_str!("../../../statemachine/phases.json");

#[derive(Default, Deserialize)]
struct Table {
    encrypt: Phases,
}

#[derive(Default, Deserialize)]
struct Phases {
    way: Vec<Phase>,
    detours: Vec<Phase>,
}

#[derive(Deserialize)]
struct Phase {
    /// By the step's title, the states that do its work.
    steps: BTreeMap<String, Vec<String>>,
}

/// The step's title, by each state that does its work.
static STEPS: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    // It was read by the tests below, in the build that is deployed.
    let table: Table = serde_json::from_str(TABLE).unwrap_or_default();
    let phases = table.encrypt.way.into_iter().chain(table.encrypt.detours);
    phases.flat_map(|phase| phase.steps).flat_map(|(title, states)| states.into_iter().map(move |state| (state, title.clone()))).collect()
});

/// The step that begins with a state. All other states, which wait, choose and watch, belong to the step that is under way.
pub(crate) fn part_of(state: &str) -> Option<&'static str> {
    STEPS.get(state).map(String::as_str)
}

/// The steps so far, the last of which may still be under way.
#[derive(Debug, Default)]
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    pub(crate) fn enter(&mut self, state: &str, at: Moment) {
        if let Some(name) = part_of(state)
            && self.0.last().is_none_or(|step| step.name != name)
        {
            self.end(at);
            self.0.push(Step { name, began_at: at, ended_at: at, duration_ms: 0, calls: 0, failed_calls: 0 });
        }
    }

    pub(crate) fn count_call(&mut self, failed: bool) {
        if let Some(step) = self.0.last_mut() {
            step.calls += 1;
            step.failed_calls += u64::from(failed);
        }
    }

    /// Ends the last one, unless it has ended.
    pub(crate) fn end(&mut self, at: Moment) {
        if let Some(step) = self.0.last_mut() {
            step.ended_at = at;
            step.duration_ms = at.since(step.began_at);
        }
    }

    pub(crate) fn into_vec(self) -> Vec<Step> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// The states that call a function, except those that watch the source within a step.
    fn working_states() -> Vec<String> {
        let machine: Value = serde_json::from_str(include_str!("../../../statemachine/encrypt.asl.json")).unwrap();
        let calls = |state: &Value| state["Resource"] == "arn:aws:states:::lambda:invoke";
        let states = machine["States"].as_object().unwrap().iter().filter(|(name, state)| calls(state) && !name.starts_with("WatchDuring"));
        states.map(|(name, _)| name.clone()).collect()
    }

    #[test]
    fn every_state_that_works_has_its_part() {
        let without: Vec<String> = working_states().into_iter().filter(|state| part_of(state).is_none()).collect();
        assert_eq!(without, Vec::<String>::new());
    }

    #[test]
    fn states_of_one_part_make_one_step() {
        let mut steps = Steps::default();
        for (at, state) in ["IsRecovery", "Preflight", "Inspect", "IsPlanOnly", "CheckCapacity", "Preflight"].into_iter().enumerate() {
            steps.enter(state, Moment(i64::try_from(at).unwrap()));
            steps.count_call(state == "Inspect");
        }
        steps.end(Moment(9));
        let described: Vec<_> =
            steps.into_vec().iter().map(|step| (step.name, step.began_at.0, step.ended_at.0, step.calls, step.failed_calls)).collect();
        assert_eq!(described, [("Checks", 1, 4, 3, 1), ("Capacity", 4, 5, 1, 0), ("Checks", 5, 9, 1, 0)]);
    }
}
