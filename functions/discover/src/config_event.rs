//! The subject of an AWS Config event. Anybody who may put events can make one up: it names a database, and allows nothing.

use serde_json::Map;
use shared::contract::Execution;
use shared::fleet::{Campaign, ConfigFinding, Discovered, Item, Outcome};

use crate::row;

const TYPES: [&str; 2] = ["AWS::RDS::DBInstance", "AWS::RDS::DBCluster"];
/// How much of an invalid name is reported.
const TOLD_CHARACTERS: usize = 80;

/// The one database of a finding, or the reason why there is none.
pub(crate) fn read(execution: &Execution, finding: &ConfigFinding, campaign: Campaign) -> Discovered {
    let mut discovered = Discovered { databases: Vec::new(), skipped: Vec::new(), prefix: prefix(&finding.time), campaign, is_finding: true };
    let skip = |outcome, why: &str| row(finding.resource_id.chars().take(TOLD_CHARACTERS).collect(), outcome, why);
    // arn:aws:states:<Region>:<account>:execution:…
    let mut own = execution.id.split(':').skip(3);
    let is_own_region = own.next() == Some(&finding.region);
    if !is_own_region || own.next() != Some(&finding.account) {
        discovered.skipped.push(skip(Outcome::NotOurs, "the finding is of another account or Region"));
    } else if !TYPES.contains(&finding.resource_type.as_str()) {
        discovered.skipped.push(skip(Outcome::NotOurs, "the finding is about something other than an instance or a cluster"));
    } else if finding.compliance_type != "NON_COMPLIANT" {
        discovered.skipped.push(skip(Outcome::Done, "the finding reports no violation"));
    } else if !is_identifier(&finding.resource_id) {
        discovered.skipped.push(skip(Outcome::NotOurs, "the finding names no identifier and no resource id"));
    } else {
        discovered.databases.push(Item { source: finding.resource_id.clone(), entry: Map::new() });
    }
    discovered
}

fn is_identifier(id: &str) -> bool {
    (1..=63).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The day of the event: a late or repeated event belongs to the execution of its day.
fn prefix(time: &str) -> String {
    let day = time.get(..10).filter(|day| day.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-'));
    format!("finding-{}", day.unwrap_or("undated"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn execution() -> Execution {
        Execution { id: "arn:aws:states:eu-central-1:123456789012:execution:rds-reencrypt-fleet:x".to_owned(), name: "x".to_owned() }
    }

    fn finding() -> ConfigFinding {
        ConfigFinding {
            account: "123456789012".to_owned(),
            region: "eu-central-1".to_owned(),
            time: "2026-11-24T18:00:00Z".to_owned(),
            resource_type: "AWS::RDS::DBInstance".to_owned(),
            resource_id: "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ".to_owned(),
            compliance_type: "NON_COMPLIANT".to_owned(),
        }
    }

    #[test]
    fn a_finding_names_one_database_and_its_day() {
        let discovered = read(&execution(), &finding(), Campaign::default());
        assert_eq!(discovered.databases[0].source, "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ");
        assert_eq!(discovered.prefix, "finding-2026-11-24");
    }

    #[test]
    fn hostile_and_foreign_events_name_none() {
        type Break = fn(&mut ConfigFinding);
        let breaks: [(Break, Outcome); 9] = [
            (|event| event.region = "mars-north-1".to_owned(), Outcome::NotOurs),
            (|event| event.account = "210987654321".to_owned(), Outcome::NotOurs),
            (|event| event.resource_type = "AWS::S3::Bucket".to_owned(), Outcome::NotOurs),
            (|event| event.compliance_type = "COMPLIANT".to_owned(), Outcome::Done),
            (|event| event.compliance_type.clear(), Outcome::Done),
            (|event| event.resource_id = "orders'; drop table x; --".to_owned(), Outcome::NotOurs),
            (|event| event.resource_id = "\"}, \"x\": {\"".to_owned(), Outcome::NotOurs),
            (|event| event.resource_id = "a".repeat(262_144), Outcome::NotOurs),
            (|event| *event = ConfigFinding::default(), Outcome::NotOurs),
        ];
        for (break_it, expected) in breaks {
            let mut event = finding();
            break_it(&mut event);
            let discovered = read(&execution(), &event, Campaign::default());
            assert!(discovered.databases.is_empty());
            assert_eq!(discovered.skipped[0].outcome, expected, "{}", discovered.skipped[0].why);
            assert!(discovered.skipped[0].source.len() <= TOLD_CHARACTERS);
        }
    }

    #[test]
    fn a_hostile_time_is_no_day() {
        for time in ["", "2026/11/24", "'; --", "ä2026-11-24"] {
            assert_eq!(prefix(time), "finding-undated", "{time}");
        }
    }
}
