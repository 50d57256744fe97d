//! The errors by which a step, and with it an execution, fails.
//!
//! A name says what is the case, never what to do about it: retrying is the state machine's business, and the
//! remedy stands in `infra/runbook.md` under that very name.

use std::error::Error;
use std::fmt;

use lambda_runtime::Diagnostic;
use serde::{Deserialize, Serialize};

macro_rules! error_names {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What is the case.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
        pub enum ErrorName { $($(#[$doc])* $name,)* }

        impl ErrorName {
            /// Every name that a function may raise.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name as the state machine and the runbook spell it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

error_names! {
    /// The execution's input is not what the interface takes.
    InvalidInput,
    /// No such instance.
    SourceNotFound,
    /// A database that this product does not move.
    SourceUnsupported,
    /// The source already has that very key.
    AlreadyEncrypted,
    /// The application has left this source for a new database.
    AlreadyMoved,
    /// Another execution holds the source.
    AlreadyRunning,
    /// The key is missing, disabled, asymmetric or elsewhere.
    KmsKeyUnusable,
    /// A secret is missing, or not what it should be.
    SecretUnusable,
    /// The server cannot be reached, or the connection was lost.
    PostgresUnavailable,
    /// The server refuses who we are, or what we ask.
    PostgresRefused,
    /// Something that the run needs is not so; the message has all of it.
    PreconditionFailed,
    /// Somebody else's lock or transaction was in the way for too long.
    LockTimeout,
    /// The slot is gone, or the WAL it needs is.
    SlotLost,
    /// The source's disk is filling up while it keeps WAL for the copy.
    SourceStorageLow,
    /// A snapshot or its copy failed.
    SnapshotFailed,
    /// The new instance did not come up.
    RestoreFailed,
    /// The new instance is not encrypted with the key that was asked for.
    WrongKey,
    /// The sources of the start LSN contradict each other, or it is out of bounds.
    StartLsnDoubtful,
    /// The copy does not apply changes.
    ReplicationStopped,
    /// The tables of source and copy are no longer the same ones.
    TablesChanged,
    /// Something other than rows was changed on one side during the run.
    CatalogsDiffer,
    /// The new database lacks a setting of the source that it should have.
    SettingsDiffer,
    /// The copy did not reach the fence's LSN within the allowed pause; writes go on.
    DrainTimeout,
    /// A table's rows differ between source and copy.
    DataDiffers,
    /// An AWS service throttles, or cannot be reached.
    AwsUnavailable,
    /// An AWS service says no.
    AwsRefused,
    /// A case that nobody thought of.
    Internal,
}

impl fmt::Display for ErrorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a step did not do its work: a name for the state machine, a sentence for the operator, a source for the log.
///
/// `Display` is the sentence alone. No variant holds a password, a connection string or a row.
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

    /// An error of this kind as a value, to be told; any other as an error.
    ///
    /// # Errors
    /// Itself, where it has another name.
    pub fn ok_if(self, name: ErrorName) -> Result<Self> {
        if self.name == name { Ok(self) } else { Err(self) }
    }

    /// The same by another name, and in other words.
    #[must_use]
    pub fn retold(self, name: ErrorName, message: String) -> Self {
        Self { name, message, ..self }
    }

    /// Puts what was being done in front: `could not <what>: <why>`.
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

/// A cause of Step Functions has 32,768 characters, and that of a nested execution has this one in it as JSON within JSON.
/// Source: AWS Step Functions API reference, `ExecutionFailedEventDetails`.
const MOST_MESSAGE_BYTES: usize = 12_000;

impl From<StepError> for Diagnostic {
    fn from(error: StepError) -> Self {
        let mut message = error.message;
        if message.len() > MOST_MESSAGE_BYTES {
            message.truncate(message.floor_char_boundary(MOST_MESSAGE_BYTES));
            message.push_str(" … (the rest is in the function's log)");
        }
        Self { error_type: error.name.as_str().to_owned(), error_message: message }
    }
}

/// The texts of an error and of all its sources, in one line: most libraries keep the cause there.
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

/// Says what was being done when an error came up.
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
    fn a_long_message_fits_a_cause_of_step_functions() {
        let told = |message: &str| Diagnostic::from(StepError::new(ErrorName::Internal, message)).error_message;
        assert_eq!(told("short"), "short");
        let cut = told(&"ß".repeat(MOST_MESSAGE_BYTES));
        assert!(cut.len() < MOST_MESSAGE_BYTES + 100 && cut.starts_with('ß') && cut.ends_with("log)"), "{} bytes", cut.len());
    }
}
