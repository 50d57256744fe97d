//! How far the copy is behind, and whether the cutover may be now.

use std::time::{Instant, SystemTime};

use serde::Serialize;
use shared::aws::Aws;
use shared::catalog::{self, Drift};
use shared::contract::{Database, Plan, Step};
use shared::error::{ErrorName, Result};
use shared::input::When;
use shared::lag::{CAUGHT_UP_BYTES, Lag, caught_up};
use shared::large_objects;
use shared::metrics::{self, Metric};
use shared::names::{APPROVE_TAG, APPROVED_BY_TAG};
use shared::pg::Server;
use shared::rds::{describe_target, source_server, target_server};
use shared::replication::{read_slot, read_subscription};
use shared::settings::comparison;
use shared::sql;
use shared::stopped::{self, Why};
use shared::storage::watch_headroom;
use shared::switch;
use shared::window::seconds_until;

/// What was seen, over all databases.
#[derive(Debug, Default, Serialize)]
pub struct Seen {
    pub caught_up: bool,
    /// Whether every database's copy is applying changes at the moment.
    pub connected: bool,
    /// Why it is not, as the copy's server says; empty where it is.
    pub stopped: String,
    /// Whether the cutover is approved, whatever the hour.
    pub approved: bool,
    /// How long it is until it may be, by its window; 0 while that is open, or where there is none.
    pub window_opens_in_seconds: u64,
    /// Who says to have approved it, where a tag says so.
    pub approved_by: Option<String>,
    /// The most that any database has to apply.
    pub lag_bytes: i64,
    /// What the source keeps for the copy.
    pub retained_wal_bytes: i64,
    /// What the source has left for it; null where CloudWatch had no measurement of the last minutes.
    pub free_storage_bytes: Option<i64>,
    /// What was changed on the source and would not be carried, and what stands between the application's secrets and their switch:
    /// read while the copy has caught up. An operator may repair it, so it is an answer and no error.
    pub drift: Vec<String>,
    /// What differs as well, and holds nobody up.
    pub let_through: Vec<String>,
    /// As what it fails where nobody repairs it.
    pub drift_as: Option<ErrorName>,
}

/// Reads, and changes nothing.
///
/// # Errors
/// `SlotLost`, `SourceStorageLow`, `ReplicationStopped`, `RestoreFailed`, `PostgresUnavailable`, `PostgresRefused`.
pub async fn handle(aws: &Aws, step: Step) -> Result<Seen> {
    Box::pin(poll(aws, &step.plan)).await
}

async fn poll(aws: &Aws, plan: &Plan) -> Result<Seen> {
    let (source_server, target_server) = (source_server(aws, plan).await?, target_server(aws, plan).await?);
    let source = source_server.connect(&plan.control_database).await?;
    let target = target_server.connect(&plan.control_database).await?;
    let mut lags = Vec::new();
    let mut doubtful: Vec<&Database> = Vec::new();
    let mut retained_wal_bytes = 0;
    for database in &plan.databases {
        let name = plan.names.slot(database.oid);
        let subscription = read_subscription(&target, &name).await?;
        let slot = read_slot(&source, plan, database).await?;
        // One that waits for somebody's lock applies nothing, long before the source gives it up (wal_sender_timeout).
        let waits = slot.lag.bytes > CAUGHT_UP_BYTES && !sql::column::<String>(&target, sql::APPLY_WAITS, &[&name]).await?.is_empty();
        let connected = slot.lag.connected && subscription.enabled && subscription.working && !waits;
        if !connected || subscription.began_just_now {
            doubtful.push(database);
        }
        // One with much to do counts as connected when it has gone on for a while.
        lags.push(Lag { connected: connected && (!subscription.began_just_now || slot.lag.bytes <= CAUGHT_UP_BYTES), ..slot.lag });
        retained_wal_bytes = retained_wal_bytes.max(slot.retained_wal_bytes);
    }
    let lag_bytes = lags.iter().map(|lag| lag.bytes).max().unwrap_or(0);
    // A worker that fails is started again every five seconds, and may live when it is looked at.
    let why = if doubtful.is_empty() { Why::default() } else { stopped::why(aws, plan, &target, &doubtful).await };
    let connected = !why.is_lasting && lags.iter().all(|lag| lag.connected);
    let stopped = if connected { String::new() } else { why.told };
    let measured = [(Metric::LagBytes, lag_bytes.into()), (Metric::ApplyStopped, u8::from(!connected).into())];
    metrics::emit(&plan.source.identifier, &measured);
    let free_storage_bytes = watch_headroom(aws, plan, retained_wal_bytes).await?;
    let window_opens_in_seconds = plan.cutover.window.as_ref().and_then(|window| seconds_until(window, SystemTime::now())).unwrap_or(0);
    let Approval { approved, approved_by } = read_approval(aws, plan).await?;
    let caught_up = connected && caught_up(&lags);
    let (drift, drift_as) = if caught_up { Box::pin(read_drift(aws, &source_server, &target_server, plan)).await? } else { (Drift::default(), None) };
    Ok(Seen {
        caught_up,
        connected,
        stopped,
        approved,
        window_opens_in_seconds,
        approved_by,
        lag_bytes,
        retained_wal_bytes,
        free_storage_bytes,
        drift: catalog::name_some(&drift.holds),
        drift_as,
        let_through: catalog::name_some(&drift.let_through),
    })
}

/// All that is in the way of a cutover, the catalogs first. A run waits for a week, and who approves it then looks at nothing else.
async fn read_drift(aws: &Aws, source: &Server, target: &Server, plan: &Plan) -> Result<(Drift, Option<ErrorName>)> {
    let Drift { holds, let_through } = read_catalogs(source, target, plan).await?;
    let settings = comparison::compare(aws, plan).await?.lost.iter().map(ToString::to_string).collect();
    let secrets = switch::obstacles(aws, plan, source, target).await?;
    let found = [(ErrorName::CatalogsDiffer, holds), (ErrorName::SettingsDiffer, settings), (ErrorName::SecretUnusable, secrets)];
    let drift_as = found.iter().find(|(_, holds)| !holds.is_empty()).map(|(name, _)| *name);
    Ok((Drift { holds: found.into_iter().flat_map(|(_, holds)| holds).collect(), let_through }, drift_as))
}

/// Somebody's DDL can be in the way for a while, or change what is read: no reason to give a copy up, nor to call it equal.
async fn read_catalogs(source: &Server, target: &Server, plan: &Plan) -> Result<Drift> {
    match catalog::read_drift(source, target, plan, Some(Instant::now() + large_objects::LOOK_MAX)).await {
        Err(error) if matches!(error.name, ErrorName::LockTimeout | ErrorName::Internal) => {
            Ok(Drift { holds: vec![error.to_string()], let_through: Vec::new() })
        }
        drift => drift,
    }
}

/// The word, and whose it is said to be.
struct Approval {
    approved: bool,
    approved_by: Option<String>,
}

/// The tag must bear this execution's name: a tag left from another one approves nothing.
async fn read_approval(aws: &Aws, plan: &Plan) -> Result<Approval> {
    if plan.cutover.when == When::Now {
        return Ok(Approval { approved: true, approved_by: None });
    }
    let target = describe_target(aws, plan).await?;
    let approved = target.tag(APPROVE_TAG) == Some(&plan.execution.name);
    Ok(Approval { approved, approved_by: target.tag(APPROVED_BY_TAG).filter(|_| approved).map(str::to_owned) })
}
