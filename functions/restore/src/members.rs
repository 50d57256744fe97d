//! The members of the target cluster. RDS makes those of a Multi-AZ DB cluster itself; Aurora's restore makes none.

use aws::client::Aws;
use aws::rds;
use aws::rds::instances::find_instance;
use aws::rds::requests::begun;
use aws_sdk_rds::operation::create_db_instance::builders::CreateDBInstanceFluentBuilder;
use aws_sdk_rds::types::{DbCluster, DbClusterMember, DbInstance};
use shared::contract::{Kind, Plan, Ready};
use shared::error::{Context, Result};

use crate::{settings, with_place};

/// After it answers ready, the target cluster has a member for each of the source's, and all are available.
///
/// The writer comes first: a cluster's first member becomes the writer.
pub(crate) async fn ensure(aws: &Aws, plan: &Plan, source: &DbCluster, target: &DbCluster) -> Result<Ready> {
    if plan.source.kind == Kind::Aurora {
        let mut originals: Vec<&DbClusterMember> = source.db_cluster_members().iter().collect();
        originals.sort_by_key(|member| member.is_cluster_writer() != Some(true));
        for original in originals {
            let made = ensure_member(aws, plan, source, original).await?;
            if !made.ready {
                return Ok(made);
            }
        }
    }
    let has_writer = target.db_cluster_members().iter().any(|member| member.is_cluster_writer() == Some(true));
    if !has_writer {
        return Ok(Ready::not_yet("no writer yet"));
    }
    for member in target.db_cluster_members() {
        let Some(instance) = find_instance(aws, member.db_instance_identifier().unwrap_or_default()).await? else {
            return Ok(Ready::not_yet("creating members"));
        };
        let ready = available(&plan.kms_key_arn, &instance)?;
        if !ready.ready {
            return Ok(ready);
        }
    }
    Ok(Ready::yes("available"))
}

async fn ensure_member(aws: &Aws, plan: &Plan, cluster: &DbCluster, original: &DbClusterMember) -> Result<Ready> {
    let old = original.db_instance_identifier().unwrap_or_default();
    let new = plan.names.successor(old);
    if let Some(found) = find_instance(aws, &new).await? {
        return available(&plan.kms_key_arn, &found);
    }
    // A member that was deleted meanwhile gets no counterpart.
    let Some(old) = find_instance(aws, old).await? else { return Ok(Ready::yes("gone")) };
    let made = begun(create_request(aws, plan, cluster, &old, &new).send().await, format!("creating {new}"));
    let made = made.context(&format!("make member {new} of cluster {}", plan.target))?;
    Ok(with_place(&made, old.db_instance_class(), old.availability_zone()))
}

/// Source: `CreateDBInstance` of the RDS service model.
fn create_request(aws: &Aws, plan: &Plan, cluster: &DbCluster, old: &DbInstance, new: &str) -> CreateDBInstanceFluentBuilder {
    let parameter_group = old.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name());
    let request = aws
        .rds
        .create_db_instance()
        .db_instance_identifier(new)
        .db_cluster_identifier(&plan.target)
        .set_engine(old.engine().map(str::to_owned))
        .set_db_instance_class(old.db_instance_class().map(str::to_owned))
        .set_db_parameter_group_name(parameter_group.map(str::to_owned))
        .set_availability_zone(old.availability_zone().map(str::to_owned))
        .set_promotion_tier(old.promotion_tier())
        .set_publicly_accessible(old.publicly_accessible())
        .set_auto_minor_version_upgrade(old.auto_minor_version_upgrade())
        .set_copy_tags_to_snapshot(old.copy_tags_to_snapshot())
        .set_ca_certificate_identifier(old.ca_certificate_identifier().map(str::to_owned))
        .set_preferred_maintenance_window(old.preferred_maintenance_window().map(str::to_owned))
        .set_monitoring_interval(old.monitoring_interval())
        .set_monitoring_role_arn(old.monitoring_role_arn().map(str::to_owned))
        .set_tags(Some(settings::tags(&plan.execution, old.tag_list())));
    if cluster.performance_insights_enabled() == Some(true) {
        // The cluster decides then.
        return request;
    }
    request
        .set_enable_performance_insights(old.performance_insights_enabled())
        .set_performance_insights_kms_key_id(old.performance_insights_kms_key_id().map(str::to_owned))
        .set_performance_insights_retention_period(old.performance_insights_retention_period())
}

fn available(kms_key_arn: &str, instance: &DbInstance) -> Result<Ready> {
    rds::requests::new_ready(kms_key_arn, &format!("member {}", instance.db_instance_identifier().unwrap_or_default()), instance.db_instance_status())
}
