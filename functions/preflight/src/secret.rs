//! The secrets of the master user and of the applications.

use shared::aws::Aws;
use shared::contract::Source;
use shared::error::{ErrorName, Result, StepError};
use shared::secrets::read_secret;

/// ARN of the master user's secret, which has a user and a password.
///
/// # Errors
/// `SecretUnusable`.
pub(crate) async fn master(aws: &Aws, id: Option<&str>) -> Result<String> {
    let Some(id) = id else {
        let message = "the master password is not managed by RDS: name a secret with username and password in \"secret\"";
        return Err(StepError::new(ErrorName::SecretUnusable, message));
    };
    let secret = read_secret(aws, id).await?;
    secret.credentials(id)?;
    Ok(secret.arn)
}

/// Why here: a switch that finds out behind the fence that a secret leads elsewhere finds out too late.
///
/// # Errors
/// `SecretUnusable` where the secret does not lead to the source.
pub(crate) async fn check_application(aws: &Aws, id: &str, source: &Source) -> Result<()> {
    let secret = read_secret(aws, id).await?;
    if secret.points_to(&source.host, source.port) {
        return Ok(());
    }
    let message = format!("secret {id} does not lead to {}:{}: correct its host and port, or leave it out", source.host, source.port);
    Err(StepError::new(ErrorName::SecretUnusable, message))
}
