//! What the application's event triggers do to a run.

use postgres::connect::{Server, Session};
pub(crate) use postgres::event_triggers::Terms;
use postgres::event_triggers::try_out;
use postgres::fence::triggers_are_off;
use shared::error::Result;
use shared::finding::{Findings, list};
use shared::names::Names;

const NAME: &str = "EventTriggers";

pub(crate) async fn check(
    server: &Server,
    session: &mut Session,
    database: &str,
    names: &Names,
    terms: Terms,
    findings: &mut Findings,
) -> Result<()> {
    if triggers_are_off(session).await? {
        let found = format!("database {database}: the parameter event_triggers is off, so nothing could refuse DDL after the cutover");
        findings.refuse(NAME, found, "on", "set event_triggers to 1 in the parameter group, or reset it for the database and its roles");
    }
    let tried = try_out(server, session, database, names, terms).await?;
    for trouble in tried.troubles {
        findings.refuse(NAME, format!("database {database}: {}", trouble.found), "", trouble.remedy);
    }
    if !tried.held.is_empty() {
        let found = format!("database {database}: {} event triggers do not fire for the run: {}", tried.held.len(), list(&tried.held));
        let remedy = "they neither record nor forbid anything in the run's sessions; those that fire in replicas too, and on the target those on \
                      logins, are off until the run ends, and then as they were";
        findings.warn(NAME, found, "", remedy);
    }
    if !tried.harmless.is_empty() {
        let found = format!("database {database}: {} event triggers let the run pass: {}", tried.harmless.len(), list(&tried.harmless));
        findings.fine(NAME, found);
    }
    if let Some(why) = tried.untried {
        findings.warn(
            NAME,
            format!("database {database}: event triggers could not be tried: {why}"),
            "",
            "make sure that they let the run's DDL pass",
        );
    }
    Ok(())
}
