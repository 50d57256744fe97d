//! The plan of a stopped execution, made again: names follow from its ARN, the source from its history, the rest from its input and from
//! what exists.

use aws::client::Aws;
use aws::rds::database::{Database, find, find_of_kind};
use aws::rds::source;
use aws_sdk_rds::types::{DbInstance, Tag};
use aws_sdk_sfn::types::ExecutionStatus;
use serde::Deserialize;
use serde_json::Value;
use shared::contract::{Execution, Network, NetworkRules, Plan, Preflight, Source};
use shared::error::aws::code;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::finding::Findings;
use shared::input::Input;
use shared::names::EXECUTION_TAG;

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
    let planned = read_plan(aws, &execution.id).await?;
    let (source, secret_arn) = match find_source(aws, &execution, &input, planned.as_ref()).await? {
        Remains::Source(found) => {
            let secret_id = input.secret.clone().or_else(|| found.managed_secret());
            (found.read()?, secret::master(aws, secret_id.as_deref()).await?)
        }
        // Nobody logs in to it any more.
        Remains::Nothing(source) => (*source, input.secret.clone().unwrap_or_default()),
    };
    // Undo needs no key, which may have been disabled: that may be why the execution was stopped.
    let kms_key_arn = key::resolve(aws, &input.kms_key).await.unwrap_or_else(|_| input.kms_key.clone());
    let mut plan = make_plan(execution, source, Chosen { kms_key_arn, secret_arn, preparation: None }, input);
    if let Some(Planned { target, .. }) = planned {
        plan.names.target.clone_from(&target);
        plan.target = find_target(aws, &plan, target).await?;
    }
    Ok(Preflight { plan, databases: None, findings: Findings::default(), network: Network::default(), rules: NetworkRules::default() })
}

/// What the stopped execution knew: a source is the one with its resource id, whatever has its name by now.
struct Planned {
    source: Source,
    target: String,
}

/// Reads it from the execution's own history. None where the execution ended before it had a plan, and so before it made anything.
async fn read_plan(aws: &Aws, arn: &str) -> Result<Option<Planned>> {
    let request = aws_sdk_sfn::Client::new(&aws.config).get_execution_history().execution_arn(arn).max_results(200);
    let mut pages = request.into_paginator().send();
    let mut planned = None;
    while let Some(page) = pages.next().await {
        for event in page.map_err(StepError::from).context("read the history of the execution to undo")?.events {
            if event.state_entered_event_details().is_some_and(|entered| entered.name() == "NotifyBegun") {
                return Ok(planned);
            }
            // After a wait for capacity there is another one.
            if let Some(exited) = event.state_exited_event_details().filter(|exited| exited.name() == "Inspect") {
                planned = plan_of(exited.output().unwrap_or_default())?.or(planned);
            }
        }
    }
    Ok(planned)
}

/// The plan in the output of Inspect; none where that failed.
fn plan_of(output: &str) -> Result<Option<Planned>> {
    let output: Value = serde_json::from_str(output).unwrap_or_default();
    let plan = &output["Payload"]["plan"];
    let Some(target) = plan["target"].as_str() else { return Ok(None) };
    let source = Source::deserialize(&plan["source"]).map_err(|error| invalid("its plan cannot be read").with_source(error))?;
    Ok(Some(Planned { source, target: target.to_owned() }))
}

/// What there is of the source of a stopped execution.
enum Remains {
    Source(Database),
    /// As it was planned: it was deleted.
    Nothing(Box<Source>),
}

/// # Errors
/// `SourceNotFound`; `InvalidInput` where the execution is about another database than the operator says.
async fn find_source(aws: &Aws, execution: &Execution, input: &Input, planned: Option<&Planned>) -> Result<Remains> {
    // Without a plan it made nothing.
    let Some(Planned { source, .. }) = planned else { return find(aws, &input.source).await.map(Remains::Source) };
    let named = match find(aws, &input.source).await {
        Ok(found) => Some(found),
        Err(error) => error.ok_if(ErrorName::SourceNotFound).map(|_| None)?,
    };
    // An old name is right too, even if another database has it by now.
    if let Some(found) = named.filter(|found| found.resource_id() != source.resource_id && found.identifier() != source.identifier) {
        return Err(invalid(&format!("{} is about {}, not about {}", execution.id, source.identifier, found.identifier())));
    }
    Ok(source::find_by_id(aws, &source.resource_id).await?.map_or_else(|| Remains::Nothing(Box::new(source.clone())), Remains::Source))
}

/// The target's present name: once the application has moved, a target is often given the name of its source.
async fn find_target(aws: &Aws, plan: &Plan, planned: String) -> Result<String> {
    if find_of_kind(aws, plan.source.kind, &planned).await?.is_some() {
        return Ok(planned);
    }
    let is_of_run = |tags: &[Tag]| tags.iter().any(|tag| tag.key() == Some(EXECUTION_TAG) && tag.value() == Some(&plan.execution.name));
    let what = "look for the target";
    let found = if plan.source.kind.is_cluster() {
        let clusters = aws.rds.describe_db_clusters().into_paginator().items().send().try_collect().await.context(what)?;
        clusters.into_iter().find(|cluster| is_of_run(cluster.tag_list())).and_then(|cluster| cluster.db_cluster_identifier)
    } else {
        let instances = aws.rds.describe_db_instances().into_paginator().items().send().try_collect().await.context(what)?;
        // Its replicas have the tag, too.
        let is_primary = |instance: &DbInstance| instance.read_replica_source_db_instance_identifier().is_none();
        instances
            .into_iter()
            .find(|instance| is_of_run(instance.tag_list()) && is_primary(instance))
            .and_then(|instance| instance.db_instance_identifier)
    };
    Ok(found.unwrap_or(planned))
}

/// An operator may have mistyped the ARN, forgotten to stop the execution first, or mean one that has succeeded: nothing would be found to
/// undo, or what is being made would be removed while it is made, or the application's database after it has moved.
///
/// # Errors
/// `InvalidInput`.
async fn check_ended(aws: &Aws, arn: &str) -> Result<()> {
    let described = match aws_sdk_sfn::Client::new(&aws.config).describe_execution().execution_arn(arn).send().await {
        Err(error) if code(&error) == Some("ExecutionDoesNotExist") => {
            return Err(invalid(&format!("there is no execution {arn}; Step Functions keeps them for 90 days")));
        }
        described => described.map_err(StepError::from).context("describe the execution to undo")?,
    };
    match described.status() {
        ExecutionStatus::Running => Err(invalid(&format!("{arn} is running: aws stepfunctions stop-execution --execution-arn {arn}"))),
        ExecutionStatus::Succeeded => Err(invalid(&format!("{arn} has succeeded, and left nothing to undo"))),
        _ => Ok(()),
    }
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
