//! The restored server's log, as RDS ships it to CloudWatch Logs.

use aws_sdk_cloudwatchlogs::Client;
use shared::aws::{Aws, code};
use shared::contract::Plan;
use shared::error::{Result, StepError};
use shared::names::log_group;
use shared::rds::find_snapshot;
use shared::recovery_log::{Recovery, first_recovery};

/// The first recovery of the new instance; none while its lines have not all arrived.
///
/// Bound by the time of the snapshot, since a log group may hold older lines. Not by the instance's creation: RDS gives
/// that when the server is up, and its recovery comes before.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub(crate) async fn read_recovery(aws: &Aws, plan: &Plan) -> Result<Option<Recovery>> {
    let snapshot = find_snapshot(aws, &plan.names.snapshot).await?;
    let taken_ms = snapshot.and_then(|snapshot| snapshot.snapshot_create_time).map(|time| time.secs() * 1000);
    let client = Client::new(&aws.config);
    let group = log_group(&plan.target);
    let mut lines = Vec::new();
    let mut next = None;
    loop {
        let request = client.filter_log_events().log_group_name(&group).set_start_time(taken_ms).set_next_token(next);
        let page = match request.send().await {
            Ok(page) => page,
            Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(None),
            Err(error) => return Err(StepError::from(error).while_doing(&format!("read log group {group}"))),
        };
        lines.extend(page.events.unwrap_or_default().into_iter().filter_map(|event| event.message));
        let recovery = first_recovery(lines.iter().map(String::as_str));
        next = page.next_token;
        if recovery.is_some() || next.is_none() {
            return Ok(recovery);
        }
    }
}
