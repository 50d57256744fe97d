//! The manual snapshot of the source.

use aws::client::Aws;
use aws::rds::database::find_of_kind;
use aws::rds::{snapshots, source};
use shared::contract::{Action, Kind, Plan, Ready, ReversibleStep};
use shared::error::Result;
use shared::names::Names;

/// Do: after it answers ready, a snapshot of the source exists that was started after the slot.
/// Undo: after it answers ready, that snapshot is gone, unless it may be the last copy of the data.
///
/// # Errors
/// `SnapshotFailed`, `SourceNotFound`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Ready> {
    match step.action {
        Action::Do => ensure(aws, &step.plan).await,
        Action::Undo => delete(aws, &step.plan).await,
    }
}

async fn ensure(aws: &Aws, plan: &Plan) -> Result<Ready> {
    if let Some(found) = snapshots::find(aws, plan.source.kind, &plan.names.snapshot).await? {
        found.check_ours()?;
        return found.ready();
    }
    // By its resource id: another database may have its name by now.
    let source = find_of_kind(aws, plan.source.kind, &plan.source.resource_id).await?.ok_or_else(|| source::gone(&plan.source))?;
    snapshots::create(aws, &plan.execution, &source, &plan.names.snapshot).await
}

async fn delete(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let (kind, snapshot) = (plan.source.kind, &plan.names.snapshot);
    match source::kept_as_last_copy(aws, plan).await? {
        Some(kept) if snapshots::find(aws, kind, snapshot).await?.is_some() && !has_copy(aws, &plan.names).await? => Ok(kept),
        _ => snapshots::delete(aws, kind, snapshot).await,
    }
}

/// Only an instance's snapshot is copied.
async fn has_copy(aws: &Aws, names: &Names) -> Result<bool> {
    Ok(snapshots::find(aws, Kind::Instance, &names.copy).await?.is_some_and(|copy| copy.status == "available"))
}
