//! Checks the state machine file against the code, the template and the runbook: mistakes that would show only when it is too late.

#![expect(clippy::unwrap_used, reason = "a file that is not as expected fails the test")]

mod machine;

use std::collections::{BTreeSet, VecDeque};

use machine::{
    Break, assert_each_break_is_seen, called, check_names, check_task, file, functions, list, placeholders, reachable, states, substitutions,
    successors,
};
use serde_json::{Value, json};
use shared::contract::example;
use shared::error::ErrorName;

fn encrypt() -> Value {
    serde_json::from_str(&file("statemachine/encrypt.asl.json")).unwrap()
}

fn way_back() -> Value {
    serde_json::from_str(&file("statemachine/way-back.asl.json")).unwrap()
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
            "Task" if called(state).is_some() => check_task(state, &functions, &mut must),
            "Task" if is_read(state) => check_read(state, &mut must),
            "Task" if state["Resource"] == "arn:aws:states:::states:startExecution" => check_start(state, &mut must),
            "Task" => check_telling(machine, name, &mut must),
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
    problems.extend(check_counters(machine));
    problems.extend(check_calls_that_never_ran(machine));
    problems.extend(check_names(machine));
    problems
}

/// Whether the state machine reads from AWS by itself in this state.
fn is_read(state: &Value) -> bool {
    state["Resource"].as_str().is_some_and(|resource| resource.starts_with("arn:aws:states:::aws-sdk:") && resource.contains(":describe"))
}

/// A failed read does not stop the run: inspect reports it, and a key that cannot be described counts as one that is not enabled.
fn check_read(state: &Value, must: &mut impl FnMut(bool, &str)) {
    must(list(&state["Retry"]).all(|retry| retry["JitterStrategy"] == "FULL" && retry["MaxDelaySeconds"].is_u64()), "retries in step with others");
    must(state["TimeoutSeconds"].as_u64().is_some_and(|seconds| seconds <= 60), "may hold the run up");
    must(
        state["Catch"][0]["ErrorEquals"] == json!(["States.ALL"]) && ["Inspect", "IsKeyUsable"].iter().any(|next| state["Catch"][0]["Next"] == *next),
        "does not go on",
    );
}

/// The execution that keeps the way back. The application has moved, so the run goes on without one that cannot be started.
fn check_start(state: &Value, must: &mut impl FnMut(bool, &str)) {
    must(list(&state["Retry"]).all(|retry| retry["JitterStrategy"] == "FULL" && retry["MaxDelaySeconds"].is_u64()), "retries in step with others");
    must(state["TimeoutSeconds"].as_u64().is_some_and(|seconds| seconds <= 60), "may hold the run up");
    let last = list(&state["Catch"]).last();
    must(last.is_some_and(|rule| rule["ErrorEquals"] == json!(["States.ALL"]) && rule["Next"] == "WayBackUnsubscribed"), "does not go on");
}

/// A notification takes seconds at most, is sent once, and continues the same way whether it was sent or not.
fn check_telling(machine: &Value, name: &str, must: &mut impl FnMut(bool, &str)) {
    let state = &machine["States"][name];
    let entry = &state["Arguments"]["Entries"][0];
    let is_event = state["Resource"] == "arn:aws:states:::events:putEvents" && entry["Source"] == "rds-reencrypt";
    must(is_event, "calls a service that the role does not allow");
    must(phase(state).is_some_and(|phase| SCHEMA.contains(&format!("\"{phase}\""))), "notifies of a phase that the schema does not have");
    let is_short =
        list(&state["Retry"]).all(|retry| retry["JitterStrategy"] == "FULL" && retry["MaxAttempts"].as_u64().is_some_and(|attempts| attempts <= 2));
    must(is_short && state["TimeoutSeconds"].as_u64().is_some_and(|seconds| seconds <= 10), "may hold the run up");
    let catch = &state["Catch"][0];
    must(catch["ErrorEquals"] == json!(["States.ALL"]) && catch["Next"] == state["Next"], "does not go on if the event cannot be sent");
    must(lap(machine, name).is_empty(), "notifies again in each iteration");
}

const SCHEMA: &str = include_str!("../../infra/phase-event.schema.json");

/// The phase in a state's event.
fn phase(state: &Value) -> Option<&str> {
    state["Arguments"]["Entries"][0]["Detail"].as_str()?.split("'phase': '").nth(1)?.split('\'').next()
}

/// Before the fence every error leads to undo; after it none does.
fn check_point_of_no_return(machine: &Value) -> Vec<String> {
    let forward_only = reachable(machine, "NotifyCutOver");
    let mut problems = Vec::new();
    let undo: BTreeSet<&str> = reachable(machine, "IsGoingBack");
    for (name, state) in states(machine).filter(|(_, state)| called(state).is_some()) {
        let after_fence = forward_only.contains(name);
        let caught: Vec<&str> = list(&state["Catch"]).filter_map(|rule| rule["Next"].as_str()).collect();
        let may_have_made_something =
            !matches!(name, "Preflight" | "Inspect" | "PlanGoingBack" | "CheckCapacity" | "RecoverPlan" | "FindWhatIsLeft" | "CancelCutover")
                && !undo.contains(name)
                && !after_fence;
        if may_have_made_something && !caught.iter().all(|next| matches!(*next, "NotifyUndoing" | "CancelCutover")) {
            problems.push(format!("{name}: an error before the fence does not lead to undo"));
        }
    }
    if forward_only.contains("UndoPublication") {
        problems.push("NotifyCutOver: after the fence a state leads to undo".to_owned());
    }
    problems
}

/// A Standard execution ends at 25,000 events of history, without any Catch. Source: AWS Step Functions developer guide, "Quotas".
const MAX_HISTORY_EVENTS: u64 = 25_000;

/// All loops at their bounds, one after another, fit the history: a loop costs as many events as its states cause per iteration.
fn check_history(machine: &Value) -> Option<String> {
    let bounds = states(machine).filter_map(|(name, state)| Some((name, bound(state)?)));
    let loops: Vec<(&str, u64)> =
        bounds.map(|(name, laps)| (name, laps * lap(machine, name).iter().map(|name| events(&machine["States"][name])).sum::<u64>())).collect();
    let of = |ways: &BTreeSet<&str>| loops.iter().filter(|(name, _)| ways.contains(name)).map(|(_, events)| events).sum::<u64>();
    // A run is completed or undone, never both.
    let total = of(&states(machine).map(|(name, _)| name).collect())
        - of(&reachable(machine, "NotifyCutOver")).min(of(&reachable(machine, "UndoPublication")));
    (total > MAX_HISTORY_EVENTS).then(|| format!("StartAt: all loops at their bounds make {total} events, more than {MAX_HISTORY_EVENTS}"))
}

/// Every way into a loop from outside sets its counters to zero: a loop that counts on from another one
/// ends too early. The undo would give up while RDS still deletes.
fn check_counters(machine: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    for counter in ["polls", "silent", "drift_polls"] {
        let bound = format!("${counter} >= ");
        let tests = |state: &Value| list(&state["Choices"]).any(|rule| rule["Condition"].as_str().is_some_and(|text| text.contains(&bound)));
        let choices: Vec<&str> = states(machine).filter(|(_, state)| tests(state)).map(|(name, _)| name).collect();
        for choice in &choices {
            // A loop with two Choices that test the same counter is one loop: it counts on.
            let laps = choices.iter().map(|other| lap(machine, other)).filter(|lap| lap.contains(choice));
            let lap: BTreeSet<&str> = laps.flatten().collect();
            for (from, to) in arrivals(machine, counter) {
                if lap.contains(&to) && !lap.contains(&from) {
                    problems.push(format!("{from}: leads to {to} with {counter} as it was, which {choice} counts from zero"));
                }
            }
        }
    }
    problems
}

/// The steps from state to state that can be taken with a counter that may not be zero.
fn arrivals<'a>(machine: &'a Value, counter: &str) -> BTreeSet<(&'a str, &'a str)> {
    let (mut seen, mut not_zero) = (BTreeSet::new(), BTreeSet::new());
    // All counters are zero before the first state.
    let mut open = vec![(machine["StartAt"].as_str().unwrap_or_default(), true)];
    while let Some((name, is_zero)) = open.pop() {
        if !seen.insert((name, is_zero)) {
            continue;
        }
        for (next, assigned) in steps(&machine["States"][name]) {
            let is_zero = if assigned[counter].is_null() { is_zero } else { assigned[counter] == 0 };
            if !is_zero {
                not_zero.insert((name, next));
            }
            open.push((next, is_zero));
        }
    }
    not_zero
}

/// The next states of a state, each with its assignments.
fn steps(state: &Value) -> Vec<(&str, &Value)> {
    let rules = list(&state["Choices"]).chain(list(&state["Catch"])).filter_map(|rule| Some((rule["Next"].as_str()?, &rule["Assign"])));
    let others = [&state["Next"], &state["Default"]].into_iter().filter_map(|next| Some((next.as_str()?, &state["Assign"])));
    rules.chain(others).collect()
}

/// Errors of a call that never ran: the function is not ready, because it was idle for weeks and has no network at the moment, or is
/// being updated. Another call is always safe, and the function needs a minute or two.
/// Source: AWS Lambda developer guide, "Lambda function states"; API reference, `Invoke`. Step Functions puts `Lambda.` in front.
const NEVER_RAN: [&str; 8] = [
    "Lambda.TooManyRequestsException",
    "Lambda.ResourceNotReadyException",
    "Lambda.CodeArtifactUserPendingException",
    "Lambda.ResourceConflictException",
    "Lambda.EC2ThrottledException",
    "Lambda.EC2UnexpectedException",
    "Lambda.ENILimitReachedException",
    "Lambda.SubnetIPAddressLimitReachedException",
];

/// Each call is retried for minutes, and for most of an hour if giving up would leave objects of the run, or a fence.
fn check_calls_that_never_ran(machine: &Value) -> Vec<String> {
    let mut late: BTreeSet<&str> = reachable(machine, "CleanUpSubscription");
    late.extend(reachable(machine, "UndoPublication"));
    late.extend(["RecoverPlan", "FindWhatIsLeft", "Cutover", "CancelCutover"]);
    let mut problems = Vec::new();
    for (name, state) in states(machine).filter(|(_, state)| called(state).is_some()) {
        let least_seconds = if late.contains(name) { 1_800.0 } else { 120.0 };
        for error in NEVER_RAN {
            let retry = list(&state["Retry"]).find(|retry| list(&retry["ErrorEquals"]).any(|named| named == error));
            if retry.is_none_or(|retry| expected_seconds(retry) < least_seconds) {
                problems.push(format!("{name}: gives up on {error} before {least_seconds} seconds"));
            }
        }
    }
    problems
}

/// The average total time of all attempts of a retrier: full jitter halves each interval.
fn expected_seconds(retry: &Value) -> f64 {
    let number = |name: &str| retry[name].as_f64().unwrap_or(0.0);
    let intervals = (0..).map(|attempt| (number("IntervalSeconds") * number("BackoffRate").powi(attempt)).min(number("MaxDelaySeconds")));
    intervals.take(retry["MaxAttempts"].as_u64().and_then(|attempts| attempts.try_into().ok()).unwrap_or(0)).sum::<f64>() / 2.0
}

/// The largest number of iterations of the loop that this Choice bounds.
fn bound(state: &Value) -> Option<u64> {
    let condition = list(&state["Choices"]).filter_map(|rule| rule["Condition"].as_str()).find(|text| text.contains("$polls >= "))?;
    condition.split("$polls >= ").nth(1)?.split(' ').next()?.parse().ok()
}

/// The states of the shortest loop through this one.
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
    for (machine, resource) in [("encrypt", "EncryptStateMachine"), ("way-back", "WayBackStateMachine")] {
        let [used, filled] = placeholders(&format!("statemachine/{machine}.asl.json"), "template.yaml", resource);
        assert_eq!(used, filled);
    }
}

/// The state machine that keeps a way back: what it makes must end, whatever fails, and within the history of fourteen days.
#[test]
fn the_state_machine_of_the_way_back_keeps_its_promises() {
    let machine = way_back();
    let functions = functions("template.yaml");
    let mut problems = check_names(&machine);
    let seen = reachable(&machine, machine["StartAt"].as_str().unwrap());
    for (name, state) in states(&machine) {
        let mut must = |holds: bool, what: &str| {
            if !holds {
                problems.push(format!("{name}: {what}"));
            }
        };
        must(state["Comment"].is_string(), "has no Comment");
        must(successors(state).iter().all(|next| machine["States"][next].is_object()), "leads to a state that does not exist");
        must(seen.contains(name), "cannot be reached");
        if called(state).is_some() {
            check_task(state, &functions, &mut must);
        }
    }
    assert_eq!(problems, Vec::<String>::new());
    // A poll in the long run: its states, and how far it is from the next one.
    let of_poll: u64 = ["Watch", "IsOpen", "Poll", "HasChanged", "WaitToPoll"].iter().map(|name| events(&machine["States"][name])).sum();
    let wait = machine["States"]["WaitToPoll"]["Seconds"].as_str().unwrap();
    assert!(wait.contains("$polls < 60") && wait.contains("hours * 3600 / 1300"), "{wait}");
    assert!((60 + 1_300) * of_poll < MAX_HISTORY_EVENTS, "{of_poll} events");
}

/// An execution keeps its definition while the stack is updated, and so the versions of functions in it.
#[test]
fn a_running_execution_keeps_its_functions_versions() {
    for (template, machine) in [("template.yaml", "EncryptStateMachine"), ("infra/fleet.yaml", "FleetStateMachine")] {
        let called: Vec<_> = substitutions(template, machine).into_iter().filter(|(name, _)| name.ends_with("FunctionArn")).collect();
        assert!(!called.is_empty());
        for (name, filled) in called {
            assert_eq!(filled, format!("!Ref {}.Version", name.trim_end_matches("Arn")));
        }
    }
}

/// A function that depends on the crate of PostgreSQL's side connects to it.
#[test]
fn only_functions_that_connect_to_postgres_are_in_the_vpc() {
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(&file("template.yaml")).unwrap();
    for (function, (binary, _)) in functions("template.yaml") {
        let talks = file(&format!("functions/{binary}/Cargo.toml")).contains("\npostgres.workspace");
        assert_eq!(!template["Resources"][function.as_str()]["Properties"]["VpcConfig"].is_null(), talks, "{function}");
    }
}

#[test]
fn every_function_of_the_template_has_a_folder_and_an_example_event() {
    let all = functions("template.yaml").into_values().chain(functions("infra/fleet.yaml").into_values());
    for (binary, _) in all {
        assert!(file(&format!("functions/{binary}/src/main.rs")).contains("serve"));
        let event: Value = serde_json::from_str(&file(&format!("events/{binary}.json"))).unwrap();
        assert_eq!(event, example::request(&binary), "events/{binary}.json");
    }
}

#[test]
fn the_functions_decode_the_example_requests() {
    use shared::contract::{
        AdvanceLsnRequest, FinishRequest, GoBackRequest, InspectRequest, PreflightRequest, ReversibleStep, Step, VerifyRequest, WayBackStep,
    };
    use shared::fleet::{DiscoverRequest, EvaluatePolicyRequest, SummarizeRequest};
    serde_json::from_value::<DiscoverRequest>(example::request("discover")).unwrap();
    serde_json::from_value::<EvaluatePolicyRequest>(example::request("evaluate-policy")).unwrap();
    serde_json::from_value::<SummarizeRequest>(example::request("summarize")).unwrap();
    serde_json::from_value::<AdvanceLsnRequest>(example::request("advance-lsn")).unwrap();
    serde_json::from_value::<InspectRequest>(example::request("inspect")).unwrap();
    serde_json::from_value::<PreflightRequest>(example::request("preflight")).unwrap();
    serde_json::from_value::<VerifyRequest>(example::request("verify")).unwrap();
    serde_json::from_value::<FinishRequest>(example::request("finish")).unwrap();
    serde_json::from_value::<GoBackRequest>(example::request("go-back")).unwrap();
    serde_json::from_value::<WayBackStep>(example::request("way-back")).unwrap();
    serde_json::from_value::<Step>(example::request("poll-lag")).unwrap();
    serde_json::from_value::<ReversibleStep>(example::request("cutover")).unwrap();
}

#[test]
fn the_runbook_has_a_paragraph_for_exactly_every_error() {
    let runbook = file("infra/runbook.md");
    let written: BTreeSet<String> = runbook.lines().filter_map(|line| line.strip_prefix("## ")).map(str::to_owned).collect();
    let mut raised = raised_by_states(&encrypt());
    raised.extend(raised_by_states(&serde_json::from_str(&file("statemachine/fleet.asl.json")).unwrap()));
    raised.extend(<ErrorName as strum::VariantArray>::VARIANTS.iter().map(ToString::to_string));
    assert_eq!(written, raised);
}

#[test]
fn each_phase_of_the_schema_is_sent_and_has_a_documented_example() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let promised: BTreeSet<&str> = list(&schema["properties"]["phase"]["enum"]).filter_map(Value::as_str).collect();
    let machines = [encrypt(), way_back()];
    let described: BTreeSet<&str> = machines.iter().flat_map(|machine| states(machine).filter_map(|(_, state)| phase(state))).collect();
    let documents = file("docs/events.md");
    let documented: BTreeSet<&str> = documents.split("\"phase\": \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!((&described, &documented), (&promised, &promised));
}

/// The events of an execution that recovers another one are about that one.
#[test]
fn common_event_fields_do_not_depend_on_the_plans_origin() {
    let machine = encrypt();
    let about = |state: &str| machine["States"][state]["Assign"]["about"].clone();
    assert!(about("Inspect").is_string());
    assert_eq!(about("Inspect"), about("FindWhatIsLeft"));
    assert_eq!(about("Inspect"), about("PlanGoingBack"));
}

#[test]
fn a_break_in_the_state_machine_is_detected_with_its_state() {
    let breaks: &[(&str, Break)] = &[
        ("Snapshot: does not catch every error", |machine| machine["States"]["Snapshot"]["Catch"] = json!([])),
        ("Restore: an error before the fence does not lead to undo", |machine| machine["States"]["Restore"]["Catch"][0]["Next"] = json!("Refused")),
        ("NotifyCutOver: after the fence a state leads to undo", |machine| {
            machine["States"]["CleanUpPublication"]["Catch"][0]["Next"] = json!("UndoPublication");
        }),
        ("Cutover: names DrainTimedOut, which nothing raises", |machine| {
            machine["States"]["Cutover"]["Retry"][0]["ErrorEquals"] = json!(["DrainTimedOut"]);
        }),
        ("Verify: sends other keys than its function takes", |machine| {
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
        ("NotifyFollowing: notifies again in each iteration", |machine| machine["States"]["WaitForLag"]["Next"] = json!("NotifyFollowing")),
        ("NotifyUndoing: notifies again in each iteration", |machine| machine["States"]["WaitForUndo"]["Next"] = json!("NotifyUndoing")),
        ("NotifyCuttingOver: does not go on if the event cannot be sent", |machine| {
            machine["States"]["NotifyCuttingOver"]["Catch"][0]["Next"] = json!("NotifyUndoing");
        }),
        ("NotifyBegun: may hold the run up", |machine| machine["States"]["NotifyBegun"]["Retry"][0]["MaxAttempts"] = json!(20)),
        ("NotifyVerifying: notifies of a phase that the schema does not have", |machine| {
            let detail = machine["States"]["NotifyVerifying"]["Arguments"]["Entries"][0]["Detail"].as_str().unwrap().replace("verifying", "checking");
            machine["States"]["NotifyVerifying"]["Arguments"]["Entries"][0]["Detail"] = json!(detail);
        }),
        ("IsGoingBack: leads to UndoPublication with polls as it was", |machine| {
            machine["States"]["MayCutOver"]["Choices"][4]["Assign"].as_object_mut().unwrap().remove("polls");
        }),
        ("IsGoingBack: leads to UndoPublication with polls as it was", |machine| {
            machine["States"]["IsTargetReady"]["Choices"][1]["Assign"].as_object_mut().unwrap().remove("polls");
        }),
        ("IsGoingBack: leads to UndoPublication with polls as it was", |machine| {
            machine["States"]["WasFenced"]["Choices"][0]["Assign"] = json!({});
        }),
        ("IsGoingBack: leads to UndoPublication with polls as it was", |machine| {
            machine["States"]["Verify"]["Catch"][0]["Assign"].as_object_mut().unwrap().remove("polls");
        }),
        ("CleanUpSubscription: leads to CleanUpPublication with polls as it was", |machine| {
            machine["States"]["Cutover"]["Assign"].as_object_mut().unwrap().remove("polls");
        }),
        ("Cutover: gives up on Lambda.CodeArtifactUserPendingException before 1800", |machine| {
            machine["States"]["Cutover"]["Retry"][0]["MaxAttempts"] = json!(16);
        }),
        ("CreatePublication: gives up on Lambda.ResourceNotReadyException before 120", |machine| {
            machine["States"]["CreatePublication"]["Retry"].as_array_mut().unwrap().remove(0);
        }),
        ("RestoreParameterGroup: cannot be reached", |machine| machine["States"]["IsStartKnown"]["Choices"][0]["Next"] = json!("Verify")),
    ];
    assert_each_break_is_seen(&encrypt(), breaks, problems);
}
