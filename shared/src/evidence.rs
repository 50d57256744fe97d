//! What one call of a function saw of AWS, as a line in the log from which the report takes it once the execution has ended.
//!
//! Why a line, and no answer: a call that fails has seen the most, and answers nothing. The line has identifiers, as other lines of
//! the log have; it is the report that leaves them out.

mod wire;

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_rds::types::{DbCluster, DbClusterSnapshot, DbInstance, DbSnapshot};
use aws_smithy_types::DateTime;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::lsn::Lsn;
use crate::recovery_log::Start;

pub(crate) use wire::Measured;

/// What one call of a function saw.
#[derive(Debug, Deserialize, Serialize)]
pub struct Line {
    /// As [`message`] has it, by which the line is found.
    pub message: String,
    pub function: String,
    /// Of the function, as its other lines have it.
    pub version: String,
    pub call: Call,
    pub seen: Seen,
}

/// What is measured of a call itself.
#[derive(Debug, Deserialize, Serialize)]
pub struct Call {
    /// When it began, in milliseconds since 1970.
    pub at_ms: i64,
    pub ms: u64,
    /// From the process's own start to its readiness for calls; the first call of a process has it.
    pub init_ms: Option<u64>,
    /// The most that the process has had in memory so far; none where the kernel does not tell.
    pub peak_memory_bytes: Option<u64>,
    /// The memory that Lambda gives it, by which it also gives processors; none elsewhere than on Lambda.
    pub memory_size_mb: Option<u64>,
    /// By which name it failed.
    pub error: Option<String>,
}

/// What was seen in the course of a call.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Seen {
    pub requests: Vec<Request>,
    pub sightings: Vec<Sighting>,
    pub slots: Option<Slots>,
    pub start: Option<StartLook>,
    /// `read` where `pg_replication_origin_progress` answered on the copy, else the SQLSTATE by which it did not.
    pub origin_progress: Option<String>,
}

/// A request to AWS. A repetition by the SDK is another one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Request {
    /// By the name under which it is signed, as in `rds`.
    pub service: String,
    /// As in `DescribeDBInstances`.
    pub operation: String,
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// To the last byte of the answer.
    pub ms: u64,
    /// The service's code, as in `DBSnapshotNotFound`; `HTTP-503` where it gave none, `NoAnswer` where there was no answer, whether
    /// the connection failed or the time was up.
    pub error: Option<String>,
}

/// An instance, a cluster or a snapshot, as RDS described it at that moment.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Sighting {
    pub kind: SightingKind,
    pub identifier: String,
    /// Of an instance that is a member.
    pub cluster: Option<String>,
    /// In milliseconds since 1970.
    pub at_ms: i64,
    pub status: String,
    /// How its parameter group stands, as in `pending-reboot`; of a cluster each that its members have, as in `in-sync+pending-reboot`.
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

/// Of what kind something is. What RDS does not say is none.
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

/// The slots that the restored volume brought along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Slots {
    pub logical: i64,
    pub physical: i64,
}

/// One look for the start LSN. What was not asked is none.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct StartLook {
    /// By RDS's or Aurora's function.
    pub function_lsn: Option<Lsn>,
    /// The log as RDS exports it to CloudWatch Logs.
    pub log: Option<LogLook>,
    /// The log as RDS keeps it in files.
    pub log_file: Option<LogLook>,
}

/// What one way to the log had at a look.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LogLook {
    /// In milliseconds since 1970.
    pub at_ms: i64,
    /// `not_yet`, `no_position`, `recovery` or `doubtful`.
    pub told: String,
    /// Every start of a server that the lines tell of, in their order.
    pub starts: Vec<Start>,
    /// The longest that a line took from the server to CloudWatch Logs.
    pub delivery_ms: Option<i64>,
}

/// Collects what a call sees. Lambda runs one call at a time in a process.
#[derive(Clone, Debug, Default)]
pub struct Evidence(Arc<Mutex<Seen>>);

impl Evidence {
    /// Lets the step write something down.
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

    /// A step describes the same thing many times: what is as at its last sighting is not told again.
    fn saw(&self, sighting: Sighting) {
        let mut seen = self.seen();
        let last = seen.sightings.iter().rfind(|last| last.identifier == sighting.identifier && last.kind == sighting.kind);
        if last.is_none_or(|last| Sighting { at_ms: sighting.at_ms, ..last.clone() } != sighting) {
            seen.sightings.push(sighting);
        }
    }

    /// What was seen since the last time that this was asked.
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

/// What all lines about one run say, and no others: `evidence of 0123456789`, with the key of [`crate::names::key`].
#[must_use]
pub fn message(key: &str) -> String {
    format!("evidence of {key}")
}

/// The ARN of the execution that a request is about; none of a request that is about no run. Before there is a plan, the request has the
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

/// The most that this process has had in memory. Source: `proc_pid_status(5)`, `VmHWM`.
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
    use crate::contract::example;
    use serde_json::json;

    #[test]
    fn a_thing_is_told_once_as_long_as_it_stays_as_it_is() {
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
    fn members_that_differ_are_told_together() {
        assert_eq!(together(["pending-reboot", "in-sync", "in-sync"].into_iter()).as_deref(), Some("in-sync+pending-reboot"));
        assert_eq!(together(std::iter::empty()), None);
    }

    #[test]
    fn every_request_of_a_run_says_which_it_is_about_and_others_do_not() {
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
    fn a_line_is_read_as_it_was_written() {
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
    fn the_peak_is_the_one_that_the_kernel_tells() {
        assert_eq!(read_peak("VmPeak:\t  9000 kB\nVmHWM:\t    1234 kB\nVmRSS:\t 1 kB\n"), Some(1234 * 1024));
        assert_eq!(read_peak("Name:\tbootstrap\n"), None);
    }
}
