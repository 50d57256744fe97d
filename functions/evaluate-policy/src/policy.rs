//! The tags in which a database's owner states what may be done with it.

use aws_sdk_rds::types::Tag;
use serde_json::{Map, Value, json};
use shared::fleet::Mode;
use shared::names::POLICY_PREFIX;

/// Tags and entry combined.
#[derive(Debug)]
pub(crate) struct Policy {
    /// The stricter of the two; without either, a plan.
    pub(crate) mode: Mode,
    pub(crate) why: String,
    /// Members of the execution's input.
    pub(crate) from_tags: Map<String, Value>,
    pub(crate) from_entry: Map<String, Value>,
}

impl Policy {
    /// # Errors
    /// Everything that is not understood: a typo must not count as silence.
    pub(crate) fn of(tags: &[Tag], mut entry: Map<String, Value>) -> Result<Self, Vec<String>> {
        let (mut problems, mut from_tags, mut by_tag) = (Vec::new(), Map::new(), None);
        let pairs = tags.iter().filter_map(|tag| Some((tag.key()?.strip_prefix(POLICY_PREFIX)?, tag.value().unwrap_or_default())));
        for (name, value) in pairs {
            let understood = match name {
                "mode" => mode(value).map(|mode| by_tag = Some(mode)),
                _ => members(name, value).map(|members| crate::merge(&mut from_tags, members)),
            };
            if understood.is_none() {
                problems.push(format!("the tag {POLICY_PREFIX}{name} = {value:?} is not understood: {}", allowed(name)));
            }
        }
        let by_entry = entry.remove("mode").map(|described| (described.as_str().and_then(mode), described));
        if let Some((None, described)) = &by_entry {
            problems.push(format!("the entry's mode {described} is not understood: {}", allowed("mode")));
        }
        problems.extend(["plan_only", "undo"].iter().filter(|field| entry.contains_key(**field)).map(|field| format!("an entry has no {field}")));
        if !problems.is_empty() {
            return Err(problems);
        }
        let by_entry = by_entry.and_then(|(mode, _)| mode);
        let (mode, why) = match (by_tag, by_entry) {
            (Some(by_tag), Some(by_entry)) => (by_tag.min(by_entry), "the stricter one of the tag encrypt:mode and the entry's mode"),
            (Some(by_tag), None) => (by_tag, "as the tag encrypt:mode says"),
            (None, Some(by_entry)) => (by_entry, "as the campaign's entry says"),
            (None, None) => (Mode::Plan, "neither a tag encrypt:mode nor an entry allows a change"),
        };
        Ok(Self { mode, why: why.to_owned(), from_tags, from_entry: entry })
    }
}

fn mode(value: &str) -> Option<Mode> {
    match value {
        "plan" => Some(Mode::Plan),
        "migrate" => Some(Mode::Migrate),
        _ => None,
    }
}

/// The members of the execution's input that a tag sets.
fn members(name: &str, value: &str) -> Option<Map<String, Value>> {
    let words: Vec<&str> = value.split_whitespace().collect();
    let members = match (name, value) {
        ("approval", "required") => json!({"cutover": {"when": "approved"}}),
        ("approval", "none") => json!({"cutover": {"when": "now"}}),
        ("window", _) => json!({"cutover": {"window": value}}),
        ("secret", _) => json!({"secret": value}),
        ("application-secrets", _) => json!({"cutover": {"secrets": words}}),
        ("consent", _) => json!({"consent": consent(&words)?}),
        _ => return None,
    };
    members.as_object().cloned()
}

fn consent(words: &[&str]) -> Option<Map<String, Value>> {
    let mut consent = Map::new();
    for word in words {
        match *word {
            "replica-identity" => consent.insert("replica_identity".to_owned(), json!(true)),
            "event-triggers" => consent.insert("event_triggers".to_owned(), json!(true)),
            "reboot" => consent.insert("reboot".to_owned(), json!(true)),
            "reboot-in-window" => {
                consent.insert("reboot".to_owned(), json!(true));
                consent.insert("reboot_when".to_owned(), json!("maintenance_window"))
            }
            _ => return None,
        };
    }
    Some(consent)
}

fn allowed(name: &str) -> &'static str {
    match name {
        "mode" => "it can be plan or migrate",
        "approval" => "it can be required or none",
        "consent" => "it can have replica-identity, event-triggers, reboot, reboot-in-window",
        _ => "the valid tags are encrypt:mode, approval, window, secret, application-secrets and consent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(pairs: &[(&str, &str)]) -> Result<Policy, Vec<String>> {
        let tags: Vec<Tag> = pairs.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
        Policy::of(&tags, Map::new())
    }

    #[test]
    fn tags_of_others_are_none_of_our_business() {
        let policy = policy(&[("Name", "orders"), ("encryption", "none"), ("aws:cloudformation:stack-name", "shop")]).unwrap();
        assert_eq!((policy.mode, policy.from_tags.len()), (Mode::Plan, 0));
    }

    #[test]
    fn a_typo_is_told_with_what_is_allowed() {
        for (key, value, described) in [
            ("encrypt:mdoe", "migrate", "the valid tags are encrypt:mode"),
            ("encrypt:mode", "migrat", "plan or migrate"),
            ("encrypt:mode", "Migrate", "plan or migrate"),
            ("encrypt:mode", "", "plan or migrate"),
            ("encrypt:approval", "yes", "required or none"),
            ("encrypt:consent", "reboots", "replica-identity"),
            ("encrypt:", "migrate", "the valid tags are encrypt:mode"),
        ] {
            let problems = policy(&[("encrypt:mode", "migrate"), (key, value)]).unwrap_err();
            assert!(problems.len() == 1 && problems[0].contains(described), "{problems:?}");
        }
    }

    #[test]
    fn all_problems_are_told_at_once() {
        assert_eq!(policy(&[("encrypt:mdoe", "plan"), ("encrypt:approval", "yes")]).unwrap_err().len(), 2);
    }
}
