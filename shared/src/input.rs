//! The input of an execution: what an operator types into the console.

use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorName, Result, StepError};
use crate::window::seconds_until;

/// The execution's input. Unknown fields are an error; everything but `source` has a safe default.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Instance identifier, ARN or resource id.
    pub source: String,
    /// Key id, alias or ARN.
    #[serde(default = "default_kms_key")]
    pub kms_key: String,
    /// Secret with `username` and `password` of the master user; default is the instance's managed one.
    pub secret: Option<String>,
    /// Databases to move; default all that accept connections.
    pub databases: Option<Vec<String>>,
    /// Answer with the plan and change nothing.
    #[serde(default)]
    pub plan_only: bool,
    #[serde(default)]
    pub consent: Consent,
    #[serde(default)]
    pub cutover: Cutover,
    #[serde(default)]
    pub verify: Verify,
    #[serde(default)]
    pub after: After,
    #[serde(default)]
    pub guard: Guard,
    #[serde(default)]
    pub wait: Wait,
    /// Keeps the source as a replica of the target after the cutover, so that the application can go back.
    pub way_back: Option<WayBack>,
    /// ARN of a stopped execution to undo, or, if its fence is closed already, to complete.
    pub undo: Option<String>,
    /// The execution that started this one; the console shows it. It makes inputs differ, so that Step Functions does not mistake
    /// a second caller's start of the same name for the first one's.
    /// Source: AWS Step Functions developer guide, "Start workflow executions from a task state".
    #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")]
    pub started_by: Option<String>,
}

fn default_kms_key() -> String {
    "alias/aws/rds".to_owned()
}

/// The changes to the source that the operator allows during the run.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch of the interface, independent of the others")]
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Consent {
    /// Reboot the source to turn logical replication on, with a parameter group of the run's own if it needs one.
    pub reboot: bool,
    pub reboot_when: RebootWhen,
    /// `REPLICA IDENTITY FULL` on tables without a usable key, restored at the end.
    pub replica_identity: bool,
    /// Large objects stay as in the snapshot; later writes to them are reported, not replicated.
    pub large_objects: bool,
    /// The application's event triggers do not fire in the run's sessions; if that is not enough, they are disabled until its end.
    pub event_triggers: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RebootWhen {
    #[default]
    Now,
    /// The source's next one.
    MaintenanceWindow,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cutover {
    pub when: When,
    /// Default: `secret` if `secrets` is given, else `none`.
    pub how: Option<How>,
    /// The hours of the week, in UTC, in which it may start, as in `sat:02:00-sat:04:00`; default is at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<String>,
    /// Secrets of applications, whose `host` and `port` are changed to the target's.
    pub secrets: Vec<String>,
    /// Writes resume after this long in any case.
    pub max_write_pause_seconds: u32,
    /// Compare all rows once more in the write pause, for databases that are small enough to be read in that time.
    pub verify_in_pause: bool,
}

impl Default for Cutover {
    fn default() -> Self {
        Self { when: When::Approved, how: None, window: None, secrets: Vec::new(), max_write_pause_seconds: 30, verify_in_pause: false }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// When the tag `rds-reencrypt:approve` on the target has the execution's name.
    Approved,
    Now,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    Secret,
    None,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    #[default]
    Rows,
    Counts,
    Off,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct After {
    pub source: AfterSource,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AfterSource {
    #[default]
    Keep,
    Stop,
    Delete,
}

/// How long the application may go back to the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WayBack {
    pub hours: u32,
}

/// The input of an execution that goes back to the source of an earlier one, or gives the way back up.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GoBack {
    /// ARN or name of the execution that opened the way back.
    pub way_back: String,
    /// Remove the way back instead.
    #[serde(default)]
    pub give_up: bool,
    #[serde(default)]
    pub plan_only: bool,
    /// Default: the secrets that the earlier execution switched.
    #[serde(default)]
    pub cutover: Cutover,
    #[serde(default)]
    pub verify: Verify,
    #[serde(default)]
    pub guard: Guard,
    #[serde(default)]
    pub wait: Wait,
    #[serde(rename = "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID")]
    pub started_by: Option<String>,
}

impl GoBack {
    /// Reads and checks an input.
    ///
    /// # Errors
    /// `InvalidInput`, with the field that is wrong.
    pub fn parse(value: serde_json::Value) -> Result<Self> {
        let input: Self = serde_path_to_error::deserialize(value).map_err(|error| invalid(&error.to_string()))?;
        let mut problems = of_cutover(&input.cutover, input.verify);
        problems.extend(of_limits(input.guard, input.wait));
        if input.way_back.trim().is_empty() {
            problems.push("way_back is empty");
        }
        if problems.is_empty() { Ok(input) } else { Err(invalid(&problems.join("; "))) }
    }
}

fn invalid(why: &str) -> StepError {
    StepError::new(ErrorName::InvalidInput, format!("the execution's input is not valid: {why}"))
}

/// Limits that protect the source: beyond them the run is undone.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// The share of its storage, in percent, that must stay free on the source during the run.
    pub min_free_storage_percent: u32,
}

impl Default for Guard {
    fn default() -> Self {
        Self { min_free_storage_percent: 10 }
    }
}

/// How often the state machine polls.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Wait {
    /// Each wait is a second longer than the one before, up to this; in very long waits up to three times this, and
    /// up to six times for an approval.
    pub max_seconds: u32,
    /// How long a call of a stopped execution may still be running before its work is undone. No function that creates
    /// RDS resources runs longer than the default.
    pub calls_end_seconds: u32,
    /// After this long a call of the verification starts no further read, and leaves the rest to the next call. Below the
    /// function's time limit by the longest time that one read takes.
    pub verify_call_seconds: u32,
}

impl Default for Wait {
    fn default() -> Self {
        Self { max_seconds: 60, calls_end_seconds: 120, verify_call_seconds: 480 }
    }
}

impl Input {
    /// Reads and checks an input.
    ///
    /// # Errors
    /// `InvalidInput`, with the field that is wrong.
    pub fn parse(value: serde_json::Value) -> Result<Self> {
        let input: Self = serde_path_to_error::deserialize(value).map_err(|error| invalid(&error.to_string()))?;
        let problems = input.problems();
        if problems.is_empty() { Ok(input) } else { Err(invalid(&problems.join("; "))) }
    }

    fn problems(&self) -> Vec<&'static str> {
        let how = self.how();
        let mut found = problems([
            (!self.source.trim().is_empty(), "source is empty"),
            (!self.kms_key.trim().is_empty(), "kms_key is empty"),
            (self.databases.as_ref().is_none_or(|names| !names.is_empty()), "databases is an empty list: omit it to move all of them"),
            (how == How::None || !self.cutover.secrets.is_empty(), "cutover.how is secret, but cutover.secrets names none"),
            (self.way_back.is_none_or(|way_back| (1..=336).contains(&way_back.hours)), "way_back.hours must be from 1 to 336"),
            (self.way_back.is_none() || self.after.source == AfterSource::Keep, "way_back needs the source, but after.source does not keep it"),
            // Theirs would have to be put back on the target, where the way back works meanwhile.
            (self.way_back.is_none() || !self.consent.event_triggers, "way_back is not possible with consent.event_triggers"),
        ]);
        found.extend(of_cutover(&self.cutover, self.verify));
        found.extend(of_limits(self.guard, self.wait));
        found
    }

    /// How the application is switched, with the default filled in.
    #[must_use]
    pub fn how(&self) -> How {
        self.cutover.how.unwrap_or(if self.cutover.secrets.is_empty() { How::None } else { How::Secret })
    }
}

fn of_cutover(cutover: &Cutover, verify: Verify) -> Vec<&'static str> {
    let is_window = |window: &String| seconds_until(window, UNIX_EPOCH).is_some();
    problems([
        (cutover.how != Some(How::None) || cutover.secrets.is_empty(), "cutover.secrets is given, but cutover.how is none"),
        ((1..=240).contains(&cutover.max_write_pause_seconds), "cutover.max_write_pause_seconds must be from 1 to 240"),
        (cutover.window.as_ref().is_none_or(is_window), "cutover.window must be half an hour or more of the week in UTC, as in sat:02:00-sat:04:00"),
        (!cutover.verify_in_pause || verify != Verify::Off, "cutover.verify_in_pause is given, but verify is off"),
    ])
}

fn of_limits(guard: Guard, wait: Wait) -> Vec<&'static str> {
    problems([
        ((1..=90).contains(&guard.min_free_storage_percent), "guard.min_free_storage_percent must be from 1 to 90"),
        ((1..=300).contains(&wait.calls_end_seconds), "wait.calls_end_seconds must be from 1 to 300"),
        (wait.verify_call_seconds <= 480, "wait.verify_call_seconds must be from 0 to 480"),
        ((1..=300).contains(&wait.max_seconds), "wait.max_seconds must be from 1 to 300"),
    ])
}

fn problems<const COUNT: usize>(rules: [(bool, &'static str); COUNT]) -> Vec<&'static str> {
    rules.into_iter().filter(|(holds, _)| !holds).map(|(_, problem)| problem).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn refusal(value: serde_json::Value) -> String {
        let error = Input::parse(value).unwrap_err();
        assert_eq!(error.name, ErrorName::InvalidInput);
        error.to_string()
    }

    #[test]
    fn only_source_is_needed_and_the_defaults_are_safe() {
        let input = Input::parse(json!({"source": "orders-db"})).unwrap();
        assert_eq!(input.kms_key, "alias/aws/rds");
        assert_eq!(input.cutover.when, When::Approved);
        assert_eq!(input.how(), How::None);
        assert_eq!(input.verify, Verify::Rows);
        assert_eq!(input.after.source, AfterSource::Keep);
        assert!(!input.consent.reboot && !input.consent.replica_identity && !input.consent.event_triggers && !input.plan_only);
    }

    #[test]
    fn a_misspelt_field_is_named() {
        for (value, named) in [
            (json!({"source": "d", "kms_kye": "k"}), "kms_kye"),
            (json!({"source": "d", "consent": {"reboots": true}}), "reboots"),
            (json!({"source": "d", "cutover": {"wen": "now"}}), "wen"),
            (json!({"source": "d", "cutover": {"when": "soon"}}), "soon"),
            (json!({"source": "d", "after": {"source": "burn"}}), "burn"),
            (json!({"kms_key": "k"}), "source"),
            (json!({"source": "d", "cutover": {"window": "tonight"}}), "cutover.window"),
            (json!({"source": "d", "guard": {"min_free_storage_percent": 0}}), "guard.min_free_storage_percent"),
            (json!({"source": "d", "cutover": {"max_write_pause_seconds": -1}}), "cutover.max_write_pause_seconds"),
        ] {
            assert!(refusal(value).contains(named));
        }
    }

    #[test]
    fn a_wrong_type_or_a_contradiction_is_refused() {
        for value in [
            json!(null),
            json!([]),
            json!({"source": 7}),
            json!({"source": " "}),
            json!({"source": "d", "databases": "orders"}),
            json!({"source": "d", "databases": []}),
            json!({"source": "d", "plan_only": "yes"}),
            json!({"source": "d", "cutover": {"max_write_pause_seconds": 0}}),
            json!({"source": "d", "cutover": {"how": "secret"}}),
            json!({"source": "d", "verify": "off", "cutover": {"verify_in_pause": true}}),
            json!({"source": "d", "wait": {"verify_call_seconds": 900}}),
            json!({"source": "d", "cutover": {"how": "none", "secrets": ["a"]}}),
            json!({"source": "d", "way_back": {}}),
            json!({"source": "d", "way_back": {"hours": 0}}),
            json!({"source": "d", "way_back": {"hours": 337}}),
            json!({"source": "d", "way_back": {"hours": 72}, "after": {"source": "stop"}}),
            json!({"source": "d", "way_back": {"hours": 72}, "after": {"source": "delete"}}),
            json!({"source": "d", "way_back": {"hours": 72}, "consent": {"event_triggers": true}}),
        ] {
            refusal(value);
        }
    }

    #[test]
    fn secrets_mean_a_switch_by_secret() {
        let input = Input::parse(json!({"source": "d", "cutover": {"secrets": ["orders/app"]}})).unwrap();
        assert_eq!(input.how(), How::Secret);
    }
}
