//! Read replicas of the target, made like the source's. The old ones stay replicas of the source.

use aws::client::Aws;
use aws::rds::instances::find_instance;
use aws::rds::requests::execution_tag;
use aws::rds::status::{Standing, standing};
use aws::settings::instance::{least_storage_limit, may_set_performance};
use aws::settings::{is_default_group, is_own_tag};
use aws_sdk_rds::operation::create_db_instance_read_replica::builders::CreateDBInstanceReadReplicaFluentBuilder;
use aws_sdk_rds::types::{DbInstance, Tag};
use shared::contract::{Execution, Plan, Ready, Settled};
use shared::error::aws::code;
use shared::error::{ErrorName, Result, StepError};

/// The state of one of them.
enum Replica {
    Made,
    NotYet(String),
    /// It will not be made, or not in full, and why.
    NotMade(String),
}

/// After it answers ready, the target has a replica for each of the source's that can be made, and these have theirs; `settled` lists
/// which were made, and which were not and why. None of them fails the run: the application has moved.
pub(crate) async fn ensure(aws: &Aws, plan: &Plan, source: DbInstance, settled: &mut Settled) -> Result<Ready> {
    let mut waits = Vec::new();
    let mut open = vec![(source, plan.target.clone())];
    while let Some((old_primary, primary)) = open.pop() {
        for name in old_primary.read_replica_db_instance_identifiers() {
            if name.starts_with("arn:") {
                settled.not_made.push(format!("replica {name}: it is in another Region"));
                continue;
            }
            // A replica that was deleted meanwhile gets no counterpart.
            let Some(old) = find_instance(aws, name).await? else { continue };
            match ensure_one(aws, plan, &old, &primary).await? {
                Replica::Made => {
                    let made = plan.names.successor(name);
                    settled.replicas.push(made.clone());
                    open.push((old, made));
                }
                Replica::NotYet(status) => waits.push(status),
                Replica::NotMade(why) => settled.not_made.push(format!("replica {name}: {why}")),
            }
        }
    }
    Ok(if waits.is_empty() { Ready::yes("replicated") } else { Ready::not_yet(waits.join(", ")) })
}

async fn ensure_one(aws: &Aws, plan: &Plan, old: &DbInstance, primary: &str) -> Result<Replica> {
    let name = plan.names.successor(old.db_instance_identifier().unwrap_or_default());
    let Some(replica) = find_instance(aws, &name).await? else { return create(aws, &plan.execution, old, primary, &name).await };
    let status = replica.db_instance_status().unwrap_or_default();
    match standing(status) {
        Standing::Usable => settle(aws, old, &replica, &name).await,
        Standing::Lost => Ok(Replica::NotMade(format!("{name} is {status}"))),
        Standing::Between | Standing::Stopped => Ok(Replica::NotYet(format!("replica {name} is {status}"))),
    }
}

async fn create(aws: &Aws, execution: &Execution, old: &DbInstance, primary: &str, name: &str) -> Result<Replica> {
    let Some(primary) = find_instance(aws, primary).await? else { return Ok(Replica::NotMade(format!("{primary} is gone"))) };
    if primary.backup_retention_period().unwrap_or(0) == 0 {
        return Ok(Replica::NotMade("its primary has no automated backups".to_owned()));
    }
    if standing(primary.db_instance_status().unwrap_or_default()) != Standing::Usable {
        return Ok(Replica::NotYet(format!("replica {name} waits for its primary")));
    }
    match create_request(aws, execution, old, &primary, name).send().await {
        Ok(_) => Ok(Replica::NotYet(format!("making replica {name}"))),
        Err(error) if matches!(code(&error), Some("InvalidDBInstanceState" | "InvalidDBInstanceStateFault")) => {
            Ok(Replica::NotYet(format!("replica {name} waits for its primary")))
        }
        // The answer to the request that made it was lost.
        Err(error) if code(&error) == Some("DBInstanceAlreadyExists") => Ok(Replica::NotYet(format!("making replica {name}"))),
        Err(error) => Ok(Replica::NotMade(StepError::from(error).ok_if(ErrorName::AwsRefused)?.to_string())),
    }
}

/// Everything that the request takes, as the old replica has it. Key, engine and version are its primary's.
fn create_request(aws: &Aws, execution: &Execution, old: &DbInstance, primary: &DbInstance, name: &str) -> CreateDBInstanceReadReplicaFluentBuilder {
    let tags: Vec<Tag> = old.tag_list().iter().filter(|tag| !is_own_tag(tag)).cloned().chain([execution_tag(execution)]).collect();
    let monitored = old.monitoring_interval().unwrap_or(0) > 0;
    let insights = old.performance_insights_enabled().unwrap_or(false);
    let request = aws
        .rds
        .create_db_instance_read_replica()
        .db_instance_identifier(name)
        .set_source_db_instance_identifier(primary.db_instance_identifier.clone())
        .set_db_instance_class(old.db_instance_class.clone())
        .set_auto_minor_version_upgrade(old.auto_minor_version_upgrade)
        .set_db_parameter_group_name(old.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name.clone()))
        .set_option_group_name(
            old.option_group_memberships().first().and_then(|group| group.option_group_name.clone()).filter(|name| !is_default_group(name)),
        )
        .set_copy_tags_to_snapshot(old.copy_tags_to_snapshot)
        .set_monitoring_interval(old.monitoring_interval)
        .set_monitoring_role_arn(old.monitoring_role_arn.clone().filter(|_| monitored))
        .set_enable_iam_database_authentication(old.iam_database_authentication_enabled)
        .set_database_insights_mode(old.database_insights_mode.clone())
        .set_enable_performance_insights(old.performance_insights_enabled)
        .set_performance_insights_kms_key_id(old.performance_insights_kms_key_id.clone().filter(|_| insights))
        .set_performance_insights_retention_period(old.performance_insights_retention_period.filter(|_| insights))
        .set_enable_cloudwatch_logs_exports(old.enabled_cloudwatch_logs_exports.clone())
        .set_processor_features(old.processor_features.clone().filter(|features| !features.is_empty()))
        .set_deletion_protection(old.deletion_protection)
        .set_ca_certificate_identifier(old.ca_certificate_identifier.clone())
        .set_tags(Some(tags));
    with_storage(with_network(request, old, primary), old, primary)
}

fn with_network(
    request: CreateDBInstanceReadReplicaFluentBuilder,
    old: &DbInstance,
    primary: &DbInstance,
) -> CreateDBInstanceReadReplicaFluentBuilder {
    let multi_az = old.multi_az().unwrap_or(false);
    let subnets = |instance: &DbInstance| instance.db_subnet_group().and_then(|group| group.db_subnet_group_name.clone());
    let groups: Vec<String> = old.vpc_security_groups().iter().filter_map(|group| group.vpc_security_group_id.clone()).collect();
    request
        .set_port(old.endpoint().and_then(aws_sdk_rds::types::Endpoint::port))
        .multi_az(multi_az)
        // RDS refuses a zone for an instance that has two.
        .set_availability_zone(old.availability_zone.clone().filter(|_| !multi_az))
        // In its primary's network by default; RDS may refuse the group if it is given (`DBSubnetGroupNotAllowedFault`).
        .set_db_subnet_group_name(subnets(old).filter(|name| Some(name) != subnets(primary).as_ref()))
        .set_vpc_security_group_ids(Some(groups).filter(|groups| !groups.is_empty()))
        .set_publicly_accessible(old.publicly_accessible)
        .set_network_type(old.network_type.clone())
        .set_enable_customer_owned_ip(old.customer_owned_ip_enabled.filter(|enabled| *enabled))
}

fn with_storage(
    request: CreateDBInstanceReadReplicaFluentBuilder,
    old: &DbInstance,
    primary: &DbInstance,
) -> CreateDBInstanceReadReplicaFluentBuilder {
    let chosen = |performance: Option<i32>| performance.filter(|number| *number > 0 && may_set_performance(old));
    request
        .set_storage_type(old.storage_type.clone())
        .set_allocated_storage(old.allocated_storage.filter(|size| Some(*size) >= primary.allocated_storage))
        .set_max_allocated_storage(
            old.max_allocated_storage.map(|limit| limit.max(least_storage_limit(old.allocated_storage.max(primary.allocated_storage)))),
        )
        .set_iops(chosen(old.iops))
        .set_storage_throughput(chosen(old.storage_throughput))
        .set_dedicated_log_volume(old.dedicated_log_volume.filter(|enabled| *enabled))
}

/// A new replica has no backups, and a maintenance window that RDS chooses.
async fn settle(aws: &Aws, old: &DbInstance, replica: &DbInstance, name: &str) -> Result<Replica> {
    let retention = old.backup_retention_period.filter(|days| *days > 0);
    let backed_up = retention.is_none() || retention == replica.backup_retention_period;
    if backed_up && old.preferred_maintenance_window == replica.preferred_maintenance_window {
        return Ok(Replica::Made);
    }
    let request = aws
        .rds
        .modify_db_instance()
        .db_instance_identifier(name)
        .apply_immediately(true)
        .set_preferred_maintenance_window(old.preferred_maintenance_window.clone())
        .set_backup_retention_period(retention)
        .set_preferred_backup_window(old.preferred_backup_window.clone().filter(|_| retention.is_some()));
    match request.send().await {
        Ok(_) => Ok(Replica::NotYet(format!("replica {name} is modifying"))),
        Err(error) if code(&error) == Some("InvalidDBInstanceState") => Ok(Replica::NotYet(format!("replica {name} is busy"))),
        Err(error) => {
            let error = StepError::from(error).ok_if(ErrorName::AwsRefused)?;
            Ok(Replica::NotMade(format!("{name} exists, with different backup or maintenance settings: {error}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_rds::types::{DbParameterGroupStatus, DbSubnetGroup, OptionGroupMembership};
    use shared::contract::example;

    #[test]
    fn a_replica_is_told_all_that_the_old_one_has_and_nothing_that_rds_refuses() {
        let plan: Plan = serde_json::from_value(example::plan()).unwrap();
        let subnets = |name: &str| DbSubnetGroup::builder().db_subnet_group_name(name).build();
        let primary = DbInstance::builder().db_instance_identifier(&plan.target).allocated_storage(100).db_subnet_group(subnets("a")).build();
        let old = DbInstance::builder()
            .db_instance_class("db.r6g.large")
            .db_parameter_groups(DbParameterGroupStatus::builder().db_parameter_group_name("default.postgres17").build())
            .option_group_memberships(OptionGroupMembership::builder().option_group_name("default:postgres-17").build())
            .multi_az(true)
            .availability_zone("eu-central-1a")
            .db_subnet_group(subnets("a"))
            .storage_type("gp3")
            .allocated_storage(20)
            .iops(3000)
            .monitoring_interval(0)
            .monitoring_role_arn("arn:role")
            .deletion_protection(true)
            .tag_list(Tag::builder().key("rds-reencrypt:approve").value("x").build())
            .build();
        let request = create_request(&Aws::from_env(), &plan.execution, &old, &primary, "reader");
        assert_eq!(request.get_source_db_instance_identifier().as_deref(), Some(plan.target.as_str()));
        // Without it, a replica would get its primary's group.
        assert_eq!(request.get_db_parameter_group_name().as_deref(), Some("default.postgres17"));
        assert_eq!(request.get_deletion_protection(), &Some(true));
        let left_out = [
            request.get_option_group_name(),
            request.get_availability_zone(),
            request.get_db_subnet_group_name(),
            request.get_monitoring_role_arn(),
            request.get_kms_key_id(),
        ];
        assert_eq!(left_out, [&None; 5]);
        assert_eq!((request.get_iops(), request.get_allocated_storage()), (&None, &None));
        assert_eq!(request.get_tags().as_ref().map(Vec::len), Some(1), "the old replica's approval is not copied");
    }
}
