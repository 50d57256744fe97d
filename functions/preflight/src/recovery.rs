//! The plan of a stopped execution, made again: names follow from its ARN, the rest from its input and from what exists.

use aws::client::Aws;
use aws::rds::found::{Found, find};
use aws::rds::holder::Holder;
use aws::rds::source;
use aws_sdk_sfn::operation::describe_execution::DescribeExecutionOutput;
use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;
use shared::contract::{Execution, Network, NetworkRules, Plan, Preflight, Source};
use shared::error::aws::code;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::finding::Findings;
use shared::input::Input;
use shared::names::Names;

use crate::{Chosen, key, make_plan, secret};

/// Reads, and changes nothing.
///
/// # Errors
/// `InvalidInput`, `SourceNotFound`, `SecretUnusable`, …
pub(crate) async fn recover_plan(aws: &Aws, input: Value) -> Result<Preflight> {
    let (execution, input) = stopped(with_input(aws, input).await?)?;
    if input.undo.is_some() {
        check_ended(aws, &execution.id).await?;
    }
    let (source, secret_arn) = match find_source(aws, &execution, &input).await? {
        Remains::Source(found) => {
            let secret_id = input.secret.clone().or_else(|| found.managed_secret());
            (found.read()?, secret::master(aws, secret_id.as_deref()).await?)
        }
        // Nobody logs in to it any more.
        Remains::Snapshot(source) => (*source, input.secret.clone().unwrap_or_default()),
    };
    // Undo needs no key, which may have been disabled: that may be why the execution was stopped.
    let kms_key_arn = key::resolve(aws, &input.kms_key).await.unwrap_or_else(|_| input.kms_key.clone());
    let mut plan = make_plan(execution, source, Chosen { kms_key_arn, secret_arn, preparation: None }, input);
    if let Some(target) = find_target(aws, &plan).await? {
        plan.names.target.clone_from(&target);
        plan.target = target;
    }
    Ok(Preflight { plan, databases: None, findings: Findings::default(), network: Network::default(), rules: NetworkRules::default() })
}

/// What is there of the source of a stopped execution.
enum Remains {
    Source(Found),
    /// As the run's snapshot describes it: the source was deleted.
    Snapshot(Box<Source>),
}

/// The run's snapshot knows the source by its resource id, so it finds one that was renamed, and no other of the same name.
///
/// # Errors
/// `SourceNotFound`; `InvalidInput` where the execution is about another database than the operator says.
async fn find_source(aws: &Aws, execution: &Execution, input: &Input) -> Result<Remains> {
    let named = match find(aws, &input.source).await {
        Ok(found) => Some(found),
        Err(error) => error.ok_if(ErrorName::SourceNotFound).map(|_| None)?,
    };
    let Some(source) = source::of_snapshot(aws, &Names::of(&execution.id, "").snapshot).await? else {
        let found = named.ok_or_else(|| gone(&input.source, &execution.name))?;
        check_about(aws, execution, &found).await?;
        return Ok(Remains::Source(found));
    };
    // Another may have its name by now.
    if let Some(found) = named.filter(|found| found.resource_id() != source.resource_id && found.identifier() != source.identifier) {
        return Err(about_another(&execution.id, &source.identifier, &found));
    }
    Ok(source::find_by_id(aws, &source.resource_id).await?.map_or_else(|| Remains::Snapshot(Box::new(source)), Remains::Source))
}

fn gone(source: &str, execution: &str) -> StepError {
    let message = format!("no database {source} exists in this Region and account, and no snapshot of the execution {execution}");
    StepError::new(ErrorName::SourceNotFound, message)
}

/// An operator may name another database: nothing would be found to undo, and the undo would succeed.
///
/// # Errors
/// `InvalidInput`.
async fn check_about(aws: &Aws, execution: &Execution, found: &Found) -> Result<()> {
    let arn = &execution.id;
    let Some(described) = describe(aws, arn).await? else { return Ok(()) };
    let input: Value = described.input().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let Some(source) = input["source"].as_str() else { return Ok(()) };
    match find(aws, source).await {
        Ok(its) if its.resource_id() != found.resource_id() => Err(about_another(arn, source, found)),
        // Renamed or deleted since.
        Err(error) if error.name == ErrorName::SourceNotFound => Ok(()),
        other => other.map(drop),
    }
}

fn about_another(arn: &str, source: &str, found: &Found) -> StepError {
    invalid(&format!("{arn} is about {source}, not about {}", found.identifier()))
}

/// An operator may have mistyped the ARN, or forgotten to stop the execution first: nothing would be found to undo, and the undo would
/// succeed, or what is being made would be removed while it is made.
///
/// # Errors
/// `InvalidInput`.
async fn check_ended(aws: &Aws, arn: &str) -> Result<()> {
    let Some(described) = describe(aws, arn).await? else {
        return Err(invalid(&format!("there is no execution {arn}; Step Functions keeps them for 90 days")));
    };
    if *described.status() == ExecutionStatus::Running {
        return Err(invalid(&format!("{arn} is running: aws stepfunctions stop-execution --execution-arn {arn}")));
    }
    Ok(())
}

async fn describe(aws: &Aws, arn: &str) -> Result<Option<DescribeExecutionOutput>> {
    match aws_sdk_sfn::Client::new(&aws.config).describe_execution().execution_arn(arn).send().await {
        Ok(described) => Ok(Some(described)),
        Err(error) if code(&error) == Some("ExecutionDoesNotExist") => Ok(None),
        Err(error) => Err(StepError::from(error).context("describe the execution to undo")),
    }
}

/// The target, where it is not called after the source's present name: the source was renamed since. Replicas of the target are called
/// after it as well.
async fn find_target(aws: &Aws, plan: &Plan) -> Result<Option<String>> {
    if Holder::find(aws, plan.source.kind, &plan.target).await?.is_some() {
        return Ok(None);
    }
    let suffix = plan.names.successor("");
    let what = "look for the target";
    if plan.source.kind.is_cluster() {
        let clusters = aws.rds.describe_db_clusters().into_paginator().items().send().try_collect().await.context(what)?;
        let mut names = clusters.into_iter().filter_map(|cluster| cluster.db_cluster_identifier);
        return Ok(names.find(|name| name.ends_with(&suffix)));
    }
    let instances = aws.rds.describe_db_instances().into_paginator().items().send().try_collect().await.context(what)?;
    let mut alone = instances
        .into_iter()
        .filter(|instance| instance.db_cluster_identifier.is_none() && instance.read_replica_source_db_instance_identifier.is_none());
    Ok(alone.find_map(|instance| instance.db_instance_identifier.filter(|name| name.ends_with(&suffix))))
}

/// EventBridge leaves an input of more than 248 KB out of its event, and that event may be the input of a stopped undo as well. Source:
/// AWS Step Functions developer guide, "Automating Step Functions event delivery with EventBridge".
async fn with_input(aws: &Aws, mut event: Value) -> Result<Value> {
    let Some(detail) = event.get_mut("detail") else { return Ok(event) };
    if detail["inputDetails"]["included"] == false {
        let arn = detail["executionArn"].as_str().unwrap_or_default();
        let described = aws_sdk_sfn::Client::new(&aws.config).describe_execution().execution_arn(arn).send().await;
        let described = described.map_err(StepError::from).context("read the input of the execution that was stopped")?;
        detail["input"] = described.input().into();
    }
    let inner = detail["input"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
    if let Some(inner) = inner.filter(|inner| inner.get("detail").is_some()) {
        detail["input"] = Box::pin(with_input(aws, inner)).await?.to_string().into();
    }
    Ok(event)
}

/// The execution and its input: `undo` in the input of an operator, or EventBridge's event of a stop. A stopped undo yields the
/// execution that it was undoing.
fn stopped(mut input: Value) -> Result<(Execution, Input)> {
    loop {
        if let Some(detail) = input.get_mut("detail") {
            let arn = detail.get("executionArn").and_then(Value::as_str).map(str::to_owned);
            let text = detail.get("input").and_then(Value::as_str).ok_or_else(|| invalid("the event has no detail.input"))?;
            input = serde_json::from_str(text).map_err(|error| invalid("detail.input is not JSON").with_source(error))?;
            if input.get("undo").is_none() && input.get("detail").is_none() {
                return Ok((execution(arn.as_deref().unwrap_or_default())?, Input::parse(input)?));
            }
        } else {
            let input = Input::parse(input)?;
            let arn = input.undo.as_deref().ok_or_else(|| invalid("undo is missing"))?;
            return Ok((execution(arn)?, input));
        }
    }
}

fn execution(arn: &str) -> Result<Execution> {
    let name = arn.strip_prefix("arn:").and_then(|rest| rest.split_once(":execution:")).and_then(|(_, path)| path.split_once(':'));
    let (_, name) = name.ok_or_else(|| invalid(&format!("{arn} is not the ARN of an execution")))?;
    Ok(Execution { id: arn.to_owned(), name: name.to_owned() })
}

fn invalid(why: &str) -> StepError {
    StepError::new(ErrorName::InvalidInput, format!("the execution to undo is not clear: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ARN: &str = "arn:aws:states:eu-central-1:1:execution:rds-reencrypt:first";

    fn event(input: &Value) -> Value {
        json!({"detail-type": "Step Functions Execution Status Change", "detail": {"executionArn": ARN, "input": input.to_string()}})
    }

    #[test]
    fn an_operator_and_eventbridge_mean_the_same_execution() {
        for input in [json!({"undo": ARN, "source": "d"}), event(&json!({"source": "d"}))] {
            let (execution, input) = stopped(input).unwrap();
            assert_eq!((execution.id.as_str(), execution.name.as_str(), input.source.as_str()), (ARN, "first", "d"));
        }
    }

    #[test]
    fn a_stopped_undo_leaves_what_it_was_to_undo() {
        let other = "arn:aws:states:eu-central-1:1:execution:rds-reencrypt:other";
        let (by_operator, _) = stopped(event(&json!({"undo": other, "source": "d"}))).unwrap();
        assert_eq!(by_operator.id, other);
        let (by_event, _) = stopped(event(&event(&json!({"source": "d"})))).unwrap();
        assert_eq!(by_event.id, ARN);
    }

    #[test]
    fn anything_else_is_refused() {
        for input in [json!({"undo": "first", "source": "d"}), json!({"detail": {}}), json!({"detail": {"input": "{"}}), json!({"source": "d"})] {
            assert_eq!(stopped(input).unwrap_err().name, ErrorName::InvalidInput);
        }
    }
}
