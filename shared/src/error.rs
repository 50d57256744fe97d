//! The errors by which a step, and with it an execution, fails.
//!
//! A name states the condition, never the reaction to it: retries belong to the state machine, and the
//! remedy is in `infra/runbook.md` under the same name.

pub mod aws;
mod postgres;

use std::error::Error;
use std::fmt;

use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};

/// The condition that an error reports; its name is spelled alike in the state machine and the runbook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, strum::Display, strum::IntoStaticStr, strum::VariantArray)]
pub enum ErrorName {
    /// The execution's input is not valid.
    InvalidInput,
    /// No such instance or cluster.
    SourceNotFound,
    /// A kind of database that this product does not move.
    SourceUnsupported,
    /// The source already has the requested key.
    AlreadyEncrypted,
    /// The application has already moved from this source to a target.
    AlreadyMoved,
    /// Another execution holds the source.
    AlreadyRunning,
    /// The key is missing, disabled, asymmetric or in another Region.
    KmsKeyUnusable,
    /// A secret is missing, or its content is not usable.
    SecretUnusable,
    /// The server cannot be reached, or the connection was lost.
    PostgresUnavailable,
    /// The server refuses our login, or a statement.
    PostgresRefused,
    /// The run's preconditions are not met; the message lists all of them.
    PreconditionFailed,
    /// Another session's lock or transaction blocked us for too long.
    LockTimeout,
    /// The slot is gone, or the WAL that it needs.
    SlotLost,
    /// The source's disk is filling up while it keeps WAL for the target.
    SourceStorageLow,
    /// A snapshot or an encrypted snapshot failed.
    SnapshotFailed,
    /// The target did not become available.
    RestoreFailed,
    /// The target, or the encrypted snapshot, is not encrypted with the requested key.
    WrongKey,
    /// The witnesses of the start LSN contradict each other, or it is out of bounds.
    StartLsnDoubtful,
    /// The target does not apply changes.
    ReplicationStopped,
    /// Source and target no longer have the same tables.
    TablesChanged,
    /// Something other than rows was changed on one side during the run.
    CatalogsDiffer,
    /// The target lacks a setting of the source that it should have.
    SettingsDiffer,
    /// The target did not complete the drain within the allowed pause; writes go on.
    DrainTimeout,
    /// A table's rows differ between source and target.
    DataDiffers,
    /// An AWS service throttles, or cannot be reached.
    AwsUnavailable,
    /// An AWS service refuses a request.
    AwsRefused,
    /// A case that nobody anticipated.
    Internal,
}

/// The error of a step: a name for the state machine, a sentence for the operator, a source for the log.
///
/// `Display` is the sentence alone. No error holds a password, a connection string or a row.
#[derive(Debug)]
pub struct StepError {
    pub name: ErrorName,
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

pub type Result<T, E = StepError> = std::result::Result<T, E>;

impl StepError {
    #[must_use]
    pub fn new(name: ErrorName, message: impl Into<String>) -> Self {
        Self { name, message: message.into(), source: None }
    }

    #[must_use]
    pub fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    /// `Ok` with the error itself if it has this name, so that the caller can report it and go on.
    ///
    /// # Errors
    /// Itself, if it has another name.
    pub fn ok_if(self, name: ErrorName) -> Result<Self> {
        if self.name == name { Ok(self) } else { Err(self) }
    }

    /// The same error with another name and message; the source stays.
    #[must_use]
    pub fn renamed(self, name: ErrorName, message: String) -> Self {
        Self { name, message, ..self }
    }

    /// Prefixes the message with the failed action: `could not <what>: <why>`.
    #[must_use]
    pub fn context(mut self, what: &str) -> Self {
        self.message = format!("could not {what}: {}", self.message);
        self
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for StepError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// A cause of Step Functions has at most 32,768 characters, and a nested execution's cause includes this one as JSON within JSON.
/// Source: AWS Step Functions API reference, `ExecutionFailedEventDetails`.
const MOST_MESSAGE_BYTES: usize = 12_000;

impl From<StepError> for Diagnostic {
    fn from(error: StepError) -> Self {
        let mut message = error.message;
        if message.len() > MOST_MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MOST_MESSAGE_BYTES));
            message.push_str(" … (the rest is in the function's log)");
        }
        Self { error_type: error.name.to_string(), error_message: message }
    }
}

/// The texts of an error and of all its sources, in one line: most libraries keep the cause in a source.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

/// Adds the failed action to an error.
pub trait Context<T> {
    /// `could not <what>: <why>`.
    fn context(self, what: &str) -> Result<T>;
}

impl<T, E: Into<StepError>> Context<T> for std::result::Result<T, E> {
    fn context(self, what: &str) -> Result<T> {
        self.map_err(|error| error.into().context(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_message_fits_a_step_functions_cause() {
        let described = |message: &str| Diagnostic::from(StepError::new(ErrorName::Internal, message)).error_message;
        assert_eq!(described("short"), "short");
        let cut = described(&"ß".repeat(MOST_MESSAGE_BYTES));
        assert!(cut.len() < MOST_MESSAGE_BYTES + 100 && cut.starts_with('ß') && cut.ends_with("log)"), "{} bytes", cut.len());
    }
}
