//! Settings of the source's log groups, which the target's groups do not have.

use aws::client::Aws;
use aws::rds::database::Database;
use aws::rds::log_groups::{filters, log_group_of};
use shared::contract::Source;
use shared::error::Result;
use shared::finding::Findings;
use shared::names::Names;

/// Retention is set at the end of the run. Filters name metrics and destinations that somebody else has to decide on.
pub(crate) async fn check(aws: &Aws, source: &Source, found: &Database, names: &Names, findings: &mut Findings) -> Result<()> {
    for log in found.exports() {
        let group = log_group_of(source.kind, &source.identifier, log);
        let (metrics, subscriptions) = filters(aws, &group).await?;
        if metrics + subscriptions > 0 {
            let found = format!("log group {group}: {metrics} metric filters and {subscriptions} subscription filters are not moved");
            let remedy = format!("create them on {} once the target exists", log_group_of(source.kind, &names.target, log));
            findings.warn("NotCarried", found, "", remedy);
        }
    }
    Ok(())
}
