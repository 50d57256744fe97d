//! The target, as RDS describes it.

use aws_sdk_rds::types::{DbCluster, DbInstance};
use shared::contract::Plan;
use shared::error::{ErrorName, Result, StepError};

use crate::client::Aws;
use crate::rds::clusters;
use crate::rds::database::{Database, find_of_kind, writer};
use crate::rds::instances::find_instance;

/// Reads the target.
///
/// # Errors
/// `RestoreFailed` if it is gone.
pub async fn describe_target(aws: &Aws, plan: &Plan) -> Result<Database> {
    find_of_kind(aws, plan.source.kind, &plan.target).await?.ok_or_else(|| gone(&plan.target))
}

/// The target's writer: the instance that takes its writes.
///
/// # Errors
/// `RestoreFailed` if it is gone, `AwsUnavailable` if a cluster has none at the moment.
pub async fn target_writer(aws: &Aws, plan: &Plan) -> Result<DbInstance> {
    writer(aws, plan.source.kind, &plan.target).await?.ok_or_else(|| gone(&plan.target))
}

/// The target, as an instance.
///
/// # Errors
/// `RestoreFailed` if it is gone.
pub async fn target_instance(aws: &Aws, target: &str) -> Result<DbInstance> {
    find_instance(aws, target).await?.ok_or_else(|| gone(target))
}

/// The target, as a cluster.
///
/// # Errors
/// `RestoreFailed` if it is gone.
pub async fn target_cluster(aws: &Aws, target: &str) -> Result<DbCluster> {
    clusters::find_cluster(aws, target).await?.ok_or_else(|| gone(target))
}

/// The error of a step that cannot go on without the target.
#[must_use]
pub fn gone(target: &str) -> StepError {
    StepError::new(ErrorName::RestoreFailed, format!("{target} does not exist any more"))
}
