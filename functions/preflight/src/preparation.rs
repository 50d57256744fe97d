//! Whether the parameters of the source allow logical replication, and what it takes where they do not.

use aws_sdk_rds::types::Parameter;
use shared::aws::Aws;
use shared::contract::{Kind, Preparation, Source};
use shared::error::{Result, StepError, While};

use crate::source::Found;

const LOGICAL_REPLICATION: &str = "rds.logical_replication";

/// What a source would need whose server does not say `wal_level = logical`: inspect asks it.
pub(crate) async fn read(aws: &Aws, source: &Source, found: &Found) -> Result<Preparation> {
    let old_group = match found {
        Found::Instance(instance) => instance.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name()),
        Found::Cluster(cluster, _) => cluster.db_cluster_parameter_group(),
    };
    let old_group = old_group.unwrap_or_default().to_owned();
    let engine = if source.kind == Kind::Aurora { "aurora-postgresql" } else { "postgres" };
    let makes_group = !says_logical(aws, source.kind, &old_group).await?;
    Ok(Preparation { family: format!("{engine}{}", source.major), makes_group, old_group })
}

/// Only what was changed is asked for: off is the default.
async fn says_logical(aws: &Aws, kind: Kind, group: &str) -> Result<bool> {
    let is_on = |parameter: &Parameter| {
        parameter.parameter_name() == Some(LOGICAL_REPLICATION) && matches!(parameter.parameter_value(), Some("1" | "on" | "true"))
    };
    let what = format!("read parameter group {group}");
    if kind.is_cluster() {
        let request = aws.rds.describe_db_cluster_parameters().db_cluster_parameter_group_name(group).source("user");
        let mut parameters = request.into_paginator().items().send();
        while let Some(parameter) = parameters.next().await {
            if is_on(&parameter.map_err(StepError::from).while_doing(&what)?) {
                return Ok(true);
            }
        }
    } else {
        let request = aws.rds.describe_db_parameters().db_parameter_group_name(group).source("user");
        let mut parameters = request.into_paginator().items().send();
        while let Some(parameter) = parameters.next().await {
            if is_on(&parameter.map_err(StepError::from).while_doing(&what)?) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
