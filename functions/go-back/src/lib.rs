//! The plan of an execution that goes back, or gives the way back up: source and target exchanged.

use aws::client::Aws;
use aws::rds::source::find_by_id;
use aws_sdk_sfn::types::ExecutionStatus;
use postgres::catalog;
use postgres::replication::find_subscription;
use run::servers::{source_server, target_server};
use run::way_back;
use serde_json::Value;
use shared::contract::{Execution, GoBackRequest, GoingBack, Plan};
use shared::error::aws::code;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::finding::Findings;
use shared::input::{Cutover, GoBack, How, Verify};

/// Reads, and changes nothing. The plan has the database that the application is on as its source.
///
/// # Errors
/// `InvalidInput` where there is no way back to be gone: never opened, given up, gone already, its execution still runs, or one of the two
/// databases is gone. `ReplicationStopped` where the way back is lost, `CatalogsDiffer` where it is in the way what
/// was changed since.
pub async fn handle(aws: &Aws, request: GoBackRequest) -> Result<GoingBack> {
    let GoBackRequest { execution, input, recovers } = request;
    let input = GoBack::parse(input)?;
    let opened = opened_by(&input.way_back, &execution);
    let mut there = read_plan(aws, &opened).await?;
    if there.way_back.is_none() {
        return Err(invalid(&format!("execution {} has opened no way back (its input had no way_back)", there.execution.name)));
    }
    let source = find_by_id(aws, &there.source.resource_id).await?;
    let source = source.ok_or_else(|| invalid(&format!("{} does not exist any more", there.source.identifier)))?;
    there.source.identifier = source.identifier().to_owned();
    let planned = way_back::plan(aws, &there).await;
    let mut plan = planned.map_err(|error| if error.name == ErrorName::RestoreFailed { invalid(&error.to_string()) } else { error })?;
    let control = source_server(aws, &plan).await?.connect(&plan.control_database).await?;
    let mut findings = Findings::default();
    if way_back::claimed_by(&control, &plan).await?.is_none() {
        return Err(invalid(&format!("the way back of {} is closed: it was gone already, or given up", there.execution.name)));
    }
    if !input.give_up && !recovers {
        check_follows(aws, &plan).await?;
    }
    let secrets = if input.cutover.secrets.is_empty() { there.cutover.secrets.clone() } else { input.cutover.secrets };
    let how = input.cutover.how.unwrap_or(if secrets.is_empty() { How::None } else { How::Secret });
    let secrets = if how == How::None { Vec::new() } else { secrets };
    plan.cutover = Cutover { how: Some(how), secrets, ..input.cutover };
    (plan.execution, plan.plan_only, plan.verify, plan.guard, plan.wait) = (execution, input.plan_only, input.verify, input.guard, input.wait);
    let found = format!("{} is not encrypted: after it, the application writes to an unencrypted database again", plan.target);
    if there.source.kms_key.is_none() {
        findings.warn("Unencrypted", found, "", "start a new run when the reason to go back is gone");
    }
    let steps = if input.give_up { steps_of_giving_up(&plan) } else { steps_of_going(&plan) };
    Ok(GoingBack { steps, findings, give_up: input.give_up, plan })
}

/// The ARN of the execution that opened the way back: an input may have its name alone.
fn opened_by(named: &str, execution: &Execution) -> String {
    match execution.id.rsplit_once(':') {
        Some((machine, _)) if !named.starts_with("arn:") => format!("{machine}:{named}"),
        _ => named.to_owned(),
    }
}

/// The plan in the history of an execution that has ended.
async fn read_plan(aws: &Aws, arn: &str) -> Result<Plan> {
    let client = aws_sdk_sfn::Client::new(&aws.config);
    let described = match client.describe_execution().execution_arn(arn).send().await {
        Err(error) if matches!(code(&error), Some("ExecutionDoesNotExist" | "InvalidArn" | "ValidationException")) => {
            return Err(invalid(&format!("there is no execution {arn}; Step Functions keeps them for 90 days")));
        }
        described => described.map_err(StepError::from).context("describe the execution to go back from")?,
    };
    // One that was stopped behind the fence was completed by another one: the way back itself says whether it is open.
    if *described.status() == ExecutionStatus::Running {
        return Err(invalid(&format!("{arn} is still running")));
    }
    let mut pages = client.get_execution_history().execution_arn(arn).max_results(200).into_paginator().send();
    let mut plan = None;
    while let Some(page) = pages.next().await {
        for event in page.map_err(StepError::from).context("read the history of the execution to go back from")?.events {
            if let Some(exited) = event.state_exited_event_details().filter(|exited| exited.name() == "Inspect") {
                let output: Value = serde_json::from_str(exited.output().unwrap_or_default()).unwrap_or_default();
                plan = serde_json::from_value(output["Payload"]["plan"].clone()).ok().or(plan);
            }
        }
    }
    plan.ok_or_else(|| invalid(&format!("{arn} moved no database")))
}

/// Every database of the old source must still follow, and nothing but rows may have been changed on either side.
async fn check_follows(aws: &Aws, plan: &Plan) -> Result<()> {
    let (source, old_source) = (source_server(aws, plan).await?, target_server(aws, plan).await?);
    let session = old_source.connect(&plan.control_database).await?;
    let mut problems = Vec::new();
    for database in &plan.databases {
        match find_subscription(&session, &plan.names.slot(database.oid)).await? {
            None => problems.push(format!("database {} of {} does not follow any more: its subscription is gone", database.name, plan.target)),
            Some(subscription) if !subscription.enabled => {
                problems.push(format!("database {} of {} does not follow: its subscription is disabled", database.name, plan.target));
            }
            Some(_) => {}
        }
    }
    if !problems.is_empty() {
        return Err(StepError::new(ErrorName::ReplicationStopped, problems.join("; ")));
    }
    catalog::read_drift(&source, &old_source, plan, None).await?.refuse()
}

fn steps_of_going(plan: &Plan) -> Vec<String> {
    let databases: Vec<&str> = plan.databases.iter().map(|database| database.name.as_str()).collect();
    let mut steps = vec![
        format!("wait until {} has applied everything from {}", plan.target, plan.source.identifier),
        match plan.verify {
            Verify::Rows => format!("compare all rows of {}", databases.join(", ")),
            Verify::Counts => format!("count all rows of {}", databases.join(", ")),
            Verify::Off => "compare no rows (verify: off)".to_owned(),
        },
        format!("pause writes, drain, set the sequences, fence {}, and open {}", plan.source.identifier, plan.target),
    ];
    steps.extend(plan.cutover.secrets.iter().map(|secret| format!("point secret {secret} at {}", plan.target)));
    steps.push(format!("remove the way back; {} stays, fenced", plan.source.identifier));
    steps
}

fn steps_of_giving_up(plan: &Plan) -> Vec<String> {
    let run = &plan.names.run;
    vec![
        format!("drop the slots, publications, schema and role {run} on {}", plan.source.identifier),
        format!("drop the subscriptions and schema {run} on {}, which stays fenced", plan.target),
    ]
}

fn invalid(why: &str) -> StepError {
    StepError::new(ErrorName::InvalidInput, format!("there is no way back to go: {why}"))
}
