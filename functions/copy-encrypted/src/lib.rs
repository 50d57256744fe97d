//! The encrypted snapshot: a copy of the snapshot under the new key.
//!
//! Why here: an instance's restore takes no key, so its snapshot must have it.

use aws::client::Aws;
use aws::rds::requests::{begun, execution_tag};
use aws::rds::{snapshots, source};
use shared::contract::{Action, Kind, Plan, Ready, ReversibleStep};
use shared::error::{Context, ErrorName, Result, StepError};

/// Do: after it answers ready, a snapshot encrypted with exactly the plan's key exists.
/// Undo: after it answers ready, that snapshot is gone, unless it may be the last copy of the data.
///
/// # Errors
/// `SnapshotFailed`, `WrongKey`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Ready> {
    match step.action {
        Action::Do => ensure_copy(aws, &step.plan).await,
        Action::Undo => delete_copy(aws, &step.plan).await,
    }
}

async fn delete_copy(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let copy = &plan.names.copy;
    match source::kept_as_last_copy(aws, plan).await? {
        Some(kept) if snapshots::find(aws, Kind::Instance, copy).await?.is_some() => Ok(kept),
        _ => snapshots::delete(aws, Kind::Instance, copy).await,
    }
}

async fn ensure_copy(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let copy = &plan.names.copy;
    let Some(found) = snapshots::find(aws, Kind::Instance, copy).await? else {
        let request = aws.rds.copy_db_snapshot().source_db_snapshot_identifier(&plan.names.snapshot).target_db_snapshot_identifier(copy);
        let sent = request.kms_key_id(&plan.kms_key_arn).tags(execution_tag(&plan.execution)).send().await;
        return begun(sent, "creating").context(&format!("copy snapshot {} under key {}", plan.names.snapshot, plan.kms_key_arn));
    };
    let ready = found.ready()?;
    if ready.ready && found.kms_key_arn.as_ref() != Some(&plan.kms_key_arn) {
        let key = found.kms_key_arn.as_deref().unwrap_or("no key");
        return Err(StepError::new(ErrorName::WrongKey, format!("snapshot {copy} is encrypted with {key}, not with {}", plan.kms_key_arn)));
    }
    Ok(ready)
}
