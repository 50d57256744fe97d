//! The report as programs read it: `report.json`. Every figure of the page is in it.

use serde::Serialize;
use serde_json::Value;
use shared::contract::{Compared, Kind, PausePhase};
use shared::finding::Finding;
use shared::input::Verify;
use shared::settings::Difference;

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
    /// By which name it failed, and why.
    pub(crate) error: Option<String>,
    pub(crate) cause: Option<String>,
    pub(crate) source: Option<Source>,
    pub(crate) target: Option<Target>,
    /// Whether the run itself leads the application to the new database, by its secrets; else somebody has to. Null where no plan says so.
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
    /// What the run leaves on purpose, and what is different on the new database.
    pub(crate) left: Vec<String>,
    pub(crate) to_do: Vec<Task>,
    pub(crate) proofs: Vec<Proof>,
    /// Calls that failed, those that were repeated with success included.
    pub(crate) failed_calls: Vec<FailedCall>,
    /// What is in `evidence.json` by itself.
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
    /// The new database has everything, and the source refuses writes.
    Encrypted,
    /// A plan was made, and nothing was changed.
    Planned,
    /// Nothing was made: something that the run needs is not so.
    Refused,
    /// It failed, and undid all it had made.
    Undone,
    /// It undid another execution.
    #[serde(rename = "given_back")]
    RolledBack,
    /// Something is left for a person to do.
    NeedsYou,
    /// Somebody, or its time limit, ended it: another execution undoes it.
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

/// The key of the source, and the new database's as RDS described it at the end.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Keys {
    /// Null where it was not looked at.
    pub(crate) encrypted_before: Option<bool>,
    pub(crate) before: Option<String>,
    pub(crate) encrypted_after: Option<bool>,
    pub(crate) after: Option<String>,
    /// The one that was asked for.
    pub(crate) asked_for: Option<String>,
}

/// A part of the procedure.
#[derive(Debug, Serialize)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) began_at: Moment,
    pub(crate) ended_at: Moment,
    pub(crate) duration_ms: u64,
    /// How often a function was called, and how often that failed.
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
    /// Null before the copy follows.
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
    /// Whether somebody had to say the word.
    pub(crate) needed: bool,
    pub(crate) asked_at: Option<Moment>,
    pub(crate) first_seen_at: Option<Moment>,
    /// What a tag says; nobody has proved it.
    pub(crate) claimed_by: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Pause {
    pub(crate) write_pause_ms: u64,
    pub(crate) max_write_pause_ms: u64,
    /// Empty where the pause began in an earlier call of the cutover.
    pub(crate) phases: Vec<PausePhase>,
    pub(crate) drained_lsn: Option<String>,
    /// Whether all rows were compared once more meanwhile.
    pub(crate) verified: bool,
    pub(crate) switched_secrets: Vec<String>,
    pub(crate) drift: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Database {
    pub(crate) name: String,
    pub(crate) start_lsn: Option<String>,
    pub(crate) verified: Verify,
    /// Compared; published where none were.
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
    /// What could not be carried.
    pub(crate) left: Vec<Difference>,
}

/// Something for a person to do.
#[derive(Debug, Serialize)]
pub(crate) struct Task {
    pub(crate) title: String,
    pub(crate) why: String,
    pub(crate) commands: String,
}

/// How somebody who believes nothing finds it out.
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
