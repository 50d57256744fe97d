//! The meaning of AWS's errors: later, or never.

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::{ErrorName, StepError, chain};

/// Codes that mean "try again later" although the HTTP status means "never": throttling, whose names differ from service to
/// service. Source: the SDK's own `THROTTLING_ERRORS` and `TRANSIENT_ERRORS` (aws-runtime), and the "Common errors" of RDS and KMS.
const LATER: [&str; 23] = [
    "BandwidthLimitExceeded",
    "DependencyTimeoutException",
    "EC2ThrottledException",
    "InternalError",
    "InternalFailure",
    "InternalServiceError",
    "InternalServiceErrorException",
    "KMSInternalException",
    "KeyUnavailableException",
    "LimitExceededException",
    // CloudWatch Logs: another request is changing the same group.
    "OperationAbortedException",
    "PriorRequestNotComplete",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestTimeout",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Whether the same request may succeed in a moment. The status decides first: a failing service may send no code, or no body
/// at all.
fn is_later(status: u16, code: Option<&str>) -> bool {
    matches!(status, 408 | 429 | 500..) || code.is_some_and(|code| LATER.contains(&code) || code.starts_with("Throttl"))
}

impl<E> From<SdkError<E, HttpResponse>> for StepError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        match (&error, status) {
            (SdkError::ServiceError(_), Some(status)) => {
                let name = if is_later(status, code(&error)) { ErrorName::AwsUnavailable } else { ErrorName::AwsRefused };
                Self::new(name, said(&error))
            }
            _ => Self::new(ErrorName::AwsUnavailable, chain(&error)),
        }
    }
}

/// The code of a service's refusal, as in `DBSnapshotNotFound`.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Option<&str> {
    error.as_service_error().and_then(ProvideErrorMetadata::code)
}

/// The service's code and message, as in `DBSnapshotNotFound: there is none`: every cause includes it, beside our own words.
pub fn said<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> String {
    let message = error.as_service_error().and_then(ProvideErrorMetadata::message);
    let status = || error.raw_response().map_or_else(|| "no answer".to_owned(), |response| format!("HTTP status {}", response.status().as_u16()));
    match (code(error), message) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => format!("{code} ({})", status()),
        (None, message) => format!("{} without a code: {}", status(), message.unwrap_or("no message")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_rds::operation::describe_db_instances::DescribeDBInstancesError;
    use aws_smithy_runtime_api::http::StatusCode;
    use aws_smithy_types::body::SdkBody;
    use aws_smithy_types::error::ErrorMetadata;

    fn answered(status: u16, code: Option<&str>) -> StepError {
        let mut metadata = ErrorMetadata::builder();
        if let Some(code) = code {
            metadata = metadata.code(code).message("its sentence");
        }
        let response = HttpResponse::new(StatusCode::try_from(status).unwrap(), SdkBody::empty());
        SdkError::service_error(DescribeDBInstancesError::generic(metadata.build()), response).into()
    }

    #[test]
    fn a_service_that_fails_is_asked_again_whatever_it_calls_its_failure() {
        let failures = [(500, "InternalServiceError"), (500, "KMSInternalException"), (503, "DependencyTimeoutException"), (500, "NeverHeardOf")];
        for (status, code) in failures {
            assert_eq!(answered(status, Some(code)).name, ErrorName::AwsUnavailable, "{code}");
        }
        for status in [429, 500, 502, 503, 504] {
            assert_eq!(answered(status, None).name, ErrorName::AwsUnavailable, "{status}");
        }
        for code in ["Throttling", "ThrottlingException", "RequestLimitExceeded", "EC2ThrottledException", "LimitExceededException"] {
            assert_eq!(answered(400, Some(code)).name, ErrorName::AwsUnavailable, "{code}");
        }
    }

    #[test]
    fn a_refusal_is_one_and_keeps_the_services_sentence() {
        for (status, code) in [(400, "InvalidParameterValue"), (403, "AccessDenied"), (404, "DBSnapshotNotFound")] {
            let error = answered(status, Some(code));
            assert_eq!((error.name, error.to_string()), (ErrorName::AwsRefused, format!("{code}: its sentence")));
        }
        let silent = answered(403, None);
        assert_eq!((silent.name, silent.to_string()), (ErrorName::AwsRefused, "HTTP status 403 without a code: no message".to_owned()));
    }

    #[test]
    fn no_answer_at_all_is_no_refusal() {
        let timeout: SdkError<DescribeDBInstancesError, HttpResponse> = SdkError::timeout_error("too slow");
        assert_eq!(StepError::from(timeout).name, ErrorName::AwsUnavailable);
        let garbage = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::from("<html>"));
        let unparsable: SdkError<DescribeDBInstancesError, HttpResponse> = SdkError::response_error("no XML", garbage);
        assert_eq!(StepError::from(unparsable).name, ErrorName::AwsUnavailable);
    }
}
