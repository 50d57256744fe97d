//! Whether the source's parameters allow logical replication, and what is needed if they do not.

use aws::client::Aws;
use aws::rds::database::Database;
use aws::rds::parameters::{LOGICAL_REPLICATION, read_changed};
use shared::contract::{Kind, Preparation, Source};
use shared::error::{ErrorName, Result};
use shared::finding::Findings;
use shared::names::{Names, RDS_PREFIX};

/// What a source needs if its server does not report `wal_level = logical`: inspect asks it.
pub(crate) async fn read(aws: &Aws, source: &Source, found: &Database) -> Result<Preparation> {
    let old_group = found.group().to_owned();
    let engine = if source.kind == Kind::Aurora { "aurora-postgresql" } else { "postgres" };
    // Off is the default, so only a changed value counts.
    let changed = read_changed(aws, source.kind, &old_group).await?;
    let makes_group = !matches!(changed.get(LOGICAL_REPLICATION).map(String::as_str), Some("1" | "on" | "true"));
    Ok(Preparation { family: format!("{engine}{}", source.major), makes_group, old_group })
}

/// Another run that prepares this source holds it already, by the group that it set: its role comes only later.
pub(crate) fn check_not_held(preparation: &Preparation, names: &Names, findings: &mut Findings) {
    let group = &preparation.old_group;
    if group.starts_with(RDS_PREFIX) && *group != names.parameter_group {
        let found = format!("the source has parameter group {group}, which is another run's");
        findings.refuse_as(ErrorName::AlreadyRunning, found, "wait for that run, or undo what it left (runbook)");
    }
}
