//! The last check, right before the locks, of everything that people and other services change while a run waits: the last poll that
//! allowed the cutover is some minutes old.

use aws::client::Aws;
use aws::settings::comparison;
use postgres::connect::Server;
use run::switch::Switch;
use shared::contract::Plan;
use shared::error::{ErrorName, Result, StepError};

/// After it, the target still equals the source in everything but its key, it lets the application in, and no rotation is under way.
///
/// # Errors
/// `SettingsDiffer`, `SecretUnusable`, with everything that is in the way.
pub(crate) async fn check(aws: &Aws, plan: &Plan, source: &Server, target: &Server, switches: &[Switch]) -> Result<()> {
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
