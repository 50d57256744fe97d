//! The two servers of a run, with the master user's login.

use std::pin::Pin;
use std::sync::Arc;

use aws::client::Aws;
use aws::rds::database::{Database, moved_to};
use aws::rds::source::{find_by_id, gone};
use aws::rds::status::{Standing, standing};
use aws::rds::target::describe_target;
use aws::secrets::{self, read_credentials, read_version};
use postgres::connect::{Keeper, Server};
use shared::contract::{Plan, Source};
use shared::credentials::{Credentials, Passwords};
use shared::error::{Context, ErrorName, Result, StepError};

/// A secret of Secrets Manager, in all its versions.
#[derive(Clone, Debug)]
struct Versions {
    client: aws_sdk_secretsmanager::Client,
    secret: String,
}

impl Passwords for Versions {
    fn of_version<'a>(&'a self, stage: &'a str) -> Pin<Box<dyn Future<Output = Option<Credentials>> + Send + 'a>> {
        Box::pin(async move { read_version(&self.client, &self.secret, stage).await.ok()??.credentials(&self.secret).ok() })
    }
}

fn keeper(aws: &Aws, secret: String, of: &'static str, gives_password: bool) -> Keeper {
    Keeper { passwords: Arc::new(Versions { client: secrets::client(aws), secret: secret.clone() }), secret, of, gives_password }
}

/// The source, with the master user's login, at its present address: that follows its name, and another database may have the name of
/// the plan by now.
///
/// # Errors
/// `SourceNotFound`, `SecretUnusable`, `AwsUnavailable`.
pub async fn source_server(aws: &Aws, plan: &Plan) -> Result<Server> {
    let found = find_by_id(aws, &plan.source.resource_id).await?.ok_or_else(|| gone(&plan.source))?;
    server_of(aws, plan, &found).await
}

async fn server_of(aws: &Aws, plan: &Plan, source: &Database) -> Result<Server> {
    let Source { host, port, .. } = source.read()?;
    Ok(Server {
        host,
        port,
        credentials: read_credentials(aws, &plan.secret_arn).await?,
        application_name: plan.names.run.clone(),
        keeper: Some(keeper(aws, plan.secret_arn.clone(), "source", false)),
        replica_role: plan.consent.event_triggers,
    })
}

/// The target, with the master user's login: its password is the snapshot's, until RDS manages a new one at the end of the run. If
/// the source's was rotated since, it is set on the target too.
///
/// # Errors
/// `RestoreFailed` if it does not exist or has no endpoint.
pub async fn target_server(aws: &Aws, plan: &Plan) -> Result<Server> {
    let target = describe_target(aws, plan).await?;
    let managed = target.managed_secret();
    let gives_password = managed.is_none();
    let secret = managed.unwrap_or_else(|| plan.secret_arn.clone());
    let (host, port) = target.endpoint().ok_or_else(|| StepError::new(ErrorName::RestoreFailed, format!("{} has no endpoint", plan.target)))?;
    Ok(Server {
        host,
        port,
        credentials: read_credentials(aws, &secret).await.context("connect to the target")?,
        application_name: plan.names.run.clone(),
        keeper: Some(keeper(aws, secret, "target", gives_password)),
        replica_role: plan.consent.event_triggers,
    })
}

/// Whether the source can be asked.
pub enum Present {
    Running(Box<Server>),
    /// The reason, and what helps.
    Down(String),
    /// Deleted, or being deleted.
    Gone,
}

/// Looks the source up by its resource id, which no renaming changes.
///
/// # Errors
/// `SecretUnusable`, `AwsUnavailable`, `AwsRefused`.
pub async fn present(aws: &Aws, plan: &Plan) -> Result<Present> {
    let Some(found) = find_by_id(aws, &plan.source.resource_id).await? else { return Ok(Present::Gone) };
    match why_down(&found) {
        Some(why) => Ok(Present::Down(why)),
        None => Ok(Present::Running(Box::new(server_of(aws, plan, &found).await?))),
    }
}

fn why_down(found: &Database) -> Option<String> {
    let (id, status) = (found.identifier(), found.status());
    let kind = match found {
        Database::Cluster(_, members) if members.is_empty() => {
            return Some(format!("cluster {id} has no instance, so nothing can be asked of it: add one, or delete the cluster"));
        }
        Database::Cluster(..) => "cluster",
        Database::Instance(_) => "instance",
    };
    (standing(status) == Standing::Stopped).then(|| {
        let moved = moved_to(found.tags()).map_or_else(String::new, |target| format!("; its application has moved to {target}"));
        format!("{id} is {status}: start it (aws rds start-db-{kind} --db-{kind}-identifier {id}){moved}")
    })
}

/// As [`present`], for a step that cannot go on without the source; none if it is gone.
///
/// # Errors
/// `PostgresUnavailable` if it is down, and as [`present`].
pub async fn present_server(aws: &Aws, plan: &Plan) -> Result<Option<Server>> {
    match present(aws, plan).await? {
        Present::Running(server) => Ok(Some(*server)),
        Present::Down(why) => Err(StepError::new(ErrorName::PostgresUnavailable, why)),
        Present::Gone => Ok(None),
    }
}
