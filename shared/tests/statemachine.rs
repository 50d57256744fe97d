//! The state machine file against the code, the template and the runbook: what nobody would notice until it is needed.

#![expect(clippy::unwrap_used, reason = "a file that is not as expected fails the test")]

mod machine;

use std::collections::{BTreeSet, VecDeque};

use serde_json::{Value, json};
use shared::contract::example;
use shared::error::ErrorName;

use machine::{
    Break, assert_each_break_is_seen, check_names, check_task, file, functions, list, placeholders, reachable, states, substitutions, successors,
};

fn encrypt() -> Value {
    serde_json::from_str(&file("statemachine/encrypt.asl.json")).unwrap()
}

/// Everything that is wrong, each with the name of the state.
fn problems(machine: &Value) -> Vec<String> {
    let functions = functions("template.yaml");
    let mut problems = Vec::new();
    for (name, state) in states(machine) {
        let mut must = |holds: bool, what: &str| {
            if !holds {
                problems.push(format!("{name}: {what}"));
            }
        };
        must(state["Comment"].is_string(), "has no Comment");
        must(successors(state).iter().all(|next| machine["States"][next].is_object()), "leads to a state that does not exist");
        match state["Type"].as_str().unwrap_or_default() {
            "Task" => check_task(state, &functions, &mut must),
            "Wait" => must(state["Seconds"].as_str().is_some_and(|text| text.contains("$plan.wait")), "does not take its seconds from the input"),
            "Choice" => {
                let is_poll = lap(machine, name).iter().any(|name| machine["States"][name]["Type"] == "Wait");
                let bounded = list(&state["Choices"]).any(|rule| rule["Condition"].as_str().is_some_and(|text| text.contains("$polls >=")));
                must(!is_poll || bounded, "polls without a bound");
            }
            _ => {}
        }
    }
    let start = machine["StartAt"].as_str().unwrap();
    let seen = reachable(machine, start);
    problems.extend(states(machine).filter(|(name, _)| !seen.contains(name)).map(|(name, _)| format!("{name}: cannot be reached")));
    let again = states(machine).filter(|(name, _)| !lap(machine, name).is_empty());
    let reads_input = |state: &Value| state.to_string().contains("$states.input");
    problems.extend(
        again.filter(|(_, state)| reads_input(state)).map(|(name, _)| format!("{name}: is entered again, with another state's output as its input")),
    );
    problems.extend(check_point_of_no_return(machine));
    problems.extend(check_history(machine));
    problems.extend(check_names(machine));
    problems
}

/// Until the fence every error leads to undo; behind it none does.
fn check_point_of_no_return(machine: &Value) -> Vec<String> {
    let forward_only = reachable(machine, "CleanUpSubscription");
    let mut problems = Vec::new();
    let undo: BTreeSet<&str> = reachable(machine, "UndoPublication");
    for (name, state) in states(machine).filter(|(_, state)| state["Type"] == "Task") {
        let after_fence = forward_only.contains(name);
        let caught: Vec<&str> = list(&state["Catch"]).filter_map(|rule| rule["Next"].as_str()).collect();
        let may_have_made_something = !matches!(name, "Preflight" | "Inspect" | "Admit" | "RecoverPlan" | "FindWhatIsLeft" | "IsFenced")
            && !undo.contains(name)
            && !after_fence;
        if may_have_made_something && !caught.iter().all(|next| matches!(*next, "UndoPublication" | "IsFenced")) {
            problems.push(format!("{name}: an error before the fence does not lead to undo"));
        }
    }
    if forward_only.contains("UndoPublication") {
        problems.push("CleanUpSubscription: behind the fence something leads to undo".to_owned());
    }
    problems
}

/// A Standard execution ends at 25,000 events of history, without any Catch. Source: AWS Step Functions developer guide, "Quotas".
const MAX_HISTORY_EVENTS: u64 = 25_000;

/// All loops at their bounds, one after another, fit the history: a loop costs as many events as its states make in a lap.
fn check_history(machine: &Value) -> Option<String> {
    let bounds = states(machine).filter_map(|(name, state)| Some((name, bound(state)?)));
    let loops: Vec<(&str, u64)> =
        bounds.map(|(name, laps)| (name, laps * lap(machine, name).iter().map(|name| events(&machine["States"][name])).sum::<u64>())).collect();
    let of = |ways: &BTreeSet<&str>| loops.iter().filter(|(name, _)| ways.contains(name)).map(|(_, events)| events).sum::<u64>();
    // A run is finished or undone, never both.
    let total = of(&states(machine).map(|(name, _)| name).collect())
        - of(&reachable(machine, "CleanUpSubscription")).min(of(&reachable(machine, "UndoPublication")));
    (total > MAX_HISTORY_EVENTS).then(|| format!("StartAt: all loops at their bounds make {total} events, more than {MAX_HISTORY_EVENTS}"))
}

/// How many laps a loop may take whose bound this Choice has.
fn bound(state: &Value) -> Option<u64> {
    let condition = list(&state["Choices"]).filter_map(|rule| rule["Condition"].as_str()).find(|text| text.contains("$polls >= "))?;
    condition.split("$polls >= ").nth(1)?.split(' ').next()?.parse().ok()
}

/// The states of the shortest way from this one back to it.
fn lap<'a>(machine: &'a Value, name: &'a str) -> Vec<&'a str> {
    let mut ways = VecDeque::from([vec![name]]);
    while let Some(way) = ways.pop_front() {
        for next in successors(&machine["States"][way[way.len() - 1]]) {
            if next == name {
                return way;
            }
            if !way.contains(&next) {
                ways.push_back([way.as_slice(), &[next]].concat());
            }
        }
    }
    vec![]
}

/// Entered, scheduled, started, succeeded, exited; or only entered and exited.
fn events(state: &Value) -> u64 {
    if state["Type"] == "Task" { 5 } else { 2 }
}

/// Errors that the state machine itself raises.
fn raised_by_states(machine: &Value) -> BTreeSet<String> {
    let of_rules = states(machine).flat_map(|(_, state)| list(&state["Choices"]).filter_map(|rule| rule["Assign"]["failure"]["error"].as_str()));
    let of_fails = states(machine).filter_map(|(_, state)| state["Error"].as_str()).filter(|error| !error.starts_with("{%"));
    of_rules.chain(of_fails).map(str::to_owned).collect()
}

#[test]
fn the_state_machine_keeps_its_promises() {
    assert_eq!(problems(&encrypt()), Vec::<String>::new());
}

#[test]
fn the_template_fills_every_placeholder_and_no_other() {
    let [used, filled] = placeholders("statemachine/encrypt.asl.json", "template.yaml", "EncryptStateMachine");
    assert_eq!(used, filled);
}

/// An execution keeps its definition while the stack is updated, and so the versions of functions that stand in it.
#[test]
fn a_running_execution_keeps_the_code_that_it_began_with() {
    for (template, machine) in [("template.yaml", "EncryptStateMachine"), ("infra/fleet.yaml", "FleetStateMachine")] {
        let filled = substitutions(template, machine);
        for function in functions(template).keys() {
            assert_eq!(filled[&format!("{function}Arn")], format!("!Ref {function}.Version"));
        }
    }
}

/// Who asks for a server talks to PostgreSQL.
#[test]
fn what_talks_to_postgres_is_in_the_vpc_and_nothing_else() {
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(&file("template.yaml")).unwrap();
    for (function, (binary, _)) in functions("template.yaml") {
        let sources = std::fs::read_dir(format!("{}/../functions/{binary}/src", env!("CARGO_MANIFEST_DIR"))).unwrap();
        let talks = sources.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap()).any(|source| source.contains("_server("));
        assert_eq!(!template["Resources"][function.as_str()]["Properties"]["VpcConfig"].is_null(), talks, "{function}");
    }
}

#[test]
fn every_function_of_the_template_is_a_folder_and_has_an_event_that_it_takes() {
    let all = functions("template.yaml").into_values().chain(functions("infra/fleet.yaml").into_values());
    for (binary, _) in all {
        assert!(file(&format!("functions/{binary}/src/main.rs")).contains("serve"));
        let event: Value = serde_json::from_str(&file(&format!("events/{binary}.json"))).unwrap();
        assert_eq!(event, example::request(&binary), "events/{binary}.json");
    }
}

#[test]
fn the_example_requests_are_what_the_functions_decode() {
    use shared::contract::{AdvanceLsnRequest, FinishRequest, InspectRequest, PreflightRequest, Step, VerifyRequest};
    use shared::fleet::{DecideRequest, DiscoverRequest, SummarizeRequest};
    serde_json::from_value::<DiscoverRequest>(example::request("discover")).unwrap();
    serde_json::from_value::<DecideRequest>(example::request("decide")).unwrap();
    serde_json::from_value::<SummarizeRequest>(example::request("summarize")).unwrap();
    serde_json::from_value::<AdvanceLsnRequest>(example::request("advance-lsn")).unwrap();
    serde_json::from_value::<InspectRequest>(example::request("inspect")).unwrap();
    serde_json::from_value::<PreflightRequest>(example::request("preflight")).unwrap();
    serde_json::from_value::<VerifyRequest>(example::request("verify")).unwrap();
    serde_json::from_value::<FinishRequest>(example::request("finish")).unwrap();
    serde_json::from_value::<Step>(example::request("cutover")).unwrap();
}

#[test]
fn the_runbook_has_a_paragraph_for_every_error_and_for_no_other() {
    let runbook = file("infra/runbook.md");
    let written: BTreeSet<String> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let mut raised = raised_by_states(&encrypt());
    raised.extend(raised_by_states(&serde_json::from_str(&file("statemachine/fleet.asl.json")).unwrap()));
    raised.extend(ErrorName::ALL.iter().map(|name| name.as_str().to_owned()));
    assert_eq!(written, raised);
}

#[test]
fn a_break_in_the_state_machine_is_seen_and_its_place_is_named() {
    let breaks: &[(&str, Break)] = &[
        ("Snapshot: does not catch every error", |machine| machine["States"]["Snapshot"]["Catch"] = json!([])),
        ("Restore: an error before the fence does not lead to undo", |machine| machine["States"]["Restore"]["Catch"][0]["Next"] = json!("Refused")),
        ("CleanUpSubscription: behind the fence something leads to undo", |machine| {
            machine["States"]["CleanUpPublication"]["Catch"][0]["Next"] = json!("UndoPublication");
        }),
        ("Cutover: names DrainTimedOut, which nothing raises", |machine| {
            machine["States"]["Cutover"]["Retry"][0]["ErrorEquals"] = json!(["DrainTimedOut"]);
        }),
        ("Verify: hands over other keys than its function takes", |machine| {
            machine["States"]["Verify"]["Arguments"]["Payload"]["verfied"] = json!({});
        }),
        ("Cutover: does not outlast its function's time limit", |machine| machine["States"]["Cutover"]["TimeoutSeconds"] = json!(300)),
        ("IsCopyReady: polls without a bound", |machine| {
            machine["States"]["IsCopyReady"]["Choices"].as_array_mut().unwrap().truncate(1);
        }),
        ("WaitForLag: does not take its seconds from the input", |machine| machine["States"]["WaitForLag"]["Seconds"] = json!(5)),
        ("Subscribe: leads to a state that does not exist", |machine| machine["States"]["Subscribe"]["Next"] = json!("AdvanceLSN")),
        ("StartAt: all loops at their bounds make ", |machine| {
            machine["States"]["IsSnapshotReady"]["Choices"][1]["Condition"] = json!("{% $polls >= 2000 %}");
        }),
        ("Preflight: is entered again, with another state's output as its input", |machine| {
            machine["States"]["Preflight"]["Arguments"]["Payload"]["input"] = json!("{% $states.input %}");
        }),
        ("Regroup: cannot be reached", |machine| machine["States"]["IsStartKnown"]["Choices"][0]["Next"] = json!("Verify")),
    ];
    assert_each_break_is_seen(&encrypt(), breaks, problems);
}
