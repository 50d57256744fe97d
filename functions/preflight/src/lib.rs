//! Reads everything the run will depend on, and changes nothing.
//!
//! All unmet conditions come back at once: somebody who fixes one and starts again must not meet the next.

mod database;
mod databases;
mod decoding;
mod findings;
mod instance;
mod key;
mod libraries;
mod quotas;
mod rights;
mod secret;
mod server;
mod source;
mod tables;
mod transactions;
mod undo;
mod workers;

use serde::Serialize;
use shared::aws::Aws;
use shared::contract::{Action, Database, Execution, Plan, PreflightRequest, Source};
use shared::error::Result;
use shared::finding::Finding;
use shared::input::Input;
use shared::names::Names;
use shared::pg::Server;
use shared::secrets::Credentials;

use crate::findings::Findings;

#[derive(Debug, Serialize)]
pub struct Answer {
    pub plan: Plan,
    /// What a run does not carry, what will be different, and what there is enough of.
    pub findings: Vec<Finding>,
    /// What would be done, in order, with the names of all that would be made.
    pub steps: Vec<String>,
}

/// Do: after it, nothing has changed; and if it answers, the run can be expected to go through.
/// Undo: as little has changed; it answers with the plan of an execution that was stopped, for others to undo.
///
/// # Errors
/// `InvalidInput`, `SourceNotFound`, `SourceUnsupported`, `AlreadyEncrypted`, `AlreadyRunning`, `KmsKeyUnusable`,
/// `SecretUnusable`, `PostgresUnavailable`, `PostgresRefused`; `PreconditionFailed` where conditions of several kinds
/// are unmet.
pub async fn handle(aws: &Aws, request: PreflightRequest) -> Result<Answer> {
    match request.action {
        Action::Do => plan(aws, request).await,
        Action::Undo => Ok(Answer { plan: undo::recover_plan(aws, request.input).await?, findings: Vec::new(), steps: Vec::new() }),
    }
}

async fn plan(aws: &Aws, request: PreflightRequest) -> Result<Answer> {
    let input = Input::parse(request.input)?;
    let instance = source::find(aws, &input.source).await?;
    let source = source::read(&instance)?;
    let names = Names::of(&request.execution.id, &source.identifier);
    let mut findings = Findings::default();

    instance::check(&instance, &mut findings);
    instance::check_maintenance(aws, &instance, &mut findings).await?;
    quotas::check(aws, &instance, input.after.source, &mut findings).await?;
    quotas::check_class(aws, &instance, &mut findings).await?;
    let kms_key_arn = findings.note(key::resolve(aws, &input.kms_key).await)?;
    findings.check(source::check_not_encrypted_with(&instance, kms_key_arn.as_deref()))?;
    let secret_id = input.secret.clone().or_else(|| source::managed_secret(&instance));
    let master = findings.note(secret::master(aws, secret_id.as_deref()).await)?;
    for id in &input.cutover.secrets {
        findings.check(secret::check_application(aws, id, &source).await)?;
    }
    let mut databases = (String::new(), Vec::new());
    if let Some((_, credentials)) = &master {
        let server = server(&source, credentials, &names);
        let checked = server::check(&server, &input, &names, &mut findings).await;
        databases = findings.note(checked)?.unwrap_or_default();
    }
    let (Some(kms_key_arn), Some((secret_arn, _))) = (kms_key_arn, master) else { return Err(findings.refusal()) };
    let findings = findings.into_accepted()?;
    let (control_database, databases) = databases;
    let plan = make_plan(request.execution, names, source, Chosen { kms_key_arn, secret_arn, control_database, databases }, input);
    Ok(Answer { steps: steps(&plan), findings, plan })
}

/// What was looked up for a plan.
struct Chosen {
    kms_key_arn: String,
    secret_arn: String,
    control_database: String,
    databases: Vec<Database>,
}

fn make_plan(execution: Execution, names: Names, source: Source, chosen: Chosen, input: Input) -> Plan {
    let how = Some(input.how());
    Plan {
        execution,
        target: names.target.clone(),
        names,
        source,
        kms_key_arn: chosen.kms_key_arn,
        secret_arn: chosen.secret_arn,
        control_database: chosen.control_database,
        databases: chosen.databases,
        plan_only: input.plan_only,
        consent: input.consent,
        cutover: shared::input::Cutover { how, ..input.cutover },
        verify: input.verify,
        after: input.after,
        guard: input.guard,
        wait: input.wait,
    }
}

fn server(source: &Source, credentials: &Credentials, names: &Names) -> Server {
    Server { host: source.host.clone(), port: source.port, credentials: credentials.clone(), application_name: names.run.clone() }
}

fn steps(plan: &Plan) -> Vec<String> {
    let names = &plan.names;
    let source = &plan.source.identifier;
    let databases: Vec<&str> = plan.databases.iter().map(|database| database.name.as_str()).collect();
    vec![
        format!("on {source}: role, schemas and publications {}, and a slot for each of {}", names.run, databases.join(", ")),
        format!("snapshot {} of {source}", names.snapshot),
        format!("copy it to {} under {}", names.copy, plan.kms_key_arn),
        format!("restore it to {} with the settings of {source}", plan.target),
        "subscribe it from the exact end of its data, and let it catch up".to_owned(),
        format!("verify: {:?}", plan.verify).to_lowercase(),
        format!(
            "cut over: {:?}, by {:?}, writes held for {} s at the most",
            plan.cutover.when,
            plan.cutover.how.unwrap_or(shared::input::How::None),
            plan.cutover.max_write_pause_seconds
        ),
        format!("drop all of the run but {}; {source}: {:?}", plan.target, plan.after.source),
    ]
}
