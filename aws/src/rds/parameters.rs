//! Parameter groups of instances and of clusters.

use std::collections::BTreeMap;

use aws_sdk_rds::types::Parameter;
use shared::contract::Kind;
use shared::error::{Context, Result, StepError};

use crate::client::Aws;

pub const LOGICAL_REPLICATION: &str = "rds.logical_replication";

/// The parameters with user-set values in a group.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn read_changed(aws: &Aws, kind: Kind, group: &str) -> Result<BTreeMap<String, String>> {
    let parameters: std::result::Result<Vec<Parameter>, StepError> = if kind.is_cluster() {
        let request = aws.rds.describe_db_cluster_parameters().db_cluster_parameter_group_name(group).source("user");
        request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await.map_err(StepError::from)
    } else {
        let request = aws.rds.describe_db_parameters().db_parameter_group_name(group).source("user");
        request.into_paginator().items().send().collect::<std::result::Result<Vec<_>, _>>().await.map_err(StepError::from)
    };
    let parameters = parameters.context(&format!("read parameter group {group}"))?;
    Ok(parameters.into_iter().filter_map(|parameter| Some((parameter.parameter_name?, parameter.parameter_value?))).collect())
}
