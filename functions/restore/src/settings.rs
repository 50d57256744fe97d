//! Which of the source's settings the new instance is given, and when.
//!
//! A restore takes most of them and falls back to defaults that bite for those left out: the VPC's default security
//! group, the engine's default parameter group, gp3, paid Extended Support. Some need a later modification.
//! Source: `RestoreDBInstanceFromDBSnapshot` and `ModifyDBInstance` of the RDS service model.

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::operation::restore_db_instance_from_db_snapshot::builders::RestoreDBInstanceFromDBSnapshotFluentBuilder;
use aws_sdk_rds::types::{DbInstance, Tag};
use shared::aws::Aws;
use shared::contract::Plan;
use shared::names::EXECUTION_TAG;
use shared::rds::execution_tag;

/// The log that tells where the copy's data end.
const POSTGRESQL_LOG: &str = "postgresql";

/// The restore, with all that it takes.
pub(crate) fn restore_request(aws: &Aws, plan: &Plan, source: &DbInstance) -> RestoreDBInstanceFromDBSnapshotFluentBuilder {
    let groups = source.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id()).map(str::to_owned);
    let subnet_group = source.db_subnet_group().and_then(|group| group.db_subnet_group_name());
    let parameter_group = source.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name());
    let option_group = source.option_group_memberships().first().and_then(|group| group.option_group_name());
    let multi_az = source.multi_az().unwrap_or(false);
    let mut request = aws
        .rds
        .restore_db_instance_from_db_snapshot()
        .db_instance_identifier(&plan.target)
        .db_snapshot_identifier(&plan.names.copy)
        .set_db_instance_class(source.db_instance_class().map(str::to_owned))
        .port(i32::from(plan.source.port))
        .multi_az(multi_az)
        .set_db_subnet_group_name(subnet_group.map(str::to_owned))
        .set_vpc_security_group_ids(non_empty(groups.collect()))
        .set_db_parameter_group_name(parameter_group.map(str::to_owned))
        .set_option_group_name(option_group.map(str::to_owned))
        .set_publicly_accessible(source.publicly_accessible())
        .set_auto_minor_version_upgrade(source.auto_minor_version_upgrade())
        .set_copy_tags_to_snapshot(source.copy_tags_to_snapshot())
        .set_enable_iam_database_authentication(source.iam_database_authentication_enabled())
        .set_ca_certificate_identifier(source.ca_certificate_identifier().map(str::to_owned))
        .set_network_type(source.network_type().map(str::to_owned))
        .set_engine_lifecycle_support(source.engine_lifecycle_support().map(str::to_owned))
        .set_storage_type(source.storage_type().map(str::to_owned))
        .set_iops(source.iops().filter(|iops| *iops > 0 && may_set_performance(source)))
        .set_storage_throughput(source.storage_throughput().filter(|throughput| *throughput > 0 && may_set_performance(source)))
        .deletion_protection(false)
        .set_enable_cloudwatch_logs_exports(Some(exports_during_the_run(source)))
        .set_tags(Some(tags(plan, source.tag_list())));
    if !multi_az {
        request = request.set_availability_zone(source.availability_zone().map(str::to_owned));
    }
    request
}

/// gp3 below 400 GiB shows its baseline IOPS and throughput, but refuses to be given them.
/// Source: Amazon RDS user guide, "gp3 storage".
fn may_set_performance(source: &DbInstance) -> bool {
    const GP3_BASELINE_BELOW_GIB: i32 = 400;
    source.storage_type() != Some("gp3") || source.allocated_storage().unwrap_or(0) >= GP3_BASELINE_BELOW_GIB
}

/// The source's exports, and PostgreSQL's log in any case: it is one of the two witnesses of the start LSN.
fn exports_during_the_run(source: &DbInstance) -> Vec<String> {
    with_postgresql_log(source.enabled_cloudwatch_logs_exports())
}

pub(crate) fn with_postgresql_log(exports: &[String]) -> Vec<String> {
    let mut exports = exports.to_vec();
    if !exports.iter().any(|export| export == POSTGRESQL_LOG) {
        exports.push(POSTGRESQL_LOG.to_owned());
    }
    exports
}

/// The source's tags, without AWS's own and without ours: a copied approval would cut over by itself.
pub(crate) fn tags(plan: &Plan, source: &[Tag]) -> Vec<Tag> {
    let is_ours = |key: &str| key.starts_with("aws:") || key.starts_with("rds-reencrypt:");
    let mut tags: Vec<Tag> = source.iter().filter(|tag| tag.key().is_some_and(|key| !is_ours(key))).cloned().collect();
    tags.push(execution_tag(plan));
    debug_assert!(tags.iter().any(|tag| tag.key() == Some(EXECUTION_TAG)));
    tags
}

/// The modification that is still needed, if any: what differs and can only be set later.
pub(crate) fn modify_request(aws: &Aws, plan: &Plan, source: &DbInstance, target: &DbInstance) -> Option<ModifyDBInstanceFluentBuilder> {
    let mut request = aws.rds.modify_db_instance().db_instance_identifier(&plan.target).apply_immediately(true);
    let mut needed = false;
    macro_rules! carry {
        ($field:ident, $setter:ident) => {
            if source.$field != target.$field && source.$field.is_some() {
                request = request.$setter(source.$field.clone());
                needed = true;
            }
        };
    }
    carry!(backup_retention_period, set_backup_retention_period);
    carry!(max_allocated_storage, set_max_allocated_storage);
    carry!(preferred_maintenance_window, set_preferred_maintenance_window);
    carry!(monitoring_interval, set_monitoring_interval);
    carry!(monitoring_role_arn, set_monitoring_role_arn);
    carry!(performance_insights_enabled, set_enable_performance_insights);
    if source.backup_retention_period().unwrap_or(0) > 0 {
        carry!(preferred_backup_window, set_preferred_backup_window);
    }
    needed.then_some(request)
}

pub(crate) fn non_empty(list: Vec<String>) -> Option<Vec<String>> {
    if list.is_empty() { None } else { Some(list) }
}
