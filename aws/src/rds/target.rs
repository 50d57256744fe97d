//! The target, as RDS describes it.

use aws_sdk_rds::types::{DbCluster, DbInstance, Tag};
use shared::contract::Plan;
use shared::error::{ErrorName, Result, StepError};

use crate::client::Aws;
use crate::rds::clusters;
use crate::rds::holder::writer;
use crate::rds::instances::{endpoint, find_instance};

/// The target, in the fields that instances and clusters share.
#[derive(Debug)]
pub struct Target {
    pub encrypted: bool,
    pub kms_key_arn: Option<String>,
    /// Host and port for writes, once RDS has assigned them.
    pub endpoint: Option<(String, u16)>,
    /// The secret in which RDS manages its master password: from the end of the run on, if the source has one.
    pub master_secret_arn: Option<String>,
    pub tags: Vec<Tag>,
}

impl Target {
    /// The value of a tag, if it has it.
    #[must_use]
    pub fn tag(&self, key: &str) -> Option<&str> {
        self.tags.iter().find(|tag| tag.key() == Some(key)).and_then(Tag::value)
    }
}

/// Reads the target.
///
/// # Errors
/// `RestoreFailed` if it is gone.
pub async fn describe_target(aws: &Aws, plan: &Plan) -> Result<Target> {
    if plan.source.kind.is_cluster() {
        let cluster = target_cluster(aws, plan).await?;
        return Ok(Target {
            encrypted: cluster.storage_encrypted() == Some(true),
            endpoint: clusters::endpoint(&cluster),
            master_secret_arn: cluster.master_user_secret.and_then(|secret| secret.secret_arn),
            kms_key_arn: cluster.kms_key_id,
            tags: cluster.tag_list.unwrap_or_default(),
        });
    }
    let instance = target_instance(aws, plan).await?;
    Ok(Target {
        encrypted: instance.storage_encrypted() == Some(true),
        endpoint: endpoint(&instance),
        master_secret_arn: instance.master_user_secret.and_then(|secret| secret.secret_arn),
        kms_key_arn: instance.kms_key_id,
        tags: instance.tag_list.unwrap_or_default(),
    })
}

/// The target's writer: the instance that takes its writes.
///
/// # Errors
/// `RestoreFailed` if it is gone, `AwsUnavailable` if a cluster has none at the moment.
pub async fn target_writer(aws: &Aws, plan: &Plan) -> Result<DbInstance> {
    writer(aws, plan.source.kind, &plan.target).await?.ok_or_else(|| gone(plan))
}

/// The target, as an instance.
///
/// # Errors
/// `RestoreFailed` if it is gone.
pub async fn target_instance(aws: &Aws, plan: &Plan) -> Result<DbInstance> {
    find_instance(aws, &plan.target).await?.ok_or_else(|| gone(plan))
}

/// The target, as a cluster.
///
/// # Errors
/// `RestoreFailed` if it is gone.
pub async fn target_cluster(aws: &Aws, plan: &Plan) -> Result<DbCluster> {
    clusters::find_cluster(aws, &plan.target).await?.ok_or_else(|| gone(plan))
}

fn gone(plan: &Plan) -> StepError {
    StepError::new(ErrorName::RestoreFailed, format!("{} does not exist any more", plan.target))
}
