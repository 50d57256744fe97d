//! The databases of a campaign, or of an AWS Config finding, and the order in which they are moved.

mod candidates;
mod config_event;

use std::collections::BTreeSet;

use aws::client::Aws;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use shared::error::{ErrorName, Result, StepError};
use shared::fleet::{Campaign, DiscoverRequest, Discovered, Entry, Item, Outcome, Row, Wanted};
use shared::names::POLICY_PREFIX;

use crate::candidates::Candidate;

/// A state of Step Functions holds 256 KiB, and the map's result has some more bytes for each database.
/// Source: AWS Step Functions developer guide, "Service quotas".
const MOST_BYTES: usize = 240_000;
const MORE_BYTES_OF_EACH: usize = 50;
/// How much of an execution name's 80 characters is left for the campaign's name.
const PREFIX_CHARACTERS: usize = 24;

/// Reads, and changes nothing.
///
/// # Errors
/// `InvalidInput`, `PreconditionFailed` where there are too many for one campaign, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, request: DiscoverRequest) -> Result<Discovered> {
    if let Some(event) = request.finding {
        // Where AWS Config requires a key, a database under another key is a finding, too.
        let rekey = !request.required_key.is_empty();
        let key = if rekey { request.required_key } else { request.kms_key };
        let defaults = Map::from_iter([("kms_key".to_owned(), Value::String(key))]);
        return Ok(config_event::read(&request.execution, &event, Campaign { defaults, rekey, ..Campaign::default() }));
    }
    // An empty input does not mean a campaign of everything.
    let mut campaign = Campaign::parse(request.campaign.unwrap_or(Value::Null))?;
    campaign.defaults.entry("kms_key").or_insert(Value::String(request.kms_key));
    let candidates = candidates::read(aws, &campaign.production).await?;
    let (databases, skipped) = choose(&candidates, &campaign);
    let discovered = Discovered { databases, skipped, prefix: prefix(&request.execution.name), campaign, is_finding: false };
    check_size(&discovered)?;
    Ok(discovered)
}

/// A larger state would end the campaign halfway, with an error that no state can catch.
fn check_size(discovered: &Discovered) -> Result<()> {
    let count = discovered.databases.len() + discovered.skipped.len();
    let bytes = serde_json::to_vec(discovered).map_or(usize::MAX, |text| text.len() + MORE_BYTES_OF_EACH * count);
    if bytes > MOST_BYTES {
        let message = format!("{count} databases, with their details, are more than one campaign holds: narrow it by tag");
        return Err(StepError::new(ErrorName::PreconditionFailed, message));
    }
    Ok(())
}

/// The selected databases in order, each once, and those that cannot be moved.
fn choose(candidates: &[Candidate], campaign: &Campaign) -> (Vec<Item>, Vec<Row>) {
    let (mut chosen, mut skipped) = (Vec::new(), Vec::new());
    match &campaign.databases {
        None => chosen.extend(candidates.iter().filter(|each| is_wanted(each, campaign.tag.as_ref())).map(|each| (each, Map::new()))),
        Some(entries) => {
            for entry in entries {
                let (source, members) = described(entry);
                match candidates.iter().find(|each| each.is_named(&source)) {
                    Some(candidate) => chosen.push((candidate, members)),
                    None => skipped.push(row(source, Outcome::Gone, "no such database in this Region and account")),
                }
            }
        }
    }
    chosen.sort_by_key(|(candidate, _)| candidate.order());
    let mut seen = BTreeSet::new();
    let mut items = Vec::new();
    for (candidate, entry) in chosen {
        let source = candidate.identifier.clone();
        if !seen.insert(&candidate.identifier) {
            skipped.push(row(source, Outcome::Misconfigured, "it is named more than once, and its first entry counts"));
        } else if let Some(target) = &candidate.moved_to {
            skipped.push(row(source, Outcome::Done, &format!("its application has moved to {target}")));
        } else if !candidate.is_postgres {
            skipped.push(row(source, Outcome::NotOurs, "it runs neither postgres nor aurora-postgresql"));
        } else {
            items.push(Item { source, entry });
        }
    }
    (items, skipped)
}

fn is_wanted(candidate: &Candidate, wanted: Option<&Wanted>) -> bool {
    candidate.tags.iter().any(|(key, value)| match wanted {
        None => key.starts_with(POLICY_PREFIX),
        Some(wanted) => *key == wanted.key && wanted.value.as_ref().is_none_or(|wanted| wanted == value),
    })
}

fn described(entry: &Entry) -> (String, Map<String, Value>) {
    match entry {
        Entry::Name(name) => (name.clone(), Map::new()),
        Entry::Input(members) => {
            let mut members = members.clone();
            let source = members.remove("source").and_then(|source| source.as_str().map(str::to_owned)).unwrap_or_default();
            (source, members)
        }
    }
}

fn row(source: String, outcome: Outcome, why: &str) -> Row {
    Row { source, outcome, why: why.to_owned(), execution: None, output: None }
}

/// The prefix of a campaign's execution names: its own name; of a long one, the beginning and a hash that tells it apart.
fn prefix(campaign: &str) -> String {
    if campaign.len() <= PREFIX_CHARACTERS {
        return campaign.to_owned();
    }
    let told_apart: String = hex::encode(Sha256::digest(campaign.as_bytes())).chars().take(8).collect();
    let stem: String = campaign.chars().take(PREFIX_CHARACTERS - 9).collect();
    format!("{stem}-{told_apart}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn candidate(identifier: &str, tags: &[(&str, &str)], is_production: bool, gib: i32) -> Candidate {
        Candidate {
            identifier: identifier.to_owned(),
            names: vec![identifier.to_owned(), format!("arn:{identifier}"), format!("{identifier}-member")],
            tags: tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            is_postgres: true,
            is_production,
            gib,
            moved_to: None,
        }
    }

    fn names(items: &[Item]) -> Vec<&str> {
        items.iter().map(|item| item.source.as_str()).collect()
    }

    #[test]
    fn a_campaign_holds_as_much_as_a_state_does() {
        let of = |count: usize, length: usize| Discovered {
            databases: (0..count).map(|at| Item { source: format!("{at:0length$}"), entry: Map::new() }).collect(),
            skipped: Vec::new(),
            campaign: Campaign::default(),
            prefix: "spring".to_owned(),
            is_finding: false,
        };
        assert!(check_size(&of(1_200, 63)).is_ok() && check_size(&of(2_000, 20)).is_ok());
        let error = check_size(&of(3_000, 20)).unwrap_err();
        assert_eq!(error.name, ErrorName::PreconditionFailed);
        assert!(error.to_string().starts_with("3000 databases"), "{error}");
    }

    #[test]
    fn small_ones_and_those_that_are_not_production_come_first() {
        let policy: &[(&str, &str)] = &[("encrypt:mode", "plan")];
        let all = [
            candidate("big-prod", policy, true, 900),
            candidate("prod", policy, true, 20),
            candidate("big-dev", policy, false, 500),
            candidate("dev", policy, false, 20),
            candidate("a-dev", policy, false, 20),
            candidate("untagged", &[("team", "shop")], false, 5),
        ];
        let (items, skipped) = choose(&all, &Campaign::default());
        assert_eq!(names(&items), ["a-dev", "dev", "big-dev", "prod", "big-prod"]);
        assert!(skipped.is_empty());
    }

    #[test]
    fn a_tag_chooses_with_its_value_or_with_any() {
        let all = [candidate("a", &[("team", "shop")], false, 1), candidate("b", &[("team", "bank")], false, 1)];
        let chosen = |tag| names(&choose(&all, &Campaign::parse(json!({"tag": tag})).unwrap()).0).join(" ");
        assert_eq!(chosen(json!({"key": "team"})), "a b");
        assert_eq!(chosen(json!({"key": "team", "value": "bank"})), "b");
        assert_eq!(chosen(json!({"key": "Team"})), "");
    }

    #[test]
    fn every_database_of_a_list_has_one_line() {
        let mut moved = candidate("moved", &[], false, 1);
        moved.moved_to = Some("moved-enc".to_owned());
        let mut mysql = candidate("mysql", &[], false, 1);
        mysql.is_postgres = false;
        let all = [candidate("a", &[], false, 2), candidate("b", &[], false, 1), moved, mysql];
        let list = json!({"databases": ["a", {"source": "arn:b", "mode": "migrate"}, "b-member", "moved", "mysql", "nowhere"]});
        let (items, skipped) = choose(&all, &Campaign::parse(list).unwrap());
        assert_eq!(names(&items), ["b", "a"]);
        assert_eq!(items[0].entry, *json!({"mode": "migrate"}).as_object().unwrap());
        let described: Vec<_> = skipped.iter().map(|row| (row.source.as_str(), row.outcome)).collect();
        assert_eq!(described, [("nowhere", Outcome::Gone), ("b", Outcome::Misconfigured), ("moved", Outcome::Done), ("mysql", Outcome::NotOurs)]);
    }

    #[test]
    fn long_names_of_campaigns_stay_apart() {
        let (one, two) = (prefix("quarterly-encryption-of-all-shops-1"), prefix("quarterly-encryption-of-all-shops-2"));
        assert!(one != two && one.len() == PREFIX_CHARACTERS, "{one} {two}");
        assert_eq!(prefix("spring"), "spring");
    }
}
