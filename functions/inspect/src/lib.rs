//! Checks the source from inside, and its disk; then decides by all findings whether the run may begin.
//!
//! Changes nothing. All unmet conditions are returned at once, those of preflight included: after fixing one and starting again, nobody
//! must meet the next.

mod database;
mod databases;
mod decoding;
mod disk;
mod equality;
mod event_triggers;
mod expressions;
mod large_objects;
mod libraries;
mod locks;
mod logins;
mod names;
mod network;
mod preparation;
mod rights;
mod roles;
mod server;
mod steps;
mod tables;
mod transactions;
mod trial;
mod way_back;
mod workers;

use aws::client::Aws;
use run::servers::{present_server, source_server};
use serde::Serialize;
use shared::contract::{InspectRequest, Plan, Preflight, Purpose};
use shared::error::Result;
use shared::finding::Finding;

#[derive(Debug, Serialize)]
pub struct Answer {
    /// Preflight's plan, with the databases.
    pub plan: Plan,
    /// Findings about what a run does not move, what will differ, and how much of each limit is left.
    pub findings: Vec<Finding>,
    /// The steps of a run, in order, with the names of everything that would be made.
    pub steps: Vec<String>,
}

/// Do: after it, nothing has changed; and if it answers, the run can be expected to succeed.
/// Undo: nothing has changed either; the plan has the databases in which a stopped execution left something.
///
/// # Errors
/// `KmsKeyUnusable`, `SecretUnusable`, `AlreadyEncrypted`, `AlreadyRunning`, `SourceStorageLow`, `PostgresUnavailable`,
/// `PostgresRefused`; `PreconditionFailed` where conditions of several kinds are unmet.
pub async fn handle(aws: &Aws, request: InspectRequest) -> Result<Answer> {
    match request.purpose {
        Purpose::Plan => Box::pin(inspect(aws, request.preflight)).await,
        Purpose::Recover => Box::pin(find_what_is_left(aws, request.preflight.plan)).await,
    }
}

async fn inspect(aws: &Aws, preflight: Preflight) -> Result<Answer> {
    let Preflight { mut plan, databases: asked, mut findings, network, rules } = preflight;
    let checked = network::check(&plan.source, &network, &rules, &mut findings).await;
    findings.check(checked)?;
    // Without a usable secret there is no login, and preflight's refusal names it.
    if !plan.secret_arn.is_empty() {
        let source = source_server(aws, &plan).await?;
        let seen = server::check(&source, &plan, asked.as_deref(), &mut findings).await;
        if let Some(seen) = findings.note(seen)? {
            way_back::check(seen.is_logical, &plan, &mut findings);
            (plan.control_database, plan.databases) = (seen.control_database, seen.databases);
            plan.preparation = plan.preparation.filter(|preparation| !seen.is_logical || preparation.makes_group);
            let session = source.connect(&plan.control_database).await?;
            disk::check(aws, &session, &plan, &mut findings).await?;
            logins::check(aws, &source, &session, &plan, &mut findings).await?;
        }
    }
    let findings = findings.into_accepted()?;
    Ok(Answer { steps: steps::describe(&plan), findings, plan })
}

async fn find_what_is_left(aws: &Aws, mut plan: Plan) -> Result<Answer> {
    // In a source that is gone, nothing is left.
    if let Some(source) = present_server(aws, &plan).await? {
        (plan.control_database, plan.databases) = server::find_what_is_left(&source, &plan.names).await?;
    }
    Ok(Answer { plan, findings: Vec::new(), steps: Vec::new() })
}
