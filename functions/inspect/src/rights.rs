//! Rights that the master user needs, and the role that applies changes on the target, each with the statement that grants it.

use postgres::connect::Session;
use postgres::replica_identity::Table;
use postgres::sql;
use shared::error::{Context, Result};
use shared::finding::{Findings, list};

const MISSING_FUNCTIONS: &str = include_str!("sql/missing_functions.sql");
const MISSING_PRIVILEGES: &str = include_str!("sql/missing_privileges.sql");
const MISSING_ROLES: &str = include_str!("sql/missing_roles.sql");
const ROLE_SETTINGS: &str = include_str!("sql/role_settings.sql");

/// Rights on the server as a whole. The target has the same, since roles are in the snapshot.
pub(crate) async fn check_server(session: &Session, findings: &mut Findings) -> Result<()> {
    report(session, MISSING_ROLES, "the server", findings).await
}

/// Settings by which we, and the target's apply, act as another role.
pub(crate) async fn check_role_settings(session: &Session, databases: &[&str], findings: &mut Findings) -> Result<()> {
    for row in session.query(ROLE_SETTINGS, &[&databases]).await.context("look for settings of role")? {
        let (described, statement): (&str, &str) = (row.try_get("detail")?, row.try_get("statement")?);
        let found = format!("{described}: the target's apply would act as that role, which may not apply the run's own tables");
        findings.refuse("RoleSetting", found, "", statement);
    }
    Ok(())
}

/// Rights in one database.
pub(crate) async fn check_database(session: &Session, database: &str, tables: &[Table], findings: &mut Findings) -> Result<()> {
    let place = format!("database {database}");
    report(session, MISSING_FUNCTIONS, &place, findings).await?;
    report(session, sql::MISSING_RIGHTS, &place, findings).await?;
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    for row in session.query(MISSING_PRIVILEGES, &[&oids]).await.context(&format!("read the privileges in {place}"))? {
        let (lacks, kind): (&str, &str) = (row.try_get("lacks")?, row.try_get("kind")?);
        let (names, head, tail): (Vec<String>, &str, &str) = (row.try_get("names")?, row.try_get("head")?, row.try_get("tail")?);
        let found = format!("{place}: {lacks} {} {kind}s: {}", names.len(), list(&names));
        findings.refuse("Rights", found, "", format!("{head}{}{tail}", list(&names)));
    }
    Ok(())
}

async fn report(session: &Session, query: &str, place: &str, findings: &mut Findings) -> Result<()> {
    for row in session.query(query, &[]).await.context(&format!("read our rights on {place}"))? {
        let (lacks, statement): (&str, &str) = (row.try_get("lacks")?, row.try_get("statement")?);
        findings.refuse("Rights", format!("{place}: {lacks}"), "", statement);
    }
    Ok(())
}
