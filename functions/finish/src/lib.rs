//! The last step: the new instance's log export as the source had it, the old source as the operator wants it, and
//! the execution's output.

mod after;
mod cluster;
mod output;

use serde::Serialize;
use shared::aws::Aws;
use shared::contract::{Action, FinishRequest};
use shared::error::Result;
use shared::rds::describe_target;

pub use crate::output::Output;

#[derive(Debug, Serialize)]
pub struct Answer {
    pub ready: bool,
    pub status: String,
    pub output: Option<Output>,
}

/// Do: after it answers ready, nothing is left of the run but what the output names. Undo: there is nothing to undo.
///
/// # Errors
/// `RestoreFailed`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, request: FinishRequest) -> Result<Answer> {
    let not_yet = |status: String| Answer { ready: false, status, output: None };
    if request.action == Action::Undo {
        return Ok(Answer { ready: true, status: "nothing to undo".to_owned(), output: None });
    }
    let plan = &request.plan;
    let is_cluster = plan.source.kind.is_cluster();
    let target = if is_cluster { cluster::settle_target(aws, plan).await? } else { after::settle_target(aws, plan).await? };
    if !target.ready {
        return Ok(not_yet(target.status));
    }
    let source = if is_cluster { cluster::settle_source(aws, plan).await? } else { after::settle_source(aws, plan).await? };
    if !source.ready {
        return Ok(not_yet(source.status));
    }
    let target = describe_target(aws, &request.plan).await?;
    Ok(Answer { ready: true, status: source.status.clone(), output: Some(output::output(&request, &target, &source.status)) })
}
