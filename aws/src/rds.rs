//! RDS's control plane, as the steps use it.

pub mod clusters;
pub mod found;
pub mod holder;
pub mod log_groups;
pub mod parameters;
pub mod source;
pub mod status;

use aws_sdk_rds::operation::describe_db_instances::builders::DescribeDBInstancesFluentBuilder;
use aws_sdk_rds::types::{DbCluster, DbInstance, DbSnapshot, Filter, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::client::Aws;
use crate::rds::found::Found;
use crate::rds::status::{Standing, is_without_key, standing};
use crate::secrets::document::Address;
use shared::contract::{Kind, Plan, Ready, Source};
use shared::error::aws::code;
use shared::error::aws::said;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::names::{EXECUTION_TAG, log_group};

/// Errors by which RDS reports that the account or the zone has no capacity at the moment. Other users free capacity: it is a reason
/// to wait, as long as the source's disk allows. Source: API reference, "Errors" of the actions that make something.
const NO_ROOM: [&str; 9] = [
    "DBClusterQuotaExceededFault",
    "InstanceQuotaExceeded",
    "InsufficientDBClusterCapacityFault",
    "InsufficientDBInstanceCapacity",
    "InsufficientStorageClusterCapacity",
    "ProvisionedIopsNotAvailableInAZFault",
    "SharedSnapshotQuotaExceeded",
    "SnapshotQuotaExceeded",
    "StorageQuotaExceeded",
];

/// The state of a request to create or change something, after RDS has answered: in progress, or not possible at the moment, and why.
///
/// A resource that exists already under our name is ours: an earlier request was carried out, and its answer was lost. RDS does one
/// thing at a time with a database, so a busy one is polled again; every wait is bounded.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub fn begun<T, E>(sent: std::result::Result<T, SdkError<E, HttpResponse>>, status: impl Into<String>) -> Result<Ready>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match sent {
        Ok(_) => Ok(Ready::not_yet(status)),
        Err(error) => match code(&error) {
            Some(code) if code.contains("AlreadyExists") => Ok(Ready::not_yet(status)),
            Some(code) if is_busy(code) => Ok(Ready::not_yet(format!("busy: {}", said(&error)))),
            Some(code) if NO_ROOM.contains(&code) => Ok(Ready::not_yet(format!("no capacity at the moment: {}", said(&error)))),
            _ => Err(error.into()),
        },
    }
}

/// The state of a request to delete: a resource that is gone already counts as in progress, and the next poll reports it gone.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub fn going<T, E>(sent: std::result::Result<T, SdkError<E, HttpResponse>>, status: impl Into<String>) -> Result<Ready>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match sent {
        Err(error) if code(&error).is_some_and(|code| code.contains("NotFound")) => Ok(Ready::not_yet(status)),
        // Of the final snapshot: its name is taken, and nothing is being deleted.
        Err(error) if code(&error).is_some_and(|code| code.contains("AlreadyExists")) => Err(StepError::from(error)),
        sent => begun(sent, status),
    }
}

/// Whether RDS is busy with it, as in `InvalidDBInstanceState` and `InvalidDBClusterSnapshotStateFault`.
fn is_busy(code: &str) -> bool {
    code.strip_prefix("InvalidDB").is_some_and(|rest| rest.ends_with("State") || rest.ends_with("StateFault"))
}

/// RDS's error for an ARN of something else, or for characters that no identifier has: nothing of that name exists.
pub(crate) const NO_IDENTIFIER: &str = "InvalidParameterValue";

/// An instance by its identifier or ARN, or by its resource id (`db-…`, in capitals).
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_instance(aws: &Aws, id: &str) -> Result<Option<DbInstance>> {
    if is_resource_id(id, "db-") {
        let resource = Filter::builder().name("dbi-resource-id").values(id).build();
        let found = describe(aws, aws.rds.describe_db_instances().filters(resource), id).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    describe(aws, aws.rds.describe_db_instances().db_instance_identifier(id), id).await
}

fn is_resource_id(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| rest.len() > 20 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

async fn describe(aws: &Aws, request: DescribeDBInstancesFluentBuilder, id: &str) -> Result<Option<DbInstance>> {
    match request.send().await {
        Ok(output) => Ok(output.db_instances.unwrap_or_default().into_iter().next().inspect(|instance| aws.evidence.saw_instance(instance))),
        Err(error) if matches!(code(&error), Some("DBInstanceNotFound" | "DBInstanceNotFoundFault" | NO_IDENTIFIER)) => Ok(None),
        Err(error) => Err(StepError::from(error).context(&format!("describe instance {id}"))),
    }
}

/// A snapshot by its identifier.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_snapshot(aws: &Aws, id: &str) -> Result<Option<DbSnapshot>> {
    match aws.rds.describe_db_snapshots().db_snapshot_identifier(id).send().await {
        Ok(output) => Ok(output.db_snapshots.unwrap_or_default().into_iter().next().inspect(|snapshot| aws.evidence.saw_snapshot(snapshot))),
        Err(error) if matches!(code(&error), Some("DBSnapshotNotFound" | "DBSnapshotNotFoundFault")) => Ok(None),
        Err(error) => Err(StepError::from(error).context(&format!("describe snapshot {id}"))),
    }
}

/// Source: Amazon RDS user guide, "Copying a DB snapshot": copies in progress to one Region.
pub const COPIES_AT_A_TIME: i64 = 20;

/// Whether the snapshot is one of the copies in progress.
#[must_use]
pub fn is_being_copied(snapshot: &DbSnapshot) -> bool {
    snapshot.source_db_snapshot_identifier().is_some() && matches!(snapshot.status(), Some("creating" | "copying" | "pending"))
}

/// Whether a snapshot is ready, not ready yet, or failed.
///
/// # Errors
/// `SnapshotFailed`.
pub fn snapshot_ready(snapshot: &DbSnapshot) -> Result<Ready> {
    let name = snapshot.db_snapshot_identifier().unwrap_or_default();
    snapshot_status(name, snapshot.status().unwrap_or_default(), snapshot.percent_progress())
}

fn snapshot_status(name: &str, status: &str, percent: Option<i32>) -> Result<Ready> {
    match standing(status) {
        Standing::Usable => Ok(Ready::yes(status)),
        Standing::Lost => Err(StepError::new(ErrorName::SnapshotFailed, format!("snapshot {name} is {status}"))),
        Standing::Between | Standing::Stopped => Ok(Ready::not_yet(format!("{status}, {} %", percent.unwrap_or(0)))),
    }
}

/// Whether a new resource is available, not available yet, or failed; `what` as in `instance orders-enc-…`.
///
/// # Errors
/// `RestoreFailed`, with the key if RDS cannot use it.
pub fn new_ready(plan: &Plan, what: &str, status: Option<&str>) -> Result<Ready> {
    let status = status.unwrap_or_default();
    match standing(status) {
        Standing::Usable => Ok(Ready::yes(status)),
        Standing::Between | Standing::Stopped => Ok(Ready::not_yet(format!("{what} is {status}"))),
        Standing::Lost => {
            let key = if is_without_key(status) {
                format!(": RDS cannot use key {}, which is disabled, about to be deleted, or without its grant", plan.kms_key_arn)
            } else {
                String::new()
            };
            Err(StepError::new(ErrorName::RestoreFailed, format!("{what} is {status}{key}")))
        }
    }
}

/// After it, the snapshot is gone or being deleted; "not yet" while RDS is still creating it.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn drop_snapshot(aws: &Aws, id: &str) -> Result<Ready> {
    let Some(snapshot) = find_snapshot(aws, id).await? else { return Ok(Ready::yes("gone")) };
    if !is_of_a_run(snapshot.tag_list()) {
        return Ok(Ready::yes("another one of that name stays"));
    }
    if snapshot.status() == Some("deleting") {
        return Ok(Ready::not_yet("deleting"));
    }
    // Deleting a copy in progress cancels it, which may save hours; a snapshot in creation cannot be cancelled.
    // Source: API reference, `DeleteDBSnapshot`.
    let sent = aws.rds.delete_db_snapshot().db_snapshot_identifier(id).send().await;
    match going(sent, "deleting").context(&format!("delete snapshot {id}")) {
        // The answer to a deletion was lost: a snapshot that is gone has no tags, by which these functions may delete it.
        Err(_) if find_snapshot(aws, id).await?.is_none() => Ok(Ready::yes("gone")),
        answer => answer,
    }
}

/// Whether a run made it. A snapshot of a run's name that lacks the tag is somebody else's, and is neither used nor deleted.
#[must_use]
pub fn is_of_a_run(tags: &[Tag]) -> bool {
    tags.iter().any(|tag| tag.key() == Some(EXECUTION_TAG))
}

/// The error where the name of a snapshot of the run is taken.
#[must_use]
pub fn not_ours(snapshot: &str, of: &str) -> StepError {
    StepError::new(
        ErrorName::SnapshotFailed,
        format!("snapshot {snapshot} exists, and is not this run's but one of {of}: delete it, or start an execution under another name"),
    )
}

/// After it, the log group of the target's PostgreSQL log is gone: it outlives database and export.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn drop_log_group(aws: &Aws, plan: &Plan) -> Result<()> {
    let group = log_group(plan.source.kind, &plan.target);
    match aws_sdk_cloudwatchlogs::Client::new(&aws.config).delete_log_group().log_group_name(&group).send().await {
        Err(error) if code(&error) != Some("ResourceNotFoundException") => Err(StepError::from(error).context(&format!("delete log group {group}"))),
        _ => Ok(()),
    }
}

/// The tag on every RDS resource that a run creates.
#[must_use]
pub fn execution_tag(plan: &Plan) -> Tag {
    Tag::builder().key(EXECUTION_TAG).value(&plan.execution.name).build()
}

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
    writer(aws, plan.source.kind, &plan.target).await?.ok_or_else(|| gone(ErrorName::RestoreFailed, &plan.target))
}

/// The source's writer: the instance that takes its writes.
///
/// # Errors
/// `SourceNotFound` if it is gone, `AwsUnavailable` if a cluster has none at the moment.
pub async fn source_writer(aws: &Aws, plan: &Plan) -> Result<DbInstance> {
    let Source { kind, resource_id, identifier, .. } = &plan.source;
    writer(aws, *kind, resource_id).await?.ok_or_else(|| gone(ErrorName::SourceNotFound, identifier))
}

async fn writer(aws: &Aws, kind: Kind, id: &str) -> Result<Option<DbInstance>> {
    if !kind.is_cluster() {
        return find_instance(aws, id).await;
    }
    let Some(cluster) = clusters::find_cluster(aws, id).await? else { return Ok(None) };
    // A failover takes a moment, and is no reason to undo a run.
    let failing_over = || StepError::new(ErrorName::AwsUnavailable, format!("cluster {id} has no writer at the moment"));
    clusters::find_writer(aws, &cluster).await?.ok_or_else(failing_over).map(Some)
}

/// The source instance with the parameter group that it had before the run: the model for the target.
///
/// # Errors
/// `SourceNotFound`, `AwsUnavailable`, `AwsRefused`.
pub async fn original_instance(aws: &Aws, plan: &Plan) -> Result<DbInstance> {
    let Source { resource_id, identifier, .. } = &plan.source;
    let mut source = find_instance(aws, resource_id).await?.ok_or_else(|| gone(ErrorName::SourceNotFound, identifier))?;
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
    let Source { resource_id, identifier, .. } = &plan.source;
    let mut source = clusters::find_cluster(aws, resource_id).await?.ok_or_else(|| gone(ErrorName::SourceNotFound, identifier))?;
    source.db_cluster_parameter_group = source.db_cluster_parameter_group.map(|name| original_group(plan, name));
    Ok(source)
}

/// Every host and port at which the source answers: its own, of a cluster those of its readers, of its members and of its custom
/// endpoints, and those of its replicas. After the fence all of them serve the old database.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn addresses(aws: &Aws, plan: &Plan) -> Result<Vec<Address>> {
    addresses_of(aws, &plan.source, &found::find(aws, &plan.source.resource_id).await?).await
}

/// As [`addresses`], for a source that was already read.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn addresses_of(aws: &Aws, source: &Source, found: &Found) -> Result<Vec<Address>> {
    let mut addresses = vec![(source.host.clone(), source.port)];
    match found {
        Found::Instance(instance) => {
            for replica in instance.read_replica_db_instance_identifiers().iter().filter(|replica| !replica.starts_with("arn:")) {
                addresses.extend(find_instance(aws, replica).await?.as_ref().and_then(endpoint));
            }
        }
        Found::Cluster(cluster, members) => {
            addresses.extend(members.iter().filter_map(endpoint));
            let shared = cluster.reader_endpoint().into_iter().chain(cluster.custom_endpoints().iter().map(String::as_str));
            addresses.extend(shared.map(|host| (host.to_owned(), source.port)));
        }
    }
    Ok(addresses)
}

fn original_group(plan: &Plan, group: String) -> String {
    match &plan.preparation {
        Some(preparation) if group == plan.names.parameter_group => preparation.old_group.clone(),
        _ => group,
    }
}

/// The target, as an instance.
///
/// # Errors
/// `RestoreFailed` if it is gone.
pub async fn target_instance(aws: &Aws, plan: &Plan) -> Result<DbInstance> {
    find_instance(aws, &plan.target).await?.ok_or_else(|| gone(ErrorName::RestoreFailed, &plan.target))
}

/// The target, as a cluster.
///
/// # Errors
/// `RestoreFailed` if it is gone.
pub async fn target_cluster(aws: &Aws, plan: &Plan) -> Result<DbCluster> {
    clusters::find_cluster(aws, &plan.target).await?.ok_or_else(|| gone(ErrorName::RestoreFailed, &plan.target))
}

fn gone(name: ErrorName, id: &str) -> StepError {
    StepError::new(name, format!("{id} does not exist any more"))
}

/// Host and port, once RDS has assigned them.
#[must_use]
pub fn endpoint(instance: &DbInstance) -> Option<(String, u16)> {
    let endpoint = instance.endpoint()?;
    Some((endpoint.address()?.to_owned(), endpoint.port().and_then(|port| u16::try_from(port).ok())?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_copies_in_progress_count() {
        let snapshot = |status, copy_of: Option<&str>| {
            DbSnapshot::builder().status(status).set_source_db_snapshot_identifier(copy_of.map(str::to_owned)).build()
        };
        assert!(is_being_copied(&snapshot("creating", Some("arn"))));
        assert!(!is_being_copied(&snapshot("available", Some("arn"))));
        assert!(!is_being_copied(&snapshot("creating", None)));
    }
}
