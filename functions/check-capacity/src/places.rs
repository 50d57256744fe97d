//! How many runs the Region has room for, beside what others use.

use aws::client::Aws;
use aws::rds::snapshots::{COPIES_AT_A_TIME, is_being_copied};
use aws_sdk_rds::types::{AccountQuota, DbSnapshot};
use shared::contract::Kind;
use shared::error::{Context, Result, StepError};
use shared::names::RDS_PREFIX;

/// Source: Amazon RDS user guide, "Quotas"; the account's own number comes from `DescribeAccountAttributes`.
const MANUAL_SNAPSHOTS: i64 = 100;
/// Room for others who come while runs are under way.
const COPIES_LEFT: i64 = 2;
const SNAPSHOTS_LEFT: i64 = 4;
/// A source's final snapshot stays, and counts like others' snapshots.
const LAST: &str = "-last";

/// How many runs at a time get their snapshots and copies without a refusal.
pub(crate) async fn for_runs(aws: &Aws, kind: Kind) -> Result<i64> {
    let (copies, snapshots) = used_by_others(aws).await?;
    let quota = quota_of_snapshots(aws).await?;
    // A cluster is restored under its key, and its snapshots have a quota of their own, which preflight checks.
    let by_snapshots = if kind.is_cluster() { i64::MAX } else { (quota - SNAPSHOTS_LEFT - snapshots) / 2 };
    Ok((COPIES_AT_A_TIME - COPIES_LEFT - copies).min(by_snapshots))
}

/// Others' copies in progress, and others' manual snapshots.
async fn used_by_others(aws: &Aws) -> Result<(i64, i64)> {
    let mut pages = aws.rds.describe_db_snapshots().snapshot_type("manual").into_paginator().send();
    let (mut copies, mut snapshots) = (0, 0);
    while let Some(page) = pages.next().await {
        let page = page.map_err(StepError::from).context("count this Region's snapshots")?;
        for snapshot in page.db_snapshots().iter().filter(|snapshot| !is_of_a_run(snapshot)) {
            snapshots += 1;
            copies += i64::from(is_being_copied(snapshot));
        }
    }
    Ok((copies, snapshots))
}

async fn quota_of_snapshots(aws: &Aws) -> Result<i64> {
    let answer = aws.rds.describe_account_attributes().send().await;
    let answer = answer.map_err(StepError::from).context("read the account's quotas")?;
    let quota = answer.account_quotas().iter().find(|quota| quota.account_quota_name() == Some("ManualSnapshots"));
    Ok(quota.and_then(AccountQuota::max).unwrap_or(MANUAL_SNAPSHOTS))
}

/// A run's own are counted with the runs.
fn is_of_a_run(snapshot: &DbSnapshot) -> bool {
    snapshot.db_snapshot_identifier().is_some_and(|id| id.starts_with(RDS_PREFIX) && !id.ends_with(LAST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_run_leaves_for_good_is_not_counted_with_the_runs() {
        let is_of_a_run = |id: &str| is_of_a_run(&DbSnapshot::builder().db_snapshot_identifier(id).build());
        assert!(is_of_a_run("rds-reencrypt-0123456789-encrypted"));
        assert!(!is_of_a_run("rds-reencrypt-0123456789-last"));
        assert!(!is_of_a_run("nightly"));
    }
}
