//! The run's own parameter group: a copy of the source's with logical replication.
//!
//! Its description names the group that it replaces, so undo needs no memory.

use aws::client::Aws;
use aws::rds::parameters::{LOGICAL_REPLICATION, read_changed};
use aws::rds::requests::execution_tag;
use aws_sdk_rds::types::{ApplyMethod, Parameter};
use shared::contract::{Plan, Preparation};
use shared::error::aws::code;
use shared::error::{Context, ErrorName, Result, StepError};

use crate::Prepared;

const IN_PLACE_OF: &str = "rds-reencrypt, in place of ";

/// After it, the group exists, with everything that was changed in the old one, and logical replication. A default group has no
/// changes, and cannot be copied.
pub(crate) async fn ensure(aws: &Aws, plan: &Plan, preparation: &Preparation) -> Result<()> {
    let name = &plan.names.parameter_group;
    if read_predecessor(aws, plan).await?.is_none()
        && let Err(error) = make(aws, plan, preparation).await
    {
        // Another call may have been faster.
        if read_predecessor(aws, plan).await?.is_none() {
            return Err(error.context(&format!("make parameter group {name} like {}", preparation.old_group)));
        }
    }
    let changed = read_changed(aws, plan.source.kind, name).await?;
    // Setting a value again could require one more reboot.
    if changed.get(LOGICAL_REPLICATION).map(String::as_str) != Some("1") {
        turn_on(aws, plan).await.context(&format!("turn logical replication on in {name}"))?;
    }
    check_nothing_lost(aws, plan, &preparation.old_group).await
}

async fn make(aws: &Aws, plan: &Plan, preparation: &Preparation) -> Result<()> {
    let (name, old) = (&plan.names.parameter_group, &preparation.old_group);
    let (description, tag) = (format!("{IN_PLACE_OF}{old}"), execution_tag(&plan.execution));
    let is_default = old.starts_with("default.");
    match (plan.source.kind.is_cluster(), is_default) {
        (true, true) => {
            let request = aws.rds.create_db_cluster_parameter_group().db_cluster_parameter_group_name(name);
            request.db_parameter_group_family(&preparation.family).description(description).tags(tag).send().await?;
        }
        (true, false) => {
            let request = aws.rds.copy_db_cluster_parameter_group().source_db_cluster_parameter_group_identifier(old);
            let request = request.target_db_cluster_parameter_group_identifier(name);
            request.target_db_cluster_parameter_group_description(description).tags(tag).send().await?;
        }
        (false, true) => {
            let request = aws.rds.create_db_parameter_group().db_parameter_group_name(name);
            request.db_parameter_group_family(&preparation.family).description(description).tags(tag).send().await?;
        }
        (false, false) => {
            let request = aws.rds.copy_db_parameter_group().source_db_parameter_group_identifier(old);
            let request = request.target_db_parameter_group_identifier(name);
            request.target_db_parameter_group_description(description).tags(tag).send().await?;
        }
    }
    Ok(())
}

async fn turn_on(aws: &Aws, plan: &Plan) -> Result<()> {
    let name = &plan.names.parameter_group;
    let on = Parameter::builder().parameter_name(LOGICAL_REPLICATION).parameter_value("1").apply_method(ApplyMethod::PendingReboot).build();
    if plan.source.kind.is_cluster() {
        aws.rds.modify_db_cluster_parameter_group().db_cluster_parameter_group_name(name).parameters(on).send().await?;
    } else {
        aws.rds.modify_db_parameter_group().db_parameter_group_name(name).parameters(on).send().await?;
    }
    Ok(())
}

/// An incomplete copy would run the source with different parameters.
async fn check_nothing_lost(aws: &Aws, plan: &Plan, old: &str) -> Result<()> {
    let kind = plan.source.kind;
    let (old_changes, changes) = (read_changed(aws, kind, old).await?, read_changed(aws, kind, &plan.names.parameter_group).await?);
    let missing: Vec<&str> = old_changes
        .iter()
        .filter(|(name, value)| name.as_str() != LOGICAL_REPLICATION && changes.get(*name) != Some(value))
        .map(|(name, _)| name.as_str())
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let message = format!("parameter group {} is not a whole copy of {old}: {} differ", plan.names.parameter_group, missing.join(", "));
    Err(StepError::new(ErrorName::PreconditionFailed, message))
}

/// The group that the run's replaces; none where the run has none.
pub(crate) async fn read_predecessor(aws: &Aws, plan: &Plan) -> Result<Option<String>> {
    let name = &plan.names.parameter_group;
    let description = if plan.source.kind.is_cluster() {
        match aws.rds.describe_db_cluster_parameter_groups().db_cluster_parameter_group_name(name).send().await {
            Ok(output) => output.db_cluster_parameter_groups().first().and_then(|group| group.description()).map(str::to_owned),
            Err(error) if is_missing(code(&error)) => None,
            Err(error) => return Err(StepError::from(error).context(&format!("look for parameter group {name}"))),
        }
    } else {
        match aws.rds.describe_db_parameter_groups().db_parameter_group_name(name).send().await {
            Ok(output) => output.db_parameter_groups().first().and_then(|group| group.description()).map(str::to_owned),
            Err(error) if is_missing(code(&error)) => None,
            Err(error) => return Err(StepError::from(error).context(&format!("look for parameter group {name}"))),
        }
    };
    Ok(description.and_then(|description| description.strip_prefix(IN_PLACE_OF).map(str::to_owned)))
}

/// After it answers ready, the run's group is gone.
pub(crate) async fn remove(aws: &Aws, plan: &Plan) -> Result<Prepared> {
    let name = &plan.names.parameter_group;
    let dropped = if plan.source.kind.is_cluster() {
        let request = aws.rds.delete_db_cluster_parameter_group().db_cluster_parameter_group_name(name);
        request.send().await.map(drop).map_err(|error| (code(&error).map(str::to_owned), StepError::from(error)))
    } else {
        let request = aws.rds.delete_db_parameter_group().db_parameter_group_name(name);
        request.send().await.map(drop).map_err(|error| (code(&error).map(str::to_owned), StepError::from(error)))
    };
    match dropped {
        Ok(()) => Ok(Prepared::ready("gone")),
        // It was attached until a moment ago.
        Err((Some(code), _)) if code == "InvalidDBParameterGroupState" => Ok(Prepared::not_yet("parameter group in use")),
        Err((code, _)) if is_missing(code.as_deref()) => Ok(Prepared::ready("gone")),
        Err((_, error)) => Err(error.context(&format!("delete parameter group {name}"))),
    }
}

fn is_missing(code: Option<&str>) -> bool {
    matches!(code, Some("DBParameterGroupNotFound" | "DBParameterGroupNotFoundFault"))
}
