//! The way back of a run: the plan by which its source follows its target, and who uses it.

use aws::client::Aws;
use aws::rds::database::find_of_kind;
use aws::rds::target::describe_target;
use postgres::connect::Session;
use postgres::sql;
use shared::contract::{Direction, Plan};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::input::{Consent, Cutover, How};
use shared::names::EXECUTION_TAG;

const CLAIM: &str = include_str!("sql/claim_way_back.sql");
const CLAIMED_BY: &str = include_str!("sql/way_back_claimed_by.sql");

/// The plan with source and target exchanged. Read anew whenever it is needed: the new database may have been renamed, and its master
/// password may be in a secret of its own since.
///
/// # Errors
/// `RestoreFailed` if the target is gone, `SourceUnsupported`.
pub async fn plan(aws: &Aws, there: &Plan) -> Result<Plan> {
    let target = describe_target(aws, there).await?;
    Ok(Plan {
        names: there.names.back(),
        source: target.read()?,
        target: there.source.identifier.clone(),
        kms_key_arn: there.source.kms_key.clone().unwrap_or_default(),
        secret_arn: target.managed_secret().unwrap_or_else(|| there.secret_arn.clone()),
        preparation: None,
        consent: Consent { event_triggers: false, ..there.consent },
        // Nothing is switched by following.
        cutover: Cutover { how: Some(How::None), secrets: Vec::new(), ..there.cutover.clone() },
        way_back: None,
        direction: Direction::Back,
        ..there.clone()
    })
}

/// The execution that goes back, unless it is the one of this plan; none where the plan is not one of a way back.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused`, `AwsUnavailable`.
pub async fn other_claim(aws: &Aws, control: &Session, plan: &Plan) -> Result<Option<String>> {
    if plan.direction == Direction::There {
        return Ok(None);
    }
    // An execution that completes a stopped one finds it released already.
    let free = [plan.execution.name.clone(), opener(aws, plan).await?].map(|name| in_ascii(&name));
    Ok(claimed_by(control, plan).await?.filter(|claimed_by| !free.contains(claimed_by)))
}

/// The name of the execution that made the plan's source, and opened the way back.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn opener(aws: &Aws, plan: &Plan) -> Result<String> {
    let found = find_of_kind(aws, plan.source.kind, &plan.source.resource_id).await?;
    Ok(found.and_then(|found| found.tag(EXECUTION_TAG).map(str::to_owned)).unwrap_or_default())
}

/// The execution that has the role of the way back: the one that opened it, or one that goes back. None if it is closed.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused`.
pub async fn claimed_by(control: &Session, plan: &Plan) -> Result<Option<String>> {
    Ok(sql::column(control, CLAIMED_BY, &[&plan.names.run]).await?.into_iter().next())
}

/// After it, the way back is held by `name`, if it was by `holder`.
///
/// # Errors
/// `AlreadyRunning` where somebody else was faster, or has closed it.
pub async fn claim(control: &mut Session, plan: &Plan, holder: &str, name: &str) -> Result<()> {
    let transaction = control.transaction().await?;
    transaction.execute(sql::ACQUIRE_RUN_LOCK, &[&plan.names.run]).await.map_err(StepError::from).context("claim the way back")?;
    let now: Option<String> = sql::column(&transaction, CLAIMED_BY, &[&plan.names.run]).await?.into_iter().next();
    if now.as_deref() != Some(holder) && now.as_deref() != Some(name) {
        let message = format!("the way back to {} is {}", plan.target, now.map_or("closed".to_owned(), |now| format!("held by execution {now}")));
        return Err(StepError::new(ErrorName::AlreadyRunning, message));
    }
    sql::run_generated(&transaction, CLAIM, &[&plan.names.run, &name]).await.context("claim the way back")?;
    Ok(transaction.commit().await?)
}

/// A name in characters that every encoding has. Step Functions takes any, and comments on roles are shared by all databases.
#[must_use]
pub fn in_ascii(name: &str) -> String {
    name.chars().map(|each| if each.is_ascii() { each.to_string() } else { each.escape_unicode().to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_ascii_whatever_an_execution_is_called() {
        assert_eq!(in_ascii("orders-2026"), "orders-2026");
        assert_eq!(in_ascii("größe"), "gr\\u{f6}\\u{df}e");
    }
}
