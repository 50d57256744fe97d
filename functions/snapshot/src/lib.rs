//! The manual snapshot of the source.

use shared::aws::{Aws, code};
use shared::contract::{Action, Plan, Ready, Step};
use shared::error::{Result, StepError};
use shared::rds;

/// Do: after it answers ready, a snapshot of the source exists that was begun after the slot.
/// Undo: after it answers ready, that snapshot is gone.
///
/// # Errors
/// `SnapshotFailed`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: Step) -> Result<Ready> {
    match step.action {
        Action::Do => ensure_snapshot(aws, &step.plan).await,
        Action::Undo => rds::drop_snapshot(aws, &step.plan.names.snapshot).await,
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
        Err(error) => Err(StepError::from(error).while_doing(&format!("make snapshot {snapshot} of {}", plan.source.identifier))),
    }
}
