//! Prepares a source for logical replication: a parameter group of its own, and a reboot.
//!
//! Why here, before anything else: a reboot would break what later steps rely on.

mod group;

use std::time::SystemTime;

use aws::client::Aws;
use aws::rds::database::{Database, find_of_kind};
use aws::rds::source;
use serde::Serialize;
use shared::contract::{Action, Plan, Preparation, Ready, ReversibleStep};
use shared::error::{ErrorName, Result, StepError};
use shared::input::{Consent, RebootWhen};
use shared::window::seconds_until;

/// "Not yet" is an answer.
#[derive(Debug, Serialize)]
pub struct Prepared {
    pub ready: bool,
    pub status: String,
    /// How long nothing will change, where that is known: until the maintenance window.
    pub wait_seconds: u64,
}

impl Prepared {
    fn ready(status: &str) -> Self {
        Self { ready: true, status: status.to_owned(), wait_seconds: 0 }
    }

    fn not_yet(status: impl Into<String>) -> Self {
        Self { ready: false, status: status.into(), wait_seconds: 0 }
    }
}

impl From<Ready> for Prepared {
    fn from(Ready { ready, status }: Ready) -> Self {
        Self { ready, status, wait_seconds: 0 }
    }
}

/// Do: after it answers ready, the source runs with a parameter group that has all changed parameters of the previous one, and logical
/// replication.
/// Undo: after it answers ready, the source has its old group again, which takes effect at its next reboot, whenever that is; the run's
/// group is gone.
///
/// # Errors
/// `PreconditionFailed` where the operator has not consented or somebody else changed the group meanwhile; `SourceNotFound`,
/// `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Prepared> {
    match step.action {
        Action::Do => prepare(aws, &step.plan).await,
        Action::Undo => give_back(aws, &step.plan).await,
    }
}

async fn prepare(aws: &Aws, plan: &Plan) -> Result<Prepared> {
    let Some(preparation) = &plan.preparation else { return Ok(Prepared::ready("nothing to do")) };
    if !plan.consent.reboot {
        return Err(StepError::new(ErrorName::PreconditionFailed, "a reboot needs consent.reboot"));
    }
    let wanted = if preparation.makes_group { &plan.names.parameter_group } else { &preparation.old_group };
    if preparation.makes_group {
        group::ensure(aws, plan, preparation).await?;
    }
    let holder = find_of_kind(aws, plan.source.kind, &plan.source.resource_id).await?.ok_or_else(|| source::gone(&plan.source))?;
    if !holder.is_available() {
        return Ok(Prepared::not_yet(holder.status()));
    }
    if holder.group() != wanted {
        check_not_changed(&holder, preparation)?;
        return Ok(holder.attach(aws, wanted).await?.into());
    }
    match holder.waits_for_reboot() {
        None => Ok(Prepared::not_yet("applying parameters")),
        Some(members) if members.is_empty() => Ok(Prepared::ready("logical replication is on")),
        Some(members) => reboot_when_due(aws, &plan.consent, &holder, &members).await,
    }
}

fn check_not_changed(holder: &Database, preparation: &Preparation) -> Result<()> {
    if holder.group() == preparation.old_group {
        return Ok(());
    }
    let message = format!("the source's parameter group is {}, and was {} when the run began", holder.group(), preparation.old_group);
    Err(StepError::new(ErrorName::PreconditionFailed, message))
}

async fn reboot_when_due(aws: &Aws, consent: &Consent, holder: &Database, members: &[String]) -> Result<Prepared> {
    if consent.reboot_when == RebootWhen::MaintenanceWindow {
        let unknown = || StepError::new(ErrorName::Internal, format!("{:?} is no maintenance window", holder.maintenance_window()));
        let wait_seconds = seconds_until(holder.maintenance_window(), SystemTime::now()).ok_or_else(unknown)?;
        if wait_seconds > 0 {
            return Ok(Prepared { wait_seconds, ..Prepared::not_yet(format!("waits for the maintenance window {}", holder.maintenance_window())) });
        }
    }
    Ok(holder.reboot(aws, members).await?.into())
}

async fn give_back(aws: &Aws, plan: &Plan) -> Result<Prepared> {
    let Some(old) = group::read_predecessor(aws, plan).await? else { return Ok(Prepared::ready("nothing to undo")) };
    // A deleted source has no group, and a renamed one has its resource id.
    if let Some(holder) = find_of_kind(aws, plan.source.kind, &plan.source.resource_id).await?
        && holder.group() == plan.names.parameter_group
    {
        if !holder.is_available() {
            return Ok(Prepared::not_yet(holder.status()));
        }
        return Ok(holder.attach(aws, &old).await?.into());
    }
    group::remove(aws, plan).await
}
