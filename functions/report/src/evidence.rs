//! What AWS did during an execution: `evidence.json`, which may be shared with anybody.
//!
//! It has kinds, statuses, numbers, versions and the Region: no names, no addresses, no account. Text from elsewhere is let in only as
//! a [`word`], and only where a word of AWS's, PostgreSQL's or the product's belongs.

mod lines;
mod measured;
mod start;
mod statuses;

use aws::evidence::{Line, Made, Slots};
use serde::Serialize;
use shared::contract::{Kind, PausePhase};

pub(crate) use lines::{Found, Wanted};
pub(crate) use measured::{Change, Function, Requests};
pub(crate) use start::{StartFound, Way};
use statuses::Roles;
pub(crate) use statuses::StatusSeen;

use crate::answers::{Plan, SourceKey};
use crate::event::Moment;
use crate::report::{Outcome, Report};

/// Of the members below. A new member needs no new version.
const SCHEMA_VERSION: u32 = 1;

#[derive(Debug, Serialize)]
pub(crate) struct Evidence {
    pub(crate) schema_version: u32,
    pub(crate) product_version: &'static str,
    pub(crate) region: String,
    pub(crate) run: Run,
    pub(crate) lines: Lines,
    /// The kinds of source, snapshots and target, as last seen.
    pub(crate) things: Vec<Thing>,
    pub(crate) statuses: Vec<StatusSeen>,
    /// On the restored volume, before any was dropped. Null where it was not read.
    pub(crate) slots: Option<Slots>,
    /// Null where no poll got that far.
    pub(crate) start: Option<StartFound>,
    /// `read` where `pg_replication_origin_progress` answered on the target, else the SQLSTATE of its error.
    pub(crate) origin_progress: Option<String>,
    pub(crate) replication: Replication,
    pub(crate) requests: Vec<Requests>,
    pub(crate) changes: Vec<Change>,
    pub(crate) functions: Vec<Function>,
    pub(crate) failed_calls: Vec<FailedCalls>,
    pub(crate) pause: Option<Pause>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) outcome: Outcome,
    pub(crate) started_at: Moment,
    pub(crate) duration_ms: u64,
    /// The members below are null where no plan was made.
    pub(crate) kind: Option<Kind>,
    pub(crate) postgres_major: Option<u32>,
    pub(crate) is_source_encrypted: Option<bool>,
    pub(crate) is_source_public: Option<bool>,
    /// Whether the run had to prepare the source for logical replication.
    pub(crate) was_prepared: Option<bool>,
}

/// How complete this is: CloudWatch Logs may be late, and a call that was killed writes no line.
#[derive(Debug, Serialize)]
pub(crate) struct Lines {
    /// Calls in the history that answered, those with an error of the function's own included.
    pub(crate) answered_calls: u64,
    pub(crate) found: u64,
    /// Why the log was not read to its end, if it was not.
    pub(crate) unread: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Thing {
    /// As in [`StatusSeen::what`].
    pub(crate) what: String,
    #[serde(flatten)]
    pub(crate) made: Made,
}

/// What the polls of the lag saw.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Replication {
    pub(crate) looks: u64,
    /// In how many of them the target was connected to its source.
    pub(crate) connected: u64,
}

/// Calls of functions that failed, including those that succeeded when retried.
#[derive(Debug, Serialize)]
pub(crate) struct FailedCalls {
    pub(crate) state: String,
    /// A name of the product's, or Lambda's, as in `Lambda.ResourceNotReadyException`.
    pub(crate) error: String,
    pub(crate) first_at: Moment,
    pub(crate) count: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Pause {
    pub(crate) write_pause_ms: u64,
    pub(crate) phases: Vec<PausePhase>,
}

/// Facts from the history that the lines do not have.
#[derive(Debug)]
pub(crate) struct Background {
    pub(crate) region: String,
    pub(crate) plan: Option<Plan>,
    pub(crate) answered_calls: u64,
    pub(crate) replication: Replication,
}

/// The evidence of the execution in the report.
pub(crate) fn assemble(background: Background, report: &Report, found: Found) -> Evidence {
    let Background { region, plan, answered_calls, replication } = background;
    let Found { lines, unread } = found;
    let mut roles = Roles::new(plan.as_ref());
    let sightings = statuses::in_order(&lines);
    let statuses = statuses::changes(&sightings, &mut roles);
    let start = start::find(&lines, statuses::available_at(&statuses), report.start.as_ref());
    Evidence {
        schema_version: SCHEMA_VERSION,
        product_version: env!("CARGO_PKG_VERSION"),
        region: word(&region),
        run: run(plan.as_ref(), report),
        lines: Lines { answered_calls, found: count(lines.len()), unread },
        things: statuses::last_seen(&sightings, &mut roles),
        slots: lines.iter().find_map(|line| line.seen.slots),
        start,
        origin_progress: lines.iter().rev().find_map(|line| line.seen.origin_progress.as_deref()).map(word),
        replication,
        requests: measured::requests(&lines),
        changes: measured::changes(&lines, &statuses),
        functions: measured::functions(&lines),
        failed_calls: failed_calls(report),
        pause: report.pause.as_ref().map(|pause| Pause { write_pause_ms: pause.write_pause_ms, phases: pause.phases.clone() }),
        statuses,
    }
}

fn run(plan: Option<&Plan>, report: &Report) -> Run {
    let source = plan.map(|plan| &plan.source);
    Run {
        outcome: report.outcome,
        started_at: report.execution.started_at,
        duration_ms: report.execution.duration_ms,
        kind: source.map(|source| source.kind),
        postgres_major: source.map(|source| source.major),
        is_source_encrypted: source.and_then(|source| match source.kms_key {
            SourceKey::NotSaid => None,
            SourceKey::None => Some(false),
            SourceKey::Of(_) => Some(true),
        }),
        is_source_public: source.map(|source| source.is_public),
        was_prepared: plan.map(|plan| plan.preparation.is_some()),
    }
}

fn failed_calls(report: &Report) -> Vec<FailedCalls> {
    let mut failed: Vec<FailedCalls> = Vec::new();
    for call in &report.failed_calls {
        let (state, error) = (word(&call.state), word(&call.error));
        match failed.iter_mut().find(|failed| failed.state == state && failed.error == error) {
            Some(failed) => failed.count += 1,
            None => failed.push(FailedCalls { state, error, first_at: call.at, count: 1 }),
        }
    }
    failed
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The text, if it can be a status, a code, a version or a class; text with other characters, or longer than any of these, is left out.
fn word(text: &str) -> String {
    let is_word = text.len() <= 64 && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.+".contains(&byte));
    if is_word { text.to_owned() } else { "unreadable".to_owned() }
}

fn words(made: &Made) -> Made {
    let of = |text: &Option<String>| text.as_deref().map(word);
    Made { engine: of(&made.engine), engine_version: of(&made.engine_version), class: of(&made.class), storage_type: of(&made.storage_type), ..*made }
}

/// Lines in the order in which their calls began.
fn sort(lines: &mut [Line]) {
    lines.sort_by_key(|line| line.call.at_ms);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_word_is_left_out() {
        for text in ["storage-initialization", "in-sync+pending-reboot", "db.r6g.large", "16.4", "Lambda.ResourceNotReadyException", ""] {
            assert_eq!(word(text), text);
        }
        for text in ["arn:aws:rds:eu-central-1:123456789012:db:orders-db", "ops@example.com", "two words", "Größe", &"x".repeat(65)] {
            assert_eq!(word(text), "unreadable");
        }
    }
}
