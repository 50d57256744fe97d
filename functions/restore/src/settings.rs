//! Which of the source's settings the target is given, and when.
//!
//! A restore takes most of them. Those left out get defaults that hurt: the VPC's default security group, the engine's default
//! parameter group, gp3, paid Extended Support. Some need a later modification. All settings, and what becomes of each:
//! `aws/src/settings/`.

use aws::client::Aws;
use aws::rds::requests::execution_tag;
use aws::settings::instance::{exports_during_the_run, least_storage_limit, may_set_performance, still_to_modify};
use aws::settings::{is_default_group, is_own_tag};
use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder;
use aws_sdk_rds::types::{DbInstance, Tag};
use shared::contract::{Execution, Plan};

/// The restore, with everything that it takes.
pub(crate) fn restore_request(aws: &Aws, plan: &Plan, source: &DbInstance) -> RestoreDBInstanceFromDBSnapshotFluentBuilder {
    let request = aws
        .rds
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(&plan.target)
        .db_snapshot_identifier(&plan.names.copy)
        .set_db_instance_class(source.db_instance_class.clone())
        .set_auto_minor_version_upgrade(source.auto_minor_version_upgrade)
        .set_copy_tags_to_snapshot(source.copy_tags_to_snapshot)
        .set_enable_iam_database_authentication(source.iam_database_authentication_enabled)
        .set_ca_certificate_identifier(source.ca_certificate_identifier.clone())
        .set_engine_lifecycle_support(source.engine_lifecycle_support.clone())
        .set_processor_features(source.processor_features.clone().filter(|features| !features.is_empty()))
        .set_backup_retention_period(source.backup_retention_period)
        .set_preferred_backup_window(source.preferred_backup_window.clone().filter(|_| source.backup_retention_period() > Some(0)))
        .set_backup_target(source.backup_target.clone().filter(|place| place != "region"))
        .deletion_protection(false)
        .set_enable_cloudwatch_logs_exports(Some(exports_during_the_run(source)))
        .set_tags(Some(tags(&plan.execution, source.tag_list())));
    with_groups(with_storage(with_network(request, plan, source), source), source)
}

/// Its network, and how it is reached.
fn with_network(
    request: RestoreDBInstanceFromDBSnapshotFluentBuilder,
    plan: &Plan,
    source: &DbInstance,
) -> RestoreDBInstanceFromDBSnapshotFluentBuilder {
    let multi_az = source.multi_az().unwrap_or(false);
    let groups = source.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id()).map(str::to_owned);
    let groups: Vec<String> = groups.collect();
    request
        .port(i32::from(plan.source.port))
        .multi_az(multi_az)
        // RDS refuses a zone for an instance that has two.
        .set_availability_zone(source.availability_zone.clone().filter(|_| !multi_az))
        .set_db_subnet_group_name(source.db_subnet_group().and_then(|group| group.db_subnet_group_name.clone()))
        .set_vpc_security_group_ids(Some(groups).filter(|groups| !groups.is_empty()))
        .set_publicly_accessible(source.publicly_accessible)
        .set_network_type(source.network_type.clone())
        .set_enable_customer_owned_ip(source.customer_owned_ip_enabled.filter(|enabled| *enabled))
}

fn with_storage(request: RestoreDBInstanceFromDBSnapshotFluentBuilder, source: &DbInstance) -> RestoreDBInstanceFromDBSnapshotFluentBuilder {
    let chosen = |performance: Option<i32>| performance.filter(|number| *number > 0 && may_set_performance(source));
    request
        .set_storage_type(source.storage_type.clone())
        // It may have grown since the snapshot.
        .set_allocated_storage(source.allocated_storage)
        .set_iops(chosen(source.iops))
        .set_storage_throughput(chosen(source.storage_throughput))
        .set_dedicated_log_volume(source.dedicated_log_volume.filter(|enabled| *enabled))
}

/// RDS's own groups are left out: RDS chooses them by the version that it restores.
fn with_groups(request: RestoreDBInstanceFromDBSnapshotFluentBuilder, source: &DbInstance) -> RestoreDBInstanceFromDBSnapshotFluentBuilder {
    let parameters = source.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name.clone());
    let options = source.option_group_memberships().first().and_then(|group| group.option_group_name.clone());
    request
        .set_db_parameter_group_name(parameters.filter(|name| !is_default_group(name)))
        .set_option_group_name(options.filter(|name| !is_default_group(name)))
}

/// The source's tags, without AWS's own and without ours: a copied approval would cut over by itself.
pub(crate) fn tags(execution: &Execution, source: &[Tag]) -> Vec<Tag> {
    let mut tags: Vec<Tag> = source.iter().filter(|tag| !is_own_tag(tag)).cloned().collect();
    tags.push(execution_tag(execution));
    tags
}

/// The modification that is still needed, if any, and the members that it changes.
pub(crate) fn modify_request(
    aws: &Aws,
    plan: &Plan,
    source: &DbInstance,
    target: &DbInstance,
) -> Option<(ModifyDBInstanceFluentBuilder, Vec<&'static str>)> {
    let members = still_to_modify(source, target);
    if members.is_empty() {
        return None;
    }
    let request = aws.rds.modify_db_instance().db_instance_identifier(&plan.target).apply_immediately(true);
    Some((members.iter().fold(request, |request, member| with_member(request, member, source, target)), members))
}

fn with_member(request: ModifyDBInstanceFluentBuilder, member: &str, source: &DbInstance, target: &DbInstance) -> ModifyDBInstanceFluentBuilder {
    match member {
        "PreferredMaintenanceWindow" => request.set_preferred_maintenance_window(source.preferred_maintenance_window.clone()),
        "MaxAllocatedStorage" => {
            let limit = source.max_allocated_storage.map(|limit| limit.max(least_storage_limit(target.allocated_storage)));
            // A limit equal to the current size turns storage growth off.
            request.set_max_allocated_storage(limit.or(target.allocated_storage))
        }
        "PromotionTier" => request.set_promotion_tier(source.promotion_tier),
        // RDS takes an interval only together with its role.
        "MonitoringInterval" | "MonitoringRoleArn" => {
            let interval = source.monitoring_interval().unwrap_or(0);
            request.monitoring_interval(interval).set_monitoring_role_arn(source.monitoring_role_arn.clone().filter(|_| interval > 0))
        }
        // Mode and retention depend on each other, and the key can be chosen only when they are enabled, never later.
        "DatabaseInsightsMode" | "PerformanceInsightsEnabled" | "PerformanceInsightsKMSKeyId" | "PerformanceInsightsRetentionPeriod" => {
            let enabled = source.performance_insights_enabled().unwrap_or(false);
            request
                .set_database_insights_mode(source.database_insights_mode.clone())
                .enable_performance_insights(enabled)
                .set_performance_insights_kms_key_id(source.performance_insights_kms_key_id.clone().filter(|_| enabled))
                .set_performance_insights_retention_period(source.performance_insights_retention_period.filter(|_| enabled))
        }
        _ => request,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws::settings::Fate;
    use aws::settings::instance::INSTANCE;
    use shared::contract::example;

    fn plan() -> Plan {
        serde_json::from_value(example::plan()).unwrap()
    }

    #[test]
    fn every_member_that_needs_a_modification_is_given_one() {
        let aws = Aws::from_env();
        let source = DbInstance::builder()
            .preferred_maintenance_window("sun:01:00-sun:01:30")
            .max_allocated_storage(500)
            .promotion_tier(3)
            .monitoring_interval(15)
            .monitoring_role_arn("arn:role")
            .database_insights_mode(aws_sdk_rds::types::DatabaseInsightsMode::Advanced)
            .performance_insights_enabled(true)
            .performance_insights_kms_key_id("arn:key")
            .performance_insights_retention_period(465)
            .db_cluster_identifier("cluster")
            .build();
        let target = DbInstance::builder().db_cluster_identifier("cluster").build();
        let (request, members) = modify_request(&aws, &plan(), &source, &target).unwrap();
        let by_modify: Vec<&str> = INSTANCE.iter().filter(|row| row.fate == Fate::ByModify).map(|row| row.member).collect();
        assert_eq!(members, by_modify);
        for member in by_modify {
            let empty = aws.rds.modify_db_instance();
            let given = with_member(empty.clone(), member, &source, &target);
            assert_ne!(given.as_input(), empty.as_input(), "{member}");
        }
        assert_eq!((request.get_monitoring_interval(), request.get_monitoring_role_arn().as_deref()), (&Some(15), Some("arn:role")));
        assert!(modify_request(&aws, &plan(), &source, &source).is_none());
    }

    #[test]
    fn what_rds_would_refuse_is_left_out() {
        let source = DbInstance::builder()
            .storage_type("gp3")
            .allocated_storage(20)
            .iops(3000)
            .storage_throughput(125)
            .multi_az(true)
            .availability_zone("eu-central-1a")
            .backup_retention_period(0)
            .preferred_backup_window("01:00-01:30")
            .tag_list(Tag::builder().key("rds-reencrypt:approve").value("x").build())
            .build();
        let request = restore_request(&Aws::from_env(), &plan(), &source);
        assert_eq!((request.get_iops(), request.get_storage_throughput()), (&None, &None));
        assert_eq!((request.get_availability_zone(), request.get_preferred_backup_window()), (&None, &None));
        assert_eq!(request.get_allocated_storage(), &Some(20));
        assert_eq!(request.get_tags().as_ref().map(Vec::len), Some(1), "a copied approval would cut over by itself");
    }
}
