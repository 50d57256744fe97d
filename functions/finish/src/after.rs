//! What becomes of source and copy when the application has moved.

use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DbInstance};
use shared::aws::Aws;
use shared::contract::{Plan, Ready};
use shared::error::{Result, StepError, While};
use shared::input::AfterSource;
use shared::rds::{drop_log_group, find_instance, find_snapshot, target_instance};

/// After it answers ready, the new instance exports the logs that the source does and no others, and is protected
/// against deletion if the source is.
pub(crate) async fn settle_target(aws: &Aws, plan: &Plan) -> Result<Ready> {
    // A repeated call after the source was deleted: what it asked for has been done.
    let Some(source) = find_instance(aws, &plan.source.identifier).await? else { return Ok(Ready::yes("the source is gone")) };
    let target = target_instance(aws, plan).await?;
    let extra: Vec<String> = exports(&target).iter().filter(|export| !exports(&source).contains(export)).cloned().collect();
    let protect = source.deletion_protection() == Some(true) && target.deletion_protection() != Some(true);
    if extra.is_empty() && !protect {
        if !exports(&source).iter().any(|export| export == "postgresql") {
            drop_log_group(aws, plan).await?;
        }
        return Ok(Ready::yes("settled"));
    }
    if target.db_instance_status() != Some("available") {
        return Ok(Ready::not_yet(target.db_instance_status().unwrap_or_default()));
    }
    let mut request = aws.rds.modify_db_instance().db_instance_identifier(&plan.target).apply_immediately(true);
    if !extra.is_empty() {
        let fewer = CloudwatchLogsExportConfiguration::builder().set_disable_log_types(Some(extra)).build();
        request = request.cloudwatch_logs_export_configuration(fewer);
    }
    if protect {
        request = request.deletion_protection(true);
    }
    request.send().await.map_err(StepError::from).while_doing(&format!("set log export and protection of {}", plan.target))?;
    Ok(Ready::not_yet("modifying"))
}

fn exports(instance: &DbInstance) -> &[String] {
    instance.enabled_cloudwatch_logs_exports()
}

/// After it answers ready, the source is kept, stopped, or deleted behind a last snapshot.
pub(crate) async fn settle_source(aws: &Aws, plan: &Plan) -> Result<Ready> {
    match plan.after.source {
        AfterSource::Keep => Ok(Ready::yes("kept, fenced")),
        AfterSource::Stop => stop(aws, plan).await,
        AfterSource::Delete => delete(aws, plan).await,
    }
}

async fn stop(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let source = &plan.source.identifier;
    let status = find_instance(aws, source).await?.and_then(|instance| instance.db_instance_status).unwrap_or_default();
    match status.as_str() {
        "stopped" => Ok(Ready::yes("stopped; RDS starts it again after seven days")),
        "available" => match aws.rds.stop_db_instance().db_instance_identifier(source).send().await {
            Ok(_) => Ok(Ready::not_yet("stopping")),
            Err(error) => Err(StepError::from(error).while_doing(&format!("stop {source}"))),
        },
        other => Ok(Ready::not_yet(other)),
    }
}

/// The last snapshot is unencrypted as the source is: it is named in the output, for the operator to decide.
async fn delete(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let (source, last) = (&plan.source.identifier, &plan.names.last);
    let Some(instance) = find_instance(aws, source).await? else {
        return Ok(match find_snapshot(aws, last).await? {
            Some(snapshot) if snapshot.status() == Some("available") => Ready::yes(format!("deleted; its last snapshot is {last}")),
            Some(snapshot) => Ready::not_yet(snapshot.status().unwrap_or_default()),
            None => Ready::yes("deleted"),
        });
    };
    if instance.db_instance_status() != Some("available") {
        return Ok(Ready::not_yet(instance.db_instance_status().unwrap_or_default()));
    }
    if instance.deletion_protection() == Some(true) {
        let unprotect = aws.rds.modify_db_instance().db_instance_identifier(source).deletion_protection(false).apply_immediately(true);
        unprotect.send().await.map_err(StepError::from).while_doing(&format!("lift the deletion protection of {source}"))?;
        return Ok(Ready::not_yet("modifying"));
    }
    let request = aws.rds.delete_db_instance().db_instance_identifier(source).final_db_snapshot_identifier(last);
    request.send().await.map_err(StepError::from).while_doing(&format!("delete {source}"))?;
    Ok(Ready::not_yet("deleting"))
}
