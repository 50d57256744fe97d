//! Who goes back, and the end of it.

use aws::client::Aws;
use aws::rds::database::find_of_kind;
use aws_sdk_rds::types::Tag;
use aws_sdk_sfn::types::ExecutionStatus;
use postgres::{fence, sql};
use run::servers::{source_server, target_server};
use run::{switch, way_back};
use shared::contract::Plan;
use shared::error::aws::code;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::names::MOVED_TAG;

use crate::follow;

const RESUME: &str = include_str!("sql/resume.sql");

/// After it, no other execution goes back, and the way back is not given up meanwhile.
///
/// # Errors
/// `AlreadyRunning`.
pub(crate) async fn claim(aws: &Aws, plan: &Plan) -> Result<()> {
    let source = source_server(aws, plan).await?;
    let mut control = source.connect(&plan.control_database).await?;
    let (own, opener) = (way_back::in_ascii(&plan.execution.name), way_back::in_ascii(&way_back::opener(aws, plan).await?));
    let holder = way_back::claimed_by(&control, plan).await?.unwrap_or_default();
    if holder != own && holder != opener && goes_on(aws, plan, &holder).await? {
        return Err(StepError::new(ErrorName::AlreadyRunning, format!("execution {holder} goes back to {} already", plan.target)));
    }
    way_back::claim(&mut control, plan, &holder, &own).await?;
    // Not when it is released: a late call of a cancelled attempt must find that it cannot go on, until somebody wants to go back again.
    for database in &plan.databases {
        let session = source.connect(&database.name).await?;
        sql::run_generated(&session, RESUME, &[&plan.names.run]).await.context("resume the way back")?;
    }
    Ok(())
}

/// Whether the execution that holds the way back still runs. The claim of one that has ended counts for nothing.
pub(crate) async fn goes_on(aws: &Aws, plan: &Plan, holder: &str) -> Result<bool> {
    // A comment has no letters but those of ASCII, so this name cannot be asked for.
    if holder.contains("\\u{") {
        return Ok(true);
    }
    let machine = plan.execution.id.rsplit_once(':').map_or("", |(machine, _)| machine);
    let described = aws_sdk_sfn::Client::new(&aws.config).describe_execution().execution_arn(format!("{machine}:{holder}")).send().await;
    match described {
        Ok(described) => Ok(*described.status() == ExecutionStatus::Running),
        Err(error) if code(&error) == Some("ExecutionDoesNotExist") => Ok(false),
        Err(error) => Err(StepError::from(error).context(&format!("describe execution {holder}"))),
    }
}

/// After it, the way back is as it was before somebody tried to go it: a pause that was given up may have ended the apply.
pub(crate) async fn release(aws: &Aws, plan: &Plan) -> Result<()> {
    switch::take_labels(aws, plan).await?;
    follow(aws, plan).await?;
    let mut control = source_server(aws, plan).await?.connect(&plan.control_database).await?;
    let own = way_back::in_ascii(&plan.execution.name);
    if way_back::claimed_by(&control, plan).await?.is_some_and(|holder| holder == own) {
        way_back::claim(&mut control, plan, &own, &way_back::in_ascii(&way_back::opener(aws, plan).await?)).await?;
    }
    Ok(())
}

/// After it, the old source takes writes and migrations as before the first run; the other database is fenced, and marked as moved.
pub(crate) async fn settle(aws: &Aws, plan: &Plan) -> Result<()> {
    let old_source = target_server(aws, plan).await?;
    for database in &plan.databases {
        let mut session = old_source.connect(&database.name).await?;
        fence::remove(&mut session, &plan.names.there()).await.context(&format!("remove the fence of {}", database.name))?;
    }
    if let Some(old_source) = find_of_kind(aws, plan.source.kind, &plan.target).await? {
        let untagged = aws.rds.remove_tags_from_resource().resource_name(old_source.arn()).tag_keys(MOVED_TAG).send().await;
        untagged.map_err(StepError::from).context(&format!("take the tag {MOVED_TAG} off {}", plan.target))?;
    }
    let tag = Tag::builder().key(MOVED_TAG).value(&plan.target).build();
    let tagged = aws.rds.add_tags_to_resource().resource_name(&plan.source.arn).tags(tag).send().await;
    tagged.map(drop).map_err(StepError::from).context(&format!("tag {}", plan.source.identifier))
}
