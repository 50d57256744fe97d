//! The new cluster, restored from the snapshot under the new key.

use aws_sdk_rds::operation::modify_db_cluster::builders::ModifyDBClusterFluentBuilder;
use aws_sdk_rds::operation::restore_db_cluster_from_snapshot::builders::RestoreDBClusterFromSnapshotFluentBuilder;
use aws_sdk_rds::types::{DbCluster, ServerlessV2ScalingConfiguration};
use shared::aws::{Aws, code};
use shared::contract::{Kind, Plan, Ready};
use shared::error::{ErrorName, Result, StepError, While};
use shared::rds::{self, clusters};

use crate::{check_key, members, settings};

/// After it answers ready, cluster and members are available, with the settings of the source's.
pub(crate) async fn ensure(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let source = rds::original_cluster(aws, plan).await?;
    let Some(target) = clusters::find_cluster(aws, &plan.target).await? else {
        let restored = restore_request(aws, plan, &source).send().await;
        restored.map_err(StepError::from).while_doing(&format!("restore {} from {}", plan.target, plan.names.snapshot))?;
        return Ok(Ready::not_yet("creating"));
    };
    match target.status().unwrap_or_default() {
        "available" => {}
        status if status.starts_with("incompatible") || matches!(status, "failed" | "inaccessible-encryption-credentials" | "deleting") => {
            return Err(StepError::new(ErrorName::RestoreFailed, format!("cluster {} is {status}", plan.target)));
        }
        status => return Ok(Ready::not_yet(status)),
    }
    check_key(plan, target.storage_encrypted(), target.kms_key_id())?;
    let members = members::ensure(aws, plan, &source, &target).await?;
    if !members.ready {
        return Ok(members);
    }
    if let Some(request) = modify_request(aws, plan, &source, &target) {
        return match request.send().await {
            Ok(_) => Ok(Ready::not_yet("modifying")),
            Err(error) if code(&error) == Some("InvalidDBClusterStateFault") => Ok(Ready::not_yet("busy")),
            Err(error) => Err(StepError::from(error).while_doing(&format!("give {} the settings of the source", plan.target))),
        };
    }
    if clusters::endpoint(&target).is_none() {
        return Ok(Ready::not_yet("no endpoint yet"));
    }
    Ok(Ready::yes("available"))
}

/// The restore, with all that it takes: what is left out becomes the Region's default, the engine's version and Aurora's
/// storage included. Source: `RestoreDBClusterFromSnapshot` of the RDS service model.
fn restore_request(aws: &Aws, plan: &Plan, source: &DbCluster) -> RestoreDBClusterFromSnapshotFluentBuilder {
    let groups = source.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id()).map(str::to_owned);
    let request = aws
        .rds
        .restore_db_cluster_from_snapshot()
        .db_cluster_identifier(&plan.target)
        .snapshot_identifier(&plan.names.snapshot)
        .kms_key_id(&plan.kms_key_arn)
        .set_engine(source.engine().map(str::to_owned))
        .set_engine_version(source.engine_version().map(str::to_owned))
        .port(i32::from(plan.source.port))
        .set_availability_zones(settings::non_empty(source.availability_zones().to_vec()))
        .set_db_subnet_group_name(source.db_subnet_group().map(str::to_owned))
        .set_vpc_security_group_ids(settings::non_empty(groups.collect()))
        .set_db_cluster_parameter_group_name(source.db_cluster_parameter_group().map(str::to_owned))
        .set_enable_iam_database_authentication(source.iam_database_authentication_enabled())
        .set_copy_tags_to_snapshot(source.copy_tags_to_snapshot())
        .set_network_type(source.network_type().map(str::to_owned))
        .set_engine_lifecycle_support(source.engine_lifecycle_support().map(str::to_owned))
        .set_backup_retention_period(source.backup_retention_period())
        .set_preferred_backup_window(source.preferred_backup_window().map(str::to_owned))
        .set_storage_type(source.storage_type().map(str::to_owned))
        .set_serverless_v2_scaling_configuration(scaling(source))
        .deletion_protection(false)
        .set_enable_cloudwatch_logs_exports(Some(exports_during_the_run(plan, source)))
        .set_tags(Some(settings::tags(plan, source.tag_list())));
    if plan.source.kind == Kind::Aurora { request } else { multi_az(request, source) }
}

/// What the members of a Multi-AZ DB cluster have, RDS takes for the cluster.
fn multi_az(request: RestoreDBClusterFromSnapshotFluentBuilder, source: &DbCluster) -> RestoreDBClusterFromSnapshotFluentBuilder {
    request
        .set_db_cluster_instance_class(source.db_cluster_instance_class().map(str::to_owned))
        .set_iops(source.iops())
        .set_publicly_accessible(source.publicly_accessible())
        .set_monitoring_interval(source.monitoring_interval())
        .set_monitoring_role_arn(source.monitoring_role_arn().map(str::to_owned))
        .set_enable_performance_insights(source.performance_insights_enabled())
        .set_performance_insights_kms_key_id(source.performance_insights_kms_key_id().map(str::to_owned))
        .set_performance_insights_retention_period(source.performance_insights_retention_period())
}

fn scaling(source: &DbCluster) -> Option<ServerlessV2ScalingConfiguration> {
    let scaling = source.serverless_v2_scaling_configuration()?;
    let configuration = ServerlessV2ScalingConfiguration::builder()
        .set_min_capacity(scaling.min_capacity())
        .set_max_capacity(scaling.max_capacity())
        .set_seconds_until_auto_pause(scaling.seconds_until_auto_pause());
    Some(configuration.build())
}

/// Aurora's log does not tell where its data end, so only that of a Multi-AZ DB cluster is wanted in any case.
fn exports_during_the_run(plan: &Plan, source: &DbCluster) -> Vec<String> {
    let exports = source.enabled_cloudwatch_logs_exports();
    if plan.source.kind == Kind::Aurora { exports.to_vec() } else { settings::with_postgresql_log(exports) }
}

/// The modification that is still needed, if any.
fn modify_request(aws: &Aws, plan: &Plan, source: &DbCluster, target: &DbCluster) -> Option<ModifyDBClusterFluentBuilder> {
    let mut request = aws.rds.modify_db_cluster().db_cluster_identifier(&plan.target).apply_immediately(true);
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
    carry!(preferred_backup_window, set_preferred_backup_window);
    carry!(preferred_maintenance_window, set_preferred_maintenance_window);
    carry!(copy_tags_to_snapshot, set_copy_tags_to_snapshot);
    carry!(auto_minor_version_upgrade, set_auto_minor_version_upgrade);
    carry!(http_endpoint_enabled, set_enable_http_endpoint);
    carry!(database_insights_mode, set_database_insights_mode);
    carry!(performance_insights_enabled, set_enable_performance_insights);
    carry!(performance_insights_kms_key_id, set_performance_insights_kms_key_id);
    carry!(performance_insights_retention_period, set_performance_insights_retention_period);
    carry!(monitoring_interval, set_monitoring_interval);
    carry!(monitoring_role_arn, set_monitoring_role_arn);
    needed.then_some(request)
}

/// After it answers ready, members, cluster and log group are gone.
pub(crate) async fn drop(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let Some(target) = clusters::find_cluster(aws, &plan.target).await? else {
        rds::drop_log_group(aws, plan).await?;
        return Ok(Ready::yes("gone"));
    };
    let status = target.status().unwrap_or_default();
    if status == "deleting" {
        return Ok(Ready::not_yet(status));
    }
    // A Multi-AZ DB cluster takes its members along.
    if plan.source.kind == Kind::Aurora && !target.db_cluster_members().is_empty() {
        return clusters::drop_members(aws, &target).await;
    }
    let request = aws.rds.delete_db_cluster().db_cluster_identifier(&plan.target).skip_final_snapshot(true).delete_automated_backups(true);
    match request.send().await {
        Ok(_) => Ok(Ready::not_yet("deleting")),
        Err(error) if code(&error) == Some("InvalidDBClusterStateFault") => Ok(Ready::not_yet(status)),
        Err(error) => Err(StepError::from(error).while_doing(&format!("delete cluster {}", plan.target))),
    }
}
