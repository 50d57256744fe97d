//! Conditions on the instance, as RDS describes it.

use aws::client::Aws;
use aws::settings::Fate;
use aws::settings::instance::not_carried;
use aws_sdk_rds::types::{DbInstance, ResourcePendingMaintenanceActions};
use shared::contract::Kind;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::finding::{Findings, Verdict, list};
use shared::input::AfterSource;

use crate::alternatives::{self, Obstacles};
use crate::quotas::{self, Needs};
use crate::status;

/// Majors past standard support: without Extended Support, RDS makes no new instances of them.
/// Source: Amazon RDS user guide, "Release calendar for Amazon RDS for PostgreSQL".
const PAST_STANDARD_SUPPORT: [&str; 2] = ["12", "13"];

/// Checks everything that RDS reports of an instance.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub(crate) async fn check(aws: &Aws, instance: &DbInstance, after: AfterSource, findings: &mut Findings) -> Result<()> {
    check_described(instance, after, findings);
    check_maintenance(aws, instance.db_instance_arn().unwrap_or_default(), findings).await?;
    let storage_gib = i64::from(instance.allocated_storage().unwrap_or(0));
    quotas::check(aws, Needs { clusters: 0, instances: 1, storage_gib, delete: matches!(after, AfterSource::Delete) }, findings).await?;
    let (version, class) = (instance.engine_version().unwrap_or_default(), instance.db_instance_class().unwrap_or_default());
    quotas::check_class(aws, "postgres", version, class, findings).await?;
    // A replica in another Region is described by its ARN.
    let replicates_onward = instance.read_replica_db_instance_identifiers().iter().any(|replica| replica.starts_with("arn:"));
    let obstacles = Obstacles { managed_password: instance.master_user_secret().is_some(), replicates_onward };
    alternatives::tell_blue_green(Kind::Instance, &obstacles, findings);
    Ok(())
}

fn check_described(instance: &DbInstance, after: AfterSource, findings: &mut Findings) {
    let identifier = instance.db_instance_identifier().unwrap_or_default();
    status::check("instance", identifier, instance.db_instance_status(), findings);
    if let Some(primary) = instance.read_replica_source_db_instance_identifier() {
        findings.refuse_as(ErrorName::SourceUnsupported, format!("instance {identifier} is a read replica of {primary}"), "encrypt its primary");
    }
    check_pending(instance, findings);
    check_not_carried(instance, after, findings);
    warn_of_lifted_protection("instance", identifier, instance.deletion_protection(), after, findings);
    let without_support = instance.engine_lifecycle_support() == Some("open-source-rds-extended-support-disabled");
    let version = instance.engine_version().unwrap_or_default();
    if without_support && PAST_STANDARD_SUPPORT.iter().any(|major| version.split('.').next() == Some(*major)) {
        let found = format!("PostgreSQL {version} is past its standard support, and the instance has opted out of Extended Support");
        findings.warn("ExtendedSupport", found, "", "RDS may refuse to restore it: upgrade first, or move with Extended Support");
    }
    if instance.storage_type() == Some("standard") {
        let remedy = "expect snapshot and restore to be slow; change the storage to gp3 before, or afterwards on the target";
        findings.warn("MagneticStorage", "the storage is magnetic", "", remedy);
    }
}

/// Changes that wait for a reboot or a maintenance window: source and target would differ.
fn check_pending(instance: &DbInstance, findings: &mut Findings) {
    for group in instance.db_parameter_groups() {
        if group.parameter_apply_status() == Some("pending-reboot") {
            let name = group.db_parameter_group_name().unwrap_or_default();
            let found = format!("parameter group {name} has values that wait for a reboot: the target starts with them, the source runs without");
            findings.warn("PendingReboot", found, "", "reboot before the run, or revert the changes");
        }
    }
    let pending = pending_modifications(instance);
    if pending.is_empty() {
        return;
    }
    // These break what the run relies on: the slots, or the name by which the target finds the source.
    let breaks = |name: &&str| matches!(*name, "EngineVersion" | "DBInstanceIdentifier" | "Port" | "MasterUserPassword");
    let verdict = if pending.iter().any(breaks) { Verdict::Refuse } else { Verdict::Warn };
    let remedy = "apply them before the run (modify-db-instance --apply-immediately, or reboot), or revert them: the target does not have them";
    findings.add("PendingModifications", verdict, format!("modifications wait for the maintenance window: {}", list(&pending)), "", remedy);
}

fn pending_modifications(instance: &DbInstance) -> Vec<&'static str> {
    let Some(pending) = instance.pending_modified_values() else { return Vec::new() };
    let all = [
        ("DBInstanceClass", pending.db_instance_class().is_some()),
        ("AllocatedStorage", pending.allocated_storage().is_some()),
        ("MasterUserPassword", pending.master_user_password().is_some()),
        ("Port", pending.port().is_some()),
        ("BackupRetentionPeriod", pending.backup_retention_period().is_some()),
        ("MultiAZ", pending.multi_az().is_some()),
        ("EngineVersion", pending.engine_version().is_some()),
        ("Iops", pending.iops().is_some()),
        ("StorageThroughput", pending.storage_throughput().is_some()),
        ("DBInstanceIdentifier", pending.db_instance_identifier().is_some()),
        ("StorageType", pending.storage_type().is_some()),
        ("CACertificateIdentifier", pending.ca_certificate_identifier().is_some()),
        ("DBSubnetGroupName", pending.db_subnet_group_name().is_some()),
        ("PendingCloudwatchLogsExports", pending.pending_cloudwatch_logs_exports().is_some()),
        ("ProcessorFeatures", !pending.processor_features().is_empty()),
        ("IAMDatabaseAuthenticationEnabled", pending.iam_database_authentication_enabled().is_some()),
        ("DedicatedLogVolume", pending.dedicated_log_volume().is_some()),
    ];
    all.into_iter().filter(|(_, is_pending)| *is_pending).map(|(name, _)| name).collect()
}

/// Settings that stay with the source, and those that the target gets after the application has moved.
fn check_not_carried(instance: &DbInstance, after: AfterSource, findings: &mut Findings) {
    for (setting, value) in not_carried(instance) {
        warn_of_not_carried(setting.member, setting.fate, &value, findings);
    }
    check_replicas(instance.read_replica_db_instance_identifiers(), after, findings);
    let roles = instance.associated_roles().len();
    if roles > 0 {
        let found = format!("{roles} associated IAM roles are added at the end of the run");
        findings.warn("AssociatedRoles", found, "", "make sure that nothing needs them between the cutover and the end");
    }
    if instance.master_user_secret().is_some() {
        let found = "RDS manages the master password in a secret, which stays with the source; the target gets another at the end of the run";
        let remedy = "prevent rotations during the run; to log in as master user, use the secret that the report names";
        findings.warn("ManagedMasterSecret", found, "", remedy);
    }
    warn_of_new_identity(instance.iam_database_authentication_enabled(), instance.dbi_resource_id(), findings);
}

/// A setting that the target will not have.
pub(crate) fn warn_of_not_carried(member: &str, fate: Fate, value: &str, findings: &mut Findings) {
    if let Fate::NotCarried(reason) = fate {
        findings.warn("NotCarried", format!("{member} is not moved: {value}"), "", reason);
    }
}

/// New replicas are made at the end; the old ones stay the source's.
fn check_replicas(replicas: &[String], after: AfterSource, findings: &mut Findings) {
    let (far, near): (Vec<&String>, Vec<&String>) = replicas.iter().partition(|replica| replica.starts_with("arn:"));
    if !near.is_empty() {
        let found = format!("{} read replicas are recreated at the end of the run: {}", near.len(), list(&near));
        let remedy = "point their readers at the new ones, which the report names; the old ones show the fenced source";
        findings.warn("ReadReplicas", found, "", remedy);
    }
    if !far.is_empty() {
        let found = format!("{} read replicas in other Regions are not recreated: {}", far.len(), list(&far));
        findings.warn("ReadReplicas", found, "", "create them from the target, with a key of their Region");
    }
    let found = format!("the source has {} read replicas", replicas.len());
    match after {
        AfterSource::Stop if !replicas.is_empty() => {
            findings.refuse("ReadReplicas", found, "RDS does not stop an instance that has any", "delete or promote them first, or keep the source");
        }
        AfterSource::Delete if !replicas.is_empty() => {
            let remedy = "delete the old ones after the run: RDS turns them into instances of their own, which are not encrypted with the new key";
            findings.warn("ReadReplicas", format!("{found}, which outlive it"), "", remedy);
        }
        _ => {}
    }
}

/// Callers that name the database by something that the target does not have.
pub(crate) fn warn_of_new_identity(iam_authentication: Option<bool>, resource_id: Option<&str>, findings: &mut Findings) {
    if iam_authentication == Some(true) {
        let found = format!("IAM policies for rds-db:connect name {}", resource_id.unwrap_or_default());
        findings.warn("IamAuthentication", found, "", "add the target's resource id to them before the cutover: the output names the database");
    }
    let remedy = "adjust alarms, event subscriptions and proxies that name the source";
    findings.warn("NewIdentity", "the target has another identifier, endpoint and resource id", "", remedy);
}

/// A protection that somebody set to be asked, and that the run removes by itself.
pub(crate) fn warn_of_lifted_protection(kind: &str, identifier: &str, is_protected: Option<bool>, after: AfterSource, findings: &mut Findings) {
    if is_protected == Some(true) && after == AfterSource::Delete {
        let found = format!("deletion protection of {kind} {identifier} will be lifted when the source is deleted; the target is protected by then");
        findings.warn("DeletionProtection", found, "", "set after.source to keep or stop, if it is not to be lifted");
    }
}

/// Restarts and patches that RDS has planned for the source.
pub(crate) async fn check_maintenance(aws: &Aws, arn: &str, findings: &mut Findings) -> Result<()> {
    let answer = aws.rds.describe_pending_maintenance_actions().resource_identifier(arn).send().await;
    let answer = answer.map_err(StepError::from).context("look for planned maintenance")?;
    let resources = answer.pending_maintenance_actions().iter().filter(|resource| resource.resource_identifier() == Some(arn));
    let actions = resources.flat_map(ResourcePendingMaintenanceActions::pending_maintenance_action_details);
    let described: Vec<String> = actions
        .map(|action| {
            let at = action.current_apply_date().map_or_else(|| "no date yet".to_owned(), ToString::to_string);
            format!("{} ({at})", action.action().unwrap_or("unknown"))
        })
        .collect();
    if !described.is_empty() {
        let remedy = "apply it before the run, or finish the run before that date: it restarts the source";
        findings.warn("PendingMaintenance", format!("RDS has maintenance for the source: {}", list(&described)), "", remedy);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_rds::types::DomainMembership;

    /// Verdict and text of the findings with this name.
    fn described(instance: &DbInstance, after: AfterSource, name: &str) -> Vec<(Verdict, String)> {
        let mut findings = Findings::default();
        check_not_carried(instance, after, &mut findings);
        let all: Vec<shared::finding::Finding> = serde_json::from_value(serde_json::to_value(findings).unwrap()).unwrap();
        all.into_iter().filter(|finding| finding.name == name).map(|finding| (finding.verdict, finding.found)).collect()
    }

    #[test]
    fn what_stays_behind_is_named_as_rds_names_it() {
        let instance = DbInstance::builder().domain_memberships(DomainMembership::builder().domain("d-1").build()).build();
        let found = "DomainMemberships is not moved: d-1".to_owned();
        assert_eq!(described(&instance, AfterSource::Keep, "NotCarried"), [(Verdict::Warn, found)]);
    }

    #[test]
    fn a_protection_is_lifted_only_with_the_source_deleted() {
        let described = |is_protected, after| {
            let mut findings = Findings::default();
            warn_of_lifted_protection("cluster", "orders", is_protected, after, &mut findings);
            serde_json::to_string(&findings).unwrap()
        };
        assert!(described(Some(true), AfterSource::Delete).contains("deletion protection of cluster orders will be lifted"));
        for (is_protected, after) in
            [(Some(true), AfterSource::Keep), (Some(true), AfterSource::Stop), (Some(false), AfterSource::Delete), (None, AfterSource::Delete)]
        {
            assert_eq!(described(is_protected, after), "[]", "{is_protected:?} {after:?}");
        }
    }

    #[test]
    fn a_source_with_replicas_is_not_stopped() {
        let far = "arn:aws:rds:us-east-1:123456789012:db:far";
        let instance = DbInstance::builder().set_read_replica_db_instance_identifiers(Some(vec!["near".to_owned(), far.to_owned()])).build();
        let texts =
            ["1 read replicas are recreated at the end of the run: near", &format!("1 read replicas in other Regions are not recreated: {far}")];
        let kept = texts.map(|text| (Verdict::Warn, text.to_owned()));
        assert_eq!(described(&instance, AfterSource::Keep, "ReadReplicas"), kept);
        let stopped = described(&instance, AfterSource::Stop, "ReadReplicas");
        assert_eq!(stopped[2], (Verdict::Refuse, "the source has 2 read replicas".to_owned()));
        let deleted = described(&instance, AfterSource::Delete, "ReadReplicas");
        assert_eq!(deleted[2], (Verdict::Warn, "the source has 2 read replicas, which outlive it".to_owned()));
        assert_eq!(described(&DbInstance::builder().build(), AfterSource::Stop, "ReadReplicas"), []);
    }
}
