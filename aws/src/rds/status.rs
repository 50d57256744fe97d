//! The meaning of RDS's statuses of instances, clusters and snapshots for a run.
//! Source: Amazon RDS user guide, "Viewing Amazon RDS DB instance status"; Aurora user guide, "Viewing DB cluster status".

/// The state of a database or a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Available, though RDS may refuse to change it at the moment.
    Usable,
    /// RDS is working on it; it becomes available later.
    Between,
    /// Stopped by somebody: available again after a start.
    Stopped,
    /// It does not recover by itself.
    Lost,
}

/// RDS is working, but the database is available; in the case of storage for a day and more.
const AT_WORK: [&str; 6] =
    ["backing-up", "storage-config-upgrade", "storage-initialization", "storage-optimization", "update-iam-db-auth", "scaling-storage"];

/// The state of an instance, a cluster or a snapshot. An unknown status counts as work in progress; every wait is bounded.
#[must_use]
pub fn standing(status: &str) -> Standing {
    match status {
        "available" => Standing::Usable,
        _ if AT_WORK.contains(&status) || status.starts_with("configuring-") => Standing::Usable,
        "stopped" | "stopping" => Standing::Stopped,
        "failed"
        | "deleting"
        | "deleted"
        | "delete-precheck"
        | "restore-error"
        | "insufficient-capacity"
        | "storage-full"
        | "cloning-failed"
        | "migration-failed" => Standing::Lost,
        _ if status.starts_with("incompatible-") || is_without_key(status) => Standing::Lost,
        _ => Standing::Between,
    }
}

/// Whether its key cannot be used: it is disabled, about to be deleted, or its grant was revoked.
#[must_use]
pub fn is_without_key(status: &str) -> bool {
    status.starts_with("inaccessible-encryption-credentials")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_status_has_its_meaning() {
        let all = |standing_of: Standing, statuses: &[&str]| {
            for status in statuses {
                assert_eq!(standing(status), standing_of, "{status}");
            }
        };
        all(Standing::Usable, &["available", "backing-up", "storage-optimization", "storage-initialization", "storage-config-upgrade"]);
        all(Standing::Usable, &["configuring-enhanced-monitoring", "configuring-iam-database-auth", "configuring-log-exports"]);
        all(Standing::Usable, &["configuring-associated-roles", "configuring-activity-stream", "update-iam-db-auth"]);
        all(Standing::Between, &["creating", "modifying", "rebooting", "renaming", "starting", "maintenance", "upgrading", "failing-over"]);
        all(Standing::Between, &["resetting-master-credentials", "moving-to-vpc", "converting-to-vpc", "promoting", "migrating", "backtracking"]);
        all(Standing::Stopped, &["stopped", "stopping"]);
        all(Standing::Lost, &["failed", "restore-error", "insufficient-capacity", "storage-full", "deleting", "delete-precheck"]);
        all(Standing::Lost, &["incompatible-create", "incompatible-network", "incompatible-option-group", "incompatible-parameters"]);
        all(Standing::Lost, &["incompatible-restore", "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable"]);
        all(Standing::Lost, &["cloning-failed", "migration-failed"]);
    }
}
