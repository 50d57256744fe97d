//! Access to AWS: one configuration, and the clients made from it.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};

use crate::evidence::Evidence;
use crate::https;

/// AWS in the function's Region. `AWS_ENDPOINT_URL` points it elsewhere.
#[derive(Debug)]
pub struct Aws {
    pub config: SdkConfig,
    pub rds: aws_sdk_rds::Client,
    /// What the current call observes of AWS.
    pub evidence: Evidence,
}

impl Aws {
    /// Takes Region, credentials and endpoint from the function's environment, where Lambda puts them. The SDK's default
    /// chain would look in a dozen other places, and be most of the binary.
    #[must_use]
    pub fn from_env() -> Self {
        let evidence = Evidence::default();
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(variable("AWS_REGION").map(Region::new))
            .credentials_provider(SharedCredentialsProvider::new(EnvironmentVariableCredentialsProvider::new()))
            .timeout_config(
                TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(10)).operation_timeout(Duration::from_secs(30)).build(),
            )
            .retry_config(RetryConfig::standard())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .http_client(https::client(evidence.clone()));
        let config = match variable("AWS_ENDPOINT_URL") {
            Some(url) => config.endpoint_url(url).build(),
            None => config.build(),
        };
        Self { rds: aws_sdk_rds::Client::new(&config), config, evidence }
    }

    /// The Region, as in `eu-west-1`; empty if none is configured.
    #[must_use]
    pub fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }
}
