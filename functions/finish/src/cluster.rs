//! What happens to both clusters after the application has moved.

use aws::client::Aws;
use aws::rds::clusters;
use aws::rds::log_groups::drop_log_group;
use aws::rds::requests::{begun, going};
use aws::rds::status::{Standing, standing};
use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DbCluster};
use shared::contract::{Kind, Plan, Ready, Settled};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::input::AfterSource;

use crate::{gone, logs, mark_moved, roles, settle_without_source};

/// After it answers ready, the target exports the logs that the source does and no others, keeps its master password as the source
/// does, is protected against deletion if the source is, and has its roles.
pub(crate) async fn settle_target(aws: &Aws, plan: &Plan, settled: &mut Settled) -> Result<Ready> {
    let Some(source) = find_source(aws, plan).await? else {
        let is_by_run = clusters::find_snapshot(aws, &plan.names.last).await?.is_some();
        return Ok(settle_without_source(plan, is_by_run, settled));
    };
    let gone = || StepError::new(ErrorName::RestoreFailed, format!("cluster {} does not exist any more", plan.target));
    let target = clusters::find_cluster(aws, &plan.target).await?.ok_or_else(gone)?;
    let extra: Vec<String> = exports(&target).iter().filter(|export| !exports(&source).contains(export)).cloned().collect();
    let protect = source.deletion_protection() == Some(true) && target.deletion_protection() != Some(true);
    let managed = source.master_user_secret().filter(|_| target.master_user_secret().is_none());
    if extra.is_empty() && !protect && managed.is_none() {
        if !exports(&source).iter().any(|export| export == "postgresql") {
            drop_log_group(aws, plan).await?;
        }
        // Refused requests are repeated: the last call reports the current state.
        let mut not_made = roles::ensure_of_cluster(aws, &source, &target).await?;
        not_made.extend(logs::ensure_retention(aws, plan, exports(&source)).await?);
        *settled = Settled { replicas: Vec::new(), not_made };
        return Ok(Ready::yes("settled"));
    }
    let mut request = aws.rds.modify_db_cluster().db_cluster_identifier(&plan.target).apply_immediately(true);
    if !extra.is_empty() {
        let fewer = CloudwatchLogsExportConfiguration::builder().set_disable_log_types(Some(extra)).build();
        request = request.cloudwatch_logs_export_configuration(fewer);
    }
    if protect {
        request = request.deletion_protection(true);
    }
    if let Some(secret) = managed {
        request = request.manage_master_user_password(true).set_master_user_secret_kms_key_id(secret.kms_key_id().map(str::to_owned));
    }
    begun(request.send().await, "modifying").context(&format!("finish cluster {}", plan.target))
}

async fn find_source(aws: &Aws, plan: &Plan) -> Result<Option<DbCluster>> {
    clusters::find_cluster(aws, &plan.source.resource_id).await
}

fn exports(cluster: &DbCluster) -> &[String] {
    cluster.enabled_cloudwatch_logs_exports()
}

/// After it answers ready, the source is kept, stopped, or deleted after a final snapshot.
pub(crate) async fn settle_source(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let Some(source) = find_source(aws, plan).await? else {
        let last = clusters::find_snapshot(aws, &plan.names.last).await?;
        return Ok(gone(plan, last.as_ref().map(|snapshot| snapshot.status().unwrap_or_default())));
    };
    if plan.after.source == AfterSource::Delete {
        return delete(aws, plan, &source).await;
    }
    mark_moved(aws, plan, source.db_cluster_arn()).await?;
    if plan.after.source == AfterSource::Stop { stop(aws, &source).await } else { Ok(Ready::yes("kept, fenced")) }
}

async fn stop(aws: &Aws, source: &DbCluster) -> Result<Ready> {
    let status = source.status().unwrap_or_default();
    let source = source.db_cluster_identifier().unwrap_or_default();
    match status {
        "stopped" => Ok(Ready::yes("stopped; RDS starts it again after seven days")),
        _ if standing(status) == Standing::Usable => {
            begun(aws.rds.stop_db_cluster().db_cluster_identifier(source).send().await, "stopping").context(&format!("stop {source}"))
        }
        other => Ok(Ready::not_yet(other)),
    }
}

/// The cluster's final snapshot is made with its deletion, which Aurora allows only once all members are gone.
async fn delete(aws: &Aws, plan: &Plan, cluster: &DbCluster) -> Result<Ready> {
    let (source, last) = (cluster.db_cluster_identifier().unwrap_or_default(), &plan.names.last);
    let status = cluster.status().unwrap_or_default();
    if standing(status) != Standing::Usable {
        return Ok(Ready::not_yet(status));
    }
    if cluster.deletion_protection() == Some(true) {
        let unprotect = aws.rds.modify_db_cluster().db_cluster_identifier(source).deletion_protection(false).apply_immediately(true);
        return begun(unprotect.send().await, "modifying").context(&format!("lift the deletion protection of {source}"));
    }
    if plan.source.kind == Kind::Aurora && !cluster.db_cluster_members().is_empty() {
        return clusters::drop_members(aws, cluster).await;
    }
    let request = aws.rds.delete_db_cluster().db_cluster_identifier(source).final_db_snapshot_identifier(last);
    going(request.send().await, "deleting").context(&format!("delete {source}"))
}
