//! What RDS's answers to requests mean, and the tag on everything that a run requests.

use aws_sdk_rds::types::Tag;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use shared::contract::{Execution, Ready};
use shared::error::aws::{code, said};
use shared::error::{ErrorName, Result, StepError};
use shared::names::EXECUTION_TAG;

use crate::rds::status::{Standing, is_without_key, standing};

/// Errors by which RDS reports that the account or the zone has no capacity at the moment. Other users free capacity: it is a reason
/// to wait, as long as the source's disk allows. Source: API reference, "Errors" of the actions that make something.
const NO_ROOM: [&str; 9] = [
    "DBClusterQuotaExceededFault",
    "InstanceQuotaExceeded",
    "InsufficientDBClusterCapacityFault",
    "InsufficientDBInstanceCapacity",
    "InsufficientStorageClusterCapacity",
    "ProvisionedIopsNotAvailableInAZFault",
    "SharedSnapshotQuotaExceeded",
    "SnapshotQuotaExceeded",
    "StorageQuotaExceeded",
];

/// The state of a request to create or change something, after RDS has answered: in progress, or not possible at the moment, and why.
///
/// A resource that exists already under our name is ours: an earlier request was carried out, and its answer was lost. RDS does one
/// thing at a time with a database, so a busy one is polled again; every wait is bounded.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub fn begun<T, E>(sent: std::result::Result<T, SdkError<E, HttpResponse>>, status: impl Into<String>) -> Result<Ready>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match sent {
        Ok(_) => Ok(Ready::not_yet(status)),
        Err(error) => match code(&error) {
            Some(code) if code.contains("AlreadyExists") => Ok(Ready::not_yet(status)),
            Some(code) if is_busy(code) => Ok(Ready::not_yet(format!("busy: {}", said(&error)))),
            Some(code) if NO_ROOM.contains(&code) => Ok(Ready::not_yet(format!("no capacity at the moment: {}", said(&error)))),
            _ => Err(error.into()),
        },
    }
}

/// The state of a request to delete: a resource that is gone already counts as in progress, and the next poll reports it gone.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub fn going<T, E>(sent: std::result::Result<T, SdkError<E, HttpResponse>>, status: impl Into<String>) -> Result<Ready>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match sent {
        Err(error) if code(&error).is_some_and(|code| code.contains("NotFound")) => Ok(Ready::not_yet(status)),
        // Of the final snapshot: its name is taken, and nothing is being deleted.
        Err(error) if code(&error).is_some_and(|code| code.contains("AlreadyExists")) => Err(StepError::from(error)),
        sent => begun(sent, status),
    }
}

/// Whether RDS is busy with it, as in `InvalidDBInstanceState` and `InvalidDBClusterSnapshotStateFault`.
fn is_busy(code: &str) -> bool {
    code.strip_prefix("InvalidDB").is_some_and(|rest| rest.ends_with("State") || rest.ends_with("StateFault"))
}

/// Whether a new resource is available, not available yet, or failed; `what` as in `instance orders-enc-…`.
///
/// # Errors
/// `RestoreFailed`, with the key if RDS cannot use it.
pub fn new_ready(kms_key_arn: &str, what: &str, status: Option<&str>) -> Result<Ready> {
    let status = status.unwrap_or_default();
    match standing(status) {
        Standing::Usable => Ok(Ready::yes(status)),
        Standing::Between | Standing::Stopped => Ok(Ready::not_yet(format!("{what} is {status}"))),
        Standing::Lost => {
            let key = if is_without_key(status) {
                format!(": RDS cannot use key {kms_key_arn}, which is disabled, about to be deleted, or without its grant")
            } else {
                String::new()
            };
            Err(StepError::new(ErrorName::RestoreFailed, format!("{what} is {status}{key}")))
        }
    }
}

/// Whether a run made it. A snapshot of a run's name that lacks the tag is somebody else's, and is neither used nor deleted.
#[must_use]
pub fn is_of_a_run(tags: &[Tag]) -> bool {
    tags.iter().any(|tag| tag.key() == Some(EXECUTION_TAG))
}

/// The tag on every RDS resource that a run creates.
#[must_use]
pub fn execution_tag(execution: &Execution) -> Tag {
    Tag::builder().key(EXECUTION_TAG).value(&execution.name).build()
}
