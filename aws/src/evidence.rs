//! What one call of a function observed of AWS, as a log line that the report reads after the execution has ended.
//!
//! Why a line and not the answer: a call that fails has seen the most, and has no answer. The line has identifiers, as other lines
//! of the log have; the report leaves them out.

mod wire;

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_rds::types::{DbCluster, DbClusterSnapshot, DbInstance, DbSnapshot};
use aws_smithy_types::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::lsn::Lsn;
use shared::recovery_log::Start;

pub(crate) use wire::Measured;

/// The evidence of one call of a function.
#[derive(Debug, Deserialize, Serialize)]
pub struct Line {
    /// From [`message`]; the report finds the line by it.
    pub message: String,
    pub function: String,
    /// The function's version, as in its other lines.
    pub version: String,
    pub call: Call,
    pub seen: Seen,
}

/// Measurements of the call itself.
#[derive(Debug, Deserialize, Serialize)]
pub struct Call {
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    pub ms: u64,
    /// From the start of the process until it is ready for calls; only in the first call of a process.
    pub init_ms: Option<u64>,
    /// The peak memory of the process so far; none if the kernel does not report it.
    pub peak_memory_bytes: Option<u64>,
    /// The memory that Lambda gives it, and processors in proportion; none outside Lambda.
    pub memory_size_mb: Option<u64>,
    /// The error name, if it failed.
    pub error: Option<String>,
}

/// What a call observed.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Seen {
    pub requests: Vec<Request>,
    pub sightings: Vec<Sighting>,
    pub slots: Option<Slots>,
    pub start: Option<StartLook>,
    /// `read` if `pg_replication_origin_progress` answered on the target, else the SQLSTATE with which it failed.
    pub origin_progress: Option<String>,
}

/// A request to AWS. A retry by the SDK counts as another one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Request {
    /// The name for which it is signed, as in `rds`.
    pub service: String,
    /// As in `DescribeDBInstances`.
    pub operation: String,
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// Until the last byte of the answer.
    pub ms: u64,
    /// The service's code, as in `DBSnapshotNotFound`; `HTTP-503` if it gave none, `NoAnswer` if the connection failed or the
    /// request timed out.
    pub error: Option<String>,
}

/// An instance, a cluster or a snapshot, as RDS described it at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Sighting {
    pub kind: SightingKind,
    pub identifier: String,
    /// The cluster of an instance that is a member.
    pub cluster: Option<String>,
    /// In milliseconds since 1970.
    pub at_ms: i64,
    pub status: String,
    /// The status of its parameter group, as in `pending-reboot`; of a cluster those of all members, as in `in-sync+pending-reboot`.
    pub parameters: Option<String>,
    pub made: Made,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SightingKind {
    Instance,
    Cluster,
    Snapshot,
}

/// Class, storage and engine. A value that RDS does not report is none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Made {
    pub engine: Option<String>,
    pub engine_version: Option<String>,
    pub class: Option<String>,
    pub storage_type: Option<String>,
    pub allocated_storage_gib: Option<i32>,
    pub iops: Option<i32>,
    pub storage_throughput_mib_per_second: Option<i32>,
    pub is_multi_az: Option<bool>,
    pub is_encrypted: Option<bool>,
}

/// The slots that the target inherited with its volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Slots {
    pub logical: i64,
    pub physical: i64,
}

/// One poll for the start LSN. A witness that was not asked is none.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct StartLook {
    /// From RDS's or Aurora's function.
    pub function_lsn: Option<Lsn>,
    /// The log that RDS exports to CloudWatch Logs.
    pub log: Option<LogLook>,
    /// The log files that RDS keeps.
    pub log_file: Option<LogLook>,
}

/// The content of the log at one poll, read in one of the two ways.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LogLook {
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// `not_yet`, `no_position`, `recovery` or `doubtful`.
    pub told: String,
    /// Every server start in the lines, in order.
    pub starts: Vec<Start>,
    /// The longest time that a line took from the server to CloudWatch Logs.
    pub delivery_ms: Option<i64>,
}

/// Collects a call's observations. Lambda runs one call at a time in a process.
#[derive(Clone, Debug, Default)]
pub struct Evidence(Arc<Mutex<Seen>>);

impl Evidence {
    /// Lets the step record something.
    pub fn note(&self, note: impl FnOnce(&mut Seen)) {
        note(&mut self.seen());
    }

    pub(crate) fn saw_instance(&self, instance: &DbInstance) {
        let parameters = instance.db_parameter_groups().iter().filter_map(|group| group.parameter_apply_status());
        self.saw(Sighting {
            kind: SightingKind::Instance,
            identifier: text(instance.db_instance_identifier()),
            cluster: instance.db_cluster_identifier.clone(),
            at_ms: now_ms(),
            status: text(instance.db_instance_status()),
            parameters: together(parameters),
            made: Made {
                engine: instance.engine.clone(),
                engine_version: instance.engine_version.clone(),
                class: instance.db_instance_class.clone(),
                storage_type: instance.storage_type.clone(),
                allocated_storage_gib: instance.allocated_storage,
                iops: instance.iops,
                storage_throughput_mib_per_second: instance.storage_throughput,
                is_multi_az: instance.multi_az,
                is_encrypted: instance.storage_encrypted,
            },
        });
    }

    pub(crate) fn saw_cluster(&self, cluster: &DbCluster) {
        self.saw(Sighting {
            kind: SightingKind::Cluster,
            identifier: text(cluster.db_cluster_identifier()),
            cluster: None,
            at_ms: now_ms(),
            status: text(cluster.status()),
            parameters: together(cluster.db_cluster_members().iter().filter_map(|member| member.db_cluster_parameter_group_status())),
            made: Made {
                engine: cluster.engine.clone(),
                engine_version: cluster.engine_version.clone(),
                class: cluster.db_cluster_instance_class.clone(),
                storage_type: cluster.storage_type.clone(),
                allocated_storage_gib: cluster.allocated_storage,
                iops: cluster.iops,
                storage_throughput_mib_per_second: cluster.storage_throughput,
                is_multi_az: cluster.multi_az,
                is_encrypted: cluster.storage_encrypted,
            },
        });
    }

    pub(crate) fn saw_snapshot(&self, snapshot: &DbSnapshot) {
        self.saw(Sighting {
            kind: SightingKind::Snapshot,
            identifier: text(snapshot.db_snapshot_identifier()),
            cluster: None,
            at_ms: now_ms(),
            status: text(snapshot.status()),
            parameters: None,
            made: Made {
                engine: snapshot.engine.clone(),
                engine_version: snapshot.engine_version.clone(),
                storage_type: snapshot.storage_type.clone(),
                allocated_storage_gib: snapshot.allocated_storage,
                iops: snapshot.iops,
                storage_throughput_mib_per_second: snapshot.storage_throughput,
                is_encrypted: snapshot.encrypted,
                ..Made::default()
            },
        });
    }

    pub(crate) fn saw_cluster_snapshot(&self, snapshot: &DbClusterSnapshot) {
        self.saw(Sighting {
            kind: SightingKind::Snapshot,
            identifier: text(snapshot.db_cluster_snapshot_identifier()),
            cluster: None,
            at_ms: now_ms(),
            status: text(snapshot.status()),
            parameters: None,
            made: Made {
                engine: snapshot.engine.clone(),
                engine_version: snapshot.engine_version.clone(),
                storage_type: snapshot.storage_type.clone(),
                allocated_storage_gib: snapshot.allocated_storage,
                is_encrypted: snapshot.storage_encrypted,
                ..Made::default()
            },
        });
    }

    /// A step describes the same resource many times: a sighting equal to the last one is not recorded again.
    fn saw(&self, sighting: Sighting) {
        let mut seen = self.seen();
        let last = seen.sightings.iter().rfind(|last| last.identifier == sighting.identifier && last.kind == sighting.kind);
        if last.is_none_or(|last| Sighting { at_ms: sighting.at_ms, ..last.clone() } != sighting) {
            seen.sightings.push(sighting);
        }
    }

    /// The observations since the last call of this function.
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut self.seen())
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn text(value: Option<&str>) -> String {
    value.unwrap_or_default().to_owned()
}

fn together<'a>(statuses: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut statuses: Vec<&str> = statuses.collect();
    statuses.sort_unstable();
    statuses.dedup();
    Some(statuses.join("+")).filter(|all| !all.is_empty())
}

/// Milliseconds since 1970.
#[must_use]
pub fn now_ms() -> i64 {
    DateTime::from(std::time::SystemTime::now()).to_millis().unwrap_or(0)
}

/// The message of all lines about one run, and of no others: `evidence of 0123456789`, with the key of [`shared::names::key`].
#[must_use]
pub fn message(key: &str) -> String {
    format!("evidence of {key}")
}

/// The ARN of the execution that a request is about; none if it is about no run. Before the plan exists, the request has the
/// execution's input.
pub(crate) fn execution_of(request: &Value) -> Option<&str> {
    let unplanned = request.get("input").map(|_| request);
    let mut plans = [request.get("plan"), request["preflight"].get("plan"), unplanned].into_iter().flatten();
    plans.find_map(|plan| plan["execution"]["id"].as_str())
}

/// Prints a line. Nothing depends on it.
pub(crate) fn print(line: &Line) {
    if let Ok(text) = serde_json::to_string(line) {
        let _ = writeln!(std::io::stdout().lock(), "{text}");
    }
}

/// The peak memory of this process. Source: `proc_pid_status(5)`, `VmHWM`.
pub(crate) fn peak_memory_bytes() -> Option<u64> {
    read_peak(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn read_peak(status: &str) -> Option<u64> {
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(peak.trim().strip_suffix(" kB")?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::contract::example;

    #[test]
    fn an_unchanged_resource_is_recorded_once() {
        let evidence = Evidence::default();
        let instance = |status: &str| DbInstance::builder().db_instance_identifier("orders-db").db_instance_status(status).build();
        for status in ["creating", "creating", "available", "available", "creating"] {
            evidence.saw_instance(&instance(status));
        }
        evidence.saw_cluster(&DbCluster::builder().db_cluster_identifier("orders-db").status("creating").build());
        let told: Vec<_> = evidence.take().sightings.into_iter().map(|sighting| (sighting.kind, sighting.status)).collect();
        let wanted = [
            (SightingKind::Instance, "creating"),
            (SightingKind::Instance, "available"),
            (SightingKind::Instance, "creating"),
            (SightingKind::Cluster, "creating"),
        ];
        assert_eq!(told, wanted.map(|(kind, status)| (kind, status.to_owned())));
        assert!(evidence.take().sightings.is_empty());
    }

    #[test]
    fn statuses_of_members_are_joined() {
        assert_eq!(together(["pending-reboot", "in-sync", "in-sync"].into_iter()).as_deref(), Some("in-sync+pending-reboot"));
        assert_eq!(together(std::iter::empty()), None);
    }

    #[test]
    fn only_requests_of_a_run_name_its_execution() {
        let about = |function: &str| execution_of(&example::request(function)).map(str::to_owned);
        let arn = "arn:aws:states:eu-central-1:123456789012:execution:rds-reencrypt:example";
        for function in ["preflight", "inspect", "check-capacity", "restore", "subscribe", "advance-lsn", "verify", "finish"] {
            assert_eq!(about(function).as_deref(), Some(arn), "{function}");
        }
        for function in ["report", "discover", "evaluate-policy", "summarize"] {
            assert_eq!(about(function), None, "{function}");
        }
    }

    #[test]
    fn a_line_survives_serialization() {
        let call = Call { at_ms: 7, ms: 23, init_ms: None, peak_memory_bytes: Some(1), memory_size_mb: None, error: None };
        let slots = Some(Slots { logical: 2, physical: 1 });
        let line = Line {
            message: message("0123456789"),
            function: "subscribe".into(),
            version: "0.1.0".into(),
            call,
            seen: Seen { slots, ..Seen::default() },
        };
        let written = serde_json::to_value(&line).unwrap();
        assert_eq!((&written["message"], &written["seen"]["slots"]), (&json!("evidence of 0123456789"), &json!({"logical": 2, "physical": 1})));
        let read: Line = serde_json::from_value(written).unwrap();
        assert_eq!((read.call.ms, read.seen.slots), (23, slots));
    }

    #[test]
    fn the_peak_is_the_kernels() {
        assert_eq!(read_peak("VmPeak:\t  9000 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 1 kB\n"), Some(1234 * 1024));
        assert_eq!(read_peak("Name:\tbootstrap\n"), None);
    }
}
