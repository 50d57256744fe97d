//! The position at which a target was handed over to the application: behind the last change that was replicated to it, and before the first
//! one of its own. The way back begins exactly there, so that no change is replicated to where it came from, and none is lost.
//!
//! It is stored by the transaction that ends the apply, behind the drain: then nobody else writes to the target.

use shared::error::{Context, ErrorName, Result, StepError};
use shared::lsn::Lsn;
use shared::names::Names;
use tokio_postgres::GenericClient;

use crate::replication::lsn;
use crate::sql;

/// After it, positions can be stored in this database, and its replica identities stay until the way back ends. `back` has the names of the way
/// back.
pub async fn create(target: &impl GenericClient, back: &Names) -> Result<()> {
    sql::run_generated(target, sql::CREATE_HANDOVER, &[&back.run, &back.there().run]).await.map(drop).context("prepare the handover")
}

/// The statements that store the present position.
pub async fn note(target: &impl GenericClient, back: &Names) -> Result<Vec<String>> {
    sql::statements(target, sql::NOTE_HANDOVER, &[&back.run]).await
}

/// The position at which this database was handed over.
///
/// # Errors
/// `StartLsnDoubtful` if none is stored.
pub async fn read(target: &impl GenericClient, back: &Names) -> Result<Lsn> {
    let query: String = sql::value(target, sql::HANDOVER, &[&back.run]).await?;
    let row = target.query_one(&query, &[]).await.map_err(StepError::from).context("read where the target was handed over")?;
    let missing = || StepError::new(ErrorName::StartLsnDoubtful, "no position is stored at which the target was handed over to the application");
    if row.try_get::<_, Option<&str>>("lsn")?.is_none() { Err(missing()) } else { lsn(&row, "lsn") }
}
