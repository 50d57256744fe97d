//! Checks of a definition that the tests of both state machines share.

#![expect(clippy::unwrap_used, reason = "a file that is not as expected fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde_json::Value;
use shared::contract::example;
use shared::error::ErrorName;

/// Errors of Lambda and Step Functions that a state may name.
/// Source: AWS Step Functions developer guide, "Handling errors"; AWS Lambda API reference, Invoke; "Call other AWS services".
const AWS_ERRORS: [&str; 30] = [
    "States.ALL",
    "States.Timeout",
    "States.TaskFailed",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ResourceNotReadyException",
    "Lambda.CodeArtifactUserPendingException",
    "Lambda.ResourceConflictException",
    "Lambda.EC2ThrottledException",
    "Lambda.EC2UnexpectedException",
    "Lambda.ENILimitReachedException",
    "Lambda.SubnetIPAddressLimitReachedException",
    "Lambda.EC2AccessDeniedException",
    "Lambda.InvalidSecurityGroupIDException",
    "Lambda.InvalidSubnetIDException",
    "Lambda.KMSAccessDeniedException",
    "Lambda.KMSDisabledException",
    "Lambda.KMSInvalidStateException",
    "Lambda.KMSNotFoundException",
    "Lambda.Unknown",
    "Runtime.ExitError",
    "Sandbox.Timedout",
    "StepFunctions.ExecutionAlreadyExistsException",
    // AWS's documentation has two spellings.
    "StepFunctions.ExecutionLimitExceededException",
    "StepFunctions.ExecutionLimitExceeded",
    "StepFunctions.ThrottlingException",
    "StepFunctions.AWSStepFunctionsException",
    "StepFunctions.SdkClientException",
];

pub(crate) fn file(path: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Functions of a template: resource name → (binary, time limit in seconds).
pub(crate) fn functions(template: &str) -> BTreeMap<String, (String, u64)> {
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(&file(template)).unwrap();
    let resources = template["Resources"].as_mapping().unwrap();
    let is_function = |resource: &serde_yaml_ng::Value| resource["Type"].as_str() == Some("AWS::Serverless::Function");
    let functions = resources.iter().filter(|(_, resource)| is_function(resource)).map(|(name, resource)| {
        let binary = resource["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap().to_owned();
        (name.as_str().unwrap().to_owned(), (binary, resource["Properties"]["Timeout"].as_u64().unwrap()))
    });
    functions.collect()
}

pub(crate) fn states(machine: &Value) -> impl Iterator<Item = (&str, &Value)> {
    machine["States"].as_object().unwrap().iter().map(|(name, state)| (name.as_str(), state))
}

pub(crate) fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// The next states of a state, including those after errors.
pub(crate) fn successors(state: &Value) -> BTreeSet<&str> {
    let rules = list(&state["Choices"]).chain(list(&state["Catch"])).map(|rule| &rule["Next"]);
    rules.chain([&state["Next"], &state["Default"]]).filter_map(Value::as_str).collect()
}

pub(crate) fn reachable<'a>(machine: &'a Value, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(successors(&machine["States"][name]));
        }
    }
    seen
}

/// The function that a task calls, as the template names it.
pub(crate) fn called(state: &Value) -> Option<&str> {
    state["Arguments"]["FunctionName"].as_str()?.strip_prefix("${")?.strip_suffix("Arn}")
}

pub(crate) fn check_task(state: &Value, functions: &BTreeMap<String, (String, u64)>, must: &mut impl FnMut(bool, &str)) {
    let Some((binary, timeout)) = called(state).and_then(|function| functions.get(function)) else {
        must(false, "calls a function that the template does not have");
        return;
    };
    must(state["TimeoutSeconds"].as_u64().is_some_and(|seconds| seconds > *timeout), "does not outlast its function's time limit");
    must(list(&state["Retry"]).count() >= 3, "does not retry");
    must(
        list(&state["Retry"]).all(|retry| retry["JitterStrategy"] == "FULL" && retry["MaxDelaySeconds"].is_u64()),
        "retries without jitter or without a limit",
    );
    let catches_all = list(&state["Catch"]).any(|rule| list(&rule["ErrorEquals"]).any(|error| error == "States.ALL"));
    must(catches_all, "does not catch every error");
    let keys = |value: &Value| value.as_object().map(|object| object.keys().cloned().collect::<BTreeSet<_>>());
    must(keys(&state["Arguments"]["Payload"]) == keys(&example::request(binary)), "sends other keys than its function takes");
}

/// Every name in a Retry or Catch is one that is raised.
pub(crate) fn check_names(machine: &Value) -> Vec<String> {
    let ours: BTreeSet<&str> = <ErrorName as strum::VariantArray>::VARIANTS.iter().map(<&str>::from).collect();
    let mut problems = Vec::new();
    for (name, state) in states(machine) {
        for error in list(&state["Retry"]).chain(list(&state["Catch"])).flat_map(|rule| list(&rule["ErrorEquals"])) {
            let error = error.as_str().unwrap_or_default();
            if !ours.contains(error) && !AWS_ERRORS.contains(&error) {
                problems.push(format!("{name}: names {error}, which nothing raises"));
            }
        }
    }
    problems
}

/// A mistake that somebody could make in a definition without noticing.
pub(crate) type Break = fn(&mut Value);

/// Makes one mistake at a time, which must be reported with its state.
pub(crate) fn assert_each_break_is_seen(whole: &Value, breaks: &[(&str, Break)], problems: fn(&Value) -> Vec<String>) {
    for (expected, break_it) in breaks {
        let mut broken = whole.clone();
        break_it(&mut broken);
        let found = problems(&broken);
        assert!(found.iter().any(|problem| problem.starts_with(expected)), "expected {expected:?}, found {found:?}");
    }
}

/// The values that a template fills in for the placeholders of a definition, as YAML.
pub(crate) fn substitutions(template: &str, resource: &str) -> BTreeMap<String, String> {
    let template: serde_yaml_ng::Value = serde_yaml_ng::from_str(&file(template)).unwrap();
    let filled = template["Resources"][resource]["Properties"]["DefinitionSubstitutions"].as_mapping().unwrap();
    filled.iter().map(|(name, value)| (name.as_str().unwrap().to_owned(), serde_yaml_ng::to_string(value).unwrap().trim_end().to_owned())).collect()
}

/// The placeholders that a definition has, and those that its template fills.
pub(crate) fn placeholders(definition: &str, template: &str, resource: &str) -> [BTreeSet<String>; 2] {
    let text = file(definition);
    let used = text.split("${").skip(1).filter_map(|rest| rest.split('}').next()).map(str::to_owned).collect();
    [used, substitutions(template, resource).into_keys().collect()]
}
