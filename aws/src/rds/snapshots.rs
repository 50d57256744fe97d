//! Snapshots of instances.

use aws_sdk_rds::types::DbSnapshot;
use shared::contract::Ready;
use shared::error::aws::code;
use shared::error::{Context, ErrorName, Result, StepError};

use crate::client::Aws;
use crate::rds::requests::{going, is_of_a_run};
use crate::rds::status::{Standing, standing};

/// A snapshot by its identifier.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find_snapshot(aws: &Aws, id: &str) -> Result<Option<DbSnapshot>> {
    match aws.rds.describe_db_snapshots().db_snapshot_identifier(id).send().await {
        Ok(output) => Ok(output.db_snapshots.unwrap_or_default().into_iter().next().inspect(|snapshot| aws.evidence.saw_snapshot(snapshot))),
        Err(error) if matches!(code(&error), Some("DBSnapshotNotFound" | "DBSnapshotNotFoundFault")) => Ok(None),
        Err(error) => Err(StepError::from(error).context(&format!("describe snapshot {id}"))),
    }
}

/// Source: Amazon RDS user guide, "Copying a DB snapshot": copies in progress to one Region.
pub const COPIES_AT_A_TIME: i64 = 20;

/// Whether the snapshot is one of the copies in progress.
#[must_use]
pub fn is_being_copied(snapshot: &DbSnapshot) -> bool {
    snapshot.source_db_snapshot_identifier().is_some() && matches!(snapshot.status(), Some("creating" | "copying" | "pending"))
}

/// Whether a snapshot is ready, not ready yet, or failed.
///
/// # Errors
/// `SnapshotFailed`.
pub fn snapshot_ready(snapshot: &DbSnapshot) -> Result<Ready> {
    let name = snapshot.db_snapshot_identifier().unwrap_or_default();
    snapshot_status(name, snapshot.status().unwrap_or_default(), snapshot.percent_progress())
}

pub(crate) fn snapshot_status(name: &str, status: &str, percent: Option<i32>) -> Result<Ready> {
    match standing(status) {
        Standing::Usable => Ok(Ready::yes(status)),
        Standing::Lost => Err(StepError::new(ErrorName::SnapshotFailed, format!("snapshot {name} is {status}"))),
        Standing::Between | Standing::Stopped => Ok(Ready::not_yet(format!("{status}, {} %", percent.unwrap_or(0)))),
    }
}

/// After it, the snapshot is gone or being deleted; "not yet" while RDS is still creating it.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn drop_snapshot(aws: &Aws, id: &str) -> Result<Ready> {
    let Some(snapshot) = find_snapshot(aws, id).await? else { return Ok(Ready::yes("gone")) };
    if !is_of_a_run(snapshot.tag_list()) {
        return Ok(Ready::yes("another one of that name stays"));
    }
    if snapshot.status() == Some("deleting") {
        return Ok(Ready::not_yet("deleting"));
    }
    // Deleting a copy in progress cancels it, which may save hours; a snapshot in creation cannot be cancelled.
    // Source: API reference, `DeleteDBSnapshot`.
    let sent = aws.rds.delete_db_snapshot().db_snapshot_identifier(id).send().await;
    match going(sent, "deleting").context(&format!("delete snapshot {id}")) {
        // The answer to a deletion was lost: a snapshot that is gone has no tags, by which these functions may delete it.
        Err(_) if find_snapshot(aws, id).await?.is_none() => Ok(Ready::yes("gone")),
        answer => answer,
    }
}

/// The error where the name of a snapshot of the run is taken.
#[must_use]
pub fn not_ours(snapshot: &str, of: &str) -> StepError {
    StepError::new(
        ErrorName::SnapshotFailed,
        format!("snapshot {snapshot} exists, and is not this run's but one of {of}: delete it, or start an execution under another name"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_copies_in_progress_count() {
        let snapshot = |status, copy_of: Option<&str>| {
            DbSnapshot::builder().status(status).set_source_db_snapshot_identifier(copy_of.map(str::to_owned)).build()
        };
        assert!(is_being_copied(&snapshot("creating", Some("arn"))));
        assert!(!is_being_copied(&snapshot("available", Some("arn"))));
        assert!(!is_being_copied(&snapshot("creating", None)));
    }
}
