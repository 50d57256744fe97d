//! The encrypted snapshot: a copy of the snapshot under the new key.
//!
//! Why here: an instance's restore takes no key, so its snapshot must have it.

use aws::client::Aws;
use aws::rds::requests::begun;
use aws::rds::{self, source};
use shared::contract::{Action, Plan, Ready, ReversibleStep};
use shared::error::{Context, ErrorName, Result, StepError};

/// Do: after it answers ready, a snapshot encrypted with exactly the plan's key exists.
/// Undo: after it answers ready, that snapshot is gone, unless it may be the last copy of the data.
///
/// # Errors
/// `SnapshotFailed`, `WrongKey`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Ready> {
    match step.action {
        Action::Do => ensure_copy(aws, &step.plan).await,
        Action::Undo => drop_copy(aws, &step.plan).await,
    }
}

async fn drop_copy(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let copy = &plan.names.copy;
    match source::kept_as_last_copy(aws, plan).await? {
        Some(kept) if rds::snapshots::find_snapshot(aws, copy).await?.is_some() => Ok(kept),
        _ => rds::snapshots::drop_snapshot(aws, copy).await,
    }
}

async fn ensure_copy(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let copy = &plan.names.copy;
    let Some(found) = rds::snapshots::find_snapshot(aws, copy).await? else {
        let request = aws.rds.copy_db_snapshot().source_db_snapshot_identifier(&plan.names.snapshot).target_db_snapshot_identifier(copy);
        let sent = request.kms_key_id(&plan.kms_key_arn).tags(rds::requests::execution_tag(plan)).send().await;
        return begun(sent, "creating").context(&format!("copy snapshot {} under key {}", plan.names.snapshot, plan.kms_key_arn));
    };
    let ready = rds::snapshots::snapshot_ready(&found)?;
    let has_key = found.encrypted() == Some(true) && found.kms_key_id() == Some(plan.kms_key_arn.as_str());
    if ready.ready && !has_key {
        let key = found.kms_key_id().unwrap_or("no key");
        return Err(StepError::new(ErrorName::WrongKey, format!("snapshot {copy} is encrypted with {key}, not with {}", plan.kms_key_arn)));
    }
    Ok(ready)
}
