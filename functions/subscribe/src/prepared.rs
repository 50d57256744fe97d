//! Prepared transactions that came along on the target's volume.
//!
//! They were prepared on the source before its snapshot, and are ended there by their owners. A commit is decoded with all its changes,
//! since the slots are older than the snapshot, and is replicated like any other; a rollback never is. So on the target each is rolled
//! back: otherwise it would hold its locks for ever, and the apply would wait for its rows.

use postgres::connect::{Server, Session};
use postgres::replication::find_subscription;
use shared::contract::Database;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::names::Names;

const INHERITED_PREPARED: &str = include_str!("sql/inherited_prepared.sql");

/// After it, none is left that is older than this server's start, in any database: in databases that are not moved, they hold locks and
/// keep vacuum back as well.
///
/// # Errors
/// `PreconditionFailed` where the master user may not end one: PostgreSQL allows it to the owner and to a superuser.
pub(crate) async fn end_inherited(target: &Server, databases: &[Database], names: &Names, control: &Session) -> Result<()> {
    // A late call must not end a transaction that an application has prepared here.
    for database in databases {
        if find_subscription(control, &names.slot(database.oid)).await?.is_some_and(|subscription| subscription.enabled) {
            return Ok(());
        }
    }
    let mut refused: Vec<String> = Vec::new();
    for row in control.query(INHERITED_PREPARED, &[]).await? {
        let (database, described): (String, String) = (row.try_get("database")?, row.try_get("detail")?);
        let session = target.connect(&database).await?;
        if let Some(become_owner) = row.try_get::<_, Option<String>>("become_owner")? {
            session.batch_execute(&become_owner).await.map_err(StepError::from).context(&become_owner)?;
        }
        match session.batch_execute(row.try_get("statement")?).await.map_err(StepError::from) {
            Err(error) if error.name == ErrorName::PostgresRefused => refused.push(format!("{described}: {}", row.try_get::<_, String>("remedy")?)),
            ended => ended.context(&format!("end prepared transaction {described} on the target"))?,
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let message = format!(
        "the snapshot came with prepared transactions that {} may not end on the target; on the source, before another start: {}",
        target.credentials.username,
        refused.join("; ")
    );
    Err(StepError::new(ErrorName::PreconditionFailed, message))
}
