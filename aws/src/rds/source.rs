//! The source as it is now: since the plan was made, somebody may have renamed, stopped or deleted it.

use crate::client::Aws;
use crate::rds::found::{Found, find};
use crate::rds::holder::Holder;
use crate::rds::status::{Standing, standing};
use shared::contract::{Plan, Ready};
use shared::error::{ErrorName, Result};

/// The answer of an undo that keeps what may be the last copy of the data: the source is gone, and no target has them.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn kept_as_last_copy(aws: &Aws, plan: &Plan) -> Result<Option<Ready>> {
    Ok((is_gone(aws, plan).await? && !target_has_data(aws, plan).await?).then(kept))
}

/// What an undo says of something that it does not delete: the state machine knows it by this word.
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
