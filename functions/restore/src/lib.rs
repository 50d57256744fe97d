//! The target, restored with the settings of the source: an instance from the encrypted snapshot, a cluster from the snapshot itself,
//! since its restore takes the key.

mod cluster;
mod members;
mod settings;

use aws::client::Aws;
use aws::rds::database::find_of_kind;
use aws::rds::requests::begun;
use aws::rds::{self, source};
use aws_sdk_rds::types::DbInstance;
use shared::contract::{Action, Plan, Ready, ReversibleStep};
use shared::error::{Context, ErrorName, Result, StepError};

/// Do: after it answers ready, the target is available with all its members, encrypted with exactly the plan's key, and has the
/// settings of the source except those that are set at the end: undo must be able to delete it, and the run to log in.
/// Undo: after it answers ready, the target and its log group are gone. The target of a source that is gone is kept: it may be the only
/// database that has the data.
///
/// # Errors
/// `RestoreFailed`, `WrongKey`, `SourceNotFound`, `AwsUnavailable`, `AwsRefused`.
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Ready> {
    let plan = &step.plan;
    match (step.action, plan.source.kind.is_cluster()) {
        (Action::Undo, _) if source::is_gone(aws, &plan.source).await? && target_exists(aws, plan).await? => Ok(source::kept()),
        (Action::Do, false) => ensure_target(aws, plan).await,
        (Action::Do, true) => Box::pin(cluster::ensure(aws, plan)).await,
        (Action::Undo, false) => drop_target(aws, plan).await,
        (Action::Undo, true) => cluster::drop(aws, plan).await,
    }
}

async fn ensure_target(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let source = rds::instances::find_instance(aws, &plan.source.resource_id).await?.ok_or_else(|| source::gone(&plan.source))?;
    let Some(target) = rds::instances::find_instance(aws, &plan.target).await? else {
        let restored = settings::restore_request(aws, plan, &source).send().await;
        let restored = begun(restored, "creating").context(&format!("restore {} from {}", plan.target, plan.names.copy))?;
        return Ok(with_place(&restored, source.db_instance_class(), source.availability_zone()));
    };
    let ready = rds::requests::new_ready(&plan.kms_key_arn, &format!("instance {}", plan.target), target.db_instance_status())?;
    if !ready.ready {
        return Ok(ready);
    }
    check_key(plan, target.storage_encrypted(), target.kms_key_id())?;
    finish_settings(aws, plan, &source, &target).await
}

/// Adds the requested class and zone: an operator waiting for RDS's capacity wants to know of what.
fn with_place(asked: &Ready, class: Option<&str>, zone: Option<&str>) -> Ready {
    let zone = zone.map_or_else(String::new, |zone| format!(" in {zone}"));
    Ready { status: format!("{} ({}{zone})", asked.status, class.unwrap_or("class unknown")), ready: asked.ready }
}

/// Why here: reporting success without encryption, or with another key, would be the worst failure of all.
fn check_key(plan: &Plan, encrypted: Option<bool>, key: Option<&str>) -> Result<()> {
    if encrypted == Some(true) && key == Some(plan.kms_key_arn.as_str()) {
        return Ok(());
    }
    let key = key.unwrap_or("no key");
    Err(StepError::new(ErrorName::WrongKey, format!("{} is encrypted with {key}, not with {}", plan.target, plan.kms_key_arn)))
}

/// Settings that a restore does not take are modified now. The modification shows as another status, or as pending values.
async fn finish_settings(aws: &Aws, plan: &Plan, source: &DbInstance, target: &DbInstance) -> Result<Ready> {
    if let Some((request, members)) = settings::modify_request(aws, plan, source, target) {
        let modified = begun(request.send().await, format!("modifying {}", members.join(", ")));
        return modified.context(&format!("give {} the settings of the source", plan.target));
    }
    if rds::instances::endpoint(target).is_none() {
        return Ok(Ready::not_yet("no endpoint yet"));
    }
    Ok(Ready::yes("available"))
}

async fn target_exists(aws: &Aws, plan: &Plan) -> Result<bool> {
    Ok(find_of_kind(aws, plan.source.kind, &plan.target).await?.is_some_and(|target| target.status() != "deleting"))
}

async fn drop_target(aws: &Aws, plan: &Plan) -> Result<Ready> {
    let Some(target) = rds::instances::find_instance(aws, &plan.target).await? else {
        rds::log_groups::drop_log_group(aws, plan).await?;
        return Ok(Ready::yes("gone"));
    };
    if target.db_instance_status() == Some("deleting") {
        return Ok(Ready::not_yet("deleting"));
    }
    let request = aws.rds.delete_db_instance().db_instance_identifier(&plan.target).skip_final_snapshot(true).delete_automated_backups(true);
    rds::requests::going(request.send().await, "deleting").context(&format!("delete instance {}", plan.target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::contract::example;

    #[test]
    fn only_the_very_key_of_the_plan_passes() {
        let plan: Plan = serde_json::from_value(example::plan()).unwrap();
        let key = plan.kms_key_arn.as_str();
        check_key(&plan, Some(true), Some(key)).unwrap();
        for (encrypted, key) in
            [(None, None), (Some(false), Some(key)), (Some(true), None), (Some(true), Some("arn:aws:kms:eu-central-1:123456789012:key/other"))]
        {
            assert_eq!(check_key(&plan, encrypted, key).unwrap_err().name, ErrorName::WrongKey);
        }
    }
}
