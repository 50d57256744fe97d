//! The manual snapshot of the source.

use shared::aws::Aws;
use shared::contract::{Action, Plan, Ready, ReversibleStep};
use shared::error::{Context, Result};
use shared::rds::{self, begun, clusters};

/// Do: after it answers ready, a snapshot of the source exists that was started after the slot.
/// Undo: after it answers ready, that snapshot is gone.
///
/// # Errors
/// `SnapshotFailed`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Ready> {
    let plan = &step.plan;
    match (step.action, plan.source.kind.is_cluster()) {
        (Action::Do, false) => ensure_snapshot(aws, plan).await,
        (Action::Do, true) => ensure_cluster_snapshot(aws, plan).await,
        (Action::Undo, false) => rds::drop_snapshot(aws, &plan.names.snapshot).await,
        (Action::Undo, true) => clusters::drop_snapshot(aws, &plan.names.snapshot).await,
    }
}

async fn ensure_snapshot(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let snapshot = &plan.names.snapshot;
    if let Some(found) = rds::find_snapshot(aws, snapshot).await? {
        if !rds::is_of_a_run(found.tag_list()) {
            return Err(rds::not_ours(snapshot, found.db_instance_identifier().unwrap_or_default()));
        }
        return rds::snapshot_ready(&found);
    }
    let request = aws.rds.create_db_snapshot().db_instance_identifier(&plan.source.identifier).db_snapshot_identifier(snapshot);
    // A backup window, or a modification, may delay it.
    begun(request.tags(rds::execution_tag(plan)).send().await, "creating").context(&what(plan))
}

async fn ensure_cluster_snapshot(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let snapshot = &plan.names.snapshot;
    if let Some(found) = clusters::find_snapshot(aws, snapshot).await? {
        if !rds::is_of_a_run(found.tag_list()) {
            return Err(rds::not_ours(snapshot, found.db_cluster_identifier().unwrap_or_default()));
        }
        return clusters::snapshot_ready(&found);
    }
    let request = aws.rds.create_db_cluster_snapshot().db_cluster_identifier(&plan.source.identifier).db_cluster_snapshot_identifier(snapshot);
    begun(request.tags(rds::execution_tag(plan)).send().await, "creating").context(&what(plan))
}

fn what(plan: &Plan) -> String {
    format!("make snapshot {} of {}", plan.names.snapshot, plan.source.identifier)
}
