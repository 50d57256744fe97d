//! Tables on which UPDATE and DELETE fail as soon as they are published, and the run's remedy.

use shared::error::{Context, ErrorName, Result, StepError};
use shared::names::Names;
use tokio_postgres::{GenericClient, Row};

use crate::connect::Session;
use crate::fence::{retry_on_lock_timeout, run_ddl_past_fence};
use crate::sql;

/// A table that a run replicates.
#[derive(Clone, Debug)]
pub struct Table {
    pub oid: u32,
    /// Quoted and with its schema.
    pub name: String,
    /// Whether its UPDATEs and DELETEs can be published.
    pub identity: bool,
    pub identity_full: bool,
    /// Whether row security applies even to the owner, and so to us or the apply.
    pub row_security_forced: bool,
    /// Triggers that would fire again when the target applies a change.
    pub triggers_on_copy: Option<String>,
}

/// All tables of a database that a run replicates, in the order of their oids.
pub async fn read_tables(source: &impl GenericClient, run: &str) -> Result<Vec<Table>> {
    source.query(sql::TABLES, &[&run]).await?.iter().map(table).collect::<Result<_>>().context("list the tables")
}

fn table(row: &Row) -> Result<Table> {
    Ok(Table {
        oid: row.try_get("oid")?,
        name: row.try_get("name")?,
        identity: row.try_get("identity")?,
        identity_full: row.try_get("identity_full")?,
        row_security_forced: row.try_get("row_security_forced")?,
        triggers_on_copy: row.try_get("triggers_on_copy")?,
    })
}

/// Result of [`read_ambiguous`]: a table in which the wrong row may be found when rows are found by equality.
pub struct Ambiguous {
    /// Quoted and with its schema.
    pub name: String,
    /// Columns in which values can be equal but not identical, with their types.
    pub columns: String,
    identity_full: bool,
}

/// Those of these tables in which two rows can be equal but not identical.
pub async fn read_ambiguous(source: &impl GenericClient, tables: &[u32]) -> Result<Vec<Ambiguous>> {
    let rows = source.query(sql::EQUAL_NOT_IDENTICAL, &[&tables]).await?;
    let read =
        |row: &Row| Ok(Ambiguous { name: row.try_get("name")?, columns: row.try_get("columns")?, identity_full: row.try_get("identity_full")? });
    rows.iter().map(read).collect::<Result<_>>().context("find rows that are equal but not identical")
}

/// Adds a possible reason of the difference to the error of a comparison.
pub async fn explain_difference(source: &impl GenericClient, table: u32, error: StepError) -> StepError {
    match read_ambiguous(source, &[table]).await.unwrap_or_default().first() {
        Some(Ambiguous { columns, identity_full: true, .. }) => {
            let why = "its rows are found by equality (replica identity full), and values can be equal but not identical in";
            StepError::new(error.name, format!("{error}; {why} {columns}: the target may have changed another row that is equal"))
        }
        _ => error,
    }
}

/// After it, updates of the table can be published; the run's schema stores its previous replica identity.
///
/// # Errors
/// `LockTimeout` if the table stayed locked.
pub async fn ensure(source: &mut Session, run: &str, table: &Table) -> Result<()> {
    let done = retry_on_lock_timeout(source, sql::REMEMBER_REPLICA_IDENTITY, &[&run, &table.oid]).await;
    done.context(&format!("set replica identity full on {}", table.name))
}

/// After it, every table has the replica identity that it had before the run, on this side, whether the fence is closed or not.
///
/// Twice: the second call does nothing, since the stored identities are dropped with the run's schema.
///
/// # Errors
/// `LockTimeout` if a table stayed locked. `PostgresRefused` if we lost the rights on one: all others are restored, and the
/// stored identities stay.
pub async fn put_back(session: &mut Session, names: &Names, fence: &Names) -> Result<()> {
    if !sql::value::<bool>(session, sql::REPLICA_IDENTITY_MEMORY, &[&names.run]).await? {
        return Ok(());
    }
    let query: String = sql::value(session, sql::RESTORE_REPLICA_IDENTITY, &[&names.run]).await?;
    match run_ddl_past_fence(session, fence, &query, &[]).await {
        Err(refusal) if refusal.name == ErrorName::PostgresRefused => {
            for statement in sql::statements(&*session, &query, &[]).await? {
                // Each refused statement has the same reason as the whole.
                run_ddl_past_fence(session, fence, "select $1::text", &[&statement]).await.or_else(|error| error.ok_if(refusal.name).map(drop))?;
            }
            Err(with_grants(session, refusal).await?)
        }
        put_back => put_back,
    }
    .context("restore replica identities")
}

/// Adds the owners whose rights we lack, and the statements that grant them.
async fn with_grants(session: &Session, refusal: StepError) -> Result<StepError> {
    let mut described = vec![refusal.to_string()];
    for row in session.query(sql::MISSING_RIGHTS, &[]).await? {
        described.push(format!("{}: {}", row.try_get::<_, &str>("lacks")?, row.try_get::<_, &str>("statement")?));
    }
    Ok(refusal.renamed(ErrorName::PostgresRefused, described.join("; ")))
}
