//! The IAM roles by which the database reaches S3 or Lambda: RDS associates them one by one, with a database that exists.

use aws::client::Aws;
use aws_sdk_rds::types::{DbCluster, DbInstance};
use shared::error::aws::code;
use shared::error::{ErrorName, Result, StepError};

/// After it, the target has the source's roles; answers with those that RDS refuses, and why.
pub(crate) async fn ensure(aws: &Aws, source: &DbInstance, target: &DbInstance) -> Result<Vec<String>> {
    let mut refused = Vec::new();
    for role in source.associated_roles() {
        if target.associated_roles().iter().any(|other| (&other.role_arn, &other.feature_name) == (&role.role_arn, &role.feature_name)) {
            continue;
        }
        let request = aws
            .rds
            .add_role_to_db_instance()
            .set_db_instance_identifier(target.db_instance_identifier.clone())
            .set_role_arn(role.role_arn.clone())
            .set_feature_name(role.feature_name.clone());
        match request.send().await {
            Ok(_) => {}
            Err(error) if code(&error) == Some("DBInstanceRoleAlreadyExists") => {}
            Err(error) => refused.push(StepError::from(error).ok_if(ErrorName::AwsRefused).map(|error| told(role.role_arn(), &error))?),
        }
    }
    Ok(refused)
}

/// As [`ensure`], for a cluster.
pub(crate) async fn ensure_of_cluster(aws: &Aws, source: &DbCluster, target: &DbCluster) -> Result<Vec<String>> {
    let mut refused = Vec::new();
    for role in source.associated_roles() {
        if target.associated_roles().iter().any(|other| (&other.role_arn, &other.feature_name) == (&role.role_arn, &role.feature_name)) {
            continue;
        }
        let request = aws
            .rds
            .add_role_to_db_cluster()
            .set_db_cluster_identifier(target.db_cluster_identifier.clone())
            .set_role_arn(role.role_arn.clone())
            .set_feature_name(role.feature_name.clone());
        match request.send().await {
            Ok(_) => {}
            Err(error) if code(&error) == Some("DBClusterRoleAlreadyExists") => {}
            Err(error) => refused.push(StepError::from(error).ok_if(ErrorName::AwsRefused).map(|error| told(role.role_arn(), &error))?),
        }
    }
    Ok(refused)
}

fn told(role: Option<&str>, error: &StepError) -> String {
    format!("role {} is not associated: {error}", role.unwrap_or_default())
}
