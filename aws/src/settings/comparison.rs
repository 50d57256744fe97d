//! Compares source and target as RDS describes them now.

use shared::contract::{Direction, Kind, Plan};
use shared::error::Result;

use crate::client::Aws;
use crate::rds::instances::find_instance;
use crate::rds::source::{original_cluster, original_instance};
use crate::rds::target::{target_cluster, target_instance};
use crate::settings::{Differences, cluster, instance};

/// The settings of the source that the target should have before the application moves, but lacks.
///
/// # Errors
/// `SourceNotFound`, `RestoreFailed`, `AwsUnavailable`, `AwsRefused`.
///
/// A way back leads to a database that had these settings before the other one: nothing is compared.
pub async fn compare(aws: &Aws, plan: &Plan) -> Result<Differences> {
    if plan.direction == Direction::Back {
        return Ok(Differences::default());
    }
    if plan.source.kind.is_cluster() {
        return clusters(aws, plan).await;
    }
    Ok(instance::compare(&original_instance(aws, plan).await?, &target_instance(aws, &plan.target).await?))
}

/// Compares a cluster and its members, whose differences have their names. Members of a Multi-AZ DB cluster have no settings of
/// their own: RDS creates and names them.
async fn clusters(aws: &Aws, plan: &Plan) -> Result<Differences> {
    let source = original_cluster(aws, plan).await?;
    let mut differences = cluster::compare(&source, &target_cluster(aws, &plan.target).await?);
    if plan.source.kind == Kind::Aurora {
        for old in source.db_cluster_members().iter().filter_map(|member| member.db_instance_identifier()) {
            let new = plan.names.successor(old);
            // A member that is missing on one side is among the cluster's own differences.
            if let (Some(source), Some(target)) = (find_instance(aws, old).await?, find_instance(aws, &new).await?) {
                differences.extend(instance::compare(&source, &target).of_member(old));
            }
        }
    }
    Ok(differences)
}
