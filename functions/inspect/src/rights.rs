//! What the master user must be allowed, each with the statement that allows it.

use shared::error::{Result, While};
use shared::pg::Session;
use shared::sql;

use shared::finding::Findings;

/// Rights on the server as a whole. The copy has the same, since roles are in the snapshot.
pub(crate) async fn check_server(session: &Session, findings: &mut Findings) -> Result<()> {
    tell(session, sql::MISSING_ROLES, "the server", findings).await
}

/// Rights in one database.
pub(crate) async fn check_database(session: &Session, database: &str, findings: &mut Findings) -> Result<()> {
    let place = format!("database {database}");
    tell(session, sql::MISSING_FUNCTIONS, &place, findings).await?;
    tell(session, sql::MISSING_RIGHTS, &place, findings).await
}

async fn tell(session: &Session, query: &str, place: &str, findings: &mut Findings) -> Result<()> {
    for row in session.query(query, &[]).await.while_doing(&format!("look at our rights on {place}"))? {
        let (lacks, statement): (&str, &str) = (row.try_get("lacks")?, row.try_get("statement")?);
        findings.refuse("Rights", format!("{place}: {lacks}"), "", statement);
    }
    Ok(())
}
