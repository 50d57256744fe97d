//! Instances, by identifier, ARN or resource id.

use aws_sdk_rds::operation::describe_db_instances::builders::DescribeDBInstancesFluentBuilder;
use aws_sdk_rds::types::{DbInstance, Filter};
use shared::error::aws::code;
use shared::error::{Result, StepError};

use crate::client::Aws;

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

pub(crate) fn is_resource_id(id: &str, prefix: &str) -> bool {
    id.strip_prefix(prefix).is_some_and(|rest| rest.len() > 20 && rest.bytes().all(|b| b.is_ascii_alphanumeric()))
}

async fn describe(aws: &Aws, request: DescribeDBInstancesFluentBuilder, id: &str) -> Result<Option<DbInstance>> {
    match request.send().await {
        Ok(output) => Ok(output.db_instances.unwrap_or_default().into_iter().next().inspect(|instance| aws.evidence.saw_instance(instance))),
        Err(error) if matches!(code(&error), Some("DBInstanceNotFound" | "DBInstanceNotFoundFault" | NO_IDENTIFIER)) => Ok(None),
        Err(error) => Err(StepError::from(error).context(&format!("describe instance {id}"))),
    }
}

/// Host and port, once RDS has assigned them.
#[must_use]
pub fn endpoint(instance: &DbInstance) -> Option<(String, u16)> {
    let endpoint = instance.endpoint()?;
    Some((endpoint.address()?.to_owned(), endpoint.port().and_then(|port| u16::try_from(port).ok())?))
}
