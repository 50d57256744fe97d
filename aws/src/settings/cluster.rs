//! The settings of a cluster, Aurora's or a Multi-AZ DB cluster. Those of its members: `instance.rs`.
//! Source: `DBCluster` of the RDS service model; which request takes what: `requests.rs`.

use aws_sdk_rds::types::{
    ActivityStreamStatus, DbCluster, DbClusterRole, LocalWriteForwardingStatus, ScalingConfigurationInfo, ServerlessV2ScalingConfigurationInfo,
    WriteForwardingStatus,
};
use shared::names::POSTGRESQL_LOG;

use super::Fate::{self, AtRestore, AtTheEnd, ByModify};
use super::{Differences, Setting, is_default_group, left_behind, names, security_groups, tags, with_added_tags, word};

const ACTIVITY_STREAM: &str = "an activity stream belongs to one cluster: start one on the target";
const GLOBAL: &str = "a cluster joins a global database only when it is created in it: build the global database again";
const EXPRESS: &str = "networking of express configuration, chosen when a cluster is created: set it up on the target";
const MYSQL: &str = "only for Aurora MySQL";
const LIMITLESS: &str = "a limitless database cannot be restored shard by shard";

/// Every member of the shape `DBCluster`, in its order.
pub const CLUSTER: &[Setting<DbCluster>] = &[
    // Aurora's grows by itself.
    Setting::copied("AllocatedStorage", ByModify, |it| if is_aurora(it) { None } else { word(&it.allocated_storage) }),
    // RDS places a Multi-AZ DB cluster by its subnet group.
    Setting::copied("AvailabilityZones", AtRestore, |it| if is_aurora(it) { names(it.availability_zones()) } else { None }),
    Setting::copied("BackupRetentionPeriod", AtRestore, |it| word(&it.backup_retention_period)),
    Setting::copied("CharacterSetName", AtRestore, |it| word(&it.character_set_name)),
    Setting::copied("DatabaseName", AtRestore, |it| word(&it.database_name)),
    Setting::own("DBClusterIdentifier"),
    Setting::copied("DBClusterParameterGroup", AtRestore, |it| word(&it.db_cluster_parameter_group)),
    Setting::copied("DBSubnetGroup", AtRestore, |it| word(&it.db_subnet_group)),
    Setting::own("Status"),
    Setting::own("PercentProgress"),
    Setting::own("EarliestRestorableTime"),
    Setting::own("Endpoint"),
    Setting::own("ReaderEndpoint"),
    Setting::left("CustomEndpoints", "a custom endpoint names members: create one with the target's", |it| names(it.custom_endpoints())),
    // Follows from the members, and of a Multi-AZ DB cluster from its kind.
    Setting::own("MultiAZ"),
    Setting::copied("Engine", AtRestore, |it| word(&it.engine)),
    Setting::copied("EngineVersion", AtRestore, |it| word(&it.engine_version)),
    Setting::own("LatestRestorableTime"),
    // A parameter of the restore; like an instance's port it is part of the endpoint.
    Setting::own("Port"),
    Setting::copied("MasterUsername", AtRestore, |it| word(&it.master_username)),
    Setting::copied("DBClusterOptionGroupMemberships", AtRestore, |it| {
        let groups = it.db_cluster_option_group_memberships().iter().filter_map(|group| group.db_cluster_option_group_name());
        names(groups.filter(|name| !is_default_group(name)))
    }),
    Setting::copied("PreferredBackupWindow", AtRestore, |it| word(&it.preferred_backup_window)),
    Setting::copied("PreferredMaintenanceWindow", ByModify, |it| word(&it.preferred_maintenance_window)),
    Setting::left("UpgradeRolloutOrder", "a policy of AWS Organizations sets it, not a request", |it| {
        // The default order, without a policy.
        word(&it.upgrade_rollout_order).filter(|order| order != "second")
    }),
    // A source is not a replica: preflight refuses one.
    Setting::own("ReplicationSourceIdentifier"),
    Setting::left("ReadReplicaIdentifiers", "create a replica of a cluster again by hand", |it| names(it.read_replica_identifiers())),
    Setting::own("StatusInfos"),
    // Each member has its own settings, which are compared one by one.
    Setting::copied("DBClusterMembers", AtRestore, |it| word(&Some(it.db_cluster_members().len()))),
    Setting::copied("VpcSecurityGroups", AtRestore, |it| security_groups(it.vpc_security_groups())),
    Setting::own("HostedZoneId"),
    Setting::encryption("StorageEncrypted"),
    Setting::encryption("StorageEncryptionType"),
    Setting::encryption("KmsKeyId"),
    Setting::own("DbClusterResourceId"),
    Setting::own("DBClusterArn"),
    // Given to the restore, and again at the end: a role that was added meanwhile does not hold the cutover.
    Setting::copied("AssociatedRoles", AtTheEnd, |it| names(it.associated_roles().iter().map(role))),
    Setting::copied("IAMDatabaseAuthenticationEnabled", AtRestore, |it| word(&it.iam_database_authentication_enabled)),
    Setting::own("CloneGroupId"),
    Setting::own("ClusterCreateTime"),
    Setting::own("EarliestBacktrackTime"),
    Setting::left("BacktrackWindow", MYSQL, |it| word(&it.backtrack_window)),
    Setting::own("BacktrackConsumedChangeRecords"),
    Setting::copied("EnabledCloudwatchLogsExports", AtRestore, |it| names(it.enabled_cloudwatch_logs_exports())),
    Setting::own("Capacity"),
    Setting::own("PendingModifiedValues"),
    Setting::copied("EngineMode", AtRestore, |it| word(&it.engine_mode)),
    Setting::left("ScalingConfigurationInfo", "Aurora Serverless v1, which is discontinued", |it| it.scaling_configuration_info().map(serverless_v1)),
    Setting::left("RdsCustomClusterConfiguration", "only for RDS Custom", |it| it.rds_custom_cluster_configuration().map(|_| "set".to_owned())),
    Setting::copied("DBClusterInstanceClass", AtRestore, |it| word(&it.db_cluster_instance_class)),
    // Aurora's standard storage is reported as nothing or `aurora`.
    Setting::copied("StorageType", AtRestore, |it| word(&it.storage_type).filter(|name| name != "aurora")),
    Setting::copied("Iops", AtRestore, |it| word(&it.iops)),
    Setting::left("StorageThroughput", "RDS derives it from the IOPS", |it| word(&it.storage_throughput)),
    Setting::own("IOOptimizedNextAllowedModificationTime"),
    Setting::copied("PubliclyAccessible", AtRestore, |it| word(&it.publicly_accessible)),
    Setting::copied("AutoMinorVersionUpgrade", ByModify, |it| word(&it.auto_minor_version_upgrade)),
    Setting::copied("DeletionProtection", AtTheEnd, |it| word(&it.deletion_protection)),
    Setting::left("HttpEndpointEnabled", "clients of the Data API name a cluster's ARN: enable it on the target when they name the target's", |it| {
        word(&it.http_endpoint_enabled)
    }),
    Setting::left("ActivityStreamMode", ACTIVITY_STREAM, |it| word(&it.activity_stream_mode)),
    Setting::left("ActivityStreamStatus", ACTIVITY_STREAM, |it| {
        it.activity_stream_status().filter(|status| **status != ActivityStreamStatus::Stopped).map(ToString::to_string)
    }),
    Setting::left("ActivityStreamKmsKeyId", ACTIVITY_STREAM, |it| word(&it.activity_stream_kms_key_id)),
    Setting::left("ActivityStreamKinesisStreamName", ACTIVITY_STREAM, |it| word(&it.activity_stream_kinesis_stream_name)),
    Setting::copied("CopyTagsToSnapshot", AtRestore, |it| word(&it.copy_tags_to_snapshot)),
    Setting::own("CrossAccountClone"),
    Setting::left("DomainMemberships", "joining a directory is up to its administrator: join the target to it", |it| {
        names(it.domain_memberships().iter().filter_map(|domain| domain.domain()))
    }),
    Setting::copied("TagList", AtRestore, |it| tags(it.tag_list())),
    Setting::left("GlobalClusterIdentifier", GLOBAL, |it| word(&it.global_cluster_identifier)),
    Setting::left("GlobalWriteForwardingStatus", GLOBAL, |it| {
        it.global_write_forwarding_status().filter(|status| **status != WriteForwardingStatus::Disabled).map(ToString::to_string)
    }),
    Setting::left("GlobalWriteForwardingRequested", GLOBAL, |it| word(&it.global_write_forwarding_requested)),
    Setting::copied("NetworkType", AtRestore, |it| word(&it.network_type)),
    Setting::own("AutomaticRestartTime"),
    Setting::copied("ServerlessV2ScalingConfiguration", AtRestore, |it| it.serverless_v2_scaling_configuration().map(serverless_v2)),
    Setting::own("ServerlessV2PlatformVersion"),
    Setting::copied("MonitoringInterval", ByModify, |it| word(&it.monitoring_interval)),
    Setting::copied("MonitoringRoleArn", ByModify, |it| if it.monitoring_interval() > Some(0) { word(&it.monitoring_role_arn) } else { None }),
    Setting::copied("DatabaseInsightsMode", ByModify, |it| word(&it.database_insights_mode).filter(|mode| mode != "standard")),
    Setting::copied("PerformanceInsightsEnabled", ByModify, |it| word(&it.performance_insights_enabled)),
    Setting::copied("PerformanceInsightsKMSKeyId", ByModify, |it| if has_insights(it) { word(&it.performance_insights_kms_key_id) } else { None }),
    Setting::copied("PerformanceInsightsRetentionPeriod", ByModify, |it| {
        if has_insights(it) { word(&it.performance_insights_retention_period) } else { None }
    }),
    Setting::left("DBSystemId", "only for RDS Custom", |it| word(&it.db_system_id)),
    Setting::copied("MasterUserSecret", AtTheEnd, |it| {
        it.master_user_secret().map(|secret| format!("managed, with key {}", secret.kms_key_id().unwrap_or("aws/secretsmanager")))
    }),
    Setting::copied("LocalWriteForwardingStatus", ByModify, |it| {
        it.local_write_forwarding_status().filter(|status| **status != LocalWriteForwardingStatus::Disabled).map(ToString::to_string)
    }),
    Setting::own("AwsBackupRecoveryPointArn"),
    Setting::left("LimitlessDatabase", LIMITLESS, |it| it.limitless_database().and_then(|database| word(&database.min_required_acu))),
    Setting::left("ClusterScalabilityType", LIMITLESS, |it| word(&it.cluster_scalability_type).filter(|kind| kind != "standard")),
    // The certificate's validity differs with the day of its issue. Aurora's members have their own.
    Setting::copied("CertificateDetails", ByModify, |it| {
        it.certificate_details().filter(|_| !is_aurora(it)).and_then(|details| word(&details.ca_identifier))
    }),
    Setting::copied("EngineLifecycleSupport", AtRestore, |it| word(&it.engine_lifecycle_support)),
    Setting::left("VPCNetworkingEnabled", EXPRESS, |it| word(&it.vpc_networking_enabled)),
    Setting::left("InternetAccessGatewayEnabled", EXPRESS, |it| word(&it.internet_access_gateway_enabled)),
];

/// The differences before the cutover: without settings that are set at the end of the run, and without the log that
/// the run exports.
#[must_use]
pub fn compare(source: &DbCluster, target: &DbCluster) -> Differences {
    let mut expected = as_expected(source, target);
    expected.enabled_cloudwatch_logs_exports = Some(exports_during_the_run(source));
    Differences::of(CLUSTER, &expected, target, Fate::is_carried_before_cutover)
}

/// The differences once the run is over.
#[must_use]
pub fn compare_at_the_end(source: &DbCluster, target: &DbCluster) -> Differences {
    Differences::of(CLUSTER, &as_expected(source, target), target, |fate| fate.is_carried_before_cutover() || fate == AtTheEnd)
}

/// The source as the target may differ from it.
fn as_expected(source: &DbCluster, target: &DbCluster) -> DbCluster {
    let mut expected = source.clone();
    expected.tag_list = Some(with_added_tags(source.tag_list(), target.tag_list()));
    expected
}

/// The members that still have to be set on the target by a modification.
#[must_use]
pub fn still_to_modify(source: &DbCluster, target: &DbCluster) -> Vec<&'static str> {
    let rows = CLUSTER.iter().filter(|row| row.fate == ByModify && row.read(source) != row.read(target));
    rows.map(|row| row.member).collect()
}

/// The settings of a cluster that are not moved, with their values.
#[must_use]
pub fn not_carried(source: &DbCluster) -> Vec<(&'static Setting<DbCluster>, String)> {
    left_behind(CLUSTER, source)
}

/// The source's exports, and always the log of a Multi-AZ DB cluster, since it is one of the two witnesses of the start
/// LSN. Aurora's log does not show where its data end.
#[must_use]
pub fn exports_during_the_run(source: &DbCluster) -> Vec<String> {
    let mut exports = source.enabled_cloudwatch_logs_exports().to_vec();
    if !is_aurora(source) && !exports.iter().any(|export| export == POSTGRESQL_LOG) {
        exports.push(POSTGRESQL_LOG.to_owned());
    }
    exports
}

fn has_insights(it: &DbCluster) -> bool {
    it.performance_insights_enabled() == Some(true)
}

fn is_aurora(it: &DbCluster) -> bool {
    it.engine().is_some_and(|engine| engine.starts_with("aurora"))
}

fn role(role: &DbClusterRole) -> String {
    match role.feature_name().unwrap_or_default() {
        "" => role.role_arn().unwrap_or_default().to_owned(),
        feature => format!("{} for {feature}", role.role_arn().unwrap_or_default()),
    }
}

fn serverless_v1(it: &ScalingConfigurationInfo) -> String {
    format!("{} to {} ACUs", it.min_capacity().unwrap_or(0), it.max_capacity().unwrap_or(0))
}

fn serverless_v2(it: &ServerlessV2ScalingConfigurationInfo) -> String {
    let pause = it.seconds_until_auto_pause().map_or_else(String::new, |seconds| format!(", paused after {seconds} s"));
    format!("{} to {} ACUs{pause}", it.min_capacity().unwrap_or(0.0), it.max_capacity().unwrap_or(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_rds::types::builders::DbClusterBuilder;
    use aws_sdk_rds::types::{DbClusterMember, DbClusterOptionGroupStatus};

    fn base(engine: &str) -> DbClusterBuilder {
        DbCluster::builder()
            .engine(engine)
            .set_availability_zones(Some(vec!["a".to_owned(), "b".to_owned()]))
            .db_cluster_members(DbClusterMember::builder().db_instance_identifier("orders-1").build())
            .db_cluster_option_group_memberships(DbClusterOptionGroupStatus::builder().db_cluster_option_group_name("default:aurora").build())
            .serverless_v2_scaling_configuration(ServerlessV2ScalingConfigurationInfo::builder().min_capacity(0.5).max_capacity(16.0).build())
    }

    fn lost(source: DbClusterBuilder, target: DbClusterBuilder) -> Vec<String> {
        let source = source.build();
        let target = target.set_enabled_cloudwatch_logs_exports(Some(exports_during_the_run(&source))).build();
        compare(&source, &target).lost.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_clusters_have_no_differences() {
        let target = base("aurora-postgresql")
            .set_availability_zones(Some(vec!["b".to_owned(), "a".to_owned()]))
            .set_db_cluster_option_group_memberships(None)
            .set_db_cluster_members(None)
            .db_cluster_members(DbClusterMember::builder().db_instance_identifier("orders-1-enc").is_cluster_writer(true).build())
            .storage_type("aurora")
            .local_write_forwarding_status(LocalWriteForwardingStatus::Disabled);
        assert_eq!(lost(base("aurora-postgresql"), target), Vec::<String>::new());
    }

    #[test]
    fn zones_are_compared_for_aurora_only_and_capacity_has_its_unit() {
        let elsewhere = |engine| base(engine).set_availability_zones(Some(vec!["c".to_owned()]));
        assert_eq!(lost(base("postgres"), elsewhere("postgres")), Vec::<String>::new());
        assert_eq!(lost(base("aurora-postgresql"), elsewhere("aurora-postgresql")), ["AvailabilityZones: a, b on the source, c on the target"]);
        let less = base("postgres")
            .serverless_v2_scaling_configuration(ServerlessV2ScalingConfigurationInfo::builder().min_capacity(0.5).max_capacity(8.0).build());
        assert_eq!(lost(base("postgres"), less), ["ServerlessV2ScalingConfiguration: 0.5 to 16 ACUs on the source, 0.5 to 8 ACUs on the target"]);
    }

    #[test]
    fn every_row_is_unique() {
        let mut rows: Vec<&str> = CLUSTER.iter().map(|row| row.member).collect();
        rows.sort_unstable();
        let all = rows.len();
        rows.dedup();
        assert_eq!(rows.len(), all);
    }
}
