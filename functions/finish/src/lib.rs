//! The last step: settings that the target gets after the application has moved, the source as the operator wants it, and the
//! execution's output.

mod logs;
mod output;
mod replicas;
mod roles;
mod source;
mod target;

use aws::client::Aws;
use aws::rds::target::describe_target;
use serde::Serialize;
use shared::contract::{FinishRequest, Settled};
use shared::error::Result;

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
    let not_yet = |status: String, settled: Settled| Ok(Answer { ready: false, status, settled, output: None });
    let target = target::settle(aws, plan, &mut request.settled).await?;
    if !target.ready {
        return not_yet(target.status, request.settled);
    }
    let source = source::settle(aws, plan).await?;
    if !source.ready {
        return not_yet(source.status, request.settled);
    }
    let target = describe_target(aws, &request.plan).await?;
    let output = output::output(&request, &target, &source.status);
    Ok(Answer { ready: true, status: source.status, settled: request.settled, output: Some(output) })
}
