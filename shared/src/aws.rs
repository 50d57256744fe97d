//! The way out to AWS: one configuration, clients made from it, and what their errors mean.

use std::time::Duration;

use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::{ErrorName, StepError, chain};
use crate::https;

/// AWS in the function's Region. `AWS_ENDPOINT_URL` leads it elsewhere.
#[derive(Debug)]
pub struct Aws {
    pub config: SdkConfig,
    pub rds: aws_sdk_rds::Client,
}

impl Aws {
    /// Takes Region, credentials and endpoint from the function's environment, where Lambda puts them. The SDK's default
    /// chain would look in a dozen other places, and be most of the binary.
    #[must_use]
    pub fn from_env() -> Self {
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
            .http_client(https::client());
        let config = match variable("AWS_ENDPOINT_URL") {
            Some(url) => config.endpoint_url(url).build(),
            None => config.build(),
        };
        Self { rds: aws_sdk_rds::Client::new(&config), config }
    }

    /// The Region, as in `eu-west-1`; empty where none is configured.
    #[must_use]
    pub fn region(&self) -> &str {
        self.config.region().map_or("", |region| region.as_ref())
    }
}

/// The codes by which AWS services say "later".
const LATER: [&str; 8] = [
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "ServiceUnavailable",
    "InternalFailure",
    "InternalServiceErrorException",
];

impl<E, R> From<SdkError<E, R>> for StepError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    fn from(error: SdkError<E, R>) -> Self {
        match error.as_service_error() {
            Some(service) => {
                let code = service.code().unwrap_or("unknown error");
                let name = if LATER.contains(&code) { ErrorName::AwsUnavailable } else { ErrorName::AwsRefused };
                Self::new(name, format!("{code}: {}", service.message().unwrap_or("no message")))
            }
            None => Self::new(ErrorName::AwsUnavailable, chain(&error)),
        }
    }
}

/// The code of a service's refusal, as in `DBSnapshotNotFound`.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}
