//! The results of the checks before the run creates anything, and the one error that reports all refusals together.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorName, Result, StepError};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The run would fail, or harm source or target.
    Refuse,
    /// The run goes through, but somebody has to follow up.
    Warn,
    /// Sufficient, with the numbers.
    Fine,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The runbook has a paragraph under this name.
    pub name: Cow<'static, str>,
    pub verdict: Verdict,
    /// The observation, with numbers.
    pub found: String,
    /// The amount that is needed or allowed; empty if there is no measure.
    pub limit: String,
    /// The operator's next action.
    pub remedy: String,
    /// The error name of a refusal that has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorName>,
}

impl Finding {
    /// One that fails as `PreconditionFailed` if it is a refusal.
    pub fn new(name: &'static str, verdict: Verdict, found: impl Into<String>, limit: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { name: name.into(), verdict, found: found.into(), limit: limit.into(), remedy: remedy.into(), error: None }
    }

    fn refused_as(&self) -> ErrorName {
        self.error.unwrap_or(ErrorName::PreconditionFailed)
    }
}

/// How many names a list shows: an execution's cause and state hold 32 and 256 KiB.
const NAMES_SHOWN: usize = 20;

/// All findings, in the order of the checks.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Findings(Vec<Finding>);

impl Findings {
    pub fn refuse(&mut self, name: &'static str, found: impl Into<String>, limit: impl Into<String>, remedy: impl Into<String>) {
        self.add(name, Verdict::Refuse, found, limit, remedy);
    }

    /// A refusal that has an error name of its own.
    pub fn refuse_as(&mut self, error: ErrorName, found: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding { error: Some(error), ..Finding::new(error.into(), Verdict::Refuse, found, "", remedy) });
    }

    pub fn warn(&mut self, name: &'static str, found: impl Into<String>, limit: impl Into<String>, remedy: impl Into<String>) {
        self.add(name, Verdict::Warn, found, limit, remedy);
    }

    /// Adds a check that passed.
    pub fn fine(&mut self, name: &'static str, found: impl Into<String>) {
        self.add(name, Verdict::Fine, found, "", "");
    }

    pub fn add(&mut self, name: &'static str, verdict: Verdict, found: impl Into<String>, limit: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Finding::new(name, verdict, found, limit, remedy));
    }

    /// Whether enough of something is free; `what` as in `replication slots`.
    pub fn room(&mut self, name: &'static str, what: &str, room: Room, needed: i64, remedy: impl Into<String>) {
        let (verdict, remedy) = if room.free < needed { (Verdict::Refuse, remedy.into()) } else { (Verdict::Fine, String::new()) };
        self.add(name, verdict, format!("{} of {} {what} are free", room.free.max(0), room.of), format!("{needed} are needed"), remedy);
    }

    /// Records a refusal and goes on; only an error that is not about the database ends the checks at once.
    ///
    /// # Errors
    /// `AwsUnavailable`, `AwsRefused`, `Internal`.
    pub fn note<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
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
    ///
    /// # Errors
    /// As [`Self::note`].
    pub fn check(&mut self, result: Result<()>) -> Result<()> {
        self.note(result).map(drop)
    }

    /// Adds findings made elsewhere.
    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.0.extend(findings);
    }

    /// All findings, if nothing was refused.
    ///
    /// # Errors
    /// The refusals as one error.
    pub fn into_accepted(self) -> Result<Vec<Finding>> {
        if self.refusals().next().is_none() { Ok(self.0) } else { Err(self.refusal()) }
    }

    /// One error with all refusals, under their own name if they share one, and with all warnings.
    #[must_use]
    pub fn refusal(&self) -> StepError {
        let first = self.refusals().next().map_or(ErrorName::Internal, Finding::refused_as);
        let shared_name = if self.refusals().all(|finding| finding.refused_as() == first) { first } else { ErrorName::PreconditionFailed };
        let warnings = self.0.iter().filter(|finding| finding.verdict == Verdict::Warn);
        let lines: Vec<String> = self.refusals().chain(warnings.clone()).map(line).collect();
        let summary = format!("nothing was made or changed; unmet: {}, warnings: {}", self.refusals().count(), warnings.count());
        StepError::new(shared_name, format!("{summary}\n{}", lines.join("\n")))
    }

    /// The verdict of each finding.
    #[must_use]
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.0.iter().map(|finding| finding.verdict).collect()
    }

    fn refusals(&self) -> impl Iterator<Item = &Finding> {
        self.0.iter().filter(|finding| finding.verdict == Verdict::Refuse)
    }
}

fn line(finding: &Finding) -> String {
    let verdict = if finding.verdict == Verdict::Refuse { "refused" } else { "warning" };
    let described = |text: &str| if text.is_empty() { String::new() } else { format!("; {text}") };
    format!("{verdict} {}: {}{}{}", finding.name, finding.found, described(&finding.limit), described(&finding.remedy))
}

/// Parses the text of a refusal. Each finding has its whole line as `found`: the text does not mark where one part of a line
/// ends. A line without a verdict belongs to the finding before it.
#[must_use]
pub fn read_refusal(text: &str) -> Vec<Finding> {
    let mut findings = Vec::<Finding>::new();
    for line in text.lines() {
        if let Some((verdict, name, found)) = read_line(line) {
            let (limit, remedy) = (String::new(), String::new());
            findings.push(Finding { name: name.to_owned().into(), verdict, found: found.to_owned(), limit, remedy, error: None });
        } else if let Some(last) = findings.last_mut() {
            last.found = format!("{}\n{line}", last.found);
        }
    }
    findings
}

fn read_line(line: &str) -> Option<(Verdict, &str, &str)> {
    let (verdict, rest) = line.split_once(' ')?;
    let verdict = match verdict {
        "refused" => Verdict::Refuse,
        "warning" => Verdict::Warn,
        _ => return None,
    };
    let (name, found) = rest.split_once(": ")?;
    Some((verdict, name, found))
}

/// How much of a limited resource is free.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub free: i64,
    pub of: i64,
}

/// Names in one line; of a long list the first ones and the number of the others.
#[must_use]
pub fn list<T: AsRef<str>>(names: &[T]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_SHOWN).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(NAMES_SHOWN);
    if more == 0 { shown.join(", ") } else { format!("{} and {more} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_has_all_refusals_and_warnings() {
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
                "nothing was made or changed; unmet: 2, warnings: 1",
                "refused KmsKeyUnusable: key k is Disabled; enable it",
                "refused ReplicationSlots: 1 of 20 replication slots are free; 2 are needed; raise max_replication_slots",
                "warning LargeObjects: 3 large objects; leave them alone",
            ]
        );
    }

    #[test]
    fn a_refusal_is_read_back_line_by_line() {
        let mut findings = Findings::default();
        findings.refuse("Tables", "without a key: \"a: b\"\nand more", "", "set one");
        findings.warn("LargeObjects", "3 large objects", "", "");
        let read = read_refusal(&findings.refusal().to_string());
        let described: Vec<_> = read.iter().map(|finding| (&*finding.name, finding.verdict, finding.found.as_str())).collect();
        assert_eq!(
            described,
            [("Tables", Verdict::Refuse, "without a key: \"a: b\"\nand more; set one"), ("LargeObjects", Verdict::Warn, "3 large objects")]
        );
    }

    #[test]
    fn a_long_list_has_its_length() {
        let names: Vec<String> = (0..NAMES_SHOWN + 7).map(|n| format!("t{n}")).collect();
        assert!(list(&names).ends_with("t19 and 7 more"));
        assert_eq!(list(&["a", "b"]), "a, b");
    }
}
