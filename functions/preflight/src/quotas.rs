//! How much of the account's quotas is left for what a run makes in RDS.

use aws::client::Aws;
use aws::rds::snapshots::{COPIES_AT_A_TIME, is_being_copied};
use shared::error::{Context, Result, StepError};
use shared::finding::{Findings, Room};

/// What a run makes besides snapshots.
pub(crate) struct Needs {
    pub(crate) clusters: i64,
    pub(crate) instances: i64,
    pub(crate) storage_gib: i64,
    /// Whether the source will be deleted, which leaves a final snapshot.
    pub(crate) delete: bool,
}

pub(crate) async fn check(aws: &Aws, needs: Needs, findings: &mut Findings) -> Result<()> {
    let answer = aws.rds.describe_account_attributes().send().await;
    let answer = answer.map_err(StepError::from).context("read the account's quotas")?;
    let is_cluster = needs.clusters > 0;
    // The snapshot, and for an instance the encrypted snapshot.
    let snapshots = if is_cluster { 1 } else { 2 } + i64::from(needs.delete);
    let quota_of_snapshots = if is_cluster { "ManualClusterSnapshots" } else { "ManualSnapshots" };
    for (quota, what, needed) in [
        ("DBClusters", "clusters of the account's quota", needs.clusters),
        ("DBInstances", "instances of the account's quota", needs.instances),
        (quota_of_snapshots, "manual snapshots of the account's quota", snapshots),
        ("AllocatedStorage", "GiB of the account's storage quota", needs.storage_gib),
    ] {
        let Some(found) = answer.account_quotas().iter().find(|found| found.account_quota_name() == Some(quota)) else { continue };
        let (Some(used), Some(of)) = (found.used(), found.max()) else { continue };
        if needed > 0 {
            findings.room("Quota", what, Room { free: of - used, of }, needed, "have the quota raised, or delete unused ones");
        }
    }
    if is_cluster { Ok(()) } else { check_copies(aws, findings).await }
}

async fn check_copies(aws: &Aws, findings: &mut Findings) -> Result<()> {
    let mut pages = aws.rds.describe_db_snapshots().snapshot_type("manual").into_paginator().send();
    let mut copying = 0;
    while let Some(page) = pages.next().await {
        let page = page.map_err(StepError::from).context("count snapshot copies")?;
        copying += page.db_snapshots().iter().map(|snapshot| i64::from(is_being_copied(snapshot))).sum::<i64>();
    }
    if copying >= COPIES_AT_A_TIME {
        let found = format!("{copying} snapshot copies are in progress in this Region");
        findings.warn("SnapshotCopies", found, format!("{COPIES_AT_A_TIME} are allowed at a time"), "nothing: the run waits for capacity");
    }
    Ok(())
}

/// Why here: old classes cannot encrypt, and some are no longer offered; the restore would only fail hours later.
pub(crate) async fn check_class(aws: &Aws, engine: &str, version: &str, class: &str, findings: &mut Findings) -> Result<()> {
    let request = aws.rds.describe_orderable_db_instance_options().engine(engine).engine_version(version).db_instance_class(class);
    let answer = request.send().await.map_err(StepError::from).context(&format!("look up instance class {class}"))?;
    let options = answer.orderable_db_instance_options();
    let remedy = "change the source to a current class first: modify-db-instance --db-instance-class";
    if options.is_empty() {
        // For a version that is no longer offered, there is no class at all.
        let answer = aws.rds.describe_orderable_db_instance_options().engine(engine).engine_version(version).max_records(20).send().await;
        let of_version = answer.map_err(StepError::from).context(&format!("look up {engine} {version}"))?;
        if of_version.orderable_db_instance_options().is_empty() {
            let found = format!("minor version {version} of {engine} is no longer offered in this Region: RDS makes no new database of it");
            let remedy = format!(
                "upgrade it first, to one that aws rds describe-db-engine-versions --engine {engine} --engine-version {version} \
                 --include-all --query 'DBEngineVersions[].ValidUpgradeTarget[].EngineVersion' lists"
            );
            findings.refuse("EngineVersion", found, "", remedy);
            return Ok(());
        }
        let found = format!("class {class} is no longer offered for {engine} {version} in this Region");
        findings.refuse("InstanceClass", found, "", remedy);
    } else if !options.iter().any(|option| option.supports_storage_encryption() == Some(true)) {
        findings.refuse("InstanceClass", format!("class {class} cannot have encrypted storage"), "", remedy);
    }
    Ok(())
}
