//! How far the target is behind, and whether the cutover may start.

use std::time::{Instant, SystemTime};

use aws::client::Aws;
use aws::rds::target::describe_target;
use aws::settings::comparison;
use aws::storage::{check_headroom, read_storage, watch_headroom};
use postgres::catalog::{self, Drift};
use postgres::connect::{Server, Session};
use postgres::replication::{read_slot, read_subscription};
use postgres::{large_objects, sql};
use run::servers::{source_server, target_server};
use run::stopped::{self, Why};
use run::switch;
use serde::Serialize;
use shared::contract::{Database, Plan, Step};
use shared::error::{ErrorName, Result, StepError};
use shared::input::{Cutover, When};
use shared::lag::{CAUGHT_UP_BYTES, Lag, caught_up};
use shared::metrics::{self, Metric};
use shared::names::{APPROVE_TAG, APPROVED_BY_TAG};
use shared::window::seconds_until;

/// The state over all databases.
#[derive(Debug, Default, Serialize)]
pub struct LagStatus {
    pub caught_up: bool,
    /// Whether the target is applying changes in every database at the moment.
    pub connected: bool,
    /// Why it is not, as the target's server reports it; empty where it is.
    pub stopped: String,
    /// The error with which the run fails if that lasts, where it is another than `ReplicationStopped`: a refused login.
    pub stopped_as: Option<ErrorName>,
    /// Whether the cutover is approved, in the window or not.
    pub approved: bool,
    /// Time until the window opens; 0 while it is open, or where there is none.
    pub window_opens_in_seconds: u64,
    /// The approver's name, where a tag gives one.
    pub approved_by: Option<String>,
    /// The largest lag of any database.
    pub lag_bytes: i64,
    /// WAL that the source keeps for the target.
    pub retained_wal_bytes: i64,
    /// The source's free storage for it; null where CloudWatch had no measurement of the last minutes.
    pub free_storage_bytes: Option<i64>,
    /// Changes on the source that would not be replicated, and obstacles to switching the application's secrets: read while the target
    /// has caught up. An operator may repair them, so this is an answer and no error.
    pub drift: Vec<String>,
    /// Other differences, which do not hold the cutover.
    pub let_through: Vec<String>,
    /// The error with which the run fails if nobody repairs it.
    pub drift_as: Option<ErrorName>,
}

/// Reads, and changes nothing.
///
/// # Errors
/// `SlotLost`, `SourceStorageLow`, `ReplicationStopped`, `RestoreFailed`, `PostgresUnavailable`; `PostgresRefused` of a statement.
pub async fn handle(aws: &Aws, step: Step) -> Result<LagStatus> {
    Box::pin(poll(aws, &step.plan)).await
}

async fn poll(aws: &Aws, plan: &Plan) -> Result<LagStatus> {
    let Login { source_server, target_server, source, target } = match log_in(aws, plan).await {
        Err(error) if matches!(error.name, ErrorName::PostgresRefused | ErrorName::SecretUnusable) => return without_login(aws, plan, &error).await,
        logged_in => logged_in?,
    };
    let mut lags = Vec::new();
    let mut doubtful: Vec<&Database> = Vec::new();
    let mut retained_wal_bytes = 0;
    for database in &plan.databases {
        let name = plan.names.slot(database.oid);
        let subscription = read_subscription(&target, &name).await?;
        let slot = read_slot(&source, plan, database).await?;
        // A worker that waits for somebody's lock applies nothing, long before the source gives it up (wal_sender_timeout).
        let waits = slot.lag.bytes > CAUGHT_UP_BYTES && !sql::column::<String>(&target, sql::APPLY_WAITS, &[&name]).await?.is_empty();
        let connected = slot.lag.connected && subscription.enabled && subscription.working && !waits;
        if !connected || subscription.began_just_now {
            doubtful.push(database);
        }
        // A worker with much to do counts as connected once it has run for a while.
        lags.push(Lag { connected: connected && (!subscription.began_just_now || slot.lag.bytes <= CAUGHT_UP_BYTES), ..slot.lag });
        retained_wal_bytes = retained_wal_bytes.max(slot.retained_wal_bytes);
    }
    let lag_bytes = lags.iter().map(|lag| lag.bytes).max().unwrap_or(0);
    // A failing worker is restarted every five seconds, and may be alive at the moment of a poll.
    let why = if doubtful.is_empty() { Why::default() } else { stopped::why(aws, plan, &target, &doubtful).await };
    let connected = !why.is_lasting && lags.iter().all(|lag| lag.connected);
    let stopped = if connected { String::new() } else { why.reason };
    let measured = [(Metric::LagBytes, lag_bytes.into()), (Metric::ApplyStopped, u8::from(!connected).into())];
    metrics::emit(&plan.source.identifier, &measured);
    let free_storage_bytes = watch_headroom(aws, plan, retained_wal_bytes).await?;
    let Approval { approved, approved_by } = read_approval(aws, plan).await?;
    let caught_up = connected && caught_up(&lags);
    let (drift, drift_as) = if caught_up { Box::pin(read_drift(aws, &source_server, &target_server, plan)).await? } else { (Drift::default(), None) };
    Ok(LagStatus {
        caught_up,
        connected,
        stopped,
        stopped_as: None,
        approved,
        window_opens_in_seconds: window_opens_in_seconds(&plan.cutover),
        approved_by,
        lag_bytes,
        retained_wal_bytes,
        free_storage_bytes,
        drift: catalog::name_some(&drift.holds),
        drift_as,
        let_through: catalog::name_some(&drift.let_through),
    })
}

/// Both servers, and a session on each.
struct Login {
    source_server: Server,
    target_server: Server,
    source: Session,
    target: Session,
}

async fn log_in(aws: &Aws, plan: &Plan) -> Result<Login> {
    let (source_server, target_server) = (source_server(aws, plan).await?, target_server(aws, plan).await?);
    let source = source_server.connect(&plan.control_database).await?;
    let target = target_server.connect(&plan.control_database).await?;
    Ok(Login { source_server, target_server, source, target })
}

/// Days of work are not given up for a password that somebody mistyped. The disk is watched meanwhile, and the alarm on apply is raised.
async fn without_login(aws: &Aws, plan: &Plan, refusal: &StepError) -> Result<LagStatus> {
    metrics::emit(&plan.source.identifier, &[(Metric::ApplyStopped, 1.into())]);
    if let Some(storage) = read_storage(aws, &plan.source).await? {
        check_headroom(&plan.source.identifier, storage, 0, plan.guard)?;
    }
    let Approval { approved, approved_by } = read_approval(aws, plan).await?;
    Ok(LagStatus {
        stopped: refusal.to_string(),
        stopped_as: Some(ErrorName::SecretUnusable),
        approved,
        approved_by,
        window_opens_in_seconds: window_opens_in_seconds(&plan.cutover),
        ..LagStatus::default()
    })
}

fn window_opens_in_seconds(cutover: &Cutover) -> u64 {
    cutover.window.as_ref().and_then(|window| seconds_until(window, SystemTime::now())).unwrap_or(0)
}

/// Everything in the way of a cutover, the catalogs first. A run waits for a week, and its approver looks at nothing else then.
async fn read_drift(aws: &Aws, source: &Server, target: &Server, plan: &Plan) -> Result<(Drift, Option<ErrorName>)> {
    let Drift { holds, let_through } = read_catalogs(source, target, plan).await?;
    let settings = comparison::compare(aws, plan).await?.lost.iter().map(ToString::to_string).collect();
    let secrets = switch::obstacles(aws, plan, source, target).await?;
    let found = [(ErrorName::CatalogsDiffer, holds), (ErrorName::SettingsDiffer, settings), (ErrorName::SecretUnusable, secrets)];
    let drift_as = found.iter().find(|(_, holds)| !holds.is_empty()).map(|(name, _)| *name);
    Ok((Drift { holds: found.into_iter().flat_map(|(_, holds)| holds).collect(), let_through }, drift_as))
}

/// Somebody's DDL can be in the way for a while, or change what is being read: no reason to give a target up, nor to call it equal.
async fn read_catalogs(source: &Server, target: &Server, plan: &Plan) -> Result<Drift> {
    match catalog::read_drift(source, target, plan, Some(Instant::now() + large_objects::LOOK_MAX)).await {
        Err(error) if matches!(error.name, ErrorName::LockTimeout | ErrorName::Internal) => {
            Ok(Drift { holds: vec![error.to_string()], let_through: Vec::new() })
        }
        drift => drift,
    }
}

/// The approval, and the name that it claims.
struct Approval {
    approved: bool,
    approved_by: Option<String>,
}

/// The tag must have this execution's name: a tag left from another one approves nothing.
async fn read_approval(aws: &Aws, plan: &Plan) -> Result<Approval> {
    if plan.cutover.when == When::Now {
        return Ok(Approval { approved: true, approved_by: None });
    }
    let target = describe_target(aws, plan).await?;
    let approved = target.tag(APPROVE_TAG) == Some(&plan.execution.name);
    Ok(Approval { approved, approved_by: target.tag(APPROVED_BY_TAG).filter(|_| approved).map(str::to_owned) })
}
