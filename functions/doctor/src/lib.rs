//! Tries, from the functions' network, the requests that they will make: to AWS's services, and to a source. Changes nothing.
//!
//! Permissions of the roles, and other conditions on a source, are not checked here: the command that calls this asks IAM, and makes a
//! plan.

mod services;
mod source;

use std::time::Instant;

use aws::client::Aws;
use serde::{Deserialize, Serialize};
use shared::error::Result;

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// Identifier, ARN or resource id of a database to be moved.
    #[serde(default)]
    pub source: Option<String>,
    /// The secret of its master user; by default the one that RDS manages.
    #[serde(default)]
    pub secret: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Answer {
    pub checks: Vec<Check>,
}

/// The result of one attempt.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub asked: String,
    pub came: String,
    pub is_fine: bool,
    /// The state that fails if this does.
    pub step: &'static str,
    /// Empty where nothing needs to be done.
    pub remedy: String,
}

impl Check {
    fn fine(asked: impl Into<String>, came: impl Into<String>, step: &'static str) -> Self {
        Self { asked: asked.into(), came: came.into(), is_fine: true, step, remedy: String::new() }
    }

    fn failed(asked: impl Into<String>, came: impl Into<String>, step: &'static str, remedy: impl Into<String>) -> Self {
        Self { asked: asked.into(), came: came.into(), is_fine: false, step, remedy: remedy.into() }
    }
}

/// Each service, then the source where one is named. A failure is an answer.
///
/// # Errors
/// None.
pub async fn handle(aws: &Aws, request: Request) -> Result<Answer> {
    let mut checks = services::check(aws).await;
    if let Some(id) = &request.source {
        checks.extend(source::check(aws, id, request.secret.as_deref()).await);
    }
    Ok(Answer { checks })
}

/// The time since then, in whole milliseconds, as in `12 ms`.
fn took(began: Instant) -> String {
    format!("{} ms", began.elapsed().as_millis())
}
