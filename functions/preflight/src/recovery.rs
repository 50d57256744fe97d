//! The plan of a stopped execution, made again: names follow from its ARN, the rest from its input and from what exists.

use aws_sdk_sfn::types::ExecutionStatus;
use serde_json::Value;
use shared::aws::{Aws, code};
use shared::contract::{Execution, Network, NetworkRules, Preflight};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::finding::Findings;
use shared::input::Input;
use shared::rds::found::{Found, find};

use crate::{Chosen, key, make_plan, secret};

/// Reads, and changes nothing.
///
/// # Errors
/// `InvalidInput`, `SourceNotFound`, `SecretUnusable`, …
pub(crate) async fn recover_plan(aws: &Aws, input: Value) -> Result<Preflight> {
    let (execution, input) = stopped(with_input(aws, input).await?)?;
    let found = find(aws, &input.source).await?;
    if input.undo.is_some() {
        check_ended(aws, &execution.id, &found).await?;
    }
    let source = found.read()?;
    let secret_id = input.secret.clone().or_else(|| found.managed_secret());
    let secret_arn = secret::master(aws, secret_id.as_deref()).await?;
    // Undo needs no key, which may have been disabled: that may be why the execution was stopped.
    let kms_key_arn = key::resolve(aws, &input.kms_key).await.unwrap_or_else(|_| input.kms_key.clone());
    Ok(Preflight {
        plan: make_plan(execution, source, Chosen { kms_key_arn, secret_arn, preparation: None }, input),
        databases: None,
        findings: Findings::default(),
        network: Network::default(),
        rules: NetworkRules::default(),
    })
}

/// An operator may have mistyped the ARN, name another database, or forget to stop the execution first: nothing would be found to
/// undo, and the undo would succeed, or what is being made would be removed while it is made.
///
/// # Errors
/// `InvalidInput`.
async fn check_ended(aws: &Aws, arn: &str, found: &Found) -> Result<()> {
    let described = match aws_sdk_sfn::Client::new(&aws.config).describe_execution().execution_arn(arn).send().await {
        Err(error) if code(&error) == Some("ExecutionDoesNotExist") => {
            return Err(invalid(&format!("there is no execution {arn}; Step Functions keeps them for 90 days")));
        }
        described => described.map_err(StepError::from).context("describe the execution to undo")?,
    };
    if *described.status() == ExecutionStatus::Running {
        return Err(invalid(&format!("{arn} is running: aws stepfunctions stop-execution --execution-arn {arn}")));
    }
    let input: Value = described.input().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let Some(source) = input["source"].as_str() else { return Ok(()) };
    match find(aws, source).await {
        Ok(its) if its.resource_id() != found.resource_id() => Err(invalid(&format!("{arn} is about {source}, not about {}", found.identifier()))),
        // Renamed or deleted since.
        Err(error) if error.name == ErrorName::SourceNotFound => Ok(()),
        other => other.map(drop),
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
