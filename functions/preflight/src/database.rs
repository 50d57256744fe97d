//! Conditions on one database.

use shared::error::{ErrorName, Result, While};
use shared::input::Input;
use shared::names::Names;
use shared::pg::Session;
use shared::replica_identity::{Table, read_tables};
use shared::sql;

use crate::findings::Findings;

/// Looks at tables and what else is not replicated.
pub(crate) async fn check(session: &Session, database: &str, us: &str, input: &Input, names: &Names, findings: &mut Findings) -> Result<()> {
    let tables = read_tables(session, &names.run).await?;
    check_owners(session, database, us, findings).await?;
    check_apply(&tables, database, findings);
    check_identities(&tables, database, input, findings);
    for fence in sql::column::<String>(session, sql::FENCES, &[]).await? {
        findings.refuse(
            ErrorName::PreconditionFailed,
            format!("database {database} is fenced ({fence}): it was moved already"),
            "use the database that it moved to; the runbook says how to lift a fence",
        );
    }
    if let Some(unlogged) = sql::value::<Option<String>>(session, sql::UNLOGGED_TABLES, &[]).await? {
        findings.warn(
            "UnloggedTables",
            format!("database {database}: empty on the copy: {unlogged}"),
            "fill them after the cutover, or set them logged before",
        );
    }
    let large_objects: i64 = sql::value(session, sql::LARGE_OBJECTS, &[]).await.while_doing("count large objects")?;
    if large_objects > 0 {
        findings.warn(
            "LargeObjects",
            format!("database {database}: {large_objects} large objects stay as the snapshot has them"),
            "do not change large objects during the run",
        );
    }
    Ok(())
}

/// Publishing, locking and fencing a table need its owner's rights. One line per owner, with the statement.
async fn check_owners(session: &Session, database: &str, us: &str, findings: &mut Findings) -> Result<()> {
    for row in session.query(sql::MISSING_RIGHTS, &[]).await? {
        let (owner, relations): (String, i64) = (row.try_get("owner")?, row.try_get("relations")?);
        let found = format!("database {database}: {us} has no owner's rights on {relations} tables and sequences of {owner}");
        findings.refuse(ErrorName::PreconditionFailed, found, format!("grant \"{owner}\" to \"{us}\""));
    }
    Ok(())
}

/// What would stop the copy's apply, or make it do things twice.
fn check_apply(tables: &[Table], database: &str, findings: &mut Findings) {
    for table in tables {
        if let Some(triggers) = &table.triggers_on_copy {
            let found = format!("database {database}: triggers of {} fire on the copy as well: {triggers}", table.name);
            findings.refuse(ErrorName::PreconditionFailed, found, format!("alter table {} enable trigger …, without always or replica", table.name));
        }
        if table.row_security_forced {
            let found = format!("database {database}: {} forces row security, under which the copy cannot apply changes", table.name);
            findings.refuse(ErrorName::PreconditionFailed, found, format!("alter table {} no force row level security", table.name));
        }
    }
}

/// Updates of a table without a usable key fail on the source, in the application, as soon as it is published.
fn check_identities(tables: &[Table], database: &str, input: &Input, findings: &mut Findings) {
    let without = || tables.iter().filter(|table| !table.identity);
    if without().next().is_some() {
        let names = list(without());
        if input.consent.replica_identity {
            findings.warn("ReplicaIdentity", format!("database {database}: replica identity full during the run: {names}"), "put back at the end");
        } else {
            findings.refuse(
                ErrorName::PreconditionFailed,
                format!("database {database}: {} tables without replica identity, on which updates would fail: {names}", without().count()),
                "add a primary key, or set consent.replica_identity",
            );
        }
    }
    let cannot_be_full = |table: &&Table| table.columns_without_equality.is_some() && (table.identity_full || !table.identity);
    for table in tables.iter().filter(cannot_be_full) {
        let columns = table.columns_without_equality.as_deref().unwrap_or_default();
        let found = format!("database {database}: {} has no key, and columns that cannot be compared: {columns}", table.name);
        findings.refuse(ErrorName::PreconditionFailed, found, "give the table a primary key: the copy could not find its rows");
    }
}

fn list<'a>(tables: impl Iterator<Item = &'a Table>) -> String {
    tables.map(|table| table.name.as_str()).collect::<Vec<_>>().join(", ")
}
