//! How long the target's logs are kept: RDS makes their groups without a limit.

use aws::client::Aws;
use aws::rds::log_groups::{log_group_of, retain, retention_days};
use shared::contract::Plan;
use shared::error::{ErrorName, Result};

/// After it, each log of the source that has a retention has it on the target too; answers with those that do not, and why. None of
/// them fails the run: the application has moved.
pub(crate) async fn ensure_retention(aws: &Aws, plan: &Plan, exports: &[String]) -> Result<Vec<String>> {
    let mut not_made = Vec::new();
    for log in exports {
        let [old, new] = [&plan.source.identifier, &plan.target].map(|identifier| log_group_of(plan.source.kind, identifier, log));
        let Some(days) = retention_days(aws, &old).await? else { continue };
        match retain(aws, &new, days).await {
            Ok(true) => {}
            Ok(false) => not_made.push(format!("log group {new}: RDS has not created it yet; set its retention to {days} days when it has")),
            Err(error) => not_made.push(error.ok_if(ErrorName::AwsRefused)?.to_string()),
        }
    }
    Ok(not_made)
}
