//! The cutover: writers wait, the target drains, sequences are set, the source is fenced, the application is switched.
//!
//! Until the first fence is committed everything depends on locks of sessions: if anything dies, writes go on by themselves. From then
//! on the run only goes forward, and so does a repeated call.

mod comparison;
mod last_check;
mod pause;
mod phases;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws::client::Aws;
use aws::rds::target::target_writer;
use futures_util::future::try_join_all;
use postgres::connect::{Server, Session};
use postgres::{catalog, fence, large_objects, sql};
use run::servers::{present_server, source_server, target_server};
use run::switch::{self, Switch};
use serde::Serialize;
use shared::contract::{Action, CutoverDone, Database, Direction, Plan, ReversibleStep};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::load::Load;
use shared::metrics::{self, Metric};
use shared::names::Names;

const END_SESSIONS: &str = include_str!("sql/end_sessions.sql");

/// How long large objects may be read after the cutover.
const LARGE_OBJECTS_MAX: Duration = Duration::from_mins(1);

/// The answer to `do` and `undo`.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    Done(CutoverDone),
    /// Whether the point of no return was passed.
    Fenced {
        fenced: bool,
    },
}

/// Do: after it, no write reaches the source any more, the target has every row and sequence of it, and the application's secrets point
/// at the target.
/// Undo: either nothing of the cutover is left and it can never be completed, or the answer is that the fence is closed.
///
/// # Errors
/// `LockTimeout`, `DrainTimeout`, `TablesChanged`, `CatalogsDiffer`, `SettingsDiffer`, `DataDiffers`, `SecretUnusable`, `ReplicationStopped`, `PostgresUnavailable`, …
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Answer> {
    let plan = &step.plan;
    match step.action {
        Action::Do => {
            let source = with_own_name(source_server(aws, plan).await?, &plan.names);
            let source_control = end_earlier_call(&source, &plan.control_database).await?;
            let target = with_own_name(target_server(aws, plan).await?, &plan.names);
            let control = Control { source: source_control, target: end_earlier_call(&target, &plan.control_database).await? };
            cut_over(aws, &source, &target, &control, plan).await.map(Answer::Done)
        }
        Action::Undo => {
            // A source that is gone takes no writes, fenced or not: the undo keeps what has its data.
            let Some(source) = present_server(aws, plan).await? else { return Ok(Answer::Fenced { fenced: false }) };
            let source = with_own_name(source, &plan.names);
            end_earlier_call(&source, &plan.control_database).await?;
            Ok(Answer::Fenced { fenced: !cancel(&source, &plan.databases, &plan.names).await? })
        }
    }
}

/// A session on each server's control database, for what all databases share.
struct Control {
    source: Session,
    target: Session,
}

/// Only the cutover's sessions have this name, so that a later call can end them.
fn with_own_name(server: Server, names: &Names) -> Server {
    Server { application_name: format!("{}_cutover", names.run), ..server }
}

/// A call that was killed may have left sessions that hold their locks: they are ended, and waited for. Returns the session that did it.
async fn end_earlier_call(server: &Server, control_database: &str) -> Result<Session> {
    let control = server.connect(control_database).await?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while sql::value::<i64>(&control, sql::END_OWN_SESSIONS, &[&server.application_name]).await? > 0 {
        if Instant::now() > deadline {
            return Err(StepError::new(ErrorName::LockTimeout, "timed out waiting for a session of an earlier call to end"));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Ok(control)
}

async fn cut_over(aws: &Aws, source: &Server, target: &Server, control: &Control, plan: &Plan) -> Result<CutoverDone> {
    let staged = stage_switches(aws, plan, target).await?;
    let was_switched = staged.iter().all(Switch::is_done);
    // The target was restored as an instance of the source's class.
    let load = Load::of_class(target_writer(aws, plan).await?.db_instance_class().unwrap_or_default());
    let closed_fences = closed_fences(target, plan).await?;
    let last_check = last_check::check(aws, plan, source, target, &staged);
    let pause::Fenced { closed, phases, snapshots_of_target } =
        Box::pin(pause::fence_source(aws, source, target, control, plan, load, last_check)).await?;
    let has_fenced = !snapshots_of_target.is_empty();
    // The other one is fenced by now, so never both take writes.
    try_join_all(closed_fences.into_iter().map(fence::Opening::carry_out)).await?;
    let switched = try_join_all(staged.into_iter().map(|switch| switch.carry_out(aws, plan, source, target))).await;
    let write_pause_ms = now_ms().saturating_sub(closed.paused_at_ms);
    // Emit first: while a secret cannot be written, writers keep waiting across retries.
    // A repeated call that finds everything done measures no pause: the fence remembers when it began, and nothing when it ended.
    if has_fenced || !was_switched {
        metrics::emit(&plan.source.identifier, &[(Metric::WritePauseMs, write_pause_ms.into())]);
    }
    let switched_secrets = switched?;
    tracing::info!(write_pause_ms, "the application's secrets point at the target");
    end_applications_sessions(&control.source, &source.application_name, &plan.databases).await?;
    Ok(CutoverDone {
        write_pause_ms,
        drained_lsn: closed.drained_lsn,
        switched_secrets,
        drift: [stop_rotations_back(aws, plan).await, read_last_drift(source, target, plan, snapshots_of_target).await].concat(),
        pause_phases_ms: phases.map(|phases| phases.durations("switch", write_pause_ms)).unwrap_or_default(),
    })
}

/// The fences of an old source, to be opened when the other database is fenced. Everything but that is done before the pause.
async fn closed_fences(target: &Server, plan: &Plan) -> Result<Vec<fence::Opening>> {
    let mut fences = Vec::new();
    if plan.direction == Direction::Back {
        for Database { name, .. } in &plan.databases {
            fences.push(fence::Opening::prepare(target.connect(name).await?, &plan.names.there()).await?);
        }
    }
    Ok(fences)
}

/// The next versions of all secrets, made before the pause: after the fence nothing is tried for the first time.
async fn stage_switches(aws: &Aws, plan: &Plan, target: &Server) -> Result<Vec<Switch>> {
    let mut switches = Vec::new();
    for id in &plan.cutover.secrets {
        switches.push(Switch::staged(aws, plan, target, id).await?);
    }
    Ok(switches)
}

/// Milliseconds since 1970: a pause may begin in one call and end in another.
fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// Pools read their secret again when their sessions end. This comes last, so that they find the new version.
async fn end_applications_sessions(source: &Session, own_name: &str, databases: &[Database]) -> Result<()> {
    let databases: Vec<&str> = databases.iter().map(|database| database.name.as_str()).collect();
    let ended = source.query_one(END_SESSIONS, &[&databases, &own_name]).await.map_err(StepError::from);
    ended.map(drop).context("end the application's sessions on the source")
}

/// Reports what got past every check: databases, roles, their settings and large objects change without an event trigger, and nothing
/// can hold them. Differences that were let through are reported too. The run only goes forward now, so nothing here is an error.
async fn read_last_drift(source: &Server, target: &Server, plan: &Plan, snapshots_of_target: BTreeMap<String, Session>) -> Vec<String> {
    let mut drift = match catalog::read_drift(source, target, plan, None).await {
        Ok(drift) => drift.into_all(),
        Err(error) => vec![format!("the catalogs could not be compared again: {error}")],
    };
    match compare_large_objects(source, target, &plan.databases, snapshots_of_target).await {
        Ok(differences) => drift.extend(differences),
        Err(error) => drift.push(format!("large objects could not be compared again: {error}")),
    }
    catalog::name_some(&drift)
}

/// With the target as it was before the application came, or, where an earlier call has closed the fence, as it is now.
async fn compare_large_objects(
    source: &Server,
    target: &Server,
    databases: &[Database],
    mut snapshots_of_target: BTreeMap<String, Session>,
) -> Result<Vec<String>> {
    let deadline = Instant::now() + LARGE_OBJECTS_MAX;
    let mut differences = Vec::new();
    for Database { name, .. } in databases {
        let source = source.connect(name).await?;
        let copy = if let Some(kept) = snapshots_of_target.remove(name) { kept } else { target.connect(name).await? };
        differences.extend(large_objects::compare(&source, &copy, name, deadline).await?);
    }
    Ok(differences)
}

/// No error either: the secrets already point at the target.
async fn stop_rotations_back(aws: &Aws, plan: &Plan) -> Vec<String> {
    match switch::stop_rotations_back(aws, plan).await {
        Ok(stopped) => stopped,
        Err(error) => vec![format!("could not check whether a rotation points a secret back at the source: {error}")],
    }
}

/// Whether the cutover was undone; otherwise a fence is closed.
async fn cancel(source: &Server, databases: &[Database], names: &Names) -> Result<bool> {
    for database in databases {
        if fence::read_state(&source.connect(&database.name).await?, names).await?.closed.is_some() {
            return Ok(false);
        }
    }
    for database in databases {
        if fence::cancel(&mut source.connect(&database.name).await?, names).await? {
            return Ok(false);
        }
    }
    for database in databases {
        fence::remove(&mut source.connect(&database.name).await?, names).await?;
    }
    Ok(true)
}
