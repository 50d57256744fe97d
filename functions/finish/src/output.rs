//! The execution's output.

use std::collections::BTreeMap;

use aws::rds::database::Database as Described;
use serde::Serialize;
use serde_json::{Value, json};
use shared::contract::FinishRequest;
use shared::input::{AfterSource, Verify};
use shared::lsn::Lsn;

#[derive(Debug, Serialize)]
pub struct Output {
    /// Identifier of the source.
    pub source: String,
    pub target: Target,
    pub kms_key_arn: Option<String>,
    /// As RDS reports it for the target.
    pub encrypted: bool,
    pub databases: BTreeMap<String, Database>,
    pub write_pause_ms: u64,
    /// For the operator: warnings of preflight, what was switched, what is left.
    pub report: Value,
}

/// Where the application connects now.
#[derive(Debug, Serialize)]
pub struct Target {
    pub identifier: String,
    pub endpoint: Option<String>,
    pub port: Option<u16>,
}

#[derive(Debug, Serialize)]
pub struct Database {
    /// Where replication started; null where the run was stopped and completed by another execution.
    pub start_lsn: Option<Lsn>,
    pub tables: u64,
    /// Rows compared; null where verification was off.
    pub rows: Option<u64>,
    /// `rows`, `counts` or `off`.
    pub verified: Verify,
}

/// Puts together what the steps found. Encryption, key and endpoint are what RDS reports now, not what was requested.
pub(crate) fn output(request: &FinishRequest, target: &Described, source_status: &str) -> Output {
    let plan = &request.plan;
    let (host, port) = target.endpoint().unzip();
    let databases = plan.databases.iter().map(|database| {
        let verified = request.verified.get(&database.name);
        let published = request.publication.tables.get(&database.name).copied().unwrap_or(0);
        let tables = verified.map_or(published, |verified| verified.tables);
        (
            database.name.clone(),
            Database { start_lsn: request.start_lsn, tables, rows: verified.map(|verified| verified.rows), verified: plan.verify },
        )
    });
    Output {
        source: plan.source.identifier.clone(),
        target: Target { identifier: plan.target.clone(), endpoint: host, port },
        kms_key_arn: target.encrypted_with().map(str::to_owned),
        encrypted: target.encrypted_with().is_some(),
        databases: databases.collect(),
        write_pause_ms: request.cutover.write_pause_ms,
        report: json!({
            "execution": plan.execution.name,
            "warnings": request.findings.iter().filter(|finding| finding["verdict"] != "fine").collect::<Vec<_>>(),
            "drained_lsn": request.cutover.drained_lsn,
            "switched_secrets": request.cutover.switched_secrets,
            "drift": request.cutover.drift,
            "settings": request.settings,
            "replicas": request.settled.replicas,
            "not_made": request.settled.not_made,
            "master_secret": target.managed_secret(),
            // The fence is not closed without it.
            "verified_in_pause": plan.cutover.verify_in_pause,
            "source": source_status,
            "left": left(request, source_status),
        }),
    }
}

/// What the run leaves on purpose.
fn left(request: &FinishRequest, source_status: &str) -> Vec<String> {
    let plan = &request.plan;
    let kind = if plan.source.kind.is_cluster() { "cluster" } else { "instance" };
    let key = if plan.source.kms_key.is_some() { "under the old key" } else { "unencrypted" };
    match plan.after.source {
        // Somebody else may have deleted it.
        _ if source_status == "gone" => Vec::new(),
        AfterSource::Delete => vec![format!("snapshot {}: {key}, the last state of the source", plan.names.last)],
        AfterSource::Keep | AfterSource::Stop => vec![format!(
            "{kind} {}: schema and event trigger {} and the triggers of that name refuse writes to it; reads still work",
            plan.source.identifier,
            plan.names.fence()
        )],
    }
}
