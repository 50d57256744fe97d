//! The last step: settings that the target gets after the application has moved, the source as the operator wants it, and the
//! execution's output.

mod after;
mod cluster;
mod logs;
mod output;
mod replicas;
mod roles;

use aws::client::Aws;
use aws::rds::target::describe_target;
use aws_sdk_rds::types::Tag;
use serde::Serialize;
use shared::contract::{FinishRequest, Plan, Ready, Settled};
use shared::error::aws::code;
use shared::error::{Result, StepError};
use shared::names::MOVED_TAG;

pub use crate::output::Output;

#[derive(Debug, Serialize)]
pub struct Answer {
    pub ready: bool,
    pub status: String,
    pub settled: Settled,
    pub output: Option<Output>,
}

/// After it answers ready, only what the output names is left of the run.
///
/// # Errors
/// `RestoreFailed`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, mut request: FinishRequest) -> Result<Answer> {
    let plan = &request.plan;
    let is_cluster = plan.source.kind.is_cluster();
    let not_yet = |status: String, settled: Settled| Ok(Answer { ready: false, status, settled, output: None });
    let settled = &mut request.settled;
    let target = if is_cluster { cluster::settle_target(aws, plan, settled).await? } else { after::settle_target(aws, plan, settled).await? };
    if !target.ready {
        return not_yet(target.status, request.settled);
    }
    let source = if is_cluster { cluster::settle_source(aws, plan).await? } else { after::settle_source(aws, plan).await? };
    if !source.ready {
        return not_yet(source.status, request.settled);
    }
    let target = describe_target(aws, &request.plan).await?;
    let output = output::output(&request, &target, &source.status);
    Ok(Answer { ready: true, status: source.status, settled: request.settled, output: Some(output) })
}

/// A source that this run has deleted was settled by an earlier call. One that somebody else deleted took its settings along.
fn settle_without_source(plan: &Plan, is_by_run: bool, settled: &mut Settled) -> Ready {
    if !is_by_run {
        let what = "deletion protection, managed master password, roles and replicas as the source had them: it was deleted before they were read";
        *settled = Settled { replicas: Vec::new(), not_made: vec![format!("{}: {what}", plan.target)] };
    }
    Ready::yes("the source is gone")
}

/// The answer where the source no longer exists.
fn gone(plan: &Plan, last_snapshot: Option<&str>) -> Ready {
    match last_snapshot {
        Some("available") => Ready::yes(format!("deleted; its last snapshot is {}", plan.names.last)),
        Some(status) => Ready::not_yet(status),
        None => Ready::yes("gone"),
    }
}

/// After it, a tag on the source names the target: neither a fleet nor an AWS Config finding moves it again.
async fn mark_moved(aws: &Aws, plan: &Plan, source_arn: Option<&str>) -> Result<()> {
    let tag = Tag::builder().key(MOVED_TAG).value(&plan.target).build();
    match aws.rds.add_tags_to_resource().resource_name(source_arn.unwrap_or_default()).tags(tag).send().await {
        // Somebody has deleted it first.
        Err(error) if code(&error).is_none_or(|code| !code.contains("NotFound")) => {
            Err(StepError::from(error).context(&format!("tag {}", plan.source.identifier)))
        }
        _ => Ok(()),
    }
}
