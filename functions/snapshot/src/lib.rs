//! The manual snapshot of the source.

use aws::client::Aws;
use aws::rds::holder::Holder;
use aws::rds::requests::begun;
use aws::rds::{self, clusters, source};
use shared::contract::{Action, Plan, Ready, ReversibleStep};
use shared::error::{Context, Result};

/// Do: after it answers ready, a snapshot of the source exists that was started after the slot.
/// Undo: after it answers ready, that snapshot is gone, unless it may be the last copy of the data.
///
/// # Errors
/// `SnapshotFailed`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Ready> {
    let plan = &step.plan;
    match (step.action, plan.source.kind.is_cluster()) {
        (Action::Do, false) => ensure_snapshot(aws, plan).await,
        (Action::Do, true) => ensure_cluster_snapshot(aws, plan).await,
        (Action::Undo, false) => drop_snapshot(aws, plan).await,
        (Action::Undo, true) => drop_cluster_snapshot(aws, plan).await,
    }
}

async fn drop_snapshot(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let snapshot = &plan.names.snapshot;
    match source::kept_as_last_copy(aws, plan).await? {
        Some(kept) if rds::snapshots::find_snapshot(aws, snapshot).await?.is_some() && !has_copy(aws, plan).await? => Ok(kept),
        _ => rds::snapshots::drop_snapshot(aws, snapshot).await,
    }
}

async fn has_copy(aws: &Aws, plan: &Plan) -> Result<bool> {
    Ok(rds::snapshots::find_snapshot(aws, &plan.names.copy).await?.is_some_and(|copy| copy.status() == Some("available")))
}

async fn drop_cluster_snapshot(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let snapshot = &plan.names.snapshot;
    match source::kept_as_last_copy(aws, plan).await? {
        Some(kept) if clusters::find_snapshot(aws, snapshot).await?.is_some() => Ok(kept),
        _ => clusters::drop_snapshot(aws, snapshot).await,
    }
}

async fn ensure_snapshot(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let snapshot = &plan.names.snapshot;
    if let Some(found) = rds::snapshots::find_snapshot(aws, snapshot).await? {
        if !rds::requests::is_of_a_run(found.tag_list()) {
            return Err(rds::snapshots::not_ours(snapshot, found.db_instance_identifier().unwrap_or_default()));
        }
        return rds::snapshots::snapshot_ready(&found);
    }
    let request = aws.rds.create_db_snapshot().db_instance_identifier(source_name(aws, plan).await?).db_snapshot_identifier(snapshot);
    // A backup window, or a modification, may delay it.
    begun(request.tags(rds::requests::execution_tag(plan)).send().await, "creating").context(&what(plan))
}

async fn ensure_cluster_snapshot(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let snapshot = &plan.names.snapshot;
    if let Some(found) = clusters::find_snapshot(aws, snapshot).await? {
        if !rds::requests::is_of_a_run(found.tag_list()) {
            return Err(rds::snapshots::not_ours(snapshot, found.db_cluster_identifier().unwrap_or_default()));
        }
        return clusters::snapshot_ready(&found);
    }
    let source = source_name(aws, plan).await?;
    let request = aws.rds.create_db_cluster_snapshot().db_cluster_identifier(source).db_cluster_snapshot_identifier(snapshot);
    begun(request.tags(rds::requests::execution_tag(plan)).send().await, "creating").context(&what(plan))
}

/// Its present identifier: another database may have the one of the plan.
async fn source_name(aws: &Aws, plan: &Plan) -> Result<String> {
    Ok(Holder::find(aws, plan.source.kind, &plan.source.resource_id).await?.ok_or_else(|| source::gone(plan))?.identifier().to_owned())
}

fn what(plan: &Plan) -> String {
    format!("make snapshot {} of {}", plan.names.snapshot, plan.source.identifier)
}
