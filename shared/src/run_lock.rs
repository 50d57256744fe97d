//! One call at a time: a call whose answer was lost goes on while it is made again, or undone.

use crate::contract::Plan;
use crate::error::{Context, Result, StepError};
use crate::pg::{Server, Session};
use crate::sql;

/// Waits until no other call of this run makes or drops anything in the databases. The turn ends with the session.
///
/// # Errors
/// `LockTimeout` where another call does not end.
pub async fn acquire(source: &Server, plan: &Plan) -> Result<Session> {
    let session = source.connect(&plan.control_database).await?;
    session.batch_execute("set lock_timeout = '20s'").await?;
    session.execute(sql::ACQUIRE_RUN_LOCK, &[&plan.names.run]).await.map_err(StepError::from).context("wait for another call of this run")?;
    Ok(session)
}
