//! RDS's control plane as the steps see it.

use aws_sdk_rds::operation::describe_db_instances::builders::DescribeDBInstancesFluentBuilder;
use aws_sdk_rds::types::{DbInstance, DbSnapshot, Filter, Tag};

use crate::aws::{Aws, code};
use crate::contract::{Plan, Ready};
use crate::error::{ErrorName, Result, StepError, While};
use crate::names::{EXECUTION_TAG, log_group};
use crate::pg::Server;
use crate::secrets::read_credentials;

/// An instance by its identifier or ARN, or by its resource id (`db-…`, in capitals).
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_instance(aws: &Aws, id: &str) -> Result<Option<DbInstance>> {
    let by_name = describe(aws.rds.describe_db_instances().db_instance_identifier(id), id).await?;
    let is_resource_id = id.strip_prefix("db-").is_some_and(|rest| rest.len() > 20 && rest.bytes().all(|b| b.is_ascii_alphanumeric()));
    if by_name.is_some() || !is_resource_id {
        return Ok(by_name);
    }
    let resource = Filter::builder().name("dbi-resource-id").values(id).build();
    describe(aws.rds.describe_db_instances().filters(resource), id).await
}

async fn describe(request: DescribeDBInstancesFluentBuilder, id: &str) -> Result<Option<DbInstance>> {
    match request.send().await {
        Ok(output) => Ok(output.db_instances.unwrap_or_default().into_iter().next()),
        Err(error) if matches!(code(&error), Some("DBInstanceNotFound" | "DBInstanceNotFoundFault")) => Ok(None),
        Err(error) => Err(StepError::from(error).while_doing(&format!("describe instance {id}"))),
    }
}

/// A snapshot by its identifier.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_snapshot(aws: &Aws, id: &str) -> Result<Option<DbSnapshot>> {
    match aws.rds.describe_db_snapshots().db_snapshot_identifier(id).send().await {
        Ok(output) => Ok(output.db_snapshots.unwrap_or_default().into_iter().next()),
        Err(error) if matches!(code(&error), Some("DBSnapshotNotFound" | "DBSnapshotNotFoundFault")) => Ok(None),
        Err(error) => Err(StepError::from(error).while_doing(&format!("describe snapshot {id}"))),
    }
}

/// Whether a snapshot is ready, not yet, or never will be.
///
/// # Errors
/// `SnapshotFailed`.
pub fn snapshot_ready(snapshot: &DbSnapshot) -> Result<Ready> {
    let name = snapshot.db_snapshot_identifier().unwrap_or_default();
    match snapshot.status().unwrap_or_default() {
        "available" => Ok(Ready::yes("available")),
        status @ ("failed" | "incompatible-restore" | "incompatible-parameters") => {
            Err(StepError::new(ErrorName::SnapshotFailed, format!("snapshot {name} is {status}")))
        }
        status => Ok(Ready::not_yet(format!("{status}, {} %", snapshot.percent_progress().unwrap_or(0)))),
    }
}

/// After it, the snapshot is gone or going; "not yet" while RDS is still making it.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn drop_snapshot(aws: &Aws, id: &str) -> Result<Ready> {
    let Some(snapshot) = find_snapshot(aws, id).await? else { return Ok(Ready::yes("gone")) };
    match snapshot.status().unwrap_or_default() {
        status @ ("creating" | "copying" | "deleting") => Ok(Ready::not_yet(status)),
        _ => match aws.rds.delete_db_snapshot().db_snapshot_identifier(id).send().await {
            Ok(_) => Ok(Ready::not_yet("deleting")),
            Err(error) if code(&error) == Some("InvalidDBSnapshotState") => Ok(Ready::not_yet("in use")),
            Err(error) if matches!(code(&error), Some("DBSnapshotNotFound" | "DBSnapshotNotFoundFault")) => Ok(Ready::yes("gone")),
            Err(error) => Err(StepError::from(error).while_doing(&format!("delete snapshot {id}"))),
        },
    }
}

/// After it, the log group of an instance's PostgreSQL log is gone: it outlives instance and export.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn drop_log_group(aws: &Aws, instance: &str) -> Result<()> {
    let group = log_group(instance);
    match aws_sdk_cloudwatchlogs::Client::new(&aws.config).delete_log_group().log_group_name(&group).send().await {
        Err(error) if code(&error) != Some("ResourceNotFoundException") => {
            Err(StepError::from(error).while_doing(&format!("delete log group {group}")))
        }
        _ => Ok(()),
    }
}

/// The tag by which everything that a run makes in RDS can be found.
#[must_use]
pub fn execution_tag(plan: &Plan) -> Tag {
    Tag::builder().key(EXECUTION_TAG).value(&plan.execution.name).build()
}

/// The source, as its master user.
///
/// # Errors
/// `SecretUnusable`, `AwsUnavailable`.
pub async fn source_server(aws: &Aws, plan: &Plan) -> Result<Server> {
    Ok(Server {
        host: plan.source.host.clone(),
        port: plan.source.port,
        credentials: read_credentials(aws, &plan.secret_arn).await?,
        application_name: plan.names.run.clone(),
    })
}

/// The copy, as its master user: its password came along with the snapshot.
///
/// # Errors
/// `RestoreFailed` where it is not there or has no endpoint.
pub async fn target_server(aws: &Aws, plan: &Plan) -> Result<Server> {
    let target = target_instance(aws, plan).await?;
    let (host, port) =
        endpoint(&target).ok_or_else(|| StepError::new(ErrorName::RestoreFailed, format!("instance {} has no endpoint", plan.target)))?;
    Ok(Server {
        host,
        port,
        credentials: read_credentials(aws, &plan.secret_arn).await.while_doing("connect to the copy")?,
        application_name: plan.names.run.clone(),
    })
}

/// The new instance.
///
/// # Errors
/// `RestoreFailed` where it is gone.
pub async fn target_instance(aws: &Aws, plan: &Plan) -> Result<DbInstance> {
    let gone = || StepError::new(ErrorName::RestoreFailed, format!("instance {} does not exist any more", plan.target));
    find_instance(aws, &plan.target).await?.ok_or_else(gone)
}

/// Host and port, once RDS has given them.
#[must_use]
pub fn endpoint(instance: &DbInstance) -> Option<(String, u16)> {
    let endpoint = instance.endpoint()?;
    Some((endpoint.address()?.to_owned(), endpoint.port().and_then(|port| u16::try_from(port).ok())?))
}
