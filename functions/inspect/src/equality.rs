//! Whether the target can find rows that it has to look up by all their columns.

use futures_util::future::join_all;
use postgres::connect::Session;
use postgres::replica_identity::Table;
use postgres::sql;
use shared::error::{Context, Result, StepError};
use shared::finding::{Findings, list};
use tokio_postgres::error::SqlState;

const COLUMNS_OF_TYPES: &str = include_str!("sql/columns_of_types.sql");
const COMPARED_TYPES: &str = include_str!("sql/compared_types.sql");
const MISLEADING_INDEXES: &str = include_str!("sql/misleading_indexes.sql");

pub(crate) async fn check(session: &Session, tables: &[Table], database: &str, findings: &mut Findings) -> Result<()> {
    let whole: Vec<u32> = tables.iter().filter(|table| table.identity_full || !table.identity).map(|table| table.oid).collect();
    if whole.is_empty() {
        return Ok(());
    }
    check_types(session, &whole, database, findings).await?;
    check_indexes(session, &whole, database, findings).await
}

/// Asks the server about each type instead of following its rules: the statements are only parsed, and all sent at once.
async fn check_types(session: &Session, tables: &[u32], database: &str, findings: &mut Findings) -> Result<()> {
    let rows = session.query(COMPARED_TYPES, &[&tables]).await.context("list the types by which rows are found")?;
    let mut types: Vec<(u32, String)> = Vec::new();
    for row in &rows {
        types.push((row.try_get("type")?, row.try_get("statement")?));
    }
    let parsed = join_all(types.iter().map(|(_, statement)| session.prepare(statement))).await;
    let mut incomparable: Vec<u32> = Vec::new();
    for ((oid, statement), parsed) in types.iter().zip(parsed) {
        match parsed {
            Ok(_) => {}
            Err(error) if error.code() == Some(&SqlState::UNDEFINED_FUNCTION) => incomparable.push(*oid),
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                let found = format!("database {database}: could not ask whether a type can be compared: {}", StepError::from(error));
                findings.refuse("Rights", found, "", "grant usage on schema …");
            }
            Err(error) => return Err(StepError::from(error).context(statement)),
        }
    }
    if incomparable.is_empty() {
        return Ok(());
    }
    let described: Vec<String> = sql::column(session, COLUMNS_OF_TYPES, &[&tables, &incomparable]).await?;
    let found = format!("database {database}: {} tables have no key, and columns that cannot be compared: {}", described.len(), list(&described));
    let remedy = "give them a primary key: the target could not find their rows";
    findings.refuse("ColumnsWithoutEquality", found, "0 are allowed", remedy);
    Ok(())
}

async fn check_indexes(session: &Session, tables: &[u32], database: &str, findings: &mut Findings) -> Result<()> {
    let (mut described, mut statements): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for row in session.query(MISLEADING_INDEXES, &[&tables]).await.context("read the indexes of tables without a key")? {
        let (name, index, why): (&str, &str, &str) = (row.try_get("name")?, row.try_get("index")?, row.try_get("why")?);
        described.push(format!("{name} ({index}: {why})"));
        statements.push(row.try_get("statement")?);
    }
    if !described.is_empty() {
        let found = format!(
            "database {database}: {} indexes of tables without a key, by which the target would look for rows and not find them: {}",
            described.len(),
            list(&described)
        );
        findings.refuse("MisleadingIndexes", found, "0 are allowed", format!("give the tables a primary key, or: {}", list(&statements)));
    }
    Ok(())
}
