//! Reads what AWS reports of everything that the run will depend on, and changes nothing.
//!
//! An unmet condition is a finding, and no error yet: inspect checks the database as well, and then refuses for everything at once.

mod alternatives;
mod cluster;
mod instance;
mod key;
mod limits;
mod logs;
mod preparation;
mod proxies;
mod quotas;
mod recovery;
mod secret;
mod status;

use aws::client::Aws;
use aws::rds::addresses::addresses_of;
use aws::rds::database::{Database, find};
use shared::contract::{Direction, Execution, NetworkRules, Plan, Preflight, PreflightRequest, Preparation, Purpose, Source};
use shared::error::Result;
use shared::finding::Findings;
use shared::input::{How, Input};
use shared::names::Names;

/// Do: after it, nothing has changed; the plan names everything that later steps make.
/// Recover: nothing has changed either; it answers with the plan of a stopped execution, for other steps to undo.
///
/// # Errors
/// `InvalidInput`, `SourceNotFound`, `SourceUnsupported`, `AlreadyMoved`, `AwsUnavailable`, `AwsRefused`; `PreconditionFailed` where the
/// source has no endpoint.
pub async fn handle(aws: &Aws, request: PreflightRequest) -> Result<Preflight> {
    match request.purpose {
        Purpose::Plan => plan(aws, request).await,
        Purpose::Recover => Box::pin(recovery::recover_plan(aws, request.input)).await,
    }
}

async fn plan(aws: &Aws, request: PreflightRequest) -> Result<Preflight> {
    let input = Input::parse(request.input)?;
    let mut findings = Findings::default();
    let found = find(aws, &input.source).await?;
    // Checked alone: nothing else matters then, and the server may have been stopped.
    found.check_not_moved()?;
    if let Some(member) = found.member(&input.source) {
        let cluster = found.identifier();
        findings.warn("MemberOfCluster", format!("{member} is a member of cluster {cluster}, which is moved as a whole"), "", "");
    }
    let source = found.read()?;
    match &found {
        Database::Instance(instance) => instance::check(aws, instance, input.after.source, &mut findings).await?,
        Database::Cluster(cluster, members) => cluster::check(aws, cluster, members, source.kind, input.after.source, &mut findings).await?,
    }
    alternatives::tell_read_replica(&source, &mut findings);
    limits::check(&found, &request.execution, &input, &mut findings);
    proxies::check(aws, &source, &mut findings).await?;
    let names = Names::of(&request.execution.id, &source.identifier);
    logs::check(aws, &source, &found, &names, &mut findings).await?;
    let kms_key_arn = findings.note(key::resolve(aws, &input.kms_key).await)?;
    findings.check(found.check_not_encrypted_with(kms_key_arn.as_deref()))?;
    let secret_id = input.secret.clone().or_else(|| found.managed_secret());
    let secret_arn = findings.note(secret::master(aws, secret_id.as_deref()).await)?;
    let addresses = addresses_of(aws, &source, &found).await?;
    for id in &input.cutover.secrets {
        let checked = secret::check_application(aws, id, &source, &names.target, &addresses, &mut findings).await;
        findings.check(checked)?;
    }
    if input.how() == How::None {
        let found = "no secret is switched: from the cutover on the source refuses writes, and nothing points the application at the target";
        let remedy = "name the application's secrets in cutover.secrets, or be there to repoint it";
        findings.warn("ApplicationNotSwitched", found, "", remedy);
    }
    let databases = input.databases.clone();
    let preparation = preparation::read(aws, &source, &found).await?;
    preparation::check_not_held(&preparation, &names, &mut findings);
    let (kms_key_arn, secret_arn) = (kms_key_arn.unwrap_or_default(), secret_arn.unwrap_or_default());
    let chosen = Chosen { preparation: Some(preparation), kms_key_arn, secret_arn };
    let network = found.network();
    Ok(Preflight { plan: make_plan(request.execution, source, chosen, input), databases, findings, network, rules: NetworkRules::default() })
}

/// Values that were looked up for a plan; empty where it was refused.
struct Chosen {
    kms_key_arn: String,
    secret_arn: String,
    preparation: Option<Preparation>,
}

/// A plan without its databases, which inspect looks up.
fn make_plan(execution: Execution, source: Source, chosen: Chosen, input: Input) -> Plan {
    let names = Names::of(&execution.id, &source.identifier);
    let how = Some(input.how());
    Plan {
        execution,
        target: names.target.clone(),
        names,
        source,
        kms_key_arn: chosen.kms_key_arn,
        secret_arn: chosen.secret_arn,
        preparation: chosen.preparation,
        control_database: String::new(),
        databases: Vec::new(),
        databases_named: input.databases.is_some(),
        plan_only: input.plan_only,
        consent: input.consent,
        cutover: shared::input::Cutover { how, ..input.cutover },
        verify: input.verify,
        after: input.after,
        guard: input.guard,
        wait: input.wait,
        way_back: input.way_back,
        direction: Direction::There,
    }
}
