//! The source as it is now: since the plan was made, somebody may have renamed, stopped or deleted it.

use aws_sdk_rds::types::{DbClusterSnapshot, DbSnapshot};

use crate::client::Aws;
use crate::rds::found::{Found, find, major};
use crate::rds::holder::Holder;
use crate::rds::status::{Standing, standing};
use crate::rds::{clusters, find_snapshot, is_of_a_run};
use shared::contract::{Kind, Plan, Ready, Source};
use shared::error::{ErrorName, Result};

/// The answer of an undo that keeps what may be the last copy of the data: the source is gone, and no target has them.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn kept_as_last_copy(aws: &Aws, plan: &Plan) -> Result<Option<Ready>> {
    Ok((is_gone(aws, plan).await? && !target_has_data(aws, plan).await?).then(kept))
}

/// What an undo says of something that it does not delete.
#[must_use]
pub fn kept() -> Ready {
    Ready::yes("kept")
}

/// Whether the source was deleted, or is being deleted: what has its data must outlive the run then.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn is_gone(aws: &Aws, plan: &Plan) -> Result<bool> {
    Ok(find_by_id(aws, &plan.source.resource_id).await?.is_none())
}

async fn target_has_data(aws: &Aws, plan: &Plan) -> Result<bool> {
    let target = Holder::find(aws, plan.source.kind, &plan.target).await?;
    Ok(target.is_some_and(|target| target.status() != "creating" && standing(target.status()) != Standing::Lost))
}

/// The database with this resource id, unless it is being deleted.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_by_id(aws: &Aws, resource_id: &str) -> Result<Option<Found>> {
    match find(aws, resource_id).await {
        Ok(found) => Ok(Some(found).filter(|found| !matches!(found.status(), "deleting" | "deleted"))),
        Err(error) => error.ok_if(ErrorName::SourceNotFound).map(|_| None),
    }
}

/// The source as the run's snapshot describes it, which outlives its name; without an address. None where the run has no snapshot.
///
/// # Errors
/// `SourceUnsupported`, `AwsUnavailable`, `AwsRefused`.
pub async fn of_snapshot(aws: &Aws, snapshot: &str) -> Result<Option<Source>> {
    if let Some(found) = find_snapshot(aws, snapshot).await?.filter(|found| is_of_a_run(found.tag_list())) {
        return of_instance_snapshot(found).map(Some);
    }
    let found = clusters::find_snapshot(aws, snapshot).await?.filter(|found| is_of_a_run(found.tag_list()));
    found.map(of_cluster_snapshot).transpose()
}

fn of_instance_snapshot(snapshot: DbSnapshot) -> Result<Source> {
    let identifier = snapshot.db_instance_identifier.unwrap_or_default();
    let major = major(&identifier, snapshot.engine_version.as_deref())?;
    Ok(without_address(Kind::Instance, identifier, major, snapshot.dbi_resource_id))
}

fn of_cluster_snapshot(snapshot: DbClusterSnapshot) -> Result<Source> {
    let identifier = snapshot.db_cluster_identifier.unwrap_or_default();
    let kind = if snapshot.engine.as_deref() == Some("postgres") { Kind::MultiAzCluster } else { Kind::Aurora };
    let major = major(&identifier, snapshot.engine_version.as_deref())?;
    Ok(without_address(kind, identifier, major, snapshot.db_cluster_resource_id))
}

fn without_address(kind: Kind, identifier: String, major: u32, resource_id: Option<String>) -> Source {
    Source {
        kind,
        major,
        identifier,
        arn: String::new(),
        resource_id: resource_id.unwrap_or_default(),
        host: String::new(),
        port: 0,
        is_public: false,
        kms_key: None,
    }
}
