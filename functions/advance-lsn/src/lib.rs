//! The exact position from which replication starts.
//!
//! The one number everything hangs on: too late loses transactions without an error, too early applies them twice.
//! Two witnesses, RDS's function and the restored server's log, must agree where both are there; a doubt stops the run.

mod log;

use serde::Serialize;
use shared::aws::Aws;
use shared::contract::{Action, Plan, Step};
use shared::error::{ErrorName, Result, StepError, While};
use shared::lsn::Lsn;
use shared::pg::{Server, Session};
use shared::rds::{source_server, target_server};
use shared::recovery_log::Recovery;
use shared::replication::{check_tables, lsn, read_slot, read_subscription};
use shared::{heartbeat, sql};

/// Where replication started.
#[derive(Debug, Serialize)]
pub struct Start {
    pub ready: bool,
    pub start_lsn: Option<Lsn>,
    /// Who said so: `function`, `log`, or both.
    pub witnesses: Vec<&'static str>,
}

/// Do: after it answers ready, every subscription is enabled and began at exactly the end of the copy's data. "Not
/// yet" where no witness has spoken.
/// Undo: after it, no subscription is enabled.
///
/// # Errors
/// `StartLsnDoubtful`, `SlotLost`, `TablesChanged`, `ReplicationStopped`, `PostgresUnavailable`, `PostgresRefused`.
pub async fn handle(aws: &Aws, step: Step) -> Result<Start> {
    let target = target_server(aws, &step.plan).await?;
    match step.action {
        Action::Do => start(aws, &target, &step.plan).await,
        Action::Undo => disable(&target, &step.plan).await,
    }
}

async fn start(aws: &Aws, target: &Server, plan: &Plan) -> Result<Start> {
    // The run's schema is in the databases that it carries, and those alone.
    let mut control = target.connect(plan.databases.first().map_or(&plan.control_database, |database| &database.name)).await?;
    let (start_lsn, witnesses) = if let Some(kept) = read_kept(&control, plan).await? {
        (kept, Vec::new())
    } else {
        let function = ask_function(&control).await?;
        let recovery = log::read_recovery(aws, plan).await?;
        let Some((start_lsn, witnesses)) = agree(function, recovery)? else {
            return Ok(Start { ready: false, start_lsn: None, witnesses: Vec::new() });
        };
        check_bounds(&source_server(aws, plan).await?, plan, start_lsn).await?;
        sql::run_made_together(&mut control, sql::KEEP_START_LSN, &[&plan.names.run, &start_lsn.to_string()]).await?;
        (start_lsn, witnesses)
    };
    let source = source_server(aws, plan).await?;
    for database in &plan.databases {
        let session = target.connect(&database.name).await?;
        let subscription = read_subscription(&session, &plan.names.slot(database.oid)).await?;
        if !subscription.enabled {
            let origin = source.connect(&database.name).await?;
            check_tables(&origin, &session, plan, database).await?;
            heartbeat::check_start(&origin, &session, plan, database, start_lsn).await?;
            advance(&session, subscription.oid, start_lsn).await?;
            let enabled = sql::run_made(&session, sql::ENABLE_SUBSCRIPTION, &[&plan.names.slot(database.oid)]).await;
            enabled.while_doing(&format!("enable the subscription of {}", database.name))?;
        }
    }
    Ok(Start { ready: true, start_lsn: Some(start_lsn), witnesses })
}

/// What an earlier call found holds: the copy's later restarts know nothing of the source any more.
async fn read_kept(control: &Session, plan: &Plan) -> Result<Option<Lsn>> {
    if !sql::value::<bool>(control, sql::START_LSN_KEPT, &[&plan.names.run]).await? {
        return Ok(None);
    }
    let query: String = sql::value(control, sql::READ_START_LSN, &[&plan.names.run]).await?;
    control.query_opt(&query, &[]).await?.map(|row| lsn(&row, "lsn")).transpose()
}

/// RDS's own answer, where the server has the function. An extension that was not there before is not left behind.
async fn ask_function(control: &Session) -> Result<Option<Lsn>> {
    let Some(installed) = sql::column::<bool>(control, sql::SEED_FUNCTION, &[]).await?.first().copied() else { return Ok(None) };
    control.batch_execute(if installed { "alter extension rds_tools update" } else { "create extension rds_tools" }).await?;
    let answer = control.query_one(sql::SEED_LSN, &[]).await;
    if !installed {
        control.batch_execute("drop extension rds_tools").await?;
    }
    let row = answer.map_err(StepError::from).while_doing("ask rds_tools for the copy's seed LSN")?;
    if row.try_get::<_, Option<&str>>("lsn")?.is_none() { Ok(None) } else { lsn(&row, "lsn").map(Some) }
}

/// One LSN out of what the witnesses say, and who they were.
fn agree(function: Option<Lsn>, recovery: Option<Recovery>) -> Result<Option<(Lsn, Vec<&'static str>)>> {
    let logged = recovery.and_then(Recovery::start_lsn);
    match (function, recovery) {
        (Some(function), Some(recovery)) if !recovery.agrees_with(function) => Err(StepError::new(
            ErrorName::StartLsnDoubtful,
            format!("rds_tools says that the copy ends at {function}, its log says {recovery}: make a new snapshot by starting again"),
        )),
        (Some(function), _) if logged.is_some() => Ok(Some((function, vec!["function", "log"]))),
        (Some(function), _) => Ok(Some((function, vec!["function"]))),
        (None, _) => Ok(logged.map(|logged| (logged, vec!["log"]))),
    }
}

/// Every slot began before the snapshot, and the source has gone on since: anything else is another server's LSN.
async fn check_bounds(source: &Server, plan: &Plan, start: Lsn) -> Result<()> {
    let session = source.connect(&plan.control_database).await?;
    for database in &plan.databases {
        let name = plan.names.slot(database.oid);
        let slot = read_slot(&session, &name).await?;
        if start < slot.confirmed_flush_lsn || slot.current_lsn < start {
            let message = format!(
                "the copy is said to end at {start}, but slot {name} is at {} and the source at {}",
                slot.confirmed_flush_lsn, slot.current_lsn
            );
            return Err(StepError::new(ErrorName::StartLsnDoubtful, message));
        }
    }
    Ok(())
}

async fn advance(target: &Session, subscription: u32, start: Lsn) -> Result<()> {
    let text = start.to_string();
    target.execute(sql::ADVANCE_ORIGIN, &[&subscription, &text]).await.map_err(StepError::from).while_doing("advance the origin")?;
    let set = lsn(&target.query_one(sql::ORIGIN_PROGRESS, &[&subscription]).await?, "lsn")?;
    if set == start {
        return Ok(());
    }
    Err(StepError::new(ErrorName::Internal, format!("the origin is at {set} after it was set to {start}")))
}

async fn disable(target: &Server, plan: &Plan) -> Result<Start> {
    for database in &plan.databases {
        let session = target.connect(&database.name).await?;
        sql::run_made(&session, sql::DISABLE_SUBSCRIPTION, &[&plan.names.slot(database.oid)]).await?;
    }
    Ok(Start { ready: true, start_lsn: None, witnesses: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: Recovery = Recovery { redo_done_at: Some(Lsn(100)), no_record_at: Some(Lsn(160)) };

    #[test]
    fn the_function_is_believed_where_the_log_does_not_contradict_it() {
        assert_eq!(agree(Some(Lsn(160)), Some(LOG)).unwrap(), Some((Lsn(160), vec!["function", "log"])));
        assert_eq!(agree(Some(Lsn(101)), Some(LOG)).unwrap(), Some((Lsn(101), vec!["function", "log"])));
        assert_eq!(agree(Some(Lsn(7)), None).unwrap(), Some((Lsn(7), vec!["function"])));
    }

    #[test]
    fn without_a_function_the_log_says_one_behind_the_last_record() {
        assert_eq!(agree(None, Some(LOG)).unwrap(), Some((Lsn(101), vec!["log"])));
        assert_eq!(agree(None, None).unwrap(), None);
    }

    #[test]
    fn a_contradiction_stops_the_run() {
        for function in [100, 161] {
            assert_eq!(agree(Some(Lsn(function)), Some(LOG)).unwrap_err().name, ErrorName::StartLsnDoubtful);
        }
    }
}
