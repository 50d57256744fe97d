//! Roles that come and go during a run.

use postgres::connect::Session;
use shared::error::{Context, Result};
use shared::finding::{Findings, list};

const SHORT_LIVED_ROLES: &str = include_str!("sql/short_lived_roles.sql");

/// Nobody can create such a role on the target, so it holds no cutover; rights granted to it do.
pub(crate) async fn check(session: &Session, findings: &mut Findings) -> Result<()> {
    let (mut all, mut with_rights): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for row in session.query(SHORT_LIVED_ROLES, &[]).await.context("look for roles that come and go")? {
        let name: String = row.try_get("name")?;
        if row.try_get("has_rights")? {
            with_rights.push(name.clone());
        }
        all.push(name);
    }
    if all.is_empty() {
        return Ok(());
    }
    let found = format!(
        "{} roles are short-lived (they expire within 32 days, or did within the last 32, or have a name of Vault's form); the target lacks \
         those created during the run: {}",
        all.len(),
        list(&all)
    );
    findings.warn("ShortLivedRoles", found, "", "pause their issuer (Vault, or the like) for the cutover, and issue them again on the target");
    if !with_rights.is_empty() {
        let found = format!(
            "{} of them have rights of their own, and each that comes or goes during the run holds the cutover: {}",
            with_rights.len(),
            list(&with_rights)
        );
        findings.warn("ShortLivedRoles", found, "", "give them rights by membership in a role that stays, or pause their issuer");
    }
    Ok(())
}
