//! The target cluster, restored from the snapshot under the new key.

use aws::client::Aws;
use aws::rds::requests::begun;
use aws::rds::{self, clusters};
use aws::settings::cluster::{exports_during_the_run, still_to_modify};
use aws::settings::is_default_group;
use aws_sdk_rds::operation::modify_db_cluster::builders::ModifyDBClusterFluentBuilder;
use aws_sdk_rds::operation::restore_db_cluster_from_snapshot::builders::RestoreDBClusterFromSnapshotFluentBuilder;
use aws_sdk_rds::types::{DbCluster, DbClusterAssociatedRole, ServerlessV2ScalingConfiguration};
use shared::contract::{Kind, Plan, Ready};
use shared::error::{Context, Result};

use crate::{check_key, members, settings, with_place};

/// After it answers ready, cluster and members are available, with the source's settings.
pub(crate) async fn ensure(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let source = clusters::find_cluster(aws, &plan.source.resource_id).await?.ok_or_else(|| rds::source::gone(&plan.source))?;
    let Some(target) = clusters::find_cluster(aws, &plan.target).await? else {
        let restored = restore_request(aws, plan, &source).send().await;
        let restored = begun(restored, "creating").context(&format!("restore {} from {}", plan.target, plan.names.snapshot))?;
        let zones = source.availability_zones().join(", ");
        return Ok(with_place(&restored, source.db_cluster_instance_class().or(Some("a cluster's volume")), Some(&zones)));
    };
    let ready = rds::requests::new_ready(&plan.kms_key_arn, &format!("cluster {}", plan.target), target.status())?;
    if !ready.ready {
        return Ok(ready);
    }
    check_key(plan, target.storage_encrypted(), target.kms_key_id())?;
    let members = members::ensure(aws, plan, &source, &target).await?;
    if !members.ready {
        return Ok(members);
    }
    if let Some((request, members)) = modify_request(aws, plan, &source, &target) {
        let modified = begun(request.send().await, format!("modifying {}", members.join(", ")));
        return modified.context(&format!("give {} the settings of the source", plan.target));
    }
    if clusters::endpoint(&target).is_none() {
        return Ok(Ready::not_yet("no endpoint yet"));
    }
    Ok(Ready::yes("available"))
}

/// The restore, with everything that it takes: anything left out becomes the Region's default, the engine's version and Aurora's
/// storage included. Source: `RestoreDBClusterFromSnapshot` of the RDS service model.
fn restore_request(aws: &Aws, plan: &Plan, source: &DbCluster) -> RestoreDBClusterFromSnapshotFluentBuilder {
    let groups = source.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id()).map(str::to_owned);
    let groups: Vec<String> = groups.collect();
    let option_groups = source.db_cluster_option_group_memberships().iter().filter_map(|group| group.db_cluster_option_group_name());
    let option_group = option_groups.filter(|name| !is_default_group(name)).map(str::to_owned).next();
    let request = aws
        .rds
        .restore_db_cluster_from_snapshot()
        .db_cluster_identifier(&plan.target)
        .snapshot_identifier(&plan.names.snapshot)
        .kms_key_id(&plan.kms_key_arn)
        .set_engine(source.engine().map(str::to_owned))
        .set_engine_version(source.engine_version().map(str::to_owned))
        .port(i32::from(plan.source.port))
        .set_db_subnet_group_name(source.db_subnet_group.clone())
        .set_vpc_security_group_ids(Some(groups).filter(|groups| !groups.is_empty()))
        .set_db_cluster_parameter_group_name(source.db_cluster_parameter_group.clone())
        .set_option_group_name(option_group)
        .set_enable_iam_database_authentication(source.iam_database_authentication_enabled())
        .set_copy_tags_to_snapshot(source.copy_tags_to_snapshot())
        .set_network_type(source.network_type().map(str::to_owned))
        .set_engine_lifecycle_support(source.engine_lifecycle_support().map(str::to_owned))
        .set_backup_retention_period(source.backup_retention_period())
        .set_preferred_backup_window(source.preferred_backup_window().map(str::to_owned))
        .set_storage_type(source.storage_type().map(str::to_owned))
        .set_serverless_v2_scaling_configuration(scaling(source))
        .set_associated_roles(roles(source))
        .deletion_protection(false)
        .set_enable_cloudwatch_logs_exports(Some(exports_during_the_run(source)))
        .set_tags(Some(settings::tags(&plan.execution, source.tag_list())));
    if plan.source.kind == Kind::Aurora {
        let zones = source.availability_zones.clone().filter(|zones| !zones.is_empty());
        return request.set_engine_mode(source.engine_mode.clone()).set_availability_zones(zones);
    }
    multi_az(request, source)
}

/// The settings of a Multi-AZ DB cluster's members are the cluster's in RDS; monitoring and insights come later.
fn multi_az(request: RestoreDBClusterFromSnapshotFluentBuilder, source: &DbCluster) -> RestoreDBClusterFromSnapshotFluentBuilder {
    request
        .set_db_cluster_instance_class(source.db_cluster_instance_class().map(str::to_owned))
        .set_iops(source.iops())
        .set_publicly_accessible(source.publicly_accessible())
}

/// Only of an Aurora cluster: another kind has none.
fn roles(source: &DbCluster) -> Option<Vec<DbClusterAssociatedRole>> {
    let roles = source.associated_roles().iter().filter_map(|role| {
        let named = DbClusterAssociatedRole::builder().set_role_arn(role.role_arn.clone());
        named.set_feature_name(role.feature_name.clone().filter(|name| !name.is_empty())).build().ok()
    });
    Some(roles.collect()).filter(|roles: &Vec<_>| !roles.is_empty())
}

fn scaling(source: &DbCluster) -> Option<ServerlessV2ScalingConfiguration> {
    let scaling = source.serverless_v2_scaling_configuration()?;
    let configuration = ServerlessV2ScalingConfiguration::builder()
        .set_min_capacity(scaling.min_capacity())
        .set_max_capacity(scaling.max_capacity())
        .set_seconds_until_auto_pause(scaling.seconds_until_auto_pause());
    Some(configuration.build())
}

/// The modification that is still needed, if any, and the members that it changes.
fn modify_request(aws: &Aws, plan: &Plan, source: &DbCluster, target: &DbCluster) -> Option<(ModifyDBClusterFluentBuilder, Vec<&'static str>)> {
    let members = still_to_modify(source, target);
    if members.is_empty() {
        return None;
    }
    let request = aws.rds.modify_db_cluster().db_cluster_identifier(&plan.target).apply_immediately(true);
    Some((members.iter().fold(request, |request, member| with_member(request, member, source)), members))
}

fn with_member(request: ModifyDBClusterFluentBuilder, member: &str, source: &DbCluster) -> ModifyDBClusterFluentBuilder {
    match member {
        "AllocatedStorage" => request.set_allocated_storage(source.allocated_storage),
        "PreferredMaintenanceWindow" => request.set_preferred_maintenance_window(source.preferred_maintenance_window.clone()),
        "AutoMinorVersionUpgrade" => request.set_auto_minor_version_upgrade(source.auto_minor_version_upgrade),
        "LocalWriteForwardingStatus" => request.enable_local_write_forwarding(source.local_write_forwarding_status.is_some()),
        "CertificateDetails" => request.set_ca_certificate_identifier(source.certificate_details().and_then(|details| details.ca_identifier.clone())),
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

/// After it answers ready, members, cluster and log group are gone.
pub(crate) async fn drop(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let Some(target) = clusters::find_cluster(aws, &plan.target).await? else {
        rds::log_groups::drop_log_group(aws, plan).await?;
        return Ok(Ready::yes("gone"));
    };
    if target.status() == Some("deleting") {
        return Ok(Ready::not_yet("deleting"));
    }
    // Deleting a Multi-AZ DB cluster deletes its members.
    if plan.source.kind == Kind::Aurora && !target.db_cluster_members().is_empty() {
        return clusters::drop_members(aws, &target).await;
    }
    let request = aws.rds.delete_db_cluster().db_cluster_identifier(&plan.target).skip_final_snapshot(true).delete_automated_backups(true);
    rds::requests::going(request.send().await, "deleting").context(&format!("delete cluster {}", plan.target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws::settings::Fate;
    use aws::settings::cluster::CLUSTER;
    use aws_sdk_rds::types::{CertificateDetails, DatabaseInsightsMode, LocalWriteForwardingStatus};
    use shared::contract::example;

    #[test]
    fn every_member_that_needs_a_modification_is_given_one() {
        let source = DbCluster::builder()
            .allocated_storage(400)
            .preferred_maintenance_window("sun:01:00-sun:01:30")
            .auto_minor_version_upgrade(true)
            .monitoring_interval(15)
            .monitoring_role_arn("arn:role")
            .database_insights_mode(DatabaseInsightsMode::Advanced)
            .performance_insights_enabled(true)
            .performance_insights_kms_key_id("arn:key")
            .performance_insights_retention_period(465)
            .local_write_forwarding_status(LocalWriteForwardingStatus::Enabled)
            .certificate_details(CertificateDetails::builder().ca_identifier("rds-ca-rsa4096-g1").build())
            .build();
        let by_modify: Vec<&str> = CLUSTER.iter().filter(|row| row.fate == Fate::ByModify).map(|row| row.member).collect();
        assert_eq!(still_to_modify(&source, &DbCluster::builder().build()), by_modify);
        let aws = Aws::from_env();
        for member in by_modify {
            let empty = aws.rds.modify_db_cluster();
            assert_ne!(with_member(empty.clone(), member, &source).as_input(), empty.as_input(), "{member}");
        }
    }

    #[test]
    fn the_restore_has_the_key_and_the_version_and_no_tag_of_ours() {
        let plan: Plan = serde_json::from_value(example::plan()).unwrap();
        let tags = ["team", "rds-reencrypt:approve"].map(|key| aws_sdk_rds::types::Tag::builder().key(key).value("x").build());
        let source = DbCluster::builder().engine("aurora-postgresql").engine_version("16.4").storage_type("aurora-iopt1");
        let request = restore_request(&Aws::from_env(), &plan, &source.set_tag_list(Some(tags.to_vec())).build());
        assert_eq!(request.get_kms_key_id().as_deref(), Some(plan.kms_key_arn.as_str()));
        assert_eq!((request.get_engine_version().as_deref(), request.get_storage_type().as_deref()), (Some("16.4"), Some("aurora-iopt1")));
        let keys: Vec<_> = request.get_tags().iter().flatten().filter_map(|tag| tag.key()).collect();
        assert_eq!(keys, ["team", shared::names::EXECUTION_TAG]);
    }
}
