//! Conditions on one database, and its parts that are not replicated.

use postgres::connect::Session;
use postgres::replica_identity::read_tables;
use postgres::sql;
use shared::contract::Plan;
use shared::error::{Context, Result};
use shared::finding::{Findings, list};

use crate::tables::{self, Terms};
use crate::{equality, expressions, large_objects, names, rights};

const ALL_TABLES_PUBLICATIONS: &str = include_str!("sql/all_tables_publications.sql");
const FENCES: &str = include_str!("sql/fences.sql");
const FOREIGN_SERVERS: &str = include_str!("sql/foreign_servers.sql");
const MATERIALIZED_VIEWS: &str = include_str!("sql/materialized_views.sql");
const READ_ONLY_SETTINGS: &str = include_str!("sql/read_only_settings.sql");
const UNLOGGED_TABLES: &str = include_str!("sql/unlogged_tables.sql");

pub(crate) async fn check(session: &Session, database: &str, terms: Terms, plan: &Plan, findings: &mut Findings) -> Result<()> {
    if !names::check(session, database, findings).await? {
        return Ok(());
    }
    let found = read_tables(session, &plan.names.run).await?;
    rights::check_database(session, database, &found, findings).await?;
    tables::check(session, &found, database, terms, findings).await?;
    equality::check(session, &found, database, findings).await?;
    expressions::check(session, &found, database, terms.major, findings).await?;
    for fence in sql::column::<String>(session, FENCES, &[]).await? {
        findings.refuse(
            "Fence",
            format!("database {database} is fenced ({fence}): it has already been moved"),
            "",
            "use the database that it moved to; the runbook has the steps to remove a fence",
        );
    }
    check_publications(session, database, findings).await?;
    check_not_replicated(session, database, findings).await?;
    large_objects::check(session, database, plan.consent.large_objects, findings).await
}

/// The run's own tables join every publication for all tables.
async fn check_publications(session: &Session, database: &str, findings: &mut Findings) -> Result<()> {
    for row in session.query(ALL_TABLES_PUBLICATIONS, &[]).await.context("look for publications for all tables")? {
        let publication: &str = row.try_get("publication")?;
        let found = format!("database {database}: publication {publication} is for all tables, and would publish the run's own");
        let remedy: &str = row.try_get("remedy")?;
        match row.try_get::<_, Option<&str>>("slots")? {
            Some(slots) => {
                let found = format!("{found}: a subscriber that reads slots {slots} would stop, since it lacks these");
                findings.refuse("AllTablesPublication", found, "", remedy);
            }
            None => findings.warn("AllTablesPublication", found, "", format!("subscribe to it after the run, or {remedy}")),
        }
    }
    Ok(())
}

/// Objects that the target has as of the snapshot, or shares with the source.
async fn check_not_replicated(session: &Session, database: &str, findings: &mut Findings) -> Result<()> {
    for (name, query, what, remedy) in [
        ("UnloggedTables", UNLOGGED_TABLES, "unlogged tables are empty on the target", "fill them after the cutover, or set them logged before"),
        (
            "MaterializedViews",
            MATERIALIZED_VIEWS,
            "materialized views stay on the target as of the snapshot",
            "refresh materialized view …, after the cutover",
        ),
        (
            "ForeignServers",
            FOREIGN_SERVERS,
            "foreign servers are reached from the target as well; their data stay where they are",
            "make sure that they let the target in, and that nothing writes to them from it before the cutover",
        ),
        (
            "ReadOnlyDefault",
            READ_ONLY_SETTINGS,
            "settings make sessions read only, on the target as well",
            "alter database … reset default_transaction_read_only (or alter role …), if the application has to write",
        ),
    ] {
        let names: Vec<String> = sql::column(session, query, &[]).await.context(&format!("look for {name}"))?;
        if !names.is_empty() {
            findings.warn(name, format!("database {database}: {} {what}: {}", names.len(), list(&names)), "", remedy);
        }
    }
    Ok(())
}
