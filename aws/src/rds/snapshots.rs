//! Manual snapshots of instances and of clusters: the same to a run, and other requests to RDS.

use aws_sdk_rds::types::{DbClusterSnapshot, DbSnapshot, Tag};
use aws_smithy_types::DateTime;
use shared::contract::{Execution, Kind, Ready};
use shared::error::aws::code;
use shared::error::{Context, ErrorName, Result, StepError};

use crate::client::Aws;
use crate::rds::database::Database;
use crate::rds::requests::{begun, execution_tag, going, is_of_a_run};
use crate::rds::status::{Standing, standing};

/// A snapshot, in the fields that both kinds have.
#[derive(Debug)]
pub struct Snapshot {
    pub identifier: String,
    /// The identifier of the database.
    pub of: String,
    pub status: String,
    percent: i32,
    pub created_at: Option<DateTime>,
    /// Its key, if it is encrypted.
    pub kms_key_arn: Option<String>,
    tags: Vec<Tag>,
}

/// A snapshot of a database of this kind, by its identifier.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn find(aws: &Aws, kind: Kind, id: &str) -> Result<Option<Snapshot>> {
    let what = format!("describe snapshot {id}");
    if kind.is_cluster() {
        return match aws.rds.describe_db_cluster_snapshots().db_cluster_snapshot_identifier(id).send().await {
            Ok(output) => {
                let found = output.db_cluster_snapshots.unwrap_or_default().into_iter().next();
                Ok(found.inspect(|snapshot| aws.evidence.saw_cluster_snapshot(snapshot)).map(Snapshot::from))
            }
            Err(error) if matches!(code(&error), Some("DBClusterSnapshotNotFoundFault" | "DBClusterSnapshotNotFound")) => Ok(None),
            Err(error) => Err(StepError::from(error).context(&what)),
        };
    }
    match aws.rds.describe_db_snapshots().db_snapshot_identifier(id).send().await {
        Ok(output) => {
            let found = output.db_snapshots.unwrap_or_default().into_iter().next();
            Ok(found.inspect(|snapshot| aws.evidence.saw_snapshot(snapshot)).map(Snapshot::from))
        }
        Err(error) if matches!(code(&error), Some("DBSnapshotNotFound" | "DBSnapshotNotFoundFault")) => Ok(None),
        Err(error) => Err(StepError::from(error).context(&what)),
    }
}

/// Begins a snapshot of the database; a backup window, or a modification, may delay it.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn create(aws: &Aws, execution: &Execution, of: &Database, id: &str) -> Result<Ready> {
    let made = match of {
        Database::Instance(_) => {
            let request = aws.rds.create_db_snapshot().db_instance_identifier(of.identifier()).db_snapshot_identifier(id);
            begun(request.tags(execution_tag(execution)).send().await, "creating")
        }
        Database::Cluster(..) => {
            let request = aws.rds.create_db_cluster_snapshot().db_cluster_identifier(of.identifier()).db_cluster_snapshot_identifier(id);
            begun(request.tags(execution_tag(execution)).send().await, "creating")
        }
    };
    made.context(&format!("make snapshot {id} of {}", of.identifier()))
}

/// After it, the snapshot is gone or being deleted; "not yet" while RDS is still creating it.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn delete(aws: &Aws, kind: Kind, id: &str) -> Result<Ready> {
    let Some(snapshot) = find(aws, kind, id).await? else { return Ok(Ready::yes("gone")) };
    if !snapshot.is_of_a_run() {
        return Ok(Ready::yes("another one of that name stays"));
    }
    if snapshot.status == "deleting" {
        return Ok(Ready::not_yet("deleting"));
    }
    // Deleting a copy in progress cancels it, which may save hours; a snapshot in creation cannot be cancelled, nor a cluster's copy.
    // Source: API reference, `DeleteDBSnapshot`.
    let sent = if kind.is_cluster() {
        if matches!(snapshot.status.as_str(), "creating" | "copying") {
            return Ok(Ready::not_yet(snapshot.status));
        }
        going(aws.rds.delete_db_cluster_snapshot().db_cluster_snapshot_identifier(id).send().await, "deleting")
    } else {
        going(aws.rds.delete_db_snapshot().db_snapshot_identifier(id).send().await, "deleting")
    };
    match sent.context(&format!("delete snapshot {id}")) {
        // The answer to a deletion was lost: a snapshot that is gone has no tags, by which these functions may delete it.
        Err(_) if find(aws, kind, id).await?.is_none() => Ok(Ready::yes("gone")),
        answer => answer,
    }
}

impl Snapshot {
    /// Whether it is ready, not ready yet, or failed.
    ///
    /// # Errors
    /// `SnapshotFailed`.
    pub fn ready(&self) -> Result<Ready> {
        let Self { identifier, status, percent, .. } = self;
        match standing(status) {
            Standing::Usable => Ok(Ready::yes(status)),
            Standing::Lost => Err(StepError::new(ErrorName::SnapshotFailed, format!("snapshot {identifier} is {status}"))),
            Standing::Between | Standing::Stopped => Ok(Ready::not_yet(format!("{status}, {percent} %"))),
        }
    }

    /// Whether a run made it. One of a run's name that lacks the tag is somebody else's, and is neither used nor deleted.
    fn is_of_a_run(&self) -> bool {
        is_of_a_run(&self.tags)
    }

    /// # Errors
    /// `SnapshotFailed` where the name is taken by somebody else's.
    pub fn check_ours(&self) -> Result<()> {
        if self.is_of_a_run() {
            return Ok(());
        }
        let Self { identifier, of, .. } = self;
        Err(StepError::new(
            ErrorName::SnapshotFailed,
            format!("snapshot {identifier} exists, and is not this run's but one of {of}: delete it, or start an execution under another name"),
        ))
    }
}

impl From<DbSnapshot> for Snapshot {
    fn from(snapshot: DbSnapshot) -> Self {
        Self {
            identifier: snapshot.db_snapshot_identifier.unwrap_or_default(),
            of: snapshot.db_instance_identifier.unwrap_or_default(),
            status: snapshot.status.unwrap_or_default(),
            percent: snapshot.percent_progress.unwrap_or(0),
            created_at: snapshot.snapshot_create_time,
            kms_key_arn: snapshot.kms_key_id.filter(|_| snapshot.encrypted == Some(true)),
            tags: snapshot.tag_list.unwrap_or_default(),
        }
    }
}

impl From<DbClusterSnapshot> for Snapshot {
    fn from(snapshot: DbClusterSnapshot) -> Self {
        Self {
            identifier: snapshot.db_cluster_snapshot_identifier.unwrap_or_default(),
            of: snapshot.db_cluster_identifier.unwrap_or_default(),
            status: snapshot.status.unwrap_or_default(),
            percent: snapshot.percent_progress.unwrap_or(0),
            created_at: snapshot.snapshot_create_time,
            kms_key_arn: snapshot.kms_key_id.filter(|_| snapshot.storage_encrypted == Some(true)),
            tags: snapshot.tag_list.unwrap_or_default(),
        }
    }
}

/// Source: Amazon RDS user guide, "Copying a DB snapshot": copies in progress to one Region.
pub const COPIES_AT_A_TIME: i64 = 20;

/// Whether the snapshot is one of the copies in progress.
#[must_use]
pub fn is_being_copied(snapshot: &DbSnapshot) -> bool {
    snapshot.source_db_snapshot_identifier().is_some() && matches!(snapshot.status(), Some("creating" | "copying" | "pending"))
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
