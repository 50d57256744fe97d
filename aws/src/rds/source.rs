//! The source as it is now: since the plan was made, somebody may have renamed, stopped or deleted it.

use aws_sdk_rds::types::{DbCluster, DbInstance};
use shared::contract::{Plan, Ready, Source};
use shared::error::{ErrorName, Result, StepError};

use crate::client::Aws;
use crate::rds::clusters;
use crate::rds::database::{Database, find, find_of_kind, writer};
use crate::rds::instances::find_instance;
use crate::rds::status::{Standing, standing};

/// The answer of an undo that keeps what may be the last copy of the data: the source is gone, and no target has them.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn kept_as_last_copy(aws: &Aws, plan: &Plan) -> Result<Option<Ready>> {
    Ok((is_gone(aws, &plan.source).await? && !target_has_data(aws, plan).await?).then(kept))
}

/// What an undo says of something that it does not delete: the state machine knows it by this word.
#[must_use]
pub fn kept() -> Ready {
    Ready::yes("kept")
}

/// Whether the source was deleted, or is being deleted: what has its data must outlive the run then.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn is_gone(aws: &Aws, source: &Source) -> Result<bool> {
    Ok(find_by_id(aws, &source.resource_id).await?.is_none())
}

async fn target_has_data(aws: &Aws, plan: &Plan) -> Result<bool> {
    let target = find_of_kind(aws, plan.source.kind, &plan.target).await?;
    Ok(target.is_some_and(|target| target.status() != "creating" && standing(target.status()) != Standing::Lost))
}

/// The database with this resource id, unless it is being deleted.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_by_id(aws: &Aws, resource_id: &str) -> Result<Option<Database>> {
    match find(aws, resource_id).await {
        Ok(found) => Ok(Some(found).filter(|found| !matches!(found.status(), "deleting" | "deleted"))),
        Err(error) => error.ok_if(ErrorName::SourceNotFound).map(|_| None),
    }
}

/// The source's writer: the instance that takes its writes.
///
/// # Errors
/// `SourceNotFound` if it is gone, `AwsUnavailable` if a cluster has none at the moment.
pub async fn source_writer(aws: &Aws, source: &Source) -> Result<DbInstance> {
    let Source { kind, resource_id, .. } = source;
    writer(aws, *kind, resource_id).await?.ok_or_else(|| gone(source))
}

/// The source instance with the parameter group that it had before the run: the model for the target.
///
/// # Errors
/// `SourceNotFound`, `AwsUnavailable`, `AwsRefused`.
pub async fn original_instance(aws: &Aws, plan: &Plan) -> Result<DbInstance> {
    let mut source = find_instance(aws, &plan.source.resource_id).await?.ok_or_else(|| gone(&plan.source))?;
    for group in source.db_parameter_groups.iter_mut().flatten() {
        group.db_parameter_group_name = group.db_parameter_group_name.take().map(|name| original_group(plan, name));
    }
    Ok(source)
}

/// The source cluster with the parameter group that it had before the run: the model for the target.
///
/// # Errors
/// `SourceNotFound`, `AwsUnavailable`, `AwsRefused`.
pub async fn original_cluster(aws: &Aws, plan: &Plan) -> Result<DbCluster> {
    let mut source = clusters::find_cluster(aws, &plan.source.resource_id).await?.ok_or_else(|| gone(&plan.source))?;
    source.db_cluster_parameter_group = source.db_cluster_parameter_group.map(|name| original_group(plan, name));
    Ok(source)
}

fn original_group(plan: &Plan, group: String) -> String {
    match &plan.preparation {
        Some(preparation) if group == plan.names.parameter_group => preparation.old_group.clone(),
        _ => group,
    }
}

/// The error of a step that cannot go on without the source.
#[must_use]
pub fn gone(source: &Source) -> StepError {
    StepError::new(ErrorName::SourceNotFound, format!("{} does not exist any more", source.identifier))
}
