//! The instance that is to be encrypted.

use aws_sdk_rds::types::DbInstance;
use shared::aws::{Aws, code};
use shared::contract::Source;
use shared::error::{ErrorName, Result, StepError};
use shared::rds::{endpoint, find_instance};

/// The versions that all of this was tried on.
const MAJORS: std::ops::RangeInclusive<u32> = 12..=18;

pub(crate) async fn find(aws: &Aws, id: &str) -> Result<DbInstance> {
    let found = find_instance(aws, id).await;
    match found {
        Ok(Some(instance)) => Ok(instance),
        // An ARN of something else, or characters that no identifier has, are refused by RDS itself.
        Ok(None) => Err(not_found(aws, id).await),
        Err(error) if error.name == ErrorName::AwsRefused => {
            Err(StepError::new(ErrorName::SourceNotFound, format!("there is no instance {id}")).because(error))
        }
        Err(error) => Err(error),
    }
}

async fn not_found(aws: &Aws, id: &str) -> StepError {
    let cluster = aws.rds.describe_db_clusters().db_cluster_identifier(id).send().await;
    match cluster {
        Ok(clusters) if !clusters.db_clusters().is_empty() => {
            StepError::new(ErrorName::SourceUnsupported, format!("{id} is a cluster: this version encrypts instances"))
        }
        Err(error) if !matches!(code(&error), Some("DBClusterNotFoundFault" | "DBClusterNotFound")) => StepError::from(error),
        _ => StepError::new(ErrorName::SourceNotFound, format!("there is no instance {id} in this Region and account")),
    }
}

/// What later steps need to know of it.
pub(crate) fn read(instance: &DbInstance) -> Result<Source> {
    let text = |value: Option<&str>| value.unwrap_or_default().to_owned();
    let identifier = text(instance.db_instance_identifier());
    let unsupported = |why: String| StepError::new(ErrorName::SourceUnsupported, format!("instance {identifier} {why}"));
    if instance.engine() != Some("postgres") {
        return Err(unsupported(format!("runs {}, not postgres", text(instance.engine()))));
    }
    if let Some(cluster) = instance.db_cluster_identifier() {
        return Err(unsupported(format!("is a member of cluster {cluster}: this version encrypts instances of their own")));
    }
    let version = text(instance.engine_version());
    let major = version.split('.').next().and_then(|major| major.parse().ok()).filter(|major| MAJORS.contains(major));
    let major = major.ok_or_else(|| unsupported(format!("runs PostgreSQL {version}; 12 to 18 are supported")))?;
    let (host, port) = endpoint(instance).ok_or_else(|| {
        StepError::new(
            ErrorName::PreconditionFailed,
            format!("instance {identifier} has no endpoint (status {})", text(instance.db_instance_status())),
        )
    })?;
    Ok(Source { arn: text(instance.db_instance_arn()), resource_id: text(instance.dbi_resource_id()), identifier, host, port, major })
}

/// # Errors
/// `AlreadyEncrypted` where the instance has that very key.
pub(crate) fn check_not_encrypted_with(instance: &DbInstance, kms_key_arn: Option<&str>) -> Result<()> {
    let has_key = instance.storage_encrypted() == Some(true) && instance.kms_key_id().is_some() && instance.kms_key_id() == kms_key_arn;
    if !has_key {
        return Ok(());
    }
    let identifier = instance.db_instance_identifier().unwrap_or_default();
    Err(StepError::new(ErrorName::AlreadyEncrypted, format!("instance {identifier} is encrypted with {} already", kms_key_arn.unwrap_or_default())))
}

pub(crate) fn managed_secret(instance: &DbInstance) -> Option<String> {
    instance.master_user_secret().and_then(|secret| secret.secret_arn()).map(str::to_owned)
}
