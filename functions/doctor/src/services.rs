//! The AWS services that functions in a VPC call: each needs a route.

use std::time::{Duration, Instant};

use aws::client::Aws;
use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::future::{BoxFuture, FutureExt, join_all};
use shared::error::aws::code;
use shared::error::chain;

use crate::{Check, took};

/// Long for an answer within a Region. The functions themselves wait longer.
const LIMIT: Duration = Duration::from_secs(5);
/// A name that does not exist: the error for it is an answer as well.
const NOBODY: &str = "rds-reencrypt-doctor";

pub(crate) async fn check(aws: &Aws) -> Vec<Check> {
    let timeouts = TimeoutConfig::builder().operation_timeout(LIMIT).build();
    let config = aws.config.clone().into_builder().timeout_config(timeouts).retry_config(RetryConfig::disabled()).build();
    let calls: [BoxFuture<'_, Check>; 4] = [rds(&config).boxed(), secrets(&config).boxed(), metrics(&config).boxed(), logs(&config).boxed()];
    join_all(calls).await
}

async fn rds(config: &SdkConfig) -> Check {
    let client = aws_sdk_rds::Client::new(config);
    let began = Instant::now();
    described(config, "rds", "Inspect", began, client.describe_db_instances().max_records(20).send().await)
}

async fn secrets(config: &SdkConfig) -> Check {
    let client = aws_sdk_secretsmanager::Client::new(config);
    let began = Instant::now();
    described(config, "secretsmanager", "Inspect", began, client.get_secret_value().secret_id(NOBODY).send().await)
}

/// Called for the source's free storage.
async fn metrics(config: &SdkConfig) -> Check {
    let client = aws_sdk_cloudwatch::Client::new(config);
    let began = Instant::now();
    described(config, "monitoring", "Inspect", began, client.list_metrics().namespace(NOBODY).send().await)
}

/// Called for the log of the target's recovery.
async fn logs(config: &SdkConfig) -> Check {
    let client = aws_sdk_cloudwatchlogs::Client::new(config);
    let began = Instant::now();
    described(config, "logs", "AdvanceLsn", began, client.describe_log_groups().log_group_name_prefix(NOBODY).send().await)
}

fn described<T, E>(config: &SdkConfig, service: &str, step: &'static str, began: Instant, result: Result<T, SdkError<E, HttpResponse>>) -> Check
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let region = config.region().map_or("", |region| region.as_ref());
    let asked = format!("the functions reach {service} in {region}");
    match result {
        Ok(_) => Check::fine(asked, format!("an answer in {}", took(began)), step),
        // Any service error shows that the service was reached. Permissions are checked elsewhere.
        Err(error @ SdkError::ServiceError(_)) => {
            Check::fine(asked, format!("an answer in {} ({})", took(began), code(&error).unwrap_or("without a code")), step)
        }
        Err(error) => {
            let remedy = format!(
                "deploy with WithEndpoints=true, or give the functions' subnets a NAT gateway or an interface endpoint of com.amazonaws.{region}.{service} \
                 whose security group lets the functions in on port 443"
            );
            Check::failed(asked, format!("no answer within {}: {}", took(began), chain(&error)), step, remedy)
        }
    }
}
