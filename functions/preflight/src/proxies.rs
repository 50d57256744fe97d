//! Proxies in front of the source, which a run does not point at the target.

use aws::client::Aws;
use aws_sdk_rds::types::DbProxyTarget;
use shared::contract::Source;
use shared::error::{Context, Result, StepError};
use shared::finding::{Findings, list};

pub(crate) async fn check(aws: &Aws, source: &Source, findings: &mut Findings) -> Result<()> {
    let mut in_front = Vec::new();
    let mut pages = aws.rds.describe_db_proxies().into_paginator().items().send();
    while let Some(proxy) = pages.next().await {
        let proxy = proxy.map_err(StepError::from).context("look for proxies")?;
        let name = proxy.db_proxy_name().unwrap_or_default();
        let targets = aws.rds.describe_db_proxy_targets().db_proxy_name(name).send().await;
        let targets = targets.map_err(StepError::from).context(&format!("read the targets of proxy {name}"))?;
        if targets.targets().iter().any(|target| points_at(target, &source.identifier)) {
            in_front.push(name.to_owned());
        }
    }
    if !in_front.is_empty() {
        let found = format!("{} proxies point at the source, and still will after the cutover: {}", in_front.len(), list(&in_front));
        let remedy = "right after the cutover register the new database as their target (deregister-db-proxy-targets, register-db-proxy-targets): \
                      until then sessions through them can only read";
        findings.warn("Proxy", found, "", remedy);
    }
    Ok(())
}

fn points_at(target: &DbProxyTarget, identifier: &str) -> bool {
    target.rds_resource_id() == Some(identifier) || target.tracked_cluster_id() == Some(identifier)
}
