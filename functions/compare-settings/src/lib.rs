//! Whether the target equals the source in everything but its key, as RDS describes both.

use aws::client::Aws;
use aws::settings::{Differences, comparison};
use serde::Serialize;
use shared::contract::{Difference, Plan, Step};
use shared::error::{ErrorName, Result, StepError};

#[derive(Debug, Serialize)]
pub struct Answer {
    /// The source's settings that the target cannot be given, each with the reason.
    pub settings: Vec<Difference>,
    /// How many settings were found equal on both sides.
    pub equal: usize,
}

/// After it, nothing has changed, and every setting that can be moved is known to be equal on both sides, except those that are set at
/// the end of the run. Why here: an application must not move to a database that is reached, backed up or monitored differently.
///
/// # Errors
/// `SettingsDiffer` with every difference, `SourceNotFound`, `RestoreFailed`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: Step) -> Result<Answer> {
    accept(&step.plan, comparison::compare(aws, &step.plan).await?)
}

fn accept(plan: &Plan, differences: Differences) -> Result<Answer> {
    if differences.lost.is_empty() {
        return Ok(Answer { settings: differences.left, equal: differences.compared });
    }
    let lines: Vec<String> = differences.lost.iter().map(ToString::to_string).collect();
    let what = format!("{} settings of {} and {} differ", lines.len(), plan.source.identifier, plan.target);
    Err(StepError::new(ErrorName::SettingsDiffer, format!("{what}\n{}", lines.join("\n"))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::contract::example;

    fn difference(member: &str, because: Option<&str>) -> Difference {
        Difference { member: member.to_owned(), source: "1".to_owned(), target: "2".to_owned(), because: because.map(str::to_owned) }
    }

    #[test]
    fn what_was_lost_is_told_in_full_and_what_is_left_is_passed_on() {
        let plan: Plan = serde_json::from_value(example::plan()).unwrap();
        let left = vec![difference("DomainMemberships", Some("by hand"))];
        let answer = accept(&plan, Differences { lost: vec![], left: left.clone(), compared: 40 }).unwrap();
        assert_eq!((&answer.settings, answer.equal), (&left, 40));
        let lost = vec![difference("Iops", None), difference("DBInstanceClass", None)];
        let error = accept(&plan, Differences { lost, left, compared: 40 }).unwrap_err();
        assert_eq!(error.name, ErrorName::SettingsDiffer);
        assert_eq!(
            error.to_string(),
            "2 settings of orders-db and orders-db-enc-0123456789 differ\nIops: 1 on the source, 2 on the target\n\
             DBInstanceClass: 1 on the source, 2 on the target"
        );
    }
}
