//! What happens to source and target after the application has moved.

use aws::client::Aws;
use aws::rds::instances::find_instance;
use aws::rds::log_groups::drop_log_group;
use aws::rds::requests::{begun, going, new_ready};
use aws::rds::snapshots::find_snapshot;
use aws::rds::status::{Standing, standing};
use aws::rds::target::target_instance;
use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DbInstance};
use shared::contract::{Plan, Ready, Settled};
use shared::error::{Context, Result};
use shared::input::AfterSource;
use shared::names::POSTGRESQL_LOG;

use crate::{gone, logs, mark_moved, replicas, roles, settle_without_source};

/// After it answers ready, the target has everything that is set at the end: the log exports of the source and no others, its
/// protection against deletion, a managed master password where the source has one, its roles and its replicas.
pub(crate) async fn settle_target(aws: &Aws, plan: &Plan, settled: &mut Settled) -> Result<Ready> {
    let Some(source) = find_source(aws, plan).await? else {
        let is_by_run = find_snapshot(aws, &plan.names.last).await?.is_some();
        return Ok(settle_without_source(plan, is_by_run, settled));
    };
    let target = target_instance(aws, plan).await?;
    if let Some(request) = modify_request(aws, plan, &source, &target) {
        return begun(request.send().await, "modifying").context(&format!("finish {}", plan.target));
    }
    if !exports(&source).iter().any(|export| export == POSTGRESQL_LOG) {
        drop_log_group(aws, plan).await?;
    }
    let ready = new_ready(plan, &format!("instance {}", plan.target), target.db_instance_status())?;
    if !ready.ready {
        return Ok(ready);
    }
    // Refused requests are repeated: the last call reports the current state.
    let mut not_made = roles::ensure(aws, &source, &target).await?;
    not_made.extend(logs::ensure_retention(aws, plan, exports(&source)).await?);
    *settled = Settled { replicas: Vec::new(), not_made };
    Box::pin(replicas::ensure(aws, plan, source, settled)).await
}

async fn find_source(aws: &Aws, plan: &Plan) -> Result<Option<DbInstance>> {
    find_instance(aws, &plan.source.resource_id).await
}

/// Settings that only a modification gives the target, if any of them is still missing.
fn modify_request(aws: &Aws, plan: &Plan, source: &DbInstance, target: &DbInstance) -> Option<ModifyDBInstanceFluentBuilder> {
    let extra: Vec<String> = exports(target).iter().filter(|export| !exports(source).contains(export)).cloned().collect();
    let protect = source.deletion_protection() == Some(true) && target.deletion_protection() != Some(true);
    let managed = source.master_user_secret().filter(|_| target.master_user_secret().is_none());
    if extra.is_empty() && !protect && managed.is_none() {
        return None;
    }
    let mut request = aws.rds.modify_db_instance().db_instance_identifier(&plan.target).apply_immediately(true);
    if !extra.is_empty() {
        let fewer = CloudwatchLogsExportConfiguration::builder().set_disable_log_types(Some(extra)).build();
        request = request.cloudwatch_logs_export_configuration(fewer);
    }
    if protect {
        request = request.deletion_protection(true);
    }
    if let Some(secret) = managed {
        // A secret of its own, with a new password: the run has logged in for the last time.
        request = request.manage_master_user_password(true).set_master_user_secret_kms_key_id(secret.kms_key_id.clone());
    }
    Some(request)
}

fn exports(instance: &DbInstance) -> &[String] {
    instance.enabled_cloudwatch_logs_exports()
}

/// After it answers ready, the source is kept, stopped, or deleted after a final snapshot.
pub(crate) async fn settle_source(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let Some(source) = find_source(aws, plan).await? else {
        let last = find_snapshot(aws, &plan.names.last).await?;
        return Ok(gone(plan, last.as_ref().map(|snapshot| snapshot.status().unwrap_or_default())));
    };
    if plan.after.source == AfterSource::Delete {
        return delete(aws, plan, &source).await;
    }
    mark_moved(aws, plan, source.db_instance_arn()).await?;
    if plan.after.source == AfterSource::Stop { stop(aws, &source).await } else { Ok(Ready::yes("kept, fenced")) }
}

async fn stop(aws: &Aws, source: &DbInstance) -> Result<Ready> {
    let status = source.db_instance_status().unwrap_or_default();
    let source = source.db_instance_identifier().unwrap_or_default();
    match status {
        "stopped" => Ok(Ready::yes("stopped; RDS starts it again after seven days")),
        _ if standing(status) == Standing::Usable => {
            begun(aws.rds.stop_db_instance().db_instance_identifier(source).send().await, "stopping").context(&format!("stop {source}"))
        }
        other => Ok(Ready::not_yet(other)),
    }
}

/// The final snapshot is unencrypted if the source is: it is named in the output, for the operator to decide.
async fn delete(aws: &Aws, plan: &Plan, instance: &DbInstance) -> Result<Ready> {
    let (source, last) = (instance.db_instance_identifier().unwrap_or_default(), &plan.names.last);
    let status = instance.db_instance_status().unwrap_or_default();
    if standing(status) != Standing::Usable {
        return Ok(Ready::not_yet(status));
    }
    if instance.deletion_protection() == Some(true) {
        let unprotect = aws.rds.modify_db_instance().db_instance_identifier(source).deletion_protection(false).apply_immediately(true);
        return begun(unprotect.send().await, "modifying").context(&format!("lift the deletion protection of {source}"));
    }
    let request = aws.rds.delete_db_instance().db_instance_identifier(source).final_db_snapshot_identifier(last);
    going(request.send().await, "deleting").context(&format!("delete {source}"))
}
