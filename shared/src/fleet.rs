//! A fleet: the input of a campaign, and the requests and answers of the fleet's functions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contract::Execution;
use crate::error::{ErrorName, Result, StepError};

/// The input of a campaign: which databases, and how. Unknown fields are an error, and every field has a safe default.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Campaign {
    /// The databases by name; by default they are discovered.
    #[serde(skip_serializing)]
    pub databases: Option<Vec<Entry>>,
    /// Discovers the databases that have this tag; default is any tag of the policy (`encrypt:…`).
    #[serde(skip_serializing)]
    pub tag: Option<Wanted>,
    /// Plans all of them and changes none, regardless of tags and entries.
    pub plan_only: bool,
    /// Members of the input of every execution; tags and entries add to them.
    pub defaults: Map<String, Value>,
    /// Whether databases that are encrypted with another key get this one: a campaign that only encrypts must not replace a key
    /// that somebody has chosen.
    pub rekey: bool,
    /// How many databases run at a time.
    pub max_concurrency: u32,
    /// No migration begins after this many have failed.
    pub stop_after_failures: u32,
    /// How many hours before its window opens a database's run begins, so that the target has caught up by then.
    pub lead_hours: u32,
    /// The databases that run last.
    pub production: Production,
}

impl Default for Campaign {
    fn default() -> Self {
        Self {
            databases: None,
            tag: None,
            plan_only: false,
            defaults: Map::new(),
            rekey: false,
            max_concurrency: 8,
            stop_after_failures: 3,
            lead_hours: 6,
            production: Production::default(),
        }
    }
}

/// One database of a campaign's list.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// Identifier, ARN or resource id: its tags are the policy.
    Name(String),
    /// With `source`, optionally `mode`, and more members of the execution's input.
    Input(Map<String, Value>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub key: String,
    pub value: Option<String>,
}

/// The tag of the databases that run last, and its values, case-insensitive. A database without the tag counts as one of them.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Production {
    pub tag: String,
    pub values: Vec<String>,
}

impl Default for Production {
    fn default() -> Self {
        Self { tag: "environment".to_owned(), values: ["production", "prod"].map(str::to_owned).to_vec() }
    }
}

impl Campaign {
    /// Reads and checks a campaign.
    ///
    /// # Errors
    /// `InvalidInput`, with the invalid field.
    pub fn parse(value: Value) -> Result<Self> {
        let invalid = |what: &str| StepError::new(ErrorName::InvalidInput, format!("the campaign's input is not valid: {what}"));
        // Serde also fills a struct with defaults from an empty list.
        let is_object = |member: &Value| member.is_null() || member.is_object();
        if !value.is_object() || ["tag", "production"].iter().any(|field| !is_object(&value[*field])) {
            return Err(invalid("the input, its tag and its production must be objects"));
        }
        let campaign: Self = serde_path_to_error::deserialize(value).map_err(|error| invalid(&error.to_string()))?;
        let problems = campaign.problems();
        if problems.is_empty() { Ok(campaign) } else { Err(invalid(&problems.join("; "))) }
    }

    fn problems(&self) -> Vec<&'static str> {
        let mut problems = Vec::new();
        let mut must = |holds: bool, problem| {
            if !holds {
                problems.push(problem);
            }
        };
        let is_named = |entry: &Entry| match entry {
            Entry::Name(name) => !name.is_empty(),
            Entry::Input(members) => members.get("source").and_then(Value::as_str).is_some_and(|source| !source.is_empty()),
        };
        let names_all = |entries: &Vec<Entry>| !entries.is_empty() && entries.iter().all(is_named);
        must(self.databases.is_none() || self.tag.is_none(), "databases and tag exclude each other");
        must(self.databases.as_ref().is_none_or(names_all), "databases must be a list of identifiers, or of entries with a source");
        must((1..=18).contains(&self.max_concurrency), "max_concurrency must be from 1 to 18");
        must((1..=100).contains(&self.stop_after_failures), "stop_after_failures must be from 1 to 100");
        must(self.lead_hours <= 12, "lead_hours must be from 0 to 12");
        for field in ["source", "plan_only", "undo"] {
            must(!self.defaults.contains_key(field), "defaults cannot have source, plan_only or undo");
        }
        let has_approval = self.defaults.get("cutover").is_some_and(|cutover| cutover.get("when").is_some());
        must(!has_approval, "defaults cannot have cutover.when: each database's owner says so by tag, or its entry");
        problems
    }
}

/// The request of discover: a finding of AWS Config, or a campaign.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DiscoverRequest {
    pub execution: Execution,
    pub finding: Option<ConfigFinding>,
    pub campaign: Option<Value>,
    /// The key for databases whose tags and entries name none.
    pub kms_key: String,
    /// ARN of the key that AWS Config requires; empty if it accepts any.
    pub required_key: String,
}

/// A finding of AWS Config from EventBridge. Each field is text or missing, and nothing about it is assumed.
/// Source: AWS Config developer guide, "Monitoring AWS Config with Amazon EventBridge".
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFinding {
    pub account: String,
    pub region: String,
    /// When EventBridge received it, as in `2026-11-24T18:00:00Z`.
    pub time: String,
    pub resource_type: String,
    pub resource_id: String,
    pub compliance_type: String,
}

/// The databases, in the order of their migration.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Discovered {
    pub databases: Vec<Item>,
    /// The databases that are left alone.
    pub skipped: Vec<Row>,
    /// With its defaults filled in.
    pub campaign: Campaign,
    /// The prefix of the executions' names.
    pub prefix: String,
    /// Whether it came from AWS Config.
    pub is_finding: bool,
}

/// One database of the Map.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Item {
    pub source: String,
    /// Its entry in the campaign.
    pub entry: Map<String, Value>,
}

/// The request of evaluate-policy.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluatePolicyRequest {
    pub item: Item,
    pub campaign: Campaign,
    pub prefix: String,
    /// Whether a plan is requested instead of the migration.
    pub plan: bool,
}

/// What the policy allows for a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Nothing,
    Plan,
    Migrate,
}

/// The decision about one database, and the execution for it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Decision {
    pub mode: Mode,
    /// Its outcome if it is left alone.
    pub outcome: Outcome,
    pub why: String,
    /// Identifier of the instance, or of the cluster.
    pub source: String,
    /// Name of the execution: the same one for every event of a day, and for every call of a campaign.
    pub name: String,
    /// The execution's input.
    pub input: Value,
    /// How long to wait before the run begins: for its window, or because RDS is modifying it.
    pub wait_seconds: u64,
}

/// The outcome of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its application uses the target.
    Encrypted,
    /// A plan was made, and nothing was changed.
    Planned,
    /// The run failed, and everything it had made was undone.
    Undone,
    /// The run failed, and a person has to act.
    NeedsYou,
    /// Nothing was changed: a precondition is not met.
    Refused,
    /// It has the key already, or its application has moved.
    Done,
    /// Another execution holds it.
    Running,
    /// An execution of that name exists: the event, or the call, repeats another one.
    Known,
    /// The database does not exist any more.
    Gone,
    /// Its tags, or its entry, are not understood: nothing was done.
    Misconfigured,
    /// Not a database that this product moves, or not a finding.
    NotOurs,
    /// The campaign stopped before this run began, or the Region had no capacity for it: nothing was made.
    NotStarted,
    /// Could not be determined.
    Unknown,
}

/// One line of the summary.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Row {
    pub source: String,
    pub outcome: Outcome,
    #[serde(default)]
    pub why: String,
    /// ARN of the execution, if one was started.
    #[serde(default)]
    pub execution: Option<String>,
    /// The execution's output.
    #[serde(default)]
    pub output: Option<Value>,
}

/// The request of summarize.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SummarizeRequest {
    pub execution: Execution,
    pub bucket: String,
    /// The bucket of its executions' reports.
    pub report_bucket: String,
    /// The prefix of the rows and the summary: `campaigns/<execution>/`.
    pub folder: String,
    /// All databases that were planned, and those whose migration began: each must have left a row.
    pub planned: Vec<String>,
    pub begun: Vec<String>,
    pub skipped: Vec<Row>,
    pub is_finding: bool,
}

/// The summary of a campaign.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Summary {
    /// The number of databases for each outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// S3 keys of the table for people and of the one for programs.
    pub html: String,
    pub json: String,
    /// The message's subject, in ASCII, at most 100 characters.
    pub subject: String,
    pub message: String,
    /// Whether to send a message: a repeated event sends none.
    pub is_news: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_empty_campaign_is_one_of_all_tagged_databases() {
        let campaign = Campaign::parse(json!({})).unwrap();
        assert!(campaign.databases.is_none() && campaign.tag.is_none() && !campaign.plan_only && !campaign.rekey);
        assert_eq!((campaign.max_concurrency, campaign.stop_after_failures), (8, 3));
    }

    #[test]
    fn a_wrong_campaign_is_refused_with_the_field() {
        for (value, named) in [
            (json!({"database": ["a"]}), "database"),
            (json!({"databases": []}), "databases"),
            (json!({"databases": [""]}), "databases"),
            (json!({"databases": [{"mode": "migrate"}]}), "databases"),
            (json!({"databases": ["a"], "tag": {"key": "team"}}), "tag"),
            (json!({"max_concurrency": 19}), "max_concurrency"),
            (json!({"stop_after_failures": 0}), "stop_after_failures"),
            (json!({"lead_hours": 13}), "lead_hours"),
            (json!({"defaults": {"source": "d"}}), "defaults"),
            (json!({"defaults": {"cutover": {"when": "now"}}}), "cutover.when"),
            (json!({"production": {"values": "prod"}}), "production.values"),
            (json!("all"), "objects"),
            (json!(null), "objects"),
            (json!([]), "objects"),
            (json!({"tag": ["team", "shop"]}), "objects"),
            (json!({"production": []}), "objects"),
        ] {
            let error = Campaign::parse(value).unwrap_err();
            assert_eq!(error.name, ErrorName::InvalidInput);
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
