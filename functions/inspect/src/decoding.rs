//! Other consumers on this server, and its own subscriptions.

use postgres::connect::Session;
use postgres::sql;
use shared::error::{Context, ErrorName, Result};
use shared::finding::{Findings, list};
use shared::names::Names;
use tokio_postgres::Row;

const OTHER_SLOTS: &str = include_str!("sql/other_slots.sql");
const OWN_SUBSCRIPTIONS: &str = include_str!("sql/own_subscriptions.sql");

/// The plugins that the minor versions of August 2026 still allow by default (CVE-2026-6471).
const PLUGINS_ALLOWED: [&str; 2] = ["pgoutput", "test_decoding"];

pub(crate) async fn check(session: &Session, names: &Names, findings: &mut Findings) -> Result<()> {
    for execution in sql::column::<String>(session, sql::OTHER_RUNS, &[&names.run]).await? {
        findings.refuse_as(
            ErrorName::AlreadyRunning,
            format!("execution {execution} holds this source"),
            "wait for it, or undo what it left (runbook)",
        );
    }
    check_subscriptions(session, findings).await?;
    for slot in session.query(OTHER_SLOTS, &[]).await.context("look for other slots")? {
        check_slot(&slot, findings)?;
    }
    Ok(())
}

/// A run's own are the last thing to drop by hand: without them its target is lost, and their application may be there already.
async fn check_subscriptions(session: &Session, findings: &mut Findings) -> Result<()> {
    let (mut of_runs, mut of_others): (Vec<String>, Vec<String>) = (Vec::new(), Vec::new());
    for row in session.query(OWN_SUBSCRIPTIONS, &[]).await.context("look for the server's own subscriptions")? {
        let all = if row.try_get("is_of_a_run")? { &mut of_runs } else { &mut of_others };
        all.push(row.try_get("detail")?);
    }
    if !of_runs.is_empty() {
        let remedy =
            "do not drop them: wait for that run, which removes them; if it has ended, start an execution with its ARN in \"undo\" (runbook)";
        findings.refuse("OwnSubscriptions", format!("this is the target of a run, which subscribes: {}", list(&of_runs)), "0 are allowed", remedy);
    }
    if !of_others.is_empty() {
        let remedy = "drop them: on the target they would start and consume their publisher's changes";
        findings.refuse("OwnSubscriptions", format!("the source itself subscribes: {}", list(&of_others)), "0 are allowed", remedy);
    }
    Ok(())
}

/// A consumer stays on the source, and so does its slot. A read replica's slot is RDS's own business, unless nobody
/// reads it.
fn check_slot(slot: &Row, findings: &mut Findings) -> Result<()> {
    let (name, plugin): (&str, Option<&str>) = (slot.try_get("slot")?, slot.try_get("plugin")?);
    let (active, retained_mb): (bool, i64) = (slot.try_get("active")?, slot.try_get("retained_mb")?);
    let status: &str = slot.try_get("status")?;
    let described = format!("slot {name} keeps {retained_mb} MB of WAL (wal_status {status})");
    if !active {
        let remedy = format!("if nobody needs it: select pg_drop_replication_slot('{name}')");
        findings.warn("UnreadSlots", format!("{described}, and nobody reads it"), "", remedy);
    }
    let Some(plugin) = plugin else { return Ok(()) };
    let remedy = "set the consumer up again on the target, from the cutover on: a slot does not move";
    let database: &str = slot.try_get("database")?;
    let (note, limit) = if PLUGINS_ALLOWED.contains(&plugin) {
        (String::new(), String::new())
    } else {
        let limit = format!("since August 2026 servers allow {} by default (CVE-2026-6471)", PLUGINS_ALLOWED.join(" and "));
        (format!(" with plugin {plugin}"), limit)
    };
    findings.warn("OtherConsumers", format!("database {database}: {described} for a consumer of its own{note}"), limit, remedy);
    Ok(())
}
