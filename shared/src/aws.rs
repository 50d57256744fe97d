//! The way out to AWS: one configuration, clients made from it, and what their errors mean.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::error::{ErrorName, StepError, chain};

/// AWS in the function's Region. `AWS_ENDPOINT_URL` leads it elsewhere.
#[derive(Debug)]
pub struct Aws {
    pub config: SdkConfig,
    pub rds: aws_sdk_rds::Client,
}

impl Aws {
    /// Reads Region and credentials from the function's environment.
    pub async fn from_env() -> Self {
        let http_client = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client).load().await;
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
