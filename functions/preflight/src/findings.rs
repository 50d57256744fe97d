//! What preflight found, and the one error that all refusals make together.

use serde::Serialize;
use shared::error::{ErrorName, Result, StepError};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Under this name the runbook has more.
    pub name: &'static str,
    /// What was found, with numbers.
    pub found: String,
    /// What to do.
    pub remedy: String,
}

/// Refusals and warnings, in the order in which they were found.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    refusals: Vec<(ErrorName, String)>,
    warnings: Vec<Finding>,
}

impl Findings {
    pub(crate) fn refuse(&mut self, name: ErrorName, found: impl AsRef<str>, remedy: impl AsRef<str>) {
        self.refusals.push((name, format!("{}: {}", found.as_ref(), remedy.as_ref())));
    }

    pub(crate) fn warn(&mut self, name: &'static str, found: impl Into<String>, remedy: impl Into<String>) {
        self.warnings.push(Finding { name, found: found.into(), remedy: remedy.into() });
    }

    /// Takes a refusal down and goes on; only an error that says nothing about the database ends preflight at once.
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.name, ErrorName::AwsUnavailable | ErrorName::AwsRefused | ErrorName::Internal) => Err(error),
            Err(error) => {
                self.refusals.push((error.name, error.to_string()));
                Ok(None)
            }
        }
    }

    /// As [`Self::note`], for checks that return nothing.
    pub(crate) fn check(&mut self, result: Result<()>) -> Result<()> {
        self.note(result).map(drop)
    }

    /// The warnings, where nothing was refused.
    pub(crate) fn into_warnings(self) -> Result<Vec<Finding>> {
        if self.refusals.is_empty() { Ok(self.warnings) } else { Err(self.refusal()) }
    }

    /// One error with all refusals: under their own name if they share one.
    pub(crate) fn refusal(&self) -> StepError {
        let first = self.refusals.first().map_or(ErrorName::Internal, |(name, _)| *name);
        let shared_name = if self.refusals.iter().all(|(name, _)| *name == first) { first } else { ErrorName::PreconditionFailed };
        let lines: Vec<String> = self.refusals.iter().map(|(name, text)| format!("{name}: {text}")).collect();
        StepError::new(shared_name, format!("nothing was made and nothing changed; unmet: {}\n{}", self.refusals.len(), lines.join("\n")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_refusals_come_at_once_under_their_common_name() {
        let mut findings = Findings::default();
        findings.refuse(ErrorName::KmsKeyUnusable, "key k is Disabled", "enable it");
        assert_eq!(findings.refusal().name, ErrorName::KmsKeyUnusable);
        findings.refuse(ErrorName::SecretUnusable, "secret s has no password", "add it");
        let error = findings.into_warnings().unwrap_err();
        assert_eq!(error.name, ErrorName::PreconditionFailed);
        let text = error.to_string();
        assert!(text.contains("unmet: 2") && text.contains("key k is Disabled") && text.contains("secret s has no password"));
    }
}
