//! Whether the application's secrets open the source: a secret that does not cannot be tried on the target before the switch.

use aws::client::Aws;
use aws::secrets::read_secret;
use postgres::connect::{Server, Session};
use run::logins::{Login, database, is_by_iam, try_login};
use shared::contract::Plan;
use shared::error::{ErrorName, Result};
use shared::finding::Findings;

pub(crate) async fn check(aws: &Aws, source: &Server, session: &Session, plan: &Plan, findings: &mut Findings) -> Result<()> {
    for id in &plan.cutover.secrets {
        // Preflight reports an unusable secret.
        let Ok(secret) = read_secret(aws, id).await else { continue };
        let credentials = match secret.credentials(id) {
            Ok(credentials) => credentials,
            Err(error) => {
                let found = format!("{error}: whether its application can log in to the target is not tried");
                findings.warn("SecretLogin", found, "", "make sure that its users have the same password on both databases");
                continue;
            }
        };
        if is_by_iam(session, &credentials.username).await? {
            let found = format!("{} of secret {id} is a member of rds_iam, and logs in with a token: this is not tried", credentials.username);
            findings.warn("SecretLogin", found, "", "let its policy allow rds-db:connect on the target's resource id");
        } else if let Login::Refused(why) = try_login(source, &credentials, database(plan, &secret)).await? {
            let remedy = "correct its username and password, or leave it out of cutover.secrets";
            findings.refuse_as(ErrorName::SecretUnusable, format!("secret {id} does not open the source: {why}"), remedy);
        }
    }
    Ok(())
}
