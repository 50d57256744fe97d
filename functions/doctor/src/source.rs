//! The connection from the functions to a source: its address, its secret, a session.

use std::time::Instant;

use aws::client::Aws;
use aws::rds::database::{Database, find};
use aws::secrets;
use postgres::connect::{Server, resolve};
use postgres::sql;
use shared::contract::Source;
use shared::error::{ErrorName, Result, StepError};

use crate::{Check, took};

const STEP: &str = "Inspect";

/// In order: after a failure, the later ones cannot be tried.
pub(crate) async fn check(aws: &Aws, id: &str, secret: Option<&str>) -> Vec<Check> {
    let mut checks = Vec::new();
    let tried = try_all(aws, id, secret, &mut checks).await;
    if let Err((asked, error, remedy)) = tried {
        checks.push(Check::failed(asked, error.to_string(), STEP, remedy));
    }
    checks
}

type Tried<T> = std::result::Result<T, (String, StepError, String)>;

/// Adds the attempt and its remedy to an error.
fn asking<T>(asked: &str, remedy: impl Into<String>, result: Result<T>) -> Tried<T> {
    result.map_err(|error| (asked.to_owned(), error, remedy.into()))
}

async fn try_all(aws: &Aws, id: &str, secret: Option<&str>, checks: &mut Vec<Check>) -> Tried<()> {
    let asked = format!("RDS knows {id}");
    let described = find(aws, id).await.and_then(|found| Ok((found.read()?, found)));
    let (source, found) = asking(&asked, "name an instance or cluster of PostgreSQL in this Region and account", described)?;
    checks.push(Check::fine(asked, format!("{}: PostgreSQL {}, {}", source.identifier, source.major, found.status()), STEP));

    let asked = format!("{} has an address in the functions' network", source.host);
    let remedy = "the VPC of the functions needs enableDnsSupport and enableDnsHostnames, or a resolver for RDS's host names";
    let address = asking(&asked, remedy, resolve(&source.host).await)?;
    checks.push(Check::fine(asked, address.to_string(), STEP));

    let asked = "the master user's secret can be read".to_owned();
    let managed = found.managed_secret();
    let secret = secret.or(managed.as_deref());
    let none = || StepError::new(ErrorName::SecretUnusable, format!("RDS manages no secret for {id}, and none was named"));
    let secret = asking(&asked, "name the secret with username and password of the master user", secret.ok_or_else(none))?;
    let remedy = format!("give {secret} a JSON object with username and password; the functions' roles may read every secret of this account");
    let credentials = asking(&asked, remedy, secrets::read_credentials(aws, secret).await)?;
    checks.push(Check::fine(asked, format!("{secret} is {}'s", credentials.username), STEP));

    let asked = format!("the functions log in to {}", source.identifier);
    let server = Server {
        host: source.host.clone(),
        port: source.port,
        credentials,
        application_name: "rds_reencrypt doctor".to_owned(),
        replica_role: false,
        keeper: None,
    };
    let began = Instant::now();
    let version = log_in(&server).await;
    let remedy = version.as_ref().err().map_or_else(String::new, |error| remedy_of(error, &source, &found));
    let version = asking(&asked, remedy, version)?;
    checks.push(Check::fine(asked, format!("PostgreSQL {version}, its certificate verified, in {}", took(began)), STEP));
    Ok(())
}

async fn log_in(server: &Server) -> Result<String> {
    let session = server.connect_anywhere().await?;
    sql::value(&session, "select pg_catalog.current_setting('server_version')", &[]).await
}

fn remedy_of(error: &StepError, source: &Source, found: &Database) -> String {
    if error.name != ErrorName::PostgresUnavailable {
        return "give the secret the master user's password, or the master user the secret's (modify-db-instance --master-user-password)".to_owned();
    }
    let groups = found.network().security_groups;
    format!(
        "let the functions in: aws ec2 authorize-security-group-ingress --group-id {} --protocol tcp --port {} --source-group <a security group of the functions>",
        groups.first().map_or("<the source's>", String::as_str),
        source.port
    )
}
