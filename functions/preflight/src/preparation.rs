//! Whether the parameters of the source allow logical replication, and what it takes where they do not.

use shared::aws::Aws;
use shared::contract::{Kind, Preparation, Source};
use shared::error::Result;
use shared::rds::found::Found;
use shared::rds::parameters::{LOGICAL_REPLICATION, read_changed};

/// What a source would need whose server does not say `wal_level = logical`: inspect asks it.
pub(crate) async fn read(aws: &Aws, source: &Source, found: &Found) -> Result<Preparation> {
    let old_group = match found {
        Found::Instance(instance) => instance.db_parameter_groups().first().and_then(|group| group.db_parameter_group_name()),
        Found::Cluster(cluster, _) => cluster.db_cluster_parameter_group(),
    };
    let old_group = old_group.unwrap_or_default().to_owned();
    let engine = if source.kind == Kind::Aurora { "aurora-postgresql" } else { "postgres" };
    // Off is the default, so that only what was changed counts.
    let changed = read_changed(aws, source.kind, &old_group).await?;
    let makes_group = !matches!(changed.get(LOGICAL_REPLICATION).map(String::as_str), Some("1" | "on" | "true"));
    Ok(Preparation { family: format!("{engine}{}", source.major), makes_group, old_group })
}
