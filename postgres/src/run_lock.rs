//! The run lock lets one call at a time change the databases: a call whose answer was lost keeps running while it is repeated or undone.

use shared::error::{Context, Result, StepError};
use shared::names::Names;

use crate::connect::{Server, Session};
use crate::sql;

/// Waits until no other call of this run creates or drops anything in the databases. The lock ends with the session.
///
/// # Errors
/// `LockTimeout` if another call does not end.
pub async fn acquire(source: &Server, control_database: &str, names: &Names) -> Result<Session> {
    let session = source.connect(control_database).await?;
    session.batch_execute("set lock_timeout = '20s'").await?;
    session.execute(sql::ACQUIRE_RUN_LOCK, &[&names.run]).await.map_err(StepError::from).context("wait for another call of this run")?;
    Ok(session)
}
