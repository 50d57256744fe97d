//! The application's secrets, led to the new database.

use sha2::{Digest, Sha256};
use shared::aws::Aws;
use shared::contract::Plan;
use shared::error::{ErrorName, Result, StepError};
use shared::pg::Server;
use shared::secrets::{Secret, read_secret};

/// A secret, and what will be its next version.
pub(crate) struct Switch {
    pub(crate) secret: Secret,
    moved: Secret,
    is_done: bool,
}

/// Reads all secrets before the pause, so that inside of it there is only writing.
///
/// # Errors
/// `SecretUnusable` where one leads to neither database: it is somebody else's, or was changed meanwhile.
pub(crate) async fn read_switches(aws: &Aws, plan: &Plan, target: &Server) -> Result<Vec<Switch>> {
    let mut switches = Vec::new();
    for id in &plan.cutover.secrets {
        let secret = read_secret(aws, id).await?;
        let is_done = secret.points_to(&target.host, target.port);
        if !is_done && !secret.points_to(&plan.source.host, plan.source.port) {
            let message = format!("secret {id} leads neither to {} nor to {}", plan.source.identifier, plan.target);
            return Err(StepError::new(ErrorName::SecretUnusable, message));
        }
        let moved = secret.pointed_to(&target.host, target.port, &plan.target);
        switches.push(Switch { secret, moved, is_done });
    }
    Ok(switches)
}

impl Switch {
    /// After it, the secret's current version leads to the new database. The token makes a repeat the same version, unless somebody has
    /// led the secret back meanwhile.
    pub(crate) async fn carry_out(&self, aws: &Aws, plan: &Plan) -> Result<()> {
        if self.is_done {
            return Ok(());
        }
        let digest = Sha256::digest(format!("{} {} {}", plan.execution.id, self.secret.arn, self.secret.version_id).as_bytes());
        let token = hex::encode(digest);
        self.moved.write(aws, &token).await
    }
}
