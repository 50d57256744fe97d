//! Roles that come and go while a run lasts.

use shared::error::{Result, While};
use shared::finding::{Findings, list};
use shared::pg::Session;
use shared::sql;

/// Nobody can make such a role on the copy, so that it holds no cutover; what it has rights on does.
pub(crate) async fn check(session: &Session, findings: &mut Findings) -> Result<()> {
    let (mut all, mut with_rights): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for row in session.query(sql::SHORT_LIVED_ROLES, &[]).await.while_doing("look for roles that come and go")? {
        let name: String = row.try_get("name")?;
        if row.try_get("has_rights")? {
            with_rights.push(name.clone());
        }
        all.push(name);
    }
    if all.is_empty() {
        return Ok(());
    }
    let found = format!("{} roles are made for a while only; the new database lacks those that come during the run: {}", all.len(), list(&all));
    findings.warn(
        "ShortLivedRoles",
        found,
        "",
        "let what issues them (Vault, or the like) rest for the cutover, and issue them anew on the new database",
    );
    if !with_rights.is_empty() {
        let found = format!(
            "{} of them have rights of their own, and each that comes or goes during the run holds the cutover: {}",
            with_rights.len(),
            list(&with_rights)
        );
        findings.warn("ShortLivedRoles", found, "", "give them rights by membership in a role that stays, or let what issues them rest");
    }
    Ok(())
}
