//! The report of one execution: a page for people and the same as JSON, from its history, and what AWS did during it, from its
//! functions' log lines.
//!
//! Why not a step: EventBridge calls it when an execution has ended in any way, so runs that were refused, undone or stopped have a
//! report as well, and a report that cannot be written hurts no run.

mod answers;
mod chart;
mod event;
mod evidence;
mod figure;
mod hand_over;
mod history;
mod page;
mod proof;
mod report;
mod steps;

use aws::client::Aws;
use aws_sdk_s3::primitives::ByteStream;
use serde::{Deserialize, Serialize};
use shared::error::{Context, ErrorName, Result, StepError};

use crate::event::Event;
use crate::evidence::Found;
use crate::history::History;

/// The event that Step Functions sends when an execution has ended. By hand, the ARN is enough.
#[derive(Debug, Deserialize)]
pub struct Request {
    detail: Detail,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    execution_arn: String,
    status: Option<String>,
}

/// Where report and evidence were written.
#[derive(Debug, Serialize)]
pub struct Written {
    pub html: String,
    pub json: String,
    pub evidence: String,
}

/// The function's settings from its stack.
#[derive(Debug)]
pub struct Stack {
    pub bucket: String,
    pub log_group: String,
}

/// After it, `report.html`, `report.json` and `evidence.json` are in the bucket, below `executions/<name>/`; for a running execution,
/// as far as it has come. A repeated call writes all of them again. Missing evidence fails nothing.
///
/// # Errors
/// `InvalidInput` for an invalid ARN, `AwsUnavailable` (also while the history has no end yet), `AwsRefused`, `Internal` where an
/// answer cannot be parsed.
pub async fn handle(aws: &Aws, stack: &Stack, request: Request) -> Result<Written> {
    let Detail { execution_arn, status } = request.detail;
    let history = read_history(aws, &execution_arn).await?;
    if history.is_running() && status.is_some_and(|status| status != "RUNNING") {
        return Err(StepError::new(ErrorName::AwsUnavailable, format!("the history of {execution_arn} has no end yet")));
    }
    let (found, background) = (Found::read(aws, &stack.log_group, &history.wanted_lines()).await, history.background());
    let mut report = history.report();
    let evidence = evidence::assemble(background, &report, found);
    let folder = format!("executions/{}", report.execution.name);
    let store = Store::new(aws, &stack.bucket);
    let evidence_json = store.write(&format!("{folder}/evidence.json"), "application/json", as_json(&evidence)?).await?;
    report.evidence = Some(evidence);
    let json = as_json(&report)?;
    let json = store.write(&format!("{folder}/report.json"), "application/json", json).await?;
    let html = store.write(&format!("{folder}/report.html"), "text/html; charset=utf-8", page::draw(&report).into_bytes()).await?;
    Ok(Written { html, json, evidence: evidence_json })
}

fn as_json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec_pretty(value).map_err(|error| StepError::new(ErrorName::Internal, "could not write the report").with_source(error))
}

/// Page by page: a history may have 25,000 events with their payloads, which are not kept.
async fn read_history(aws: &Aws, arn: &str) -> Result<History> {
    let mut history = History::of(arn)?;
    let client = aws_sdk_sfn::Client::new(&aws.config);
    let mut pages = client.get_execution_history().execution_arn(arn).max_results(200).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(StepError::from).context(&format!("read the history of {arn}"))?;
        for event in &page.events {
            if let Some(event) = Event::read(event)? {
                history.take(event)?;
            }
        }
    }
    Ok(history)
}

struct Store<'a> {
    client: aws_sdk_s3::Client,
    bucket: &'a str,
}

impl<'a> Store<'a> {
    /// With the bucket in the path, it is found wherever the endpoint points.
    fn new(aws: &Aws, bucket: &'a str) -> Self {
        let config = aws_sdk_s3::config::Builder::from(&aws.config).force_path_style(true).build();
        Self { client: aws_sdk_s3::Client::from_conf(config), bucket }
    }

    /// Returns the object's URI.
    async fn write(&self, key: &str, kind: &str, body: Vec<u8>) -> Result<String> {
        let request = self.client.put_object().bucket(self.bucket).key(key).content_type(kind).body(ByteStream::from(body));
        request.send().await.map_err(StepError::from).context(&format!("write {key}"))?;
        Ok(format!("s3://{}/{key}", self.bucket))
    }
}

#[cfg(test)]
mod tests {
    use super::Request;
    use serde_json::json;
    use shared::contract::example;

    #[test]
    fn the_event_of_eventbridge_and_the_one_by_hand_are_understood() {
        let by_hand: Request = serde_json::from_value(example::request("report")).unwrap();
        assert!(by_hand.detail.status.is_none());
        let event = json!({
            "source": "aws.states",
            "detail": {"executionArn": by_hand.detail.execution_arn, "status": "FAILED", "input": "{}", "stopDate": 1},
        });
        let event: Request = serde_json::from_value(event).unwrap();
        assert_eq!(event.detail.status.as_deref(), Some("FAILED"));
    }
}
