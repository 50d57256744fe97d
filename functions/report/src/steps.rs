//! The parts of the procedure, by the states in which they are at work.

use crate::event::Moment;
use crate::report::Step;

/// The part that begins with a state. All others, which wait, choose and watch, belong to the part that is under way.
pub(crate) fn part_of(state: &str) -> Option<&'static str> {
    Some(match state {
        "Preflight" | "Inspect" => "Checks",
        "CheckCapacity" => "Turn",
        "Prepare" => "Preparation of the source",
        "CreatePublication" => "Publication and slots",
        "Snapshot" => "Snapshot",
        "CopyEncrypted" => "Encrypted copy",
        "Restore" => "Restore",
        "Subscribe" => "Subscription",
        "AdvanceLsn" => "Start position",
        "RestoreParameterGroup" => "Parameter group of the copy",
        "PollLag" => "Catching up",
        "Verify" => "Verification",
        "CompareSettings" => "Comparison of settings",
        "AwaitApproval" => "Approval",
        "Cutover" => "Cutover",
        "CancelCutover" => "Look at the fence",
        "CleanUpSubscription" | "CleanUpPublication" | "CleanUpCopy" | "CleanUpSnapshot" | "CleanUpPreparation" => "Clean-up",
        "Finish" => "Settling of both databases",
        "RecoverPlan" | "FindWhatIsLeft" => "Plan of the stopped run",
        "UndoPublication" | "UndoRestore" | "UndoCopy" | "UndoSnapshot" | "UndoPreparation" => "Undo",
        _ => return None,
    })
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

    /// The last one ends, unless it has.
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

    /// The states that call a function, but for those that watch the source within a part.
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
        let told: Vec<_> = steps.into_vec().iter().map(|step| (step.name, step.began_at.0, step.ended_at.0, step.calls, step.failed_calls)).collect();
        assert_eq!(told, [("Checks", 1, 4, 3, 1), ("Turn", 4, 5, 1, 0), ("Checks", 5, 9, 1, 0)]);
    }
}
