//! What was looked at before anything is made, and how it stands.

use serde::Serialize;

use crate::error::ErrorName;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The run would fail, or harm source or copy.
    Refuse,
    /// The run goes through, and leaves somebody something to do.
    Warn,
    /// Looked at and sufficient, with the numbers.
    Fine,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Under this name the runbook has more.
    pub name: &'static str,
    pub verdict: Verdict,
    /// What was found, with numbers.
    pub found: String,
    /// What is needed or allowed; empty where there is no measure.
    pub limit: String,
    /// What to do.
    pub remedy: String,
    /// As what it fails, where it is refused.
    #[serde(skip)]
    pub error: ErrorName,
}

impl Finding {
    /// One that fails as `PreconditionFailed`, where it is refused.
    pub fn new(name: &'static str, verdict: Verdict, found: impl Into<String>, limit: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name, verdict, found: found.into(), limit: limit.into(), remedy: remedy.into(), error: ErrorName::PreconditionFailed }
    }
}
