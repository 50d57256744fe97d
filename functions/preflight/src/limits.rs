//! AWS limits that the run itself uses up: counted before anything is made, since they would only show after hours.

use aws::rds::database::Database;
use aws::settings::instance::least_storage_limit;
use aws::settings::is_own_tag;
use aws_sdk_rds::types::{DbInstance, Tag};
use shared::contract::Execution;
use shared::finding::Findings;
use shared::input::{AfterSource, Input, When};
use shared::names::{APPROVE_TAG, APPROVED_BY_TAG, EXECUTION_TAG, MOVED_TAG};

/// Tags of one resource; AWS's own do not count. Source: Amazon RDS user guide, "Tagging Amazon RDS resources".
const MOST_TAGS: usize = 50;

/// Checks all of them.
pub(crate) fn check(found: &Database, execution: &Execution, input: &Input, findings: &mut Findings) {
    check_name(&execution.name, findings);
    let approval = (input.cutover.when == When::Approved).then_some(APPROVE_TAG);
    let moved = (!matches!(input.after.source, AfterSource::Delete)).then_some(MOVED_TAG);
    check_tags(found.identifier(), found.tags(), approval, moved, findings);
    match found {
        Database::Instance(instance) => check_storage_limit(instance, findings),
        Database::Cluster(_, members) => {
            for member in members {
                check_tags(member.db_instance_identifier().unwrap_or_default(), member.tag_list(), None, None, findings);
            }
        }
    }
}

/// The execution's name becomes the value of a tag on everything that the run makes, and the approver writes it into another.
/// Source: Amazon RDS API reference, `Tag`: letters, digits, white space and `_.:/=+-@`.
fn check_name(name: &str, findings: &mut Findings) {
    let is_allowed = |character: char| character.is_alphanumeric() || character.is_whitespace() || "_.:/=+-@".contains(character);
    let mut refused: Vec<String> = name.chars().filter(|character| !is_allowed(*character)).map(String::from).collect();
    refused.sort_unstable();
    refused.dedup();
    if !refused.is_empty() {
        let found = format!("the execution's name {name} has {}, which RDS allows in no tag", refused.join(" "));
        findings.refuse("ExecutionName", found, "letters, digits and _ . : / = + - @ are allowed", "start it under another name");
    }
}

/// The target gets the source's tags and the run's, and the source gets one at the end.
fn check_tags(identifier: &str, tags: &[Tag], approval: Option<&str>, moved: Option<&str>, findings: &mut Findings) {
    let count = |holds: &dyn Fn(&Tag) -> bool| tags.iter().filter(|tag| holds(tag)).count();
    let is_counted = |tag: &Tag| !tag.key().is_some_and(|key| key.starts_with("aws:"));
    let (migrated, own) = (count(&|tag| !is_own_tag(tag)), count(&is_counted));
    let on_target = migrated + 1 + usize::from(approval.is_some());
    let on_source = own + usize::from(moved.is_some_and(|moved| tags.iter().all(|tag| tag.key() != Some(moved))));
    let most = on_target.max(on_source);
    if most > MOST_TAGS {
        let added: Vec<&str> = [Some(EXECUTION_TAG), approval, moved].into_iter().flatten().collect();
        let limit = format!("{MOST_TAGS} are allowed, and the run needs room for {}", added.join(", "));
        findings.refuse("Tags", format!("{identifier} has {own} tags"), limit, format!("remove {} of them", most - MOST_TAGS));
    } else if approval.is_some() && on_target == MOST_TAGS {
        // RDS refuses a request to add tags as a whole, so whoever adds both would not have approved either.
        let found = format!("{identifier} has {own} tags: the target has room for the approval, but not for {APPROVED_BY_TAG} beside it");
        let remedy = format!("approve with {APPROVE_TAG} alone, or remove a tag from {identifier}");
        findings.warn("Tags", found, format!("{MOST_TAGS} are allowed"), remedy);
    }
}

/// Why here: RDS refuses a limit that leaves less than a tenth for growth, and a source that has grown may be closer to its own.
fn check_storage_limit(instance: &DbInstance, findings: &mut Findings) {
    let (Some(limit), Some(allocated)) = (instance.max_allocated_storage(), instance.allocated_storage()) else { return };
    let least = least_storage_limit(Some(allocated));
    if limit < least {
        let found = format!("MaxAllocatedStorage is not moved as it is: {limit} GiB, with {allocated} GiB allocated; the target gets {least}");
        findings.warn("NotCarried", found, "RDS takes no limit less than a tenth above the allocated storage", "set another one after the run");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(check: impl FnOnce(&mut Findings)) -> String {
        let mut findings = Findings::default();
        check(&mut findings);
        serde_json::to_string(&findings).unwrap_or_default()
    }

    #[test]
    fn a_name_that_no_tag_can_have_is_refused_with_its_characters() {
        for name in ["orders-db-2026-11-28", "spring+x=1_a.b@c", "Bestellungen-über-Nacht", "заказы"] {
            assert_eq!(described(|findings| check_name(name, findings)), "[]", "{name}");
        }
        for (name, characters) in [("orders(2)", "( )"), ("it's", "'"), ("now!", "!"), ("10€", "€")] {
            assert!(described(|findings| check_name(name, findings)).contains(&format!("has {characters}, which")), "{name}");
        }
    }

    #[test]
    fn the_runs_own_tags_need_room_on_both_sides() {
        let tags = |count: usize| (0..count).map(|n| Tag::builder().key(format!("t{n}")).value("x").build()).collect::<Vec<_>>();
        let described = |tags: &[Tag], approval| described(|findings| check_tags("orders", tags, approval, Some(MOVED_TAG), findings));
        assert_eq!(described(&tags(47), Some(APPROVE_TAG)), "[]");
        let without_name = described(&tags(48), Some(APPROVE_TAG));
        assert!(without_name.contains("\"warn\"") && without_name.contains("not for rds-reencrypt:approved-by"), "{without_name}");
        assert_eq!(described(&tags(48), None), "[]");
        assert!(described(&tags(49), Some(APPROVE_TAG)).contains("remove 1 of them"));
        assert_eq!(described(&tags(49), None), "[]");
        assert!(described(&tags(50), None).contains("orders has 50 tags"));
        let of_aws = Tag::builder().key("aws:cloudformation:stack-name").value("x").build();
        assert_eq!(described(&[tags(47), vec![of_aws; 3]].concat(), Some(APPROVE_TAG)), "[]", "AWS's own do not count");
        let ours = Tag::builder().key(APPROVE_TAG).value("an earlier run").build();
        assert_eq!(described(&[tags(47), vec![ours]].concat(), Some(APPROVE_TAG)), "[]", "ours are not copied");
    }
}
