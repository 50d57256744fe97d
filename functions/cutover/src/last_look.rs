//! What people and other services change while a run waits, looked at once more right before the locks: the last answer to the
//! question whether the cutover may be is some minutes old.

use shared::aws::Aws;
use shared::contract::Plan;
use shared::error::{ErrorName, Result, StepError};
use shared::pg::Server;
use shared::settings::comparison;
use shared::switch::Switch;

/// After it, the new database still is the old one in all but its key, it lets the application in, and no rotation is under way.
///
/// # Errors
/// `SettingsDiffer`, `SecretUnusable`, with all that is in the way.
pub(crate) async fn look(aws: &Aws, plan: &Plan, source: &Server, target: &Server, switches: &[Switch]) -> Result<()> {
    let settings: Vec<String> = comparison::compare(aws, plan).await?.lost.iter().map(ToString::to_string).collect();
    refuse(ErrorName::SettingsDiffer, &settings)?;
    let mut obstacles = Vec::new();
    for switch in switches {
        obstacles.extend(switch.obstacles(aws, plan, source, target).await?);
    }
    refuse(ErrorName::SecretUnusable, &obstacles)
}

fn refuse(name: ErrorName, found: &[String]) -> Result<()> {
    if found.is_empty() { Ok(()) } else { Err(StepError::new(name, format!("right before the pause: {}", found.join("; ")))) }
}
