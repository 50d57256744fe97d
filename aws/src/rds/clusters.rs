//! Clusters: Aurora's, and Multi-AZ DB clusters.

use aws_sdk_rds::operation::describe_db_clusters::builders::DescribeDBClustersFluentBuilder;
use aws_sdk_rds::types::{DbCluster, DbInstance, Filter};
use shared::contract::Ready;
use shared::error::aws::code;
use shared::error::{Context, Result, StepError};

use crate::client::Aws;
use crate::rds::instances::{NO_IDENTIFIER, find_instance, is_resource_id};
use crate::rds::requests::going;

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
