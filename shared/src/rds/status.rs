//! What RDS's statuses of instances, clusters and snapshots mean for a run.
//! Source: Amazon RDS user guide, "Viewing Amazon RDS DB instance status"; Aurora user guide, "Viewing DB cluster status".

/// How a database or a snapshot stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It answers, though RDS may refuse to change it at the moment.
    Usable,
    /// RDS is at work on it, and it answers later.
    Between,
    /// Stopped by somebody: it answers when it is started.
    Stopped,
    /// It does not come by itself out of this.
    Lost,
}

/// At work while the database answers, for a day and more in the case of storage.
const AT_WORK: [&str; 6] =
    ["backing-up", "storage-config-upgrade", "storage-initialization", "storage-optimization", "update-iam-db-auth", "scaling-storage"];

/// A status of an instance, a cluster or a snapshot. One that nobody knows yet is taken for work in progress, which every wait
/// bounds.
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

/// Whether the key with which it is encrypted cannot be used: disabled, about to be deleted, or its grant taken back.
#[must_use]
pub fn is_without_key(status: &str) -> bool {
    status.starts_with("inaccessible-encryption-credentials")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_status_is_taken_for_what_it_means() {
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
