//! Conditions on the instance itself, as RDS describes it.

use aws_sdk_rds::types::{ActivityStreamStatus, DbInstance, ResourcePendingMaintenanceActions};
use shared::aws::Aws;
use shared::contract::Kind;
use shared::error::{ErrorName, Result, StepError, While};
use shared::finding::{Findings, Verdict, list};
use shared::input::AfterSource;

use crate::blue_green::{self, Obstacles};
use crate::quotas::{self, Needs};

/// Majors whose standard support has ended: without Extended Support, RDS makes no new instances of them.
/// Source: Amazon RDS user guide, "Release calendar for Amazon RDS for PostgreSQL".
const PAST_STANDARD_SUPPORT: [&str; 2] = ["12", "13"];

/// Looks at all that RDS says of an instance.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub(crate) async fn check(aws: &Aws, instance: &DbInstance, after: AfterSource, findings: &mut Findings) -> Result<()> {
    check_described(instance, findings);
    check_maintenance(aws, instance.db_instance_arn().unwrap_or_default(), findings).await?;
    let storage_gib = i64::from(instance.allocated_storage().unwrap_or(0));
    quotas::check(aws, Needs { clusters: 0, instances: 1, storage_gib, delete: matches!(after, AfterSource::Delete) }, findings).await?;
    let (version, class) = (instance.engine_version().unwrap_or_default(), instance.db_instance_class().unwrap_or_default());
    quotas::check_class(aws, "postgres", version, class, findings).await?;
    // A replica in another Region is described by its ARN.
    let replicates_onward = instance.read_replica_db_instance_identifiers().iter().any(|replica| replica.starts_with("arn:"));
    let obstacles = Obstacles { managed_password: instance.master_user_secret().is_some(), replicates_onward };
    blue_green::tell(Kind::Instance, &obstacles, findings);
    Ok(())
}

fn check_described(instance: &DbInstance, findings: &mut Findings) {
    let identifier = instance.db_instance_identifier().unwrap_or_default();
    let status = instance.db_instance_status().unwrap_or_default();
    if status != "available" {
        findings.refuse("InstanceStatus", format!("instance {identifier} is {status}"), "available is needed", "wait until it is available");
    }
    if let Some(primary) = instance.read_replica_source_db_instance_identifier() {
        findings.refuse_as(ErrorName::SourceUnsupported, format!("instance {identifier} is a read replica of {primary}"), "encrypt its primary");
    }
    check_pending(instance, findings);
    check_not_carried(instance, findings);
    let without_support = instance.engine_lifecycle_support() == Some("open-source-rds-extended-support-disabled");
    let version = instance.engine_version().unwrap_or_default();
    if without_support && PAST_STANDARD_SUPPORT.iter().any(|major| version.split('.').next() == Some(*major)) {
        let found = format!("PostgreSQL {version} is past its standard support, and the instance is kept out of Extended Support");
        findings.warn("ExtendedSupport", found, "", "RDS may refuse to restore it: upgrade first, or move with Extended Support");
    }
    if instance.storage_type() == Some("standard") {
        let remedy = "expect snapshot and restore to be slow; change the storage to gp3 before, or afterwards on the new instance";
        findings.warn("MagneticStorage", "the storage is magnetic", "", remedy);
    }
}

/// What waits for a reboot or a maintenance window: source and copy would not be alike.
fn check_pending(instance: &DbInstance, findings: &mut Findings) {
    for group in instance.db_parameter_groups() {
        if group.parameter_apply_status() == Some("pending-reboot") {
            let name = group.db_parameter_group_name().unwrap_or_default();
            let found = format!("parameter group {name} has values that wait for a reboot: the copy starts with them, the source runs without");
            findings.warn("PendingReboot", found, "", "reboot before the run, or take the changes back");
        }
    }
    let pending = pending_modifications(instance);
    if pending.is_empty() {
        return;
    }
    // These end what the run holds on to: the slots, or the name under which the copy finds the source.
    let breaks = |name: &&str| matches!(*name, "EngineVersion" | "DBInstanceIdentifier" | "Port" | "MasterUserPassword");
    let verdict = if pending.iter().any(breaks) { Verdict::Refuse } else { Verdict::Warn };
    let remedy = "apply them before the run (modify-db-instance --apply-immediately, or reboot), or take them back: the copy does not have them";
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

/// What stays with the old instance.
fn check_not_carried(instance: &DbInstance, findings: &mut Findings) {
    let replicas = instance.read_replica_db_instance_identifiers();
    if !replicas.is_empty() {
        let found = format!("{} read replicas are not carried: {}", replicas.len(), list(replicas));
        findings.warn("ReadReplicas", found, "", "make new ones of the encrypted instance");
    }
    let roles = instance.associated_roles().len();
    if roles > 0 {
        findings.warn("AssociatedRoles", format!("{roles} associated IAM roles are not carried"), "", "associate them with the new instance");
    }
    if !instance.domain_memberships().is_empty() {
        findings.warn("Domain", "the membership of a directory is not carried", "", "let the new instance join it: modify-db-instance --domain");
    }
    if instance.activity_stream_status().is_some_and(|status| *status != ActivityStreamStatus::Stopped) {
        findings.warn("ActivityStream", "the database activity stream is not carried", "", "start one on the new instance");
    }
    if instance.master_user_secret().is_some() {
        let found = "RDS manages the master password in a secret, which stays with the old instance; the new one has the password as it is now";
        let remedy = "let no rotation happen during the run; afterwards modify-db-instance --manage-master-user-password on the new instance";
        findings.warn("ManagedMasterSecret", found, "", remedy);
    }
    warn_of_new_identity(instance.iam_database_authentication_enabled(), instance.dbi_resource_id(), findings);
}

/// Who calls the database by a name that the new one does not have.
pub(crate) fn warn_of_new_identity(iam_authentication: Option<bool>, resource_id: Option<&str>, findings: &mut Findings) {
    if iam_authentication == Some(true) {
        let found = format!("IAM policies for rds-db:connect name {}", resource_id.unwrap_or_default());
        findings.warn("IamAuthentication", found, "", "add the new database's resource id to them before the cutover: the output names the database");
    }
    let remedy = "adjust alarms, event subscriptions and proxies that name the old one";
    findings.warn("NewIdentity", "the new database has another identifier, endpoint and resource id", "", remedy);
}

/// Restarts and patches that RDS has planned for the source.
pub(crate) async fn check_maintenance(aws: &Aws, arn: &str, findings: &mut Findings) -> Result<()> {
    let answer = aws.rds.describe_pending_maintenance_actions().resource_identifier(arn).send().await;
    let answer = answer.map_err(StepError::from).while_doing("look for planned maintenance")?;
    let resources = answer.pending_maintenance_actions().iter().filter(|resource| resource.resource_identifier() == Some(arn));
    let actions = resources.flat_map(ResourcePendingMaintenanceActions::pending_maintenance_action_details);
    let told: Vec<String> = actions
        .map(|action| {
            let at = action.current_apply_date().map_or_else(|| "no date yet".to_owned(), ToString::to_string);
            format!("{} ({at})", action.action().unwrap_or("unknown"))
        })
        .collect();
    if !told.is_empty() {
        let remedy = "apply it before the run, or finish the run before that date: it restarts the source";
        findings.warn("PendingMaintenance", format!("RDS has maintenance for the source: {}", list(&told)), "", remedy);
    }
    Ok(())
}
