//! Conditions on a cluster and its members, as RDS describes them.

use aws::client::Aws;
use aws::settings::cluster::not_carried;
use aws_sdk_rds::types::{ClusterScalabilityType, DbCluster, DbInstance};
use shared::contract::Kind;
use shared::error::{ErrorName, Result};
use shared::finding::{Findings, Verdict, list};
use shared::input::AfterSource;

use crate::alternatives::{self, Obstacles};
use crate::instance::{check_maintenance, warn_of_lifted_protection, warn_of_new_identity, warn_of_not_carried};
use crate::quotas::{self, Needs};
use crate::status;

/// Checks everything that RDS reports of a cluster.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub(crate) async fn check(
    aws: &Aws,
    cluster: &DbCluster,
    members: &[DbInstance],
    kind: Kind,
    after: AfterSource,
    findings: &mut Findings,
) -> Result<()> {
    check_unsupported(cluster, findings);
    check_status(cluster, members, findings);
    check_pending(cluster, members, findings);
    check_not_carried(cluster, findings);
    let identifier = cluster.db_cluster_identifier().unwrap_or_default();
    warn_of_lifted_protection("cluster", identifier, cluster.deletion_protection(), after, findings);
    check_maintenance(aws, cluster.db_cluster_arn().unwrap_or_default(), findings).await?;
    let storage_gib = if kind == Kind::Aurora { 0 } else { i64::from(cluster.allocated_storage().unwrap_or(0)) };
    let instances = i64::try_from(members.len()).unwrap_or(i64::MAX);
    quotas::check(aws, Needs { clusters: 1, instances, storage_gib, delete: matches!(after, AfterSource::Delete) }, findings).await?;
    let (engine, version) = (cluster.engine().unwrap_or_default(), cluster.engine_version().unwrap_or_default());
    let mut classes: Vec<&str> = members.iter().filter_map(DbInstance::db_instance_class).collect();
    classes.sort_unstable();
    classes.dedup();
    for class in classes {
        quotas::check_class(aws, engine, version, class, findings).await?;
    }
    let obstacles = Obstacles {
        managed_password: cluster.master_user_secret().is_some(),
        replicates_onward: !cluster.read_replica_identifiers().is_empty() || cluster.global_cluster_identifier().is_some(),
    };
    alternatives::tell_blue_green(kind, &obstacles, findings);
    Ok(())
}

/// Properties that a restored cluster could not have.
fn check_unsupported(cluster: &DbCluster, findings: &mut Findings) {
    let identifier = cluster.db_cluster_identifier().unwrap_or_default();
    let mut refuse = |found: String, remedy: &str| findings.refuse_as(ErrorName::SourceUnsupported, found, remedy);
    if cluster.engine_mode().is_some_and(|mode| mode != "provisioned") {
        let mode = cluster.engine_mode().unwrap_or_default();
        refuse(
            format!("cluster {identifier} has engine mode {mode}: Aurora serverless v1"),
            "turn it into a provisioned cluster or serverless v2 first",
        );
    }
    if let Some(global) = cluster.global_cluster_identifier().filter(|global| !global.is_empty()) {
        let remedy = "remove it from the global cluster first, and make a new global cluster of the encrypted one";
        refuse(format!("cluster {identifier} belongs to global cluster {global}"), remedy);
    }
    if let Some(primary) = cluster.replication_source_identifier().filter(|primary| !primary.is_empty()) {
        refuse(format!("cluster {identifier} is a replica of {primary}"), "encrypt its primary");
    }
    let replicas = cluster.read_replica_identifiers();
    if !replicas.is_empty() {
        let remedy = "delete them, and make new ones of the encrypted cluster";
        refuse(format!("cluster {identifier} has {} replicas of its own: {}", replicas.len(), list(replicas)), remedy);
    }
    if cluster.cluster_scalability_type() == Some(&ClusterScalabilityType::Limitless) {
        refuse(format!("cluster {identifier} is an Aurora limitless database"), "");
    }
}

fn check_status(cluster: &DbCluster, members: &[DbInstance], findings: &mut Findings) {
    let described = cluster.db_cluster_identifier().map(|identifier| ("cluster", identifier, cluster.status()));
    let members_described = members.iter().filter_map(|member| Some(("instance", member.db_instance_identifier()?, member.db_instance_status())));
    for (what, identifier, status) in described.into_iter().chain(members_described) {
        status::check(what, identifier, status, findings);
    }
    if !cluster.db_cluster_members().iter().any(|member| member.is_cluster_writer() == Some(true)) {
        findings.refuse("InstanceStatus", "the cluster has no writer", "", "add an instance to it");
    }
}

/// Changes that wait for a reboot or a maintenance window: source and target would differ.
fn check_pending(cluster: &DbCluster, members: &[DbInstance], findings: &mut Findings) {
    let waits = |member: &&str| !member.is_empty();
    let of_cluster = cluster.db_cluster_members().iter().filter(|member| member.db_cluster_parameter_group_status() == Some("pending-reboot"));
    let of_members =
        members.iter().filter(|member| member.db_parameter_groups().iter().any(|group| group.parameter_apply_status() == Some("pending-reboot")));
    let of_cluster = of_cluster.filter_map(|member| member.db_instance_identifier());
    let mut waiting: Vec<&str> = of_cluster.chain(of_members.filter_map(DbInstance::db_instance_identifier)).filter(waits).collect();
    waiting.sort_unstable();
    waiting.dedup();
    if !waiting.is_empty() {
        let found = format!("parameters wait for a reboot of {}: the target starts with them, the source runs without", list(&waiting));
        findings.warn("PendingReboot", found, "", "reboot before the run, or revert the changes");
    }
    let pending = pending_modifications(cluster);
    if !pending.is_empty() {
        // These break what the run relies on: the slots, or the login.
        let breaks = |name: &&str| matches!(*name, "EngineVersion" | "DBClusterIdentifier" | "MasterUserPassword");
        let verdict = if pending.iter().any(breaks) { Verdict::Refuse } else { Verdict::Warn };
        let found = format!("modifications wait for the maintenance window: {}", list(&pending));
        let remedy = "apply them before the run (modify-db-cluster --apply-immediately), or revert them: the target does not have them";
        findings.add("PendingModifications", verdict, found, "", remedy);
    }
}

fn pending_modifications(cluster: &DbCluster) -> Vec<&'static str> {
    let Some(pending) = cluster.pending_modified_values() else { return Vec::new() };
    let all = [
        ("PendingCloudwatchLogsExports", pending.pending_cloudwatch_logs_exports().is_some()),
        ("DBClusterIdentifier", pending.db_cluster_identifier().is_some()),
        ("MasterUserPassword", pending.master_user_password().is_some()),
        ("IAMDatabaseAuthenticationEnabled", pending.iam_database_authentication_enabled().is_some()),
        ("EngineVersion", pending.engine_version().is_some()),
        ("BackupRetentionPeriod", pending.backup_retention_period().is_some()),
        ("StorageType", pending.storage_type().is_some()),
        ("AllocatedStorage", pending.allocated_storage().is_some()),
        ("Iops", pending.iops().is_some()),
        ("CertificateDetails", pending.certificate_details().is_some()),
    ];
    all.into_iter().filter(|(_, is_pending)| *is_pending).map(|(name, _)| name).collect()
}

/// Settings that stay with the source.
fn check_not_carried(cluster: &DbCluster, findings: &mut Findings) {
    for (setting, value) in not_carried(cluster) {
        warn_of_not_carried(setting.member, setting.fate, &value, findings);
    }
    warn_of_new_identity(cluster.iam_database_authentication_enabled(), cluster.db_cluster_resource_id(), findings);
}
