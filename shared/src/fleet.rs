//! A fleet: what an operator types in for a campaign, what the fleet's state machine hands to its functions, and what it gets
//! back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contract::Execution;
use crate::error::{ErrorName, Result, StepError};

/// A campaign: which databases, and how. Unknown fields are an error, and every field has a safe default.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Campaign {
    /// The databases by name; default is to discover them.
    #[serde(skip_serializing)]
    pub databases: Option<Vec<Entry>>,
    /// Discovers the databases that have this tag; default is any tag of the policy (`encrypt:…`).
    #[serde(skip_serializing)]
    pub tag: Option<Wanted>,
    /// Plans all of them and changes none, whatever tags and entries say.
    pub plan_only: bool,
    /// Members of the input of every execution, which tags and entries add to.
    pub defaults: Map<String, Value>,
    /// Whether databases that are encrypted with another key get this one: a campaign of encryption alone must not take a key away
    /// that somebody has chosen.
    pub rekey: bool,
    /// How many databases at a time.
    pub max_concurrency: u32,
    /// After so many migrations that failed, no other one begins.
    pub stop_after_failures: u32,
    /// How long before its window opens a database's run begins, so that the copy has caught up by then.
    pub lead_hours: u32,
    /// Which databases come last.
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
    /// Identifier, ARN or resource id: its tags say what may be done.
    Name(String),
    /// With `source`, with `mode` where the campaign says it, and with more members of the execution's input.
    Told(Map<String, Value>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub key: String,
    pub value: Option<String>,
}

/// The tag of databases that come last, and its values, in whatever case. A database without the tag counts as one of them.
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
    /// `InvalidInput`, with the field that is wrong.
    pub fn parse(value: Value) -> Result<Self> {
        let invalid = |what: &str| StepError::new(ErrorName::InvalidInput, format!("the campaign's input is not valid: {what}"));
        // Serde fills a struct that has a default for everything from an empty list, too.
        let is_object = |member: &Value| member.is_null() || member.is_object();
        if !value.is_object() || ["tag", "production"].iter().any(|field| !is_object(&value[*field])) {
            return Err(invalid("it, its tag and its production are objects"));
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
            Entry::Told(members) => members.get("source").and_then(Value::as_str).is_some_and(|source| !source.is_empty()),
        };
        let names_all = |entries: &Vec<Entry>| !entries.is_empty() && entries.iter().all(is_named);
        must(self.databases.is_none() || self.tag.is_none(), "databases and tag are both given: one of them");
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
    /// The key of those for which nothing else is said.
    pub kms_key: String,
    /// ARN of the key that AWS Config requires of all; empty where any will do.
    pub required_key: String,
}

/// What EventBridge brings from AWS Config, each as a text, or missing: nothing is taken for granted.
/// Source: AWS Config developer guide, "Monitoring AWS Config with Amazon EventBridge".
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConfigFinding {
    pub account: String,
    pub region: String,
    /// When EventBridge took it, as in `2026-11-24T18:00:00Z`.
    pub time: String,
    pub resource_type: String,
    pub resource_id: String,
    pub compliance_type: String,
}

/// The databases in the order in which they are moved.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Discovered {
    pub databases: Vec<Item>,
    /// Those that nothing is done with.
    pub skipped: Vec<Row>,
    /// With its defaults worked out.
    pub campaign: Campaign,
    /// What the names of the executions begin with.
    pub prefix: String,
    /// Whether it came from AWS Config.
    pub is_finding: bool,
}

/// One database of the Map.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Item {
    pub source: String,
    /// What the campaign says of it.
    pub entry: Map<String, Value>,
}

/// The request of decide.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EvaluatePolicyRequest {
    pub item: Item,
    pub campaign: Campaign,
    pub prefix: String,
    /// Whether the plan is asked for, and not the migration.
    pub plan: bool,
}

/// What may be done with a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Nothing,
    Plan,
    Migrate,
}

/// What is to be done with one database, and as what.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Decision {
    pub mode: Mode,
    /// What becomes of it where nothing is done.
    pub outcome: Outcome,
    pub why: String,
    /// Identifier of the instance, or of the cluster.
    pub source: String,
    /// Name of the execution: the same one for every event of a day, and for every call of a campaign.
    pub name: String,
    /// The execution's input.
    pub input: Value,
    /// How long it is too early to begin, for its window, or because RDS is at work on it.
    pub wait_seconds: u64,
}

/// What became of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Its application is on the new database.
    Encrypted,
    /// A plan was made, and nothing was changed.
    Planned,
    /// The run failed, and undid all it had made.
    Undone,
    /// The run failed, and something is left for a person to do.
    NeedsYou,
    /// Nothing was begun: something that the run needs is not so.
    Refused,
    /// It has the key already, or its application has moved.
    Done,
    /// Another execution holds it.
    Running,
    /// There is an execution of that name: the event, or the call, repeats another one.
    Known,
    /// There is no such database any more.
    Gone,
    /// Its tags, or its entry, are not understood: nothing was done.
    Misconfigured,
    /// Not a database that this product moves, or not a finding.
    NotOurs,
    /// The campaign had stopped before its turn, or the Region had no place for it: nothing was made.
    NotStarted,
    /// Could not be found out.
    Unknown,
}

/// One line of the summary.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Row {
    pub source: String,
    pub outcome: Outcome,
    #[serde(default)]
    pub why: String,
    /// ARN of the execution, where there was one.
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
    /// Where the reports of its executions are.
    pub report_bucket: String,
    /// Where the rows are, and where the summary goes: `campaigns/<execution>/`.
    pub folder: String,
    /// All that were planned, and those of them whose migration was begun: each must have left a row.
    pub planned: Vec<String>,
    pub begun: Vec<String>,
    pub skipped: Vec<Row>,
    pub is_finding: bool,
}

/// What is told of the whole.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Summary {
    /// How many databases had which outcome.
    pub outcomes: BTreeMap<Outcome, u64>,
    /// Keys of the table for people and of the one for programs.
    pub html: String,
    pub json: String,
    /// Of the message, in ASCII, at most 100 characters.
    pub subject: String,
    pub message: String,
    /// Whether it is worth a message: an event that repeats another one is not.
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
