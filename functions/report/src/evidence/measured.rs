//! Measurements: requests to AWS, and calls of functions.

use std::collections::BTreeMap;

use aws::evidence::{Line, Request};
use serde::Serialize;

use super::statuses::{StatusSeen, target_status_at};
use super::{count, word};
use crate::event::Moment;

/// All requests of one kind. A retry by the SDK counts as another one.
#[derive(Debug, Serialize)]
pub(crate) struct Requests {
    /// The name under which they are signed, as in `rds`.
    pub(crate) service: String,
    pub(crate) operation: String,
    pub(crate) count: u64,
    pub(crate) median_ms: u64,
    pub(crate) max_ms: u64,
    /// How many failed, by the service's code; `NoAnswer` where none came within the time of an attempt.
    pub(crate) errors: BTreeMap<String, u64>,
}

/// A request to RDS that changes something.
#[derive(Debug, Serialize)]
pub(crate) struct Change {
    pub(crate) at: Moment,
    pub(crate) operation: String,
    pub(crate) ms: u64,
    pub(crate) error: Option<String>,
    /// The target's status as last seen before. Null where it had not been seen.
    pub(crate) target_status: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// The memory that Lambda gives it, which also decides its processors.
    pub(crate) memory_size_mb: Option<u64>,
    pub(crate) calls: u64,
    pub(crate) failed_calls: u64,
    pub(crate) total_ms: u64,
    pub(crate) longest_ms: u64,
    pub(crate) peak_memory_bytes: Option<u64>,
    /// Processes that were started, and the longest that one took to be ready for calls.
    pub(crate) processes: u64,
    pub(crate) longest_init_ms: Option<u64>,
}

fn all_requests(lines: &[Line]) -> impl Iterator<Item = &Request> {
    lines.iter().flat_map(|line| &line.seen.requests)
}

pub(super) fn requests(lines: &[Line]) -> Vec<Requests> {
    let mut kinds: BTreeMap<(String, String), Vec<&Request>> = BTreeMap::new();
    for request in all_requests(lines) {
        kinds.entry((word(&request.service), word(&request.operation))).or_default().push(request);
    }
    kinds.into_iter().map(|((service, operation), requests)| all_of(service, operation, &requests)).collect()
}

fn all_of(service: String, operation: String, requests: &[&Request]) -> Requests {
    let mut ms: Vec<u64> = requests.iter().map(|request| request.ms).collect();
    ms.sort_unstable();
    let mut errors = BTreeMap::new();
    for code in requests.iter().filter_map(|request| request.error.as_deref()) {
        *errors.entry(word(code)).or_default() += 1;
    }
    let at = |place: usize| ms.get(place).copied().unwrap_or(0);
    Requests { service, operation, count: count(ms.len()), median_ms: at(ms.len() / 2), max_ms: at(ms.len().saturating_sub(1)), errors }
}

pub(super) fn changes(lines: &[Line], statuses: &[StatusSeen]) -> Vec<Change> {
    let only_reads = |operation: &str| ["Describe", "Download", "List"].iter().any(|read| operation.starts_with(read));
    let mut changes: Vec<&Request> = all_requests(lines).filter(|request| request.service == "rds" && !only_reads(&request.operation)).collect();
    changes.sort_by_key(|request| request.at_ms);
    let described = changes.into_iter().map(|request| {
        let at = Moment(request.at_ms);
        let (operation, error) = (word(&request.operation), request.error.as_deref().map(word));
        Change { at, operation, ms: request.ms, error, target_status: target_status_at(statuses, at) }
    });
    described.collect()
}

pub(super) fn functions(lines: &[Line]) -> Vec<Function> {
    let mut by_name: BTreeMap<String, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        by_name.entry(word(&line.function)).or_default().push(line);
    }
    let described = by_name.into_iter().map(|(name, lines)| {
        let calls = || lines.iter().map(|line| &line.call);
        Function {
            name,
            memory_size_mb: calls().find_map(|call| call.memory_size_mb),
            calls: count(lines.len()),
            failed_calls: count(calls().filter(|call| call.error.is_some()).count()),
            total_ms: calls().map(|call| call.ms).sum(),
            longest_ms: calls().map(|call| call.ms).max().unwrap_or(0),
            peak_memory_bytes: calls().filter_map(|call| call.peak_memory_bytes).max(),
            processes: count(calls().filter(|call| call.init_ms.is_some()).count()),
            longest_init_ms: calls().filter_map(|call| call.init_ms).max(),
        }
    });
    described.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws::evidence::{Call, Seen};

    fn request(operation: &str, second: i64, ms: u64, error: Option<&str>) -> Request {
        let error = error.map(str::to_owned);
        Request { service: "rds".into(), operation: operation.into(), at_ms: second * 1_000, ms, error }
    }

    fn line(ms: u64, error: Option<&str>, init_ms: Option<u64>, requests: Vec<Request>) -> Line {
        let call = Call { at_ms: 0, ms, init_ms, peak_memory_bytes: Some(ms), memory_size_mb: Some(256), error: error.map(str::to_owned) };
        Line { message: String::new(), function: "restore".into(), version: "0.1.0".into(), call, seen: Seen { requests, ..Seen::default() } }
    }

    #[test]
    fn requests_of_one_kind_are_told_together_with_their_errors() {
        let describe = |ms, error| request("DescribeDBInstances", 0, ms, error);
        let lines = [line(1, None, None, vec![describe(30, None), describe(10, Some("Throttling"))]), line(1, None, None, vec![describe(20, None)])];
        let described = requests(&lines);
        assert_eq!((described.len(), described[0].count, described[0].median_ms, described[0].max_ms), (1, 3, 20, 30));
        assert_eq!(described[0].errors, BTreeMap::from([("Throttling".to_owned(), 1)]));
    }

    #[test]
    fn a_change_has_the_status_in_which_the_target_was() {
        let statuses = [("creating", 1), ("storage-initialization", 4)].map(|(status, second)| StatusSeen {
            what: "target".into(),
            of: "status",
            status: status.into(),
            first_seen_at: Moment(second * 1_000),
            last_seen_at: Moment(second * 1_000),
            seconds: 0,
            sightings: 1,
        });
        let modify = request("ModifyDBInstance", 5, 90, Some("InvalidDBInstanceState"));
        let restore = request("RestoreDBInstanceFromDBSnapshot", 0, 80, None);
        let described = changes(&[line(1, None, None, vec![modify, request("DescribeDBInstances", 4, 1, None), restore])], &statuses);
        let described: Vec<_> =
            described.iter().map(|change| (&*change.operation, change.error.as_deref(), change.target_status.as_deref())).collect();
        let wanted =
            [("RestoreDBInstanceFromDBSnapshot", None, None), ("ModifyDBInstance", Some("InvalidDBInstanceState"), Some("storage-initialization"))];
        assert_eq!(described, wanted);
    }

    #[test]
    fn a_function_has_the_sums_and_the_most_of_its_calls() {
        let described = functions(&[line(10, None, Some(7), Vec::new()), line(30, Some("AwsRefused"), None, Vec::new())]);
        let function = &described[0];
        assert_eq!((function.calls, function.failed_calls, function.total_ms, function.longest_ms), (2, 1, 40, 30));
        assert_eq!((function.peak_memory_bytes, function.processes, function.longest_init_ms), (Some(30), 1, Some(7)));
    }
}
