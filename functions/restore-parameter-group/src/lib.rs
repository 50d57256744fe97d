//! Gives the target the parameter group that the source had before the run prepared it.
//!
//! Why here: the volume brought the run's slots, and a server with logical slots does not start without logical replication. So the
//! target is restored with the run's group, and restarts with the source's old one as soon as its slots are dropped, long before the
//! application comes.

use aws::client::Aws;
use aws::rds::database::find_of_kind;
use shared::contract::{Ready, Step};
use shared::error::{ErrorName, Result, StepError};

/// After it answers ready, the target runs with the group that the source had when the run began.
///
/// # Errors
/// `RestoreFailed` where the target is gone; `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: Step) -> Result<Ready> {
    let plan = &step.plan;
    let Some(preparation) = plan.preparation.as_ref().filter(|preparation| preparation.makes_group) else {
        return Ok(Ready::yes("nothing to do"));
    };
    let gone = || StepError::new(ErrorName::RestoreFailed, format!("{} does not exist any more", plan.target));
    let holder = find_of_kind(aws, plan.source.kind, &plan.target).await?.ok_or_else(gone)?;
    if !holder.is_available() {
        return Ok(Ready::not_yet(holder.status()));
    }
    if holder.group() != preparation.old_group {
        return holder.attach(aws, &preparation.old_group).await;
    }
    match holder.waits_for_reboot() {
        None => Ok(Ready::not_yet("applying parameters")),
        Some(members) if members.is_empty() => Ok(Ready::yes("as the source was")),
        Some(members) => holder.reboot(aws, &members).await,
    }
}
