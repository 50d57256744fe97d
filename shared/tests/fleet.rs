//! The fleet's state machine against the code, its template and the runbook.

#![expect(clippy::unwrap_used, reason = "a file that is not as expected fails the test")]

mod machine;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use shared::fleet::Outcome;

use machine::{
    Break, assert_each_break_is_seen, called, check_names, check_task, file, functions, list, placeholders, reachable, states, successors,
};

fn fleet() -> Value {
    serde_json::from_str(&file("statemachine/fleet.asl.json")).unwrap()
}

/// The state machine itself, and those that its Map states run for every database.
fn machines(fleet: &Value) -> Vec<&Value> {
    let children = states(fleet).map(|(_, state)| &state["ItemProcessor"]).filter(|child| child.is_object());
    std::iter::once(fleet).chain(children).collect()
}

/// The AWS services that it calls, beside functions.
const INTEGRATIONS: [&str; 4] = [
    "arn:aws:states:::states:startExecution.sync:2",
    "arn:aws:states:::aws-sdk:s3:putObject",
    "arn:aws:states:::aws-sdk:s3:listObjectsV2",
    "arn:aws:states:::sns:publish",
];

/// Everything that is wrong, each with the name of the state.
fn problems(fleet: &Value) -> Vec<String> {
    let functions = functions("infra/fleet.yaml");
    let mut problems = Vec::new();
    for machine in machines(fleet) {
        for (name, state) in states(machine) {
            let mut must = |holds: bool, what: &str| {
                if !holds {
                    problems.push(format!("{name}: {what}"));
                }
            };
            must(state["Comment"].is_string(), "has no Comment");
            must(successors(state).iter().all(|next| machine["States"][next].is_object()), "leads to a state that does not exist");
            match state["Type"].as_str().unwrap_or_default() {
                "Task" if called(state).is_some() => check_task(state, &functions, &mut must),
                "Task" => {
                    must(INTEGRATIONS.iter().any(|known| state["Resource"] == *known), "calls a service that the role does not allow");
                    must(state["TimeoutSeconds"].is_u64(), "has no time limit");
                    must(list(&state["Retry"]).count() > 0 && list(&state["Retry"]).all(|retry| retry["JitterStrategy"] == "FULL"), "does not retry");
                    must(catches_all(state), "does not catch every error");
                }
                "Map" => {
                    must(
                        state["MaxConcurrency"].as_str().is_some_and(|text| text.contains("max_concurrency")),
                        "does not take its limit from the campaign",
                    );
                    must(catches_all(state), "does not catch every error");
                }
                _ => {}
            }
        }
        let seen = reachable(machine, machine["StartAt"].as_str().unwrap());
        problems.extend(states(machine).filter(|(name, _)| !seen.contains(name)).map(|(name, _)| format!("{name}: cannot be reached")));
        problems.extend(check_names(machine));
    }
    problems
}

fn catches_all(state: &Value) -> bool {
    list(&state["Catch"]).any(|rule| list(&rule["ErrorEquals"]).any(|error| error == "States.ALL"))
}

#[test]
fn the_fleet_keeps_its_promises() {
    assert_eq!(problems(&fleet()), Vec::<String>::new());
}

#[test]
fn the_template_of_the_fleet_fills_every_placeholder_and_no_other() {
    let [used, filled] = placeholders("statemachine/fleet.asl.json", "infra/fleet.yaml", "FleetStateMachine");
    assert_eq!(used, filled);
}

/// An unknown outcome would fail only in the summary, weeks later.
#[test]
fn the_state_machine_writes_only_known_outcomes() {
    let text = file("statemachine/fleet.asl.json");
    let words: BTreeSet<&str> = text.split(['\'', '"']).collect();
    for outcome in ["known", "refused", "undone", "needs_you", "unknown", "not_started", "planned", "encrypted", "done", "running", "gone"] {
        assert!(words.contains(outcome) && serde_json::from_value::<Outcome>(json!(outcome)).is_ok(), "{outcome}");
    }
    for described in text.split("'outcome': ").chain(text.split("\"outcome\": \"")).skip(1).filter_map(|rest| rest.split('"').next()) {
        let is_word = described.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(!is_word || serde_json::from_value::<Outcome>(json!(described)).is_ok(), "{described}");
    }
}

/// Two databases share only the folder: a Map's child has no access to the outer variables.
/// Source: AWS Step Functions developer guide, "Passing data between states with variables".
#[test]
fn a_child_gets_everything_that_it_reads() {
    let fleet = fleet();
    for (name, map) in states(&fleet).filter(|(_, state)| state["Type"] == "Map") {
        let given: BTreeSet<&str> = map["ItemSelector"].as_object().unwrap().keys().map(String::as_str).collect();
        let child = map["ItemProcessor"].to_string();
        let read = child.split("$states.input.").skip(1).map(|rest| rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap());
        assert!(read.clone().count() > 0 && read.collect::<BTreeSet<_>>().is_subset(&given), "{name}");
        assert!(!child.contains("$discovered"), "{name}");
    }
}

#[test]
fn a_break_in_the_fleet_is_detected_with_its_state() {
    let breaks: &[(&str, Break)] = &[
        ("Summarize: does not catch every error", |fleet| fleet["States"]["Summarize"]["Catch"] = json!([])),
        ("Encrypt: does not catch every error", |fleet| {
            fleet["States"]["MigrateAll"]["ItemProcessor"]["States"]["Encrypt"]["Catch"].as_array_mut().unwrap().pop();
        }),
        ("MigrateAll: does not take its limit from the campaign", |fleet| fleet["States"]["MigrateAll"]["MaxConcurrency"] = json!(500)),
        ("NotifyFailure: cannot be reached", |fleet| {
            fleet["States"]["MigrateAll"]["ItemProcessor"]["States"]["HasFailed"]["Choices"][0]["Next"] = json!("Migrated");
        }),
        ("EvaluatePlanPolicy: sends other keys than its function takes", |fleet| {
            fleet["States"]["PlanAll"]["ItemProcessor"]["States"]["EvaluatePlanPolicy"]["Arguments"]["Payload"]["plann"] = json!(true);
        }),
    ];
    assert_each_break_is_seen(&fleet(), breaks, problems);
}
