//! The exact position from which replication starts.
//!
//! The number everything depends on: too late loses transactions without an error, too early applies them twice. Two witnesses, RDS's
//! function and the target's log, must agree where both exist; any doubt stops the run.

mod log;

use aws::client::Aws;
use aws::evidence::StartLook;
use postgres::connect::{Server, Session};
use postgres::replication::{advance_origin, check_origin, check_tables, lsn, read_origin, read_slot, read_subscription};
use postgres::{heartbeat, run_lock, sql};
use run::servers::{source_server, target_server};
use serde::Serialize;
use shared::contract::{AdvanceLsnRequest, Kind, Plan};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::lsn::Lsn;
use shared::names::Names;
use shared::recovery_log::LogAnswer;
use tokio_postgres::error::SqlState;

const AURORA_FUNCTION: &str = include_str!("sql/aurora_function.sql");
const AURORA_START_LSN: &str = include_str!("sql/aurora_start_lsn.sql");
const KEEP_LSN: &str = include_str!("sql/keep_lsn.sql");
const LSN_KEPT: &str = include_str!("sql/lsn_kept.sql");
const READ_LSN: &str = include_str!("sql/read_lsn.sql");
const SEED_LSN: &str = include_str!("sql/seed_lsn.sql");

/// How many polls the step waits for the log before it trusts the function alone, or gives up on a log that contradicts itself: more
/// than half a minute at the default waits.
const POLLS_FOR_THE_LOG: u32 = 8;
/// What is stored on the target: the function's first answer, and the start LSN that was found.
const SEED: &str = "seed";
const START: &str = "start";

/// Where replication started.
#[derive(Debug, Serialize)]
pub struct Start {
    pub ready: bool,
    pub start_lsn: Option<Lsn>,
    /// `function`, `log`, `log_file`; empty where an earlier call had found the start LSN.
    pub witnesses: Vec<&'static str>,
}

/// After it answers ready, every subscription is enabled and started at exactly the end of the target's data. "Not yet" while the log
/// has not answered, for some polls where the function has.
///
/// # Errors
/// `StartLsnDoubtful`, `SlotLost`, `TablesChanged`, `ReplicationStopped`, `PostgresUnavailable`, `PostgresRefused`.
pub async fn handle(aws: &Aws, request: AdvanceLsnRequest) -> Result<Start> {
    let (source, target) = (source_server(aws, &request.plan).await?, target_server(aws, &request.plan).await?);
    // Two calls must not both find a subscription disabled: the second would reset the origin of one that the first has enabled.
    let _run_lock = run_lock::acquire(&source, &request.plan.control_database, &request.plan.names).await?;
    start(aws, &source, &target, &request.plan, request.poll).await
}

async fn start(aws: &Aws, source: &Server, target: &Server, plan: &Plan, poll: u32) -> Result<Start> {
    // The run's schema exists only in the databases that the run moves.
    let mut control = target.connect(plan.databases.first().map_or(&plan.control_database, |database| &database.name)).await?;
    let (start_lsn, witnesses) = if let Some(kept) = read_kept(&control, &plan.names, START).await? {
        (kept, Vec::new())
    } else {
        let bounds = read_bounds(source, plan).await?;
        let function = ask_function_once(&mut control, plan).await?;
        aws.evidence.note(|seen| seen.start = Some(StartLook { function_lsn: function, ..StartLook::default() }));
        let (answer, place) = log::read(aws, plan, bounds.passed).await?;
        let Some((start_lsn, witnesses)) = agree(function, answer, place, poll)? else {
            return Ok(Start { ready: false, start_lsn: None, witnesses: Vec::new() });
        };
        bounds.check(start_lsn)?;
        (keep(&mut control, &plan.names, START, start_lsn).await?, witnesses)
    };
    for database in &plan.databases {
        let session = target.connect(&database.name).await?;
        let subscription = read_subscription(&session, &plan.names.slot(database.oid)).await?;
        if !subscription.enabled {
            let origin = source.connect(&database.name).await?;
            check_tables(&origin, &session, &plan.names, database).await?;
            heartbeat::check_start(&origin, &session, &plan.names, database, start_lsn).await?;
            advance(aws, &session, subscription.oid, start_lsn).await?;
            let enabled = sql::run_generated(&session, sql::ENABLE_SUBSCRIPTION, &[&plan.names.slot(database.oid)]).await;
            enabled.context(&format!("enable the subscription of {}", database.name))?;
        }
    }
    Ok(Start { ready: true, start_lsn: Some(start_lsn), witnesses })
}

/// An earlier call's result holds: the target's later restarts say nothing about the source any more.
async fn read_kept(control: &Session, names: &Names, what: &str) -> Result<Option<Lsn>> {
    if !sql::value::<bool>(control, LSN_KEPT, &[&names.run, &what]).await? {
        return Ok(None);
    }
    let query: String = sql::value(control, READ_LSN, &[&names.run, &what]).await?;
    control.query_opt(&query, &[]).await?.map(|row| lsn(&row, "lsn")).transpose()
}

/// Stores an LSN unless one is stored already; returns the one that holds.
async fn keep(control: &mut Session, names: &Names, what: &str, found: Lsn) -> Result<Lsn> {
    sql::run_generated_in_transaction(control, KEEP_LSN, &[&names.run, &what, &found.to_string()]).await?;
    Ok(read_kept(control, names, what).await?.unwrap_or(found))
}

/// RDS's first answer: the function's answer after another restart of the target is not documented.
async fn ask_function_once(control: &mut Session, plan: &Plan) -> Result<Option<Lsn>> {
    if let Some(kept) = read_kept(control, &plan.names, SEED).await? {
        return Ok(Some(kept));
    }
    let answer = if plan.source.kind == Kind::Aurora { ask_aurora(control).await? } else { ask_function(control).await? };
    match answer {
        Some(answer) => keep(control, &plan.names, SEED, answer).await.map(Some),
        None => Ok(None),
    }
}

/// RDS's own answer, where the server has the function. An extension that did not exist before is dropped again.
async fn ask_function(control: &Session) -> Result<Option<Lsn>> {
    let Some(installed) = sql::column::<bool>(control, sql::SEED_FUNCTION, &[]).await?.first().copied() else { return Ok(None) };
    let has_schema = sql::value::<bool>(control, "select pg_catalog.to_regnamespace('rds_tools') is not null", &[]).await?;
    let made = control.batch_execute(if installed { "alter extension rds_tools update" } else { "create extension rds_tools" }).await;
    let answer = match made {
        // An extension that exists, and that we may not update, may have the function all the same.
        Err(error) if !(installed && is_withheld(&error)) => Err(error),
        _ => control.query_one(SEED_LSN, &[]).await,
    };
    if !installed {
        // Dropping the extension leaves its schema.
        let drop = if has_schema { "" } else { "; drop schema if exists rds_tools" };
        control.batch_execute(&format!("drop extension if exists rds_tools{drop}")).await?;
    }
    let row = match answer {
        Err(error) if is_withheld(&error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "rds_tools has no answer: only the log can show where the target's data end");
            return Ok(None);
        }
        answer => answer.map_err(StepError::from).context("ask rds_tools for the target's seed LSN")?,
    };
    if row.try_get::<_, Option<&str>>("lsn")?.is_none() { Ok(None) } else { lsn(&row, "lsn").map(Some) }
}

/// Whether a minor version has the extension without the function, or an administrator does not allow it.
/// Source: RDS user guide, `rds_tools` and `rds.allowed_extensions`.
fn is_withheld(error: &tokio_postgres::Error) -> bool {
    let withheld = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::UNDEFINED_FUNCTION, SqlState::FEATURE_NOT_SUPPORTED, SqlState::UNDEFINED_FILE];
    error.code().is_some_and(|code| withheld.contains(code))
}

/// Aurora's own answer: its only witness, since its log mentions no recovery. The heartbeats prove it.
async fn ask_aurora(control: &Session) -> Result<Option<Lsn>> {
    if sql::column::<bool>(control, AURORA_FUNCTION, &[]).await?.is_empty() {
        return Ok(None);
    }
    let answer = control.query_one(AURORA_START_LSN, &[]).await;
    let row = answer.map_err(StepError::from).context("ask Aurora where the target's data end")?;
    if row.try_get::<_, Option<&str>>("lsn")?.is_none() { Ok(None) } else { lsn(&row, "lsn").map(Some) }
}

/// One LSN from what the witnesses report, and their names; none while another poll may help.
///
/// Where both have answered and agree, they mean the same; the log's number is used, since nothing bounds the function's from above
/// where the log has no exact end.
fn agree(function: Option<Lsn>, answer: LogAnswer, place: &'static str, poll: u32) -> Result<Option<(Lsn, Vec<&'static str>)>> {
    let doubtful = |why: String| Err(StepError::new(ErrorName::StartLsnDoubtful, format!("{why}: start again, which takes a new snapshot")));
    match (function, answer) {
        (Some(function), LogAnswer::Recovery(recovery)) if !recovery.agrees_with(function) => {
            doubtful(format!("rds_tools puts the end of the target's data at {function}, its log at {recovery}"))
        }
        (Some(_), LogAnswer::Recovery(recovery)) => Ok(Some((recovery.start_lsn, vec!["function", place]))),
        (None, LogAnswer::Recovery(recovery)) => Ok(Some((recovery.start_lsn, vec![place]))),
        (_, LogAnswer::Doubtful) if poll >= POLLS_FOR_THE_LOG => {
            doubtful("lines of the target's log contradict each other, so its first recovery cannot be identified".to_owned())
        }
        (Some(function), LogAnswer::NoPosition) => Ok(Some((function, vec!["function"]))),
        (Some(function), LogAnswer::NotYet) if poll >= POLLS_FOR_THE_LOG => Ok(Some((function, vec!["function"]))),
        _ => Ok(None),
    }
}

/// The range in which the start LSN must lie: every slot began before the snapshot, and the source has gone on since.
struct Bounds {
    passed: Lsn,
    current: Lsn,
}

impl Bounds {
    /// An LSN outside of it is another server's.
    fn check(&self, start: Lsn) -> Result<()> {
        if self.passed <= start && start <= self.current {
            return Ok(());
        }
        let message = format!("the target's data would end at {start}, but the slots are at {} and the source at {}", self.passed, self.current);
        Err(StepError::new(ErrorName::StartLsnDoubtful, message))
    }
}

async fn read_bounds(source: &Server, plan: &Plan) -> Result<Bounds> {
    let session = source.connect(&plan.control_database).await?;
    let mut bounds = Bounds { passed: Lsn(0), current: Lsn(0) };
    for database in &plan.databases {
        let slot = read_slot(&session, plan, database).await?;
        bounds.passed = bounds.passed.max(slot.confirmed_flush_lsn);
        bounds.current = bounds.current.max(slot.current_lsn);
    }
    Ok(bounds)
}

async fn advance(aws: &Aws, target: &Session, subscription: u32, start: Lsn) -> Result<()> {
    advance_origin(target, subscription, start).await?;
    let progress = read_origin(target, subscription).await;
    let code = progress.as_ref().err().map(|error| error.code().map_or("none", SqlState::code).to_owned());
    aws.evidence.note(|seen| seen.origin_progress = Some(code.unwrap_or_else(|| "read".to_owned())));
    check_origin(&progress?, start)
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::recovery_log::Recovery;

    const LOG: LogAnswer = LogAnswer::Recovery(Recovery { start_lsn: Lsn(101), redo_done_at: Some(Lsn(100)), no_record_at: Some(Lsn(160)) });
    const LAST: u32 = POLLS_FOR_THE_LOG;

    fn found(function: Option<u64>, answer: LogAnswer, poll: u32) -> Option<(u64, Vec<&'static str>)> {
        agree(function.map(Lsn), answer, "log", poll).unwrap().map(|(start, witnesses)| (start.0, witnesses))
    }

    #[test]
    fn function_and_log_agree_where_the_function_is_within_what_the_log_leaves_open() {
        for function in [101, 160] {
            assert_eq!(found(Some(function), LOG, 0), Some((101, vec!["function", "log"])));
        }
    }

    #[test]
    fn a_contradiction_stops_the_run_at_once() {
        for function in [99, 100, 161] {
            assert_eq!(agree(Some(Lsn(function)), LOG, "log", 0).unwrap_err().name, ErrorName::StartLsnDoubtful);
        }
    }

    #[test]
    fn without_a_function_the_log_alone_says_it_or_nobody() {
        assert_eq!(found(None, LOG, 0), Some((101, vec!["log"])));
        for answer in [LogAnswer::NotYet, LogAnswer::NoPosition] {
            assert_eq!(found(None, answer, LAST), None);
        }
    }

    #[test]
    fn the_function_alone_is_believed_only_after_the_log_had_its_time() {
        assert_eq!(found(Some(7), LogAnswer::NotYet, LAST - 1), None);
        assert_eq!(found(Some(7), LogAnswer::NotYet, LAST), Some((7, vec!["function"])));
    }

    #[test]
    fn a_log_that_will_never_tell_is_silent_and_no_contradiction() {
        assert_eq!(found(Some(7), LogAnswer::NoPosition, 0), Some((7, vec!["function"])));
    }

    #[test]
    fn a_log_that_contradicts_itself_is_looked_at_again_and_then_stops_the_run() {
        for function in [None, Some(Lsn(7))] {
            assert_eq!(agree(function, LogAnswer::Doubtful, "log", LAST - 1).unwrap(), None);
            assert_eq!(agree(function, LogAnswer::Doubtful, "log", LAST).unwrap_err().name, ErrorName::StartLsnDoubtful);
        }
    }

    /// Symptoms: rows of transactions between slot and snapshot exist twice, or a transaction after the end of the target's data is
    /// lost.
    #[test]
    fn a_start_before_a_slot_or_behind_the_source_is_another_servers() {
        let bounds = Bounds { passed: Lsn(100), current: Lsn(200) };
        for (start, holds) in [(99, false), (100, true), (200, true), (201, false)] {
            assert_eq!(bounds.check(Lsn(start)).is_ok(), holds, "{start}");
        }
    }
}
