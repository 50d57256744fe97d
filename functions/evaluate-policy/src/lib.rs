//! The policy of one database: whether its encryption is only planned or carried out, when, and with which input.
//!
//! Why once for the plan and once more before the migration: tags change, and consent may be withdrawn.

mod policy;

use std::time::SystemTime;

use aws::client::Aws;
use aws::rds::database::{Database, find, moved_to};
use aws::rds::status::{Standing, standing};
use serde_json::{Map, Value, json};
use shared::error::{ErrorName, Result};
use shared::fleet::{Campaign, Decision, EvaluatePolicyRequest, Mode, Outcome};
use shared::input::Input;
use shared::window::seconds_until;

use crate::policy::Policy;

/// Reads, and changes nothing.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, request: EvaluatePolicyRequest) -> Result<Decision> {
    match find(aws, &request.item.source).await {
        Ok(found) => Ok(decide(&found, request, SystemTime::now())),
        Err(error) if error.name == ErrorName::SourceNotFound => Ok(nothing(&request.item.source, Outcome::Gone, error.to_string())),
        Err(error) => Err(error),
    }
}

fn decide(found: &Database, request: EvaluatePolicyRequest, now: SystemTime) -> Decision {
    let source = found.identifier();
    if let Some(target) = moved_to(found.tags()) {
        return nothing(source, Outcome::Done, format!("its application has moved to {target}"));
    }
    if found.is_postgres() && !found.status().is_empty() && standing(found.status()) == Standing::Between {
        let why = format!("it is {}: RDS is working on it", found.status());
        return Decision { wait_seconds: AT_WORK_SECONDS, ..nothing(source, Outcome::NotStarted, why) };
    }
    if let Err(error) = found.read() {
        // A PostgreSQL database that cannot be read yet, or is too old, needs a person.
        let outcome = if found.is_postgres() { Outcome::Refused } else { Outcome::NotOurs };
        return nothing(source, outcome, format!("{}: {error}", error.name));
    }
    if let Some(key) = found.encrypted_with().filter(|_| !request.campaign.rekey) {
        return nothing(source, Outcome::Done, format!("it is already encrypted, with {key}, and no other key was requested (rekey)"));
    }
    let policy = match Policy::of(found.tags(), request.item.entry) {
        Ok(policy) => policy,
        Err(problems) => return nothing(source, Outcome::Misconfigured, problems.join("; ")),
    };
    let plan_only = request.plan || request.campaign.plan_only || policy.mode != Mode::Migrate;
    let input = input(source, &request.campaign, &policy, plan_only);
    let window = match Input::parse(input.clone()) {
        Ok(input) => input.cutover.window,
        Err(error) => return nothing(source, Outcome::Misconfigured, error.to_string()),
    };
    let mode = if plan_only { Mode::Plan } else { Mode::Migrate };
    Decision {
        mode: if request.campaign.plan_only { Mode::Plan } else { policy.mode },
        outcome: Outcome::Unknown,
        why: policy.why,
        source: source.to_owned(),
        name: name(&request.prefix, mode, source, found.resource_id()),
        input,
        wait_seconds: window.map_or(0, |window| too_early_seconds(&window, request.campaign.lead_hours, now)),
    }
}

fn nothing(source: &str, outcome: Outcome, why: impl Into<String>) -> Decision {
    let (source, why) = (source.to_owned(), why.into());
    Decision { mode: Mode::Nothing, outcome, why, source, name: String::new(), input: Value::Null, wait_seconds: 0 }
}

/// The campaign's defaults, then its entry for this database, then the owner's tags: the last one wins.
fn input(source: &str, campaign: &Campaign, policy: &Policy, plan_only: bool) -> Value {
    let mut input = campaign.defaults.clone();
    merge(&mut input, policy.from_entry.clone());
    merge(&mut input, policy.from_tags.clone());
    input.insert("source".to_owned(), json!(source));
    input.insert("plan_only".to_owned(), json!(plan_only));
    Value::Object(input)
}

/// Merges the members of `more` into `members`, and objects into objects.
fn merge(members: &mut Map<String, Value>, more: Map<String, Value>) {
    for (key, more) in more {
        match (members.get_mut(&key), more) {
            (Some(Value::Object(members)), Value::Object(more)) => merge(members, more),
            (_, more) => drop(members.insert(key, more)),
        }
    }
}

/// When a database that RDS is working on is checked again: a reboot takes a minute, a larger class a quarter of an hour.
const AT_WORK_SECONDS: u64 = 180;

/// The time until `lead_hours` before the window; 0 from then on until it closes.
fn too_early_seconds(window: &str, lead_hours: u32, now: SystemTime) -> u64 {
    seconds_until(window, now).unwrap_or(0).saturating_sub(u64::from(lead_hours) * 3_600)
}

/// The longest name of an execution, in characters.
#[cfg(test)]
const NAME_MAX: usize = 80;
const IDENTIFIER_CHARACTERS: usize = 38;
const RESOURCE_CHARACTERS: usize = 8;

/// The same for each event with this prefix, so that Step Functions itself detects a repetition. It differs for two databases that had
/// the same identifier one after the other.
fn name(prefix: &str, mode: Mode, source: &str, resource_id: &str) -> String {
    let mode = if mode == Mode::Migrate { "encrypt" } else { "plan" };
    let source: String = source.chars().take(IDENTIFIER_CHARACTERS).collect();
    let resource = resource_id.get(resource_id.len().saturating_sub(RESOURCE_CHARACTERS)..).unwrap_or_default();
    format!("{prefix}-{mode}-{source}-{resource}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_rds::types::{DbInstance, Endpoint, Tag};
    use shared::fleet::Item;
    use std::time::{Duration, UNIX_EPOCH};

    fn database(tags: &[(&str, &str)]) -> Database {
        let tags = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
        let endpoint = Endpoint::builder().address("orders").port(5432).build();
        let instance = DbInstance::builder().db_instance_identifier("orders").engine("postgres").engine_version("17.4").endpoint(endpoint);
        Database::Instance(Box::new(instance.dbi_resource_id("db-ABCDEFGHIJKLMNOPQRSTUVWXYZ").set_tag_list(Some(tags)).build()))
    }

    fn decision(tags: &[(&str, &str)], entry: Value, campaign: Value, plan: bool) -> Decision {
        let Value::Object(entry) = entry else { unreachable!("an entry is an object") };
        let item = Item { source: "orders".to_owned(), entry };
        let campaign = Campaign::parse(campaign).unwrap();
        // A Thursday, at midnight.
        decide(&database(tags), EvaluatePolicyRequest { item, campaign, prefix: "spring".to_owned(), plan }, UNIX_EPOCH + Duration::from_secs(0))
    }

    #[test]
    fn who_says_nothing_is_planned_and_not_changed() {
        let decision = decision(&[], json!({}), json!({"defaults": {"kms_key": "alias/fleet"}}), false);
        assert_eq!(decision.mode, Mode::Plan);
        assert_eq!(decision.input, json!({"source": "orders", "plan_only": true, "kms_key": "alias/fleet"}));
        assert_eq!(decision.name, "spring-plan-orders-STUVWXYZ");
    }

    #[test]
    fn a_tag_or_an_entry_opts_in_and_approval_is_the_default() {
        for (tags, entry) in [(&[("encrypt:mode", "migrate")][..], json!({})), (&[], json!({"mode": "migrate"}))] {
            let described = decision(tags, entry.clone(), json!({}), false);
            assert_eq!((described.mode, &described.input["plan_only"]), (Mode::Migrate, &json!(false)));
            assert_eq!(described.name, "spring-encrypt-orders-STUVWXYZ");
            assert_eq!(Input::parse(described.input).unwrap().cutover.when, shared::input::When::Approved);
            let asked_for_a_plan = decision(tags, entry.clone(), json!({}), true);
            assert_eq!((asked_for_a_plan.mode, &asked_for_a_plan.input["plan_only"]), (Mode::Migrate, &json!(true)));
            let campaign_plans = decision(tags, entry, json!({"plan_only": true}), false);
            assert_eq!((campaign_plans.mode, &campaign_plans.input["plan_only"]), (Mode::Plan, &json!(true)));
        }
    }

    #[test]
    fn the_owner_who_wants_a_plan_alone_is_heard() {
        let decision = decision(&[("encrypt:mode", "plan")], json!({"mode": "migrate"}), json!({}), false);
        assert_eq!(decision.mode, Mode::Plan);
        assert!(decision.why.contains("encrypt:mode"), "{}", decision.why);
    }

    #[test]
    fn tags_and_entries_add_to_the_defaults() {
        let tags = [
            ("encrypt:mode", "migrate"),
            ("encrypt:approval", "none"),
            ("encrypt:window", "sat:02:00-sat:04:00"),
            ("encrypt:secret", "orders/master"),
            ("encrypt:application-secrets", "orders/app orders/jobs"),
            ("encrypt:consent", "replica-identity event-triggers reboot-in-window"),
        ];
        let entry = json!({"cutover": {"max_write_pause_seconds": 5}});
        let decision = decision(&tags, entry, json!({"defaults": {"verify": "counts", "consent": {"reboot": false}}}), false);
        assert_eq!(
            decision.input,
            json!({
                "source": "orders",
                "plan_only": false,
                "secret": "orders/master",
                "verify": "counts",
                "consent": {"replica_identity": true, "event_triggers": true, "reboot": true, "reboot_when": "maintenance_window"},
                "cutover": {
                    "when": "now",
                    "window": "sat:02:00-sat:04:00",
                    "secrets": ["orders/app", "orders/jobs"],
                    "max_write_pause_seconds": 5,
                },
            })
        );
        // From Thursday midnight to Friday, 20:00, six hours before.
        assert_eq!(decision.wait_seconds, 44 * 3_600);
    }

    #[test]
    fn the_owners_word_is_the_last_one() {
        let tags = [("encrypt:mode", "migrate"), ("encrypt:approval", "required"), ("encrypt:window", "sat:02:00-sat:04:00")];
        let entry = json!({"cutover": {"when": "now", "window": "mon:02:00-mon:04:00"}});
        let decision = decision(&tags, entry, json!({"defaults": {"cutover": {"window": "tue:02:00-tue:04:00"}}}), false);
        assert_eq!(decision.input["cutover"], json!({"when": "approved", "window": "sat:02:00-sat:04:00"}));
    }

    #[test]
    fn one_that_is_being_made_is_no_strangers() {
        let outcome = |change: fn(&mut DbInstance)| {
            let Database::Instance(mut instance) = database(&[]) else { unreachable!("it is an instance") };
            change(&mut instance);
            let item = Item { source: "orders".to_owned(), entry: Map::new() };
            let request = EvaluatePolicyRequest { item, campaign: Campaign::default(), prefix: "spring".to_owned(), plan: true };
            decide(&Database::Instance(instance), request, UNIX_EPOCH).outcome
        };
        assert_eq!(outcome(|instance| instance.endpoint = None), Outcome::Refused);
        assert_eq!(outcome(|instance| instance.engine_version = Some("11.22".to_owned())), Outcome::Refused);
        assert_eq!(outcome(|instance| instance.engine = Some("mysql".to_owned())), Outcome::NotOurs);
    }

    #[test]
    fn one_on_which_rds_is_at_work_is_looked_at_again_and_one_that_answers_is_taken() {
        let described = |status: &str| {
            let Database::Instance(mut instance) = database(&[("encrypt:mode", "migrate")]) else { unreachable!("it is an instance") };
            instance.db_instance_status = Some(status.to_owned());
            let item = Item { source: "orders".to_owned(), entry: Map::new() };
            let request = EvaluatePolicyRequest { item, campaign: Campaign::default(), prefix: "spring".to_owned(), plan: true };
            let decision = decide(&Database::Instance(instance), request, UNIX_EPOCH);
            (decision.mode, decision.wait_seconds)
        };
        for status in ["rebooting", "modifying", "creating", "maintenance"] {
            assert_eq!(described(status), (Mode::Nothing, AT_WORK_SECONDS), "{status}");
        }
        // Statuses that do not end by themselves are refused by the plan, by name.
        for status in ["available", "backing-up", "storage-optimization", "stopped", "storage-full"] {
            assert_eq!(described(status), (Mode::Migrate, 0), "{status}");
        }
    }

    #[test]
    fn what_is_not_understood_is_reported_and_nothing_is_done() {
        let entries = [json!({"mode": "migrate", "verfy": "rows"}), json!({"mode": "now"}), json!({"plan_only": true}), json!({"undo": "arn"})];
        for entry in entries {
            let decision = decision(&[], entry, json!({}), false);
            assert_eq!((decision.mode, decision.outcome), (Mode::Nothing, Outcome::Misconfigured), "{}", decision.why);
        }
    }

    #[test]
    fn what_has_moved_is_done() {
        let decision = decision(&[("encrypt:mode", "migrate"), ("rds-reencrypt:moved-to", "orders-enc")], json!({}), json!({}), false);
        assert_eq!((decision.mode, decision.outcome), (Mode::Nothing, Outcome::Done));
    }

    #[test]
    fn a_key_that_somebody_has_chosen_stays_unless_another_one_is_asked_for() {
        let Database::Instance(mut instance) = database(&[("encrypt:mode", "migrate")]) else { unreachable!("it is an instance") };
        (instance.storage_encrypted, instance.kms_key_id) = (Some(true), Some("arn:aws:kms:eu-central-1:1:key/chosen".to_owned()));
        let found = Database::Instance(instance);
        let mode = |campaign| {
            let item = Item { source: "orders".to_owned(), entry: Map::new() };
            let request = EvaluatePolicyRequest { item, campaign: Campaign::parse(campaign).unwrap(), prefix: "spring".to_owned(), plan: false };
            decide(&found, request, UNIX_EPOCH).mode
        };
        assert_eq!(mode(json!({})), Mode::Nothing);
        assert_eq!(mode(json!({"defaults": {"kms_key": "alias/other"}})), Mode::Nothing);
        assert_eq!(mode(json!({"rekey": true})), Mode::Migrate);
    }

    #[test]
    fn the_longest_names_fit() {
        let name = name(&"p".repeat(24), Mode::Migrate, &"s".repeat(63), "cluster-ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        assert_eq!(name.len(), NAME_MAX);
    }
}
