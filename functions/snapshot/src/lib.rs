//! The manual snapshot of the source.

use shared::aws::{Aws, code};
use shared::contract::{Action, Plan, Ready, Step};
use shared::error::{Result, StepError};
use shared::rds::{self, NO_PLACE, clusters};

/// Do: after it answers ready, a snapshot of the source exists that was begun after the slot.
/// Undo: after it answers ready, that snapshot is gone.
///
/// # Errors
/// `SnapshotFailed`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: Step) -> Result<Ready> {
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
        return rds::snapshot_ready(&found);
    }
    let request = aws.rds.create_db_snapshot().db_instance_identifier(&plan.source.identifier).db_snapshot_identifier(snapshot);
    match request.tags(rds::execution_tag(plan)).send().await {
        Ok(_) => Ok(Ready::not_yet("creating")),
        // A backup window, or a modification: RDS does one thing at a time.
        Err(error) if code(&error) == Some("InvalidDBInstanceState") => Ok(Ready::not_yet("the source is busy")),
        Err(error) if code(&error) == Some(NO_PLACE) => Ok(Ready::not_yet("the account has no place for a manual snapshot")),
        Err(error) => Err(failed(error.into(), plan)),
    }
}

async fn ensure_cluster_snapshot(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let snapshot = &plan.names.snapshot;
    if let Some(found) = clusters::find_snapshot(aws, snapshot).await? {
        return clusters::snapshot_ready(&found);
    }
    let request = aws.rds.create_db_cluster_snapshot().db_cluster_identifier(&plan.source.identifier).db_cluster_snapshot_identifier(snapshot);
    match request.tags(rds::execution_tag(plan)).send().await {
        Ok(_) => Ok(Ready::not_yet("creating")),
        Err(error) if code(&error) == Some("InvalidDBClusterStateFault") => Ok(Ready::not_yet("the source is busy")),
        Err(error) if code(&error) == Some(NO_PLACE) => Ok(Ready::not_yet("the account has no place for a manual snapshot")),
        Err(error) => Err(failed(error.into(), plan)),
    }
}

fn failed(error: StepError, plan: &Plan) -> StepError {
    error.while_doing(&format!("make snapshot {} of {}", plan.names.snapshot, plan.source.identifier))
}
