//! Watches the source while it waits for the target: hours may pass until a snapshot has become a database.

use aws::client::Aws;
use aws::storage::watch_headroom;
use postgres::heartbeat;
use postgres::replication::read_slot;
use run::servers::source_server;
use serde::Serialize;
use shared::contract::Step;
use shared::error::Result;

/// The state over all databases.
#[derive(Debug, Default, Serialize)]
pub struct SourceHealth {
    /// The most WAL that any slot of the run keeps.
    pub retained_wal_bytes: i64,
    /// Null where CloudWatch had no measurement of the last minutes.
    pub free_storage_bytes: Option<i64>,
}

/// After it, every slot of the run is known to be intact and the source to have room for the WAL they keep; and every database has some
/// more heartbeats.
///
/// # Errors
/// `SourceStorageLow`, `SlotLost`, `PostgresUnavailable`, `PostgresRefused`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: Step) -> Result<SourceHealth> {
    let plan = &step.plan;
    let source = source_server(aws, plan).await?;
    heartbeat::beat(&source, &plan.databases, &plan.names).await?;
    let session = source.connect(&plan.control_database).await?;
    let mut retained_wal_bytes = 0;
    for database in &plan.databases {
        retained_wal_bytes = read_slot(&session, plan, database).await?.retained_wal_bytes.max(retained_wal_bytes);
    }
    Ok(SourceHealth { retained_wal_bytes, free_storage_bytes: watch_headroom(aws, plan, retained_wal_bytes).await? })
}
