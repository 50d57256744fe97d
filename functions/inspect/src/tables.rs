//! Conditions on the tables that a run moves.

use postgres::connect::Session;
use postgres::replica_identity::{Table, read_ambiguous};
use shared::error::Result;
use shared::finding::{Findings, list};

const GENERATED_COLUMNS: &str = include_str!("sql/generated_columns.sql");
const IDENTITY_ADVICE: &str = include_str!("sql/identity_advice.sql");

/// The first version that refuses, on the source, updates of rows whose replica identity has a column that is not
/// published.
const CHECKS_GENERATED_COLUMNS: u32 = 18;

/// The operator's consents, and the version of the server.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) may_set_identity: bool,
    pub(crate) major: u32,
}

pub(crate) async fn check(session: &Session, tables: &[Table], database: &str, terms: Terms, findings: &mut Findings) -> Result<()> {
    check_apply(tables, database, findings);
    check_identities(session, tables, database, terms, findings).await?;
    check_generated(session, tables, database, terms, findings).await
}

/// Anything that would stop the target's apply, or make it do things twice.
fn check_apply(tables: &[Table], database: &str, findings: &mut Findings) {
    let with_triggers: Vec<String> =
        tables.iter().filter_map(|table| Some(format!("{} ({})", table.name, table.triggers_on_copy.as_ref()?))).collect();
    if !with_triggers.is_empty() {
        let found =
            format!("database {database}: {} tables have triggers that fire on the target as well: {}", with_triggers.len(), list(&with_triggers));
        findings.refuse("TriggersOnCopy", found, "0 are allowed", "alter table … enable trigger …, without always or replica");
    }
    let forced: Vec<&str> = tables.iter().filter(|table| table.row_security_forced).map(|table| table.name.as_str()).collect();
    if !forced.is_empty() {
        let found = format!(
            "database {database}: {} tables with forced row security, where the target cannot apply changes: {}",
            forced.len(),
            list(&forced)
        );
        findings.refuse("ForcedRowSecurity", found, "0 are allowed", "alter table … no force row level security");
    }
}

/// Updates of a table without a usable key fail on the source, in the application, as soon as it is published.
async fn check_identities(session: &Session, tables: &[Table], database: &str, terms: Terms, findings: &mut Findings) -> Result<()> {
    let without: Vec<u32> = tables.iter().filter(|table| !table.identity).map(|table| table.oid).collect();
    if !without.is_empty() {
        let advice = session.query(IDENTITY_ADVICE, &[&without]).await?;
        let described = advice.iter().map(|row| row.try_get("detail")).collect::<std::result::Result<Vec<String>, _>>()?;
        let found = format!("database {database}: {} tables without a replica identity: {}", without.len(), list(&described));
        if terms.may_set_identity {
            findings.warn("ReplicaIdentity", found, "", "they have replica identity full during the run, which writes more WAL; reset at the end");
        } else {
            let mut remedies =
                advice.iter().filter_map(|row| row.try_get("statement").transpose()).collect::<std::result::Result<Vec<String>, _>>()?;
            remedies.push("add primary keys, or set consent.replica_identity".to_owned());
            findings.refuse("ReplicaIdentity", format!("{found}: updates of them would fail once they are published"), "", list(&remedies));
        }
    }
    check_equality(session, tables, database, findings).await
}

/// Without a key the target changes the first row that is equal, which may be another one than on the source. No row is lost, but an
/// old value may be: 1.0 or 1.00, Anna or anna.
async fn check_equality(session: &Session, tables: &[Table], database: &str, findings: &mut Findings) -> Result<()> {
    let by_equality: Vec<u32> = tables.iter().filter(|table| table.identity_full || !table.identity).map(|table| table.oid).collect();
    let ambiguous = read_ambiguous(session, &by_equality).await?;
    if !ambiguous.is_empty() {
        let named: Vec<String> = ambiguous.iter().map(|table| format!("{} ({})", table.name, table.columns)).collect();
        let found = format!(
            "database {database}: {} tables whose rows are found by equality, with columns in which equal values can differ: {}",
            named.len(),
            list(&named)
        );
        let remedy = "give them a primary key: of two equal rows the target may change the other one. Changes before the \
                      verification are compared by verify: rows, not by counts or off; changes until the cutover only by cutover.verify_in_pause";
        findings.warn("EqualNotIdentical", found, "", remedy);
    }
    Ok(())
}

/// Generated columns are not published: the target computes them. They must not be part of a replica identity.
async fn check_generated(session: &Session, tables: &[Table], database: &str, terms: Terms, findings: &mut Findings) -> Result<()> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let whole_row = |oid: u32| tables.iter().any(|table| table.oid == oid && (table.identity_full || !table.identity));
    let mut in_the_way: Vec<String> = Vec::new();
    for row in session.query(GENERATED_COLUMNS, &[&oids]).await? {
        let (name, columns): (&str, &str) = (row.try_get("name")?, row.try_get("columns")?);
        let in_key: bool = row.try_get("in_key")?;
        if in_key || terms.major >= CHECKS_GENERATED_COLUMNS && whole_row(row.try_get("oid")?) {
            in_the_way.push(format!("{name} ({columns})"));
        }
    }
    if !in_the_way.is_empty() {
        let found =
            format!("database {database}: {} tables have generated columns in their replica identity: {}", in_the_way.len(), list(&in_the_way));
        let remedy = "give them a primary key, or a unique index as replica identity, without generated columns";
        findings.refuse("GeneratedColumns", found, "0 are allowed", remedy);
    }
    Ok(())
}
