//! The settings of an instance: a standalone one, or a member of a cluster.
//! Source: `DBInstance` of the RDS service model; which request takes what: `requests.rs`.

use aws_sdk_rds::types::{ActivityStreamStatus, DbInstance, DbInstanceRole, ProcessorFeature};
use shared::names::POSTGRESQL_LOG;

use super::Fate::{self, AtRestore, AtTheEnd, ByModify};
use super::{Differences, Setting, is_default_group, left_behind, names, security_groups, tags, with_added_tags, word};

const ACTIVITY_STREAM: &str = "an activity stream belongs to one database: start one on the target";
const OTHER_ENGINES: &str = "only for Oracle, SQL Server or Db2";
const CUSTOM: &str = "only for RDS Custom";

/// Every member of the shape `DBInstance`, in its order.
pub const INSTANCE: &[Setting<DbInstance>] = &[
    Setting::own("DBInstanceIdentifier"),
    Setting::copied("DBInstanceClass", AtRestore, |it| word(&it.db_instance_class)),
    Setting::copied("Engine", AtRestore, |it| word(&it.engine)),
    Setting::own("DBInstanceStatus"),
    Setting::copied("MasterUsername", AtRestore, |it| word(&it.master_username)),
    Setting::copied("DBName", AtRestore, |it| word(&it.db_name)),
    // The host differs; the port is a parameter of the restore.
    Setting::own("Endpoint"),
    Setting::copied("AllocatedStorage", AtRestore, size),
    Setting::own("InstanceCreateTime"),
    Setting::copied("PreferredBackupWindow", AtRestore, |it| if backs_up(it) { word(&it.preferred_backup_window) } else { None }),
    Setting::copied("BackupRetentionPeriod", AtRestore, |it| word(&it.backup_retention_period)),
    Setting::left("DBSecurityGroups", "groups of EC2-Classic, which is discontinued", |it| {
        names(it.db_security_groups().iter().filter_map(|group| group.db_security_group_name()))
    }),
    Setting::copied("VpcSecurityGroups", AtRestore, |it| security_groups(it.vpc_security_groups())),
    Setting::copied("DBParameterGroups", AtRestore, |it| names(it.db_parameter_groups().iter().filter_map(|group| group.db_parameter_group_name()))),
    // RDS chooses the two zones of a Multi-AZ instance, and fails over between them.
    Setting::copied("AvailabilityZone", AtRestore, |it| if it.multi_az() == Some(true) { None } else { word(&it.availability_zone) }),
    Setting::copied("DBSubnetGroup", AtRestore, |it| it.db_subnet_group().and_then(|group| word(&group.db_subnet_group_name))),
    Setting::copied("PreferredMaintenanceWindow", ByModify, |it| word(&it.preferred_maintenance_window)),
    Setting::left("UpgradeRolloutOrder", "a policy of AWS Organizations sets it, not a request", |it| {
        // The default order, without a policy.
        word(&it.upgrade_rollout_order).filter(|order| order != "second")
    }),
    Setting::own("PendingModifiedValues"),
    Setting::own("LatestRestorableTime"),
    Setting::copied("MultiAZ", AtRestore, |it| word(&it.multi_az)),
    Setting::copied("EngineVersion", AtRestore, |it| word(&it.engine_version)),
    Setting::copied("AutoMinorVersionUpgrade", AtRestore, |it| word(&it.auto_minor_version_upgrade)),
    // A source is not a replica: preflight refuses one.
    Setting::own("ReadReplicaSourceDBInstanceIdentifier"),
    Setting::copied("ReadReplicaDBInstanceIdentifiers", AtTheEnd, |it| {
        word(&Some(it.read_replica_db_instance_identifiers().iter().filter(|name| !name.starts_with("arn:")).count()))
    }),
    Setting::left("ReadReplicaDBClusterIdentifiers", "create a cluster that replicates the instance again by hand", |it| {
        names(it.read_replica_db_cluster_identifiers())
    }),
    Setting::left("ReplicaMode", OTHER_ENGINES, |it| word(&it.replica_mode)),
    Setting::copied("LicenseModel", AtRestore, |it| word(&it.license_model)),
    Setting::copied("Iops", AtRestore, |it| if has_default_performance(it) { None } else { word(&it.iops) }),
    Setting::copied("StorageThroughput", AtRestore, |it| if has_default_performance(it) { None } else { word(&it.storage_throughput) }),
    Setting::copied("OptionGroupMemberships", AtRestore, |it| {
        let groups = it.option_group_memberships().iter().filter_map(|group| group.option_group_name());
        names(groups.filter(|name| !is_default_group(name)))
    }),
    Setting::copied("CharacterSetName", AtRestore, |it| word(&it.character_set_name)),
    Setting::copied("NcharCharacterSetName", AtRestore, |it| word(&it.nchar_character_set_name)),
    Setting::own("SecondaryAvailabilityZone"),
    Setting::copied("PubliclyAccessible", AtRestore, |it| word(&it.publicly_accessible)),
    Setting::own("StatusInfos"),
    Setting::copied("StorageType", AtRestore, |it| word(&it.storage_type)),
    Setting::encryption("StorageEncryptionType"),
    Setting::left("TdeCredentialArn", OTHER_ENGINES, |it| word(&it.tde_credential_arn)),
    // Zero, independent of the endpoint's port.
    Setting::own("DbInstancePort"),
    Setting::own("DBClusterIdentifier"),
    Setting::encryption("StorageEncrypted"),
    Setting::encryption("KmsKeyId"),
    Setting::own("DbiResourceId"),
    Setting::copied("CACertificateIdentifier", AtRestore, |it| word(&it.ca_certificate_identifier)),
    Setting::left("DomainMemberships", "joining a directory is up to its administrator: join the target to it", |it| {
        names(it.domain_memberships().iter().filter_map(|domain| domain.domain()))
    }),
    Setting::copied("CopyTagsToSnapshot", AtRestore, |it| word(&it.copy_tags_to_snapshot)),
    Setting::copied("MonitoringInterval", ByModify, |it| word(&it.monitoring_interval)),
    Setting::own("EnhancedMonitoringResourceArn"),
    Setting::copied("MonitoringRoleArn", ByModify, |it| if is_monitored(it) { word(&it.monitoring_role_arn) } else { None }),
    Setting::copied("PromotionTier", ByModify, promotion_tier),
    Setting::own("DBInstanceArn"),
    Setting::copied("Timezone", AtRestore, |it| word(&it.timezone)),
    Setting::copied("IAMDatabaseAuthenticationEnabled", AtRestore, |it| word(&it.iam_database_authentication_enabled)),
    Setting::copied("DatabaseInsightsMode", ByModify, |it| word(&it.database_insights_mode).filter(|mode| mode != "standard")),
    Setting::copied("PerformanceInsightsEnabled", ByModify, |it| word(&it.performance_insights_enabled)),
    Setting::copied("PerformanceInsightsKMSKeyId", ByModify, |it| if has_insights(it) { word(&it.performance_insights_kms_key_id) } else { None }),
    Setting::copied("PerformanceInsightsRetentionPeriod", ByModify, |it| {
        if has_insights(it) { word(&it.performance_insights_retention_period) } else { None }
    }),
    Setting::copied("EnabledCloudwatchLogsExports", AtRestore, |it| names(it.enabled_cloudwatch_logs_exports())),
    Setting::copied("ProcessorFeatures", AtRestore, |it| names(it.processor_features().iter().map(processor_feature))),
    Setting::copied("DeletionProtection", AtTheEnd, |it| word(&it.deletion_protection)),
    Setting::copied("AssociatedRoles", AtTheEnd, |it| names(it.associated_roles().iter().map(role))),
    Setting::own("ListenerEndpoint"),
    Setting::copied("MaxAllocatedStorage", ByModify, |it| word(&it.max_allocated_storage)),
    Setting::copied("TagList", AtRestore, |it| tags(it.tag_list())),
    Setting::left("AutomationMode", CUSTOM, |it| word(&it.automation_mode)),
    Setting::own("ResumeFullAutomationModeTime"),
    Setting::copied("CustomerOwnedIpEnabled", AtRestore, |it| word(&it.customer_owned_ip_enabled)),
    Setting::copied("NetworkType", AtRestore, |it| word(&it.network_type)),
    Setting::left("ActivityStreamStatus", ACTIVITY_STREAM, |it| {
        it.activity_stream_status().filter(|status| **status != ActivityStreamStatus::Stopped).map(ToString::to_string)
    }),
    Setting::left("ActivityStreamKmsKeyId", ACTIVITY_STREAM, |it| word(&it.activity_stream_kms_key_id)),
    Setting::left("ActivityStreamKinesisStreamName", ACTIVITY_STREAM, |it| word(&it.activity_stream_kinesis_stream_name)),
    Setting::left("ActivityStreamMode", ACTIVITY_STREAM, |it| word(&it.activity_stream_mode)),
    Setting::left("ActivityStreamEngineNativeAuditFieldsIncluded", ACTIVITY_STREAM, |it| {
        word(&it.activity_stream_engine_native_audit_fields_included)
    }),
    Setting::own("AwsBackupRecoveryPointArn"),
    Setting::left("DBInstanceAutomatedBackupsReplications", "start the replication of the target's backups in the other Region", |it| {
        names(it.db_instance_automated_backups_replications().iter().filter_map(|each| each.db_instance_automated_backups_arn()))
    }),
    Setting::copied("BackupTarget", AtRestore, |it| word(&it.backup_target)),
    Setting::own("AutomaticRestartTime"),
    Setting::left("CustomIamInstanceProfile", CUSTOM, |it| word(&it.custom_iam_instance_profile)),
    // Unlocked or permanently locked with a stream; without one RDS reports unlocked or nothing.
    Setting::own("ActivityStreamPolicyStatus"),
    // The certificate's validity differs with the day of its issue.
    Setting::copied("CertificateDetails", AtRestore, |it| it.certificate_details().and_then(|details| word(&details.ca_identifier))),
    Setting::left("DBSystemId", OTHER_ENGINES, |it| word(&it.db_system_id)),
    // The secret itself is new: the setting is that it exists, and its key.
    Setting::copied("MasterUserSecret", AtTheEnd, |it| {
        it.master_user_secret().map(|secret| format!("managed, with key {}", secret.kms_key_id().unwrap_or("aws/secretsmanager")))
    }),
    Setting::own("ReadReplicaSourceDBClusterIdentifier"),
    Setting::own("PercentProgress"),
    Setting::left("MultiTenant", OTHER_ENGINES, |it| word(&it.multi_tenant)),
    Setting::copied("DedicatedLogVolume", AtRestore, |it| word(&it.dedicated_log_volume)),
    Setting::own("IsStorageConfigUpgradeAvailable"),
    Setting::copied("EngineLifecycleSupport", AtRestore, |it| word(&it.engine_lifecycle_support)),
    Setting::left("AdditionalStorageVolumes", OTHER_ENGINES, |it| {
        names(it.additional_storage_volumes().iter().filter_map(|each| each.volume_name()))
    }),
    Setting::own("StorageVolumeStatus"),
    Setting::own("StorageOperationStatus"),
    Setting::own("StorageOperationPercentProgress"),
    Setting::left("DBCapacityReservationIdentifier", "the source keeps its reservation until it is deleted", |it| {
        word(&it.db_capacity_reservation_identifier)
    }),
];

/// The differences before the cutover: without settings that are set at the end of the run, and without the log that
/// the run exports.
#[must_use]
pub fn compare(source: &DbInstance, target: &DbInstance) -> Differences {
    Differences::of(INSTANCE, &as_expected(during_the_run(source), target), target, Fate::is_carried_before_cutover)
}

/// The differences once the run is over.
#[must_use]
pub fn compare_at_the_end(source: &DbInstance, target: &DbInstance) -> Differences {
    Differences::of(INSTANCE, &as_expected(source.clone(), target), target, |fate| fate.is_carried_before_cutover() || fate == AtTheEnd)
}

/// The settings of an instance that are not moved, with their values.
#[must_use]
pub fn not_carried(source: &DbInstance) -> Vec<(&'static Setting<DbInstance>, String)> {
    left_behind(INSTANCE, source)
}

/// The members that still have to be set on the target by a modification.
#[must_use]
pub fn still_to_modify(source: &DbInstance, target: &DbInstance) -> Vec<&'static str> {
    let source = with_storage_limit(source.clone(), target);
    let rows = INSTANCE.iter().filter(|row| row.fate == ByModify && row.read(&source) != row.read(target));
    rows.map(|row| row.member).collect()
}

fn during_the_run(source: &DbInstance) -> DbInstance {
    let mut expected = source.clone();
    expected.enabled_cloudwatch_logs_exports = Some(exports_during_the_run(source));
    expected
}

/// The smallest storage limit that RDS accepts for a database of this size: a tenth above the allocated storage. A source that has
/// grown may be closer to its own limit. Source: Amazon RDS user guide, "Managing capacity automatically with storage autoscaling".
#[must_use]
pub fn least_storage_limit(allocated_gib: Option<i32>) -> i32 {
    let allocated = allocated_gib.unwrap_or(0);
    allocated.saturating_add(allocated.saturating_add(9) / 10)
}

/// The source as the target may differ from it.
fn as_expected(mut source: DbInstance, target: &DbInstance) -> DbInstance {
    source.tag_list = Some(with_added_tags(source.tag_list(), target.tag_list()));
    with_storage_limit(source, target)
}

/// The source with the storage limit that a database of the target's size can have.
fn with_storage_limit(mut source: DbInstance, target: &DbInstance) -> DbInstance {
    source.max_allocated_storage = source.max_allocated_storage.map(|limit| limit.max(least_storage_limit(target.allocated_storage)));
    source
}

/// The source's exports, and always PostgreSQL's log: it is one of the two witnesses of the start LSN. A member of
/// a cluster has its cluster's.
#[must_use]
pub fn exports_during_the_run(source: &DbInstance) -> Vec<String> {
    let mut exports = source.enabled_cloudwatch_logs_exports().to_vec();
    if source.db_cluster_identifier().is_none() && !exports.iter().any(|export| export == POSTGRESQL_LOG) {
        exports.push(POSTGRESQL_LOG.to_owned());
    }
    exports
}

/// If storage grows by itself, source and target may differ in size: the setting is the limit.
fn size(it: &DbInstance) -> Option<String> {
    if it.max_allocated_storage().is_some() { Some("grows by itself".to_owned()) } else { word(&it.allocated_storage) }
}

fn backs_up(it: &DbInstance) -> bool {
    it.backup_retention_period().unwrap_or(0) > 0
}

fn is_monitored(it: &DbInstance) -> bool {
    it.monitoring_interval().unwrap_or(0) > 0
}

fn has_insights(it: &DbInstance) -> bool {
    it.performance_insights_enabled() == Some(true)
}

/// From this size on gp3 accepts IOPS and throughput; below, it reports its baseline but refuses values.
/// Source: Amazon RDS user guide, "gp3 storage".
const GP3_CHOICE_GIB: i32 = 400;
/// Default IOPS and throughput in MiB/s of gp3 below and above that size.
const GP3_DEFAULTS: [(i32, i32); 2] = [(3000, 125), (12_000, 500)];

/// Whether a restore accepts IOPS and throughput: they were chosen, and are not a small gp3 volume's baseline.
#[must_use]
pub fn may_set_performance(it: &DbInstance) -> bool {
    it.storage_type() != Some("gp3") || it.allocated_storage().unwrap_or(0) >= GP3_CHOICE_GIB
}

fn has_default_performance(it: &DbInstance) -> bool {
    let performance = (it.iops().unwrap_or(0), it.storage_throughput().unwrap_or(0));
    it.storage_type() == Some("gp3") && GP3_DEFAULTS.contains(&performance)
}

/// The failover priority of a cluster's member; zero is the highest. A standalone instance has none, whatever RDS reports.
fn promotion_tier(it: &DbInstance) -> Option<String> {
    it.db_cluster_identifier().and(it.promotion_tier()).map(|tier| tier.to_string())
}

fn processor_feature(feature: &ProcessorFeature) -> String {
    format!("{}={}", feature.name().unwrap_or_default(), feature.value().unwrap_or_default())
}

fn role(role: &DbInstanceRole) -> String {
    format!("{} for {}", role.role_arn().unwrap_or_default(), role.feature_name().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::super::Difference;
    use super::*;
    use aws_sdk_rds::types::builders::DbInstanceBuilder;
    use aws_sdk_rds::types::{
        CertificateDetails, DbParameterGroupStatus, DomainMembership, MasterUserSecret, OptionGroupMembership, Tag, VpcSecurityGroupMembership,
    };

    type Change = fn(DbInstanceBuilder) -> DbInstanceBuilder;

    fn members(change: Change, base: &DbInstanceBuilder) -> (Vec<String>, Vec<String>) {
        let source = base.clone().build();
        let target = change(base.clone()).enabled_cloudwatch_logs_exports(POSTGRESQL_LOG).build();
        let Differences { lost, left, .. } = compare(&source, &target);
        let named = |differences: Vec<Difference>| differences.into_iter().map(|difference| difference.member).collect();
        (named(lost), named(left))
    }

    fn base() -> DbInstanceBuilder {
        let group = |id: &str| VpcSecurityGroupMembership::builder().vpc_security_group_id(id).build();
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        DbInstance::builder()
            .db_instance_class("db.r6g.large")
            .storage_type("gp3")
            .allocated_storage(100)
            .iops(3000)
            .storage_throughput(125)
            .multi_az(false)
            .availability_zone("eu-central-1a")
            .backup_retention_period(7)
            .preferred_backup_window("01:00-01:30")
            .set_vpc_security_groups(Some(vec![group("sg-1"), group("sg-2")]))
            .db_parameter_groups(DbParameterGroupStatus::builder().db_parameter_group_name("orders").parameter_apply_status("in-sync").build())
            .option_group_memberships(OptionGroupMembership::builder().option_group_name("default:postgres-16").build())
            .certificate_details(CertificateDetails::builder().ca_identifier("rds-ca-rsa2048-g1").build())
            .monitoring_interval(0)
            .set_tag_list(Some(vec![tag("team", "orders"), tag("aws:created", "x"), tag("rds-reencrypt:approve", "no")]))
    }

    #[test]
    fn equivalent_descriptions_are_not_differences() {
        let same: [(&str, Change); 8] = [
            ("groups in another order", |it| {
                let group = |id: &str| VpcSecurityGroupMembership::builder().vpc_security_group_id(id).status("adding").build();
                it.set_vpc_security_groups(Some(vec![group("sg-2"), group("sg-1")]))
            }),
            ("status of a parameter group", |it| {
                it.set_db_parameter_groups(None).db_parameter_groups(
                    DbParameterGroupStatus::builder().db_parameter_group_name("orders").parameter_apply_status("pending-reboot").build(),
                )
            }),
            ("the default option group, not shown", |it| it.set_option_group_memberships(None)),
            ("no IOPS shown of a small gp3", |it| it.set_iops(None).set_storage_throughput(None)),
            ("another day's certificate", |it| {
                let until = aws_sdk_rds::primitives::DateTime::from_secs(1_900_000_000);
                it.certificate_details(CertificateDetails::builder().ca_identifier("rds-ca-rsa2048-g1").valid_till(until).build())
            }),
            ("no monitoring, said or not", |it| it.set_monitoring_interval(None)),
            ("tags of AWS's and of the run's", |it| {
                it.set_tag_list(Some(vec![
                    Tag::builder().key("rds-reencrypt:execution").value("e").build(),
                    Tag::builder().key("team").value("orders").build(),
                ]))
            }),
            ("what is of its own", |it| it.db_instance_identifier("other").dbi_resource_id("db-OTHER").kms_key_id("key").storage_encrypted(true)),
        ];
        for (what, change) in same {
            assert_eq!(members(change, &base()), (vec![], vec![]), "{what}");
        }
    }

    #[test]
    fn a_setting_that_was_lost_is_named_with_both_values() {
        let lost: [(&str, Change); 7] = [
            ("DBInstanceClass", |it| it.db_instance_class("db.t3.micro")),
            ("AvailabilityZone", |it| it.availability_zone("eu-central-1b")),
            ("VpcSecurityGroups", |it| it.vpc_security_groups(VpcSecurityGroupMembership::builder().vpc_security_group_id("sg-3").build())),
            ("PreferredBackupWindow", |it| it.preferred_backup_window("02:00-02:30")),
            ("MaxAllocatedStorage", |it| it.max_allocated_storage(1000).set_allocated_storage(Some(100))),
            ("TagList", |it| it.set_tag_list(None)),
            ("Iops", |it| it.iops(4000)),
        ];
        for (member, change) in lost {
            assert!(members(change, &base()).0.contains(&member.to_owned()), "{member}");
        }
        let source = base().set_max_allocated_storage(Some(500)).enabled_cloudwatch_logs_exports(POSTGRESQL_LOG).build();
        let target = base().set_max_allocated_storage(Some(400)).enabled_cloudwatch_logs_exports(POSTGRESQL_LOG).build();
        let described: Vec<String> = compare(&source, &target).lost.iter().map(ToString::to_string).collect();
        assert_eq!(described, ["MaxAllocatedStorage: 500 on the source, 400 on the target"]);
    }

    #[test]
    fn sizes_may_differ_if_storage_grows_by_itself() {
        let (lost, _) = members(|it| it.allocated_storage(110).availability_zone("eu-central-1a"), &base().max_allocated_storage(500));
        assert_eq!(lost, Vec::<String>::new());
    }

    #[test]
    fn a_source_close_to_its_limit_gives_the_least_that_rds_accepts() {
        assert_eq!([95, 100, 101, 20].map(|gib| least_storage_limit(Some(gib))), [105, 110, 112, 22]);
        let source = base().allocated_storage(95).max_allocated_storage(100).build();
        let target = |limit| base().allocated_storage(95).max_allocated_storage(limit).enabled_cloudwatch_logs_exports(POSTGRESQL_LOG).build();
        assert_eq!(compare(&source, &target(105)).lost, []);
        assert_eq!(still_to_modify(&source, &target(105)), Vec::<&str>::new());
        assert_eq!(still_to_modify(&source, &target(100)), ["MaxAllocatedStorage"]);
        // It grew further after the restore: the target keeps its limit.
        let grown = base().allocated_storage(100).max_allocated_storage(100).build();
        assert_eq!(compare(&grown, &target(105)).lost, []);
    }

    #[test]
    fn the_zone_counts_only_without_multi_az() {
        let (lost, _) = members(|it| it.availability_zone("eu-central-1b"), &base().multi_az(true));
        assert_eq!(lost, Vec::<String>::new());
    }

    #[test]
    fn unmoved_settings_have_a_reason_and_later_ones_are_not_differences() {
        let source = base()
            .domain_memberships(DomainMembership::builder().domain("d-1").build())
            .deletion_protection(true)
            .master_user_secret(MasterUserSecret::builder().secret_arn("arn:secret").kms_key_id("arn:key").build())
            .enabled_cloudwatch_logs_exports("upgrade")
            .build();
        let target = base().set_enabled_cloudwatch_logs_exports(Some(vec![POSTGRESQL_LOG.to_owned(), "upgrade".to_owned()])).build();
        let before = compare(&source, &target);
        assert_eq!(before.lost, []);
        let [Difference { member, source: value, target: other, because: Some(_) }] = before.left.as_slice() else { panic!("{:?}", before.left) };
        assert_eq!((member.as_str(), value.as_str(), other.as_str()), ("DomainMemberships", "d-1", "not set"));

        let after: Vec<String> = compare_at_the_end(&source, &target).lost.into_iter().map(|difference| difference.member).collect();
        assert_eq!(after, ["EnabledCloudwatchLogsExports", "DeletionProtection", "MasterUserSecret"]);
        assert_eq!(not_carried(&source).iter().map(|(row, value)| (row.member, value.as_str())).collect::<Vec<_>>(), [("DomainMemberships", "d-1")]);
    }

    #[test]
    fn every_row_is_unique() {
        let mut rows: Vec<&str> = INSTANCE.iter().map(|row| row.member).collect();
        rows.sort_unstable();
        let all = rows.len();
        rows.dedup();
        assert_eq!(rows.len(), all);
    }
}
