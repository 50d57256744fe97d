//! The IAM roles by which the database reaches S3 or Lambda: RDS associates them one by one, with a database that exists.

use aws::client::Aws;
use aws::rds::database::Database;
use shared::error::aws::code;
use shared::error::{ErrorName, Result, StepError};

/// A role's ARN, and the feature that it is for.
type Role = (Option<String>, Option<String>);

/// After it, the target has the source's roles; answers with those that RDS refuses, and why.
pub(crate) async fn ensure(aws: &Aws, source: &Database, target: &Database) -> Result<Vec<String>> {
    let existing = roles(target);
    let mut refused = Vec::new();
    for role in roles(source).into_iter().filter(|role| !existing.contains(role)) {
        if let Err(error) = associate(aws, target, role.clone()).await {
            let error = error.ok_if(ErrorName::AwsRefused)?;
            refused.push(format!("role {} is not associated: {error}", role.0.unwrap_or_default()));
        }
    }
    Ok(refused)
}

fn roles(database: &Database) -> Vec<Role> {
    match database {
        Database::Instance(instance) => instance.associated_roles().iter().map(|role| (role.role_arn.clone(), role.feature_name.clone())).collect(),
        Database::Cluster(cluster, _) => cluster.associated_roles().iter().map(|role| (role.role_arn.clone(), role.feature_name.clone())).collect(),
    }
}

async fn associate(aws: &Aws, target: &Database, (arn, feature): Role) -> Result<()> {
    let id = target.identifier();
    match target {
        Database::Instance(_) => {
            let request = aws.rds.add_role_to_db_instance().db_instance_identifier(id).set_role_arn(arn).set_feature_name(feature);
            match request.send().await {
                Err(error) if code(&error) != Some("DBInstanceRoleAlreadyExists") => Err(StepError::from(error)),
                _ => Ok(()),
            }
        }
        Database::Cluster(..) => {
            let request = aws.rds.add_role_to_db_cluster().db_cluster_identifier(id).set_role_arn(arn).set_feature_name(feature);
            match request.send().await {
                Err(error) if code(&error) != Some("DBClusterRoleAlreadyExists") => Err(StepError::from(error)),
                _ => Ok(()),
            }
        }
    }
}
