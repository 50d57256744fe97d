//! Clusters: Aurora's, and Multi-AZ DB clusters.

use aws_sdk_rds::operation::describe_db_clusters::builders::DescribeDBClustersFluentBuilder;
use aws_sdk_rds::types::{DbCluster, DbClusterSnapshot, DbInstance, Filter};
use shared::contract::Ready;
use shared::error::aws::code;
use shared::error::{Context, Result, StepError};

use crate::client::Aws;
use crate::rds::instances::{NO_IDENTIFIER, find_instance, is_resource_id};
use crate::rds::requests::going;
use crate::rds::snapshots::snapshot_status;

/// A cluster by its identifier or ARN, or by its resource id (`cluster-…`, in capitals).
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_cluster(aws: &Aws, id: &str) -> Result<Option<DbCluster>> {
    if is_resource_id(id, "cluster-") {
        let resource = Filter::builder().name("db-cluster-resource-id").values(id).build();
        let found = describe(aws, aws.rds.describe_db_clusters().filters(resource), id).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    describe(aws, aws.rds.describe_db_clusters().db_cluster_identifier(id), id).await
}

async fn describe(aws: &Aws, request: DescribeDBClustersFluentBuilder, id: &str) -> Result<Option<DbCluster>> {
    match request.send().await {
        Ok(output) => Ok(output.db_clusters.unwrap_or_default().into_iter().next().inspect(|cluster| aws.evidence.saw_cluster(cluster))),
        Err(error) if matches!(code(&error), Some("DBClusterNotFoundFault" | "DBClusterNotFound" | NO_IDENTIFIER)) => Ok(None),
        Err(error) => Err(StepError::from(error).context(&format!("describe cluster {id}"))),
    }
}

/// The cluster's writer, if it has one.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_writer(aws: &Aws, cluster: &DbCluster) -> Result<Option<DbInstance>> {
    let writer = cluster.db_cluster_members().iter().find(|member| member.is_cluster_writer() == Some(true));
    match writer.and_then(|member| member.db_instance_identifier()) {
        Some(writer) => find_instance(aws, writer).await,
        None => Ok(None),
    }
}

/// After it, all members of an Aurora cluster are being deleted; the answer is "not yet", since they still exist.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn drop_members(aws: &Aws, cluster: &DbCluster) -> Result<Ready> {
    for member in cluster.db_cluster_members() {
        let member = member.db_instance_identifier().unwrap_or_default();
        let sent = aws.rds.delete_db_instance().db_instance_identifier(member).skip_final_snapshot(true).send().await;
        going(sent, "deleting").context(&format!("delete member {member}"))?;
    }
    Ok(Ready::not_yet("deleting members"))
}

/// Host and port of the cluster's writer endpoint.
#[must_use]
pub fn endpoint(cluster: &DbCluster) -> Option<(String, u16)> {
    Some((cluster.endpoint()?.to_owned(), cluster.port().and_then(|port| u16::try_from(port).ok())?))
}

/// A cluster's snapshot by its identifier.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_snapshot(aws: &Aws, id: &str) -> Result<Option<DbClusterSnapshot>> {
    match aws.rds.describe_db_cluster_snapshots().db_cluster_snapshot_identifier(id).send().await {
        Ok(output) => {
            let found = output.db_cluster_snapshots.unwrap_or_default().into_iter().next();
            Ok(found.inspect(|snapshot| aws.evidence.saw_cluster_snapshot(snapshot)))
        }
        Err(error) if is_missing(code(&error)) => Ok(None),
        Err(error) => Err(StepError::from(error).context(&format!("describe cluster snapshot {id}"))),
    }
}

/// Whether a cluster's snapshot is ready, not ready yet, or failed.
///
/// # Errors
/// `SnapshotFailed`.
pub fn snapshot_ready(snapshot: &DbClusterSnapshot) -> Result<Ready> {
    let name = snapshot.db_cluster_snapshot_identifier().unwrap_or_default();
    snapshot_status(name, snapshot.status().unwrap_or_default(), snapshot.percent_progress())
}

/// After it, the cluster's snapshot is gone or being deleted; "not yet" while RDS is still creating it.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn drop_snapshot(aws: &Aws, id: &str) -> Result<Ready> {
    let Some(snapshot) = find_snapshot(aws, id).await? else { return Ok(Ready::yes("gone")) };
    if !crate::rds::requests::is_of_a_run(snapshot.tag_list()) {
        return Ok(Ready::yes("another one of that name stays"));
    }
    if let status @ ("creating" | "copying" | "deleting") = snapshot.status().unwrap_or_default() {
        return Ok(Ready::not_yet(status));
    }
    let sent = aws.rds.delete_db_cluster_snapshot().db_cluster_snapshot_identifier(id).send().await;
    match going(sent, "deleting").context(&format!("delete cluster snapshot {id}")) {
        // The answer to a deletion was lost: a snapshot that is gone has no tags, by which these functions may delete it.
        Err(_) if find_snapshot(aws, id).await?.is_none() => Ok(Ready::yes("gone")),
        answer => answer,
    }
}

fn is_missing(code: Option<&str>) -> bool {
    matches!(code, Some("DBClusterSnapshotNotFoundFault" | "DBClusterSnapshotNotFound"))
}
