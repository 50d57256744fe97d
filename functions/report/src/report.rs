//! The report as programs read it: `report.json`. Every figure of the page is in it.

use serde::Serialize;
use serde_json::Value;
use shared::contract::{Compared, Difference, Kind, PausePhase};
use shared::finding::Finding;
use shared::input::Verify;

use crate::event::Moment;
use crate::evidence::Evidence;

#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// Of the function that made this report; the run's own may have been another one.
    pub(crate) version: &'static str,
    pub(crate) execution: Execution,
    pub(crate) outcome: Outcome,
    /// The last state that was entered.
    pub(crate) last_state: String,
    /// The error's name, and its cause.
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) source: Option<Source>,
    pub(crate) target: Option<Target>,
    /// Whether the run itself points the application at the target, through its secrets; otherwise an operator has to. Null where no
    /// plan has it.
    pub(crate) leads_application: Option<bool>,
    pub(crate) keys: Keys,
    pub(crate) steps: Vec<Step>,
    pub(crate) progress: Progress,
    pub(crate) start: Option<Start>,
    pub(crate) approval: Option<Approval>,
    pub(crate) pause: Option<Pause>,
    pub(crate) databases: Vec<Database>,
    pub(crate) total: Total,
    pub(crate) settings: Option<Settings>,
    pub(crate) findings: Vec<Finding>,
    /// What the run leaves on purpose, and what is different on the target.
    pub(crate) left: Vec<String>,
    pub(crate) to_do: Vec<Task>,
    pub(crate) proofs: Vec<Proof>,
    /// Calls that failed, including those that succeeded when retried.
    pub(crate) failed_calls: Vec<FailedCall>,
    /// The contents of `evidence.json`, which is written separately.
    pub(crate) evidence: Option<Evidence>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Execution {
    pub(crate) arn: String,
    pub(crate) name: String,
    pub(crate) status: &'static str,
    pub(crate) started_at: Moment,
    /// Null while it runs.
    pub(crate) ended_at: Option<Moment>,
    pub(crate) duration_ms: u64,
    pub(crate) state_transitions: u64,
    pub(crate) input: Value,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The target has everything, and the source refuses writes.
    Encrypted,
    /// A plan was made, and nothing was changed.
    Planned,
    /// Nothing was made: a condition of the run is not met.
    Refused,
    /// It failed, and undid everything it had made.
    Undone,
    /// It undid another execution.
    #[serde(rename = "given_back")]
    RolledBack,
    /// The application is on the old source again.
    GoneBack,
    /// A way back was removed; the application stays where it is.
    GivenUp,
    /// Something is left for a person to do.
    NeedsYou,
    /// An operator, or its time limit, ended it: another execution undoes it.
    Stopped,
    Running,
}

#[derive(Debug, Serialize)]
pub(crate) struct Source {
    pub(crate) kind: Kind,
    pub(crate) identifier: String,
    pub(crate) arn: String,
    pub(crate) postgres_major: u32,
}

#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) identifier: String,
    pub(crate) endpoint: Option<String>,
    pub(crate) port: Option<u16>,
}

/// The source's key, and the target's as RDS described it at the end.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Keys {
    /// Null where it was not read.
    pub(crate) encrypted_before: Option<bool>,
    pub(crate) before: Option<String>,
    pub(crate) encrypted_after: Option<bool>,
    pub(crate) after: Option<String>,
    /// The key that was requested.
    pub(crate) asked_for: Option<String>,
}

/// A phase of the run.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) began_at: Moment,
    pub(crate) ended_at: Moment,
    pub(crate) duration_ms: u64,
    /// How often functions were called, and how often that failed.
    pub(crate) calls: u64,
    pub(crate) failed_calls: u64,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Progress {
    pub(crate) samples: Vec<Sample>,
    pub(crate) highest_lag_bytes: Option<i64>,
    pub(crate) last_lag_bytes: Option<i64>,
    pub(crate) highest_retained_wal_bytes: Option<i64>,
    pub(crate) lowest_free_storage_bytes: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) at: Moment,
    /// Null before the target follows.
    pub(crate) lag_bytes: Option<i64>,
    pub(crate) retained_wal_bytes: i64,
    pub(crate) free_storage_bytes: Option<i64>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Start {
    pub(crate) start_lsn: String,
    pub(crate) witnesses: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Approval {
    /// Whether somebody had to approve.
    pub(crate) needed: bool,
    pub(crate) asked_at: Option<Moment>,
    pub(crate) first_seen_at: Option<Moment>,
    /// The name in a tag, without proof.
    pub(crate) claimed_by: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Pause {
    pub(crate) write_pause_ms: u64,
    pub(crate) max_write_pause_ms: u64,
    /// Empty where the pause began in an earlier call of the cutover.
    pub(crate) phases: Vec<PausePhase>,
    pub(crate) drained_lsn: Option<String>,
    /// Whether all rows were compared again during the pause.
    pub(crate) verified: bool,
    pub(crate) switched_secrets: Vec<String>,
    pub(crate) drift: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) start_lsn: Option<String>,
    pub(crate) verified: Verify,
    /// Compared tables; published ones where none were compared.
    pub(crate) tables: u64,
    /// Null where rows were not compared.
    pub(crate) rows: Option<u64>,
    pub(crate) compared: Vec<Compared>,
}

#[derive(Debug, Default, Serialize)]
pub(crate) struct Total {
    pub(crate) databases: u64,
    pub(crate) tables: u64,
    pub(crate) rows: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Settings {
    /// How many were found equal on both sides.
    pub(crate) equal: Option<u64>,
    /// Settings that could not be moved.
    pub(crate) left: Vec<Difference>,
}

/// Something for a person to do.
#[derive(Debug, Serialize)]
pub(crate) struct Task {
    pub(crate) title: String,
    pub(crate) why: String,
    pub(crate) commands: String,
}

/// How a sceptical auditor can check it.
#[derive(Debug, Serialize)]
pub(crate) struct Proof {
    pub(crate) question: String,
    pub(crate) command: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct FailedCall {
    pub(crate) at: Moment,
    pub(crate) state: String,
    pub(crate) error: String,
    pub(crate) cause: String,
}
