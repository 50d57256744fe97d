//! Whether a run may start to make things in this Region, or waits for capacity.
//!
//! Why here: an account has a quota of snapshots, and of copies at a time, whoever makes them. A run that already had its slots while
//! it waits would fill its source's disk.

mod places;

use aws::client::Aws;
use aws::rds::database::find_of_kind;
use aws::rds::status::{Standing, standing};
use aws_sdk_sfn::types::{ExecutionListItem, ExecutionStatus};
use shared::contract::{Plan, Ready, Step};
use shared::error::{Context, ErrorName, Result, StepError};

/// After it answers ready, the Region has room for this run. Reads, and changes nothing.
///
/// The queue needs no memory: all runs of the Region are running executions of this state machine, oldest first. So no two of them can
/// take the same place, and none keeps one after it has ended.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: Step) -> Result<Ready> {
    let plan = &step.plan;
    if let Some(status) = busy(aws, plan).await? {
        return Ok(Ready::not_yet(format!("{} is {status}; RDS takes snapshots only of an available database", plan.source.identifier)));
    }
    let running = running(aws, plan).await?;
    let before = position(&running, &plan.execution.id);
    let places = places::for_runs(aws, plan.source.kind).await?;
    let described = format!("{before} runs ahead of this one, room for {places}");
    Ok(if i64::try_from(before).is_ok_and(|before| before < places) { Ready::yes(described) } else { Ready::not_yet(described) })
}

/// RDS's current work on the source, for minutes or for a day: a snapshot has to wait for it, and with slots the source's disk would
/// fill meanwhile. A status that does not end by itself is left to the steps that meet it.
async fn busy(aws: &Aws, plan: &Plan) -> Result<Option<String>> {
    let source = find_of_kind(aws, plan.source.kind, &plan.source.resource_id).await?;
    let status = source.map_or_else(String::new, |source| source.status().to_owned());
    Ok((matches!(standing(&status), Standing::Usable | Standing::Between) && !matches!(status.as_str(), "available" | "")).then_some(status))
}

/// How many of these began before the execution with this ARN. Names decide between two of the same moment.
fn position(running: &[ExecutionListItem], arn: &str) -> usize {
    let key = |execution: &ExecutionListItem| (*execution.start_date(), execution.execution_arn().to_owned());
    let Some(own) = running.iter().find(|execution| execution.execution_arn() == arn).map(key) else { return running.len() };
    running.iter().filter(|execution| key(execution) < own).count()
}

/// The running executions of this state machine. The latest may be missing; they come after this one in any case.
async fn running(aws: &Aws, plan: &Plan) -> Result<Vec<ExecutionListItem>> {
    let machine = machine_of(&plan.execution.id)
        .ok_or_else(|| StepError::new(ErrorName::Internal, format!("{} is not the ARN of an execution", plan.execution.id)))?;
    let client = aws_sdk_sfn::Client::new(&aws.config);
    let request = client.list_executions().state_machine_arn(machine).status_filter(ExecutionStatus::Running);
    let mut pages = request.into_paginator().send();
    let mut running = Vec::new();
    while let Some(page) = pages.next().await {
        running.extend(page.map_err(StepError::from).context("list the runs of this Region")?.executions);
    }
    Ok(running)
}

/// `arn:aws:states:<Region>:<account>:execution:<machine>:<name>` is an execution of `…:stateMachine:<machine>`.
fn machine_of(execution_arn: &str) -> Option<String> {
    let (head, tail) = execution_arn.split_once(":execution:")?;
    let (machine, _) = tail.split_once(':')?;
    Some(format!("{head}:stateMachine:{machine}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_sfn::primitives::DateTime;

    fn execution(name: &str, second: i64) -> ExecutionListItem {
        let builder = ExecutionListItem::builder().execution_arn(name).state_machine_arn("machine").name(name);
        builder.status(ExecutionStatus::Running).start_date(DateTime::from_secs(second)).build().unwrap()
    }

    #[test]
    fn runs_have_their_turn_in_the_order_in_which_they_began() {
        let running = [execution("late", 9), execution("b", 5), execution("a", 5), execution("first", 1)];
        let positions = ["first", "a", "b", "late"].map(|name| position(&running, name));
        assert_eq!(positions, [0, 1, 2, 3]);
    }

    #[test]
    fn a_run_that_is_not_listed_yet_comes_last() {
        assert_eq!(position(&[execution("a", 5), execution("b", 6)], "new"), 2);
    }

    #[test]
    fn an_execution_names_its_machine() {
        let arn = "arn:aws:states:eu-central-1:1:execution:rds-reencrypt:first";
        assert_eq!(machine_of(arn).unwrap(), "arn:aws:states:eu-central-1:1:stateMachine:rds-reencrypt");
        assert_eq!(machine_of("first"), None);
    }
}
