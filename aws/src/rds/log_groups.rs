//! The log groups to which RDS exports a database's logs: RDS creates them without a retention, and copies none of their settings.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::LogGroup;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use shared::contract::{Kind, Plan};
use shared::error::aws::code;
use shared::error::{Context, Result, StepError};
use shared::names::POSTGRESQL_LOG;

use crate::client::Aws;

/// A group's retention in days; none if it is unlimited, or if the group does not exist.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn retention_days(aws: &Aws, group: &str) -> Result<Option<i32>> {
    let groups = Client::new(&aws.config).describe_log_groups().log_group_name_prefix(group).send().await;
    let groups = groups.context(&format!("read log group {group}"))?;
    Ok(groups.log_groups().iter().find(|found| found.log_group_name() == Some(group)).and_then(LogGroup::retention_in_days))
}

/// The number of a group's metric and subscription filters; zero if the group does not exist.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn filters(aws: &Aws, group: &str) -> Result<(usize, usize)> {
    let logs = Client::new(&aws.config);
    let what = format!("read the filters of log group {group}");
    let metrics = there(logs.describe_metric_filters().log_group_name(group).send().await).context(&what)?;
    let subscriptions = there(logs.describe_subscription_filters().log_group_name(group).send().await).context(&what)?;
    Ok((metrics.map_or(0, |answer| answer.metric_filters().len()), subscriptions.map_or(0, |answer| answer.subscription_filters().len())))
}

/// None if the group does not exist.
fn there<T, E>(answer: std::result::Result<T, SdkError<E, HttpResponse>>) -> Result<Option<T>>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if code(&error) == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// After it, the group has this retention; `false` if RDS has not created it yet.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn retain(aws: &Aws, group: &str, days: i32) -> Result<bool> {
    let kept = Client::new(&aws.config).put_retention_policy().log_group_name(group).retention_in_days(days).send().await;
    Ok(there(kept).context(&format!("set the retention of log group {group}"))?.is_some())
}

/// After it, the log group of the target's PostgreSQL log is gone: it outlives database and export.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn drop_log_group(aws: &Aws, plan: &Plan) -> Result<()> {
    // Under the name that it was made with: RDS moves no log group when it renames a database.
    let group = log_group(plan.source.kind, &plan.names.target);
    match aws_sdk_cloudwatchlogs::Client::new(&aws.config).delete_log_group().log_group_name(&group).send().await {
        Err(error) if code(&error) != Some("ResourceNotFoundException") => Err(StepError::from(error).context(&format!("delete log group {group}"))),
        _ => Ok(()),
    }
}

/// The log group to which RDS exports the PostgreSQL log of an instance, or of all members of a cluster.
#[must_use]
pub fn log_group(kind: Kind, identifier: &str) -> String {
    log_group_of(kind, identifier, POSTGRESQL_LOG)
}

/// The log group of another log that RDS exports. Source: Amazon RDS user guide, "Publishing PostgreSQL logs to Amazon CloudWatch Logs".
#[must_use]
pub fn log_group_of(kind: Kind, identifier: &str, log: &str) -> String {
    let holder = if kind.is_cluster() { "cluster" } else { "instance" };
    format!("/aws/rds/{holder}/{identifier}/{log}")
}
