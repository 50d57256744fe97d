//! What preflight found, and the one error that all refusals make together.

use shared::error::{ErrorName, Result, StepError};
use shared::finding::{Finding, Verdict};

/// How many names a list shows: an execution's cause and state hold 32 and 256 KiB.
const NAMES_SHOWN: usize = 20;

/// Everything that was found, in that order.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Finding>);

impl Findings {
    pub(crate) fn refuse(&mut self, name: &'static str, found: impl Into<String>, limit: impl Into<String>, remedy: impl Into<String>) {
        self.add(name, Verdict::Refuse, found, limit, remedy);
    }

    /// A refusal that has an error name of its own.
    pub(crate) fn refuse_as(&mut self, error: ErrorName, found: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { error, ..Finding::new(error.as_str(), Verdict::Refuse, found, "", remedy) });
    }

    pub(crate) fn warn(&mut self, name: &'static str, found: impl Into<String>, limit: impl Into<String>, remedy: impl Into<String>) {
        self.add(name, Verdict::Warn, found, limit, remedy);
    }

    pub(crate) fn add(
        &mut self,
        name: &'static str,
        verdict: Verdict,
        found: impl Into<String>,
        limit: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.0.push(Finding::new(name, verdict, found, limit, remedy));
    }

    /// Whether enough of something is free; `what` as in `replication slots`.
    pub(crate) fn room(&mut self, name: &'static str, what: &str, room: Room, needed: i64, remedy: impl Into<String>) {
        let (verdict, remedy) = if room.free < needed { (Verdict::Refuse, remedy.into()) } else { (Verdict::Fine, String::new()) };
        self.add(name, verdict, format!("{} of {} {what} are free", room.free, room.of), format!("{needed} are needed"), remedy);
    }

    /// Takes a refusal down and goes on; only an error that says nothing about the database ends preflight at once.
    pub(crate) fn note<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if matches!(error.name, ErrorName::AwsUnavailable | ErrorName::AwsRefused | ErrorName::Internal) => Err(error),
            Err(error) => {
                self.refuse_as(error.name, error.to_string(), "");
                Ok(None)
            }
        }
    }

    /// As [`Self::note`], for checks that return nothing.
    pub(crate) fn check(&mut self, result: Result<()>) -> Result<()> {
        self.note(result).map(drop)
    }

    /// All findings, where nothing was refused.
    pub(crate) fn into_accepted(self) -> Result<Vec<Finding>> {
        if self.refusals().next().is_none() { Ok(self.0) } else { Err(self.refusal()) }
    }

    /// One error with all refusals, under their own name if they share one, and with all warnings.
    pub(crate) fn refusal(&self) -> StepError {
        let first = self.refusals().next().map_or(ErrorName::Internal, |finding| finding.error);
        let shared_name = if self.refusals().all(|finding| finding.error == first) { first } else { ErrorName::PreconditionFailed };
        let warnings = self.0.iter().filter(|finding| finding.verdict == Verdict::Warn);
        let lines: Vec<String> = self.refusals().chain(warnings.clone()).map(line).collect();
        let summary = format!("nothing was made and nothing changed; unmet: {}, warnings: {}", self.refusals().count(), warnings.count());
        StepError::new(shared_name, format!("{summary}\n{}", lines.join("\n")))
    }

    #[cfg(test)]
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        self.0.iter().map(|finding| finding.verdict).collect()
    }

    fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(|finding| finding.verdict == Verdict::Refuse)
    }
}

fn line(finding: &Finding) -> String {
    let verdict = if finding.verdict == Verdict::Refuse { "refused" } else { "warning" };
    let told = |text: &str| if text.is_empty() { String::new() } else { format!("; {text}") };
    format!("{verdict} {}: {}{}{}", finding.name, finding.found, told(&finding.limit), told(&finding.remedy))
}

/// What is left of something that there is so much of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    pub(crate) free: i64,
    pub(crate) of: i64,
}

/// Names in one line; of a long list the first ones, and how many more there are.
pub(crate) fn list<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_refusals_come_at_once_under_their_common_name_and_with_the_warnings() {
        let mut findings = Findings::default();
        findings.refuse_as(ErrorName::KmsKeyUnusable, "key k is Disabled", "enable it");
        assert_eq!(findings.refusal().name, ErrorName::KmsKeyUnusable);
        findings.warn("LargeObjects", "3 large objects", "", "leave them alone");
        findings.room("ReplicationSlots", "replication slots", Room { free: 1, of: 20 }, 2, "raise max_replication_slots");
        findings.room("WalSenders", "walsenders", Room { free: 2, of: 20 }, 2, "");
        let error = findings.into_accepted().unwrap_err();
        assert_eq!(error.name, ErrorName::PreconditionFailed);
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "nothing was made and nothing changed; unmet: 2, warnings: 1",
                "refused KmsKeyUnusable: key k is Disabled; enable it",
                "refused ReplicationSlots: 1 of 20 replication slots are free; 2 are needed; raise max_replication_slots",
                "warning LargeObjects: 3 large objects; leave them alone",
            ]
        );
    }

    #[test]
    fn a_long_list_says_how_long_it_is() {
        let names: Vec<String> = (0..NAMES_SHOWN + 7).map(|n| format!("t{n}")).collect();
        assert!(list(&names).ends_with("t19 and 7 more"));
        assert_eq!(list(&["a", "b"]), "a, b");
    }
}
