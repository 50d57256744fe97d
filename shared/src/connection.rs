//! How the copy logs in to the source: as a user of the run's own, with a password that nothing but the subscription
//! knows.

use std::net::IpAddr;

use futures_util::future::join_all;
use postgres_protocol::password::scram_sha_256;

use crate::contract::Plan;
use crate::error::{ErrorName, Result, StepError, While};
use crate::pg::{Server, Session};
use crate::replication::find_subscription;
use crate::{session_settings, sql};

/// What all subscriptions of a run have in common: where the source is, and the password of the run's role.
pub struct Connection {
    password: String,
    /// Of a publicly accessible source, as the functions see it; others are found by their name.
    address: Option<IpAddr>,
}

impl Connection {
    /// One with a new password, which is from now on the only one.
    ///
    /// # Errors
    /// `PostgresUnavailable`, `PostgresRefused`, `Internal`.
    pub async fn prepare(source: &Session, plan: &Plan) -> Result<Self> {
        let address = if plan.source.is_public { Some(resolve(&plan.source.host).await?) } else { None };
        Ok(Self { password: ensure_password(source, &plan.names.run).await?, address })
    }

    /// A session of the copy's in which a subscription can be given this connection.
    ///
    /// # Errors
    /// `PostgresUnavailable`, `PostgresRefused`.
    pub async fn open(&self, target: &Server, database: &str) -> Result<Session> {
        let session = target.connect_with(database, &setting(&self.password)).await?;
        session_settings::set_for_apply(&session).await?;
        Ok(session)
    }

    /// Subscribes, or gives the subscription that is there this connection.
    ///
    /// # Errors
    /// `PostgresUnavailable`, `PostgresRefused`, `LockTimeout`.
    pub async fn ensure_subscription(&self, session: &Session, plan: &Plan, database: &str, name: &str) -> Result<()> {
        let connection = connection_string(plan, self.address, database);
        keep_statements_out_of_the_log(session).await;
        let done = if find_subscription(session, name).await?.is_some() {
            sql::run_made(session, sql::ALTER_SUBSCRIPTION_CONNECTION, &[&name, &connection]).await
        } else {
            sql::run_made(session, sql::CREATE_SUBSCRIPTION, &[&name, &connection, &plan.names.run]).await
        };
        done.map(drop).while_doing(&format!("subscribe {name}"))
    }
}

/// The address of a host as this function sees it, an IPv4 one where there is any: rules of security groups are written for these.
///
/// # Errors
/// `PostgresUnavailable` where it has none.
pub async fn resolve(host: &str) -> Result<IpAddr> {
    let unknown = || StepError::new(ErrorName::PostgresUnavailable, format!("{host} has no address"));
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| unknown().because(error))?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied().ok_or_else(unknown)
}

/// Gives the run's role a new random password and returns it. The server gets the verifier only, so that no log and
/// no catalog of the source has the password.
///
/// Twice: the second password is the one that holds.
async fn ensure_password(source: &Session, role: &str) -> Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| StepError::new(ErrorName::Internal, "the system gives no random bytes").because(error))?;
    let password = hex::encode(bytes);
    let verifier = scram_sha_256(password.as_bytes());
    sql::run_made(source, sql::ROLE_PASSWORD, &[&role, &verifier]).await.while_doing(&format!("give role {role} a password"))?;
    Ok(password)
}

/// The connection string of one database's subscription, but for the password: that goes to the copy in [`SETTING`], where
/// no statement has it, and so no log and no view of statements. `require` rather than `verify-full`: where an RDS host keeps
/// the authorities' certificates is not documented.
fn connection_string(plan: &Plan, address: Option<IpAddr>, database: &str) -> String {
    let port = plan.source.port.to_string();
    // Tried first; after a failover it is another server's, and the name leads on.
    let (hosts, addresses) = match address {
        Some(address) => (format!("{0},{0}", plan.source.host), Some(format!("{address},"))),
        None => (plan.source.host.clone(), None),
    };
    let pairs = [
        ("host", hosts.as_str()),
        ("port", &port),
        ("dbname", database),
        ("user", &plan.names.run),
        ("sslmode", "require"),
        ("connect_timeout", "10"),
        ("keepalives_idle", "30"),
    ];
    let addresses = addresses.as_deref().map(|addresses| ("hostaddr", addresses));
    pairs.into_iter().chain(addresses).map(|(key, value)| format!("{key}={}", quoted(value))).collect::<Vec<_>>().join(" ")
}

/// A value as libpq's connection strings quote it.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The setting of a session that holds the password, as `-c` takes it. A password is of digits and letters alone.
fn setting(password: &str) -> String {
    format!("-c {SETTING}={password}")
}

const SETTING: &str = "rds_reencrypt.password";

/// The statement that subscribes is made within another one, out of the setting: what sees statements of statements
/// (pgaudit, `pg_stat_statements` with `track = all`, `auto_explain`) would have it all the same. Not every master user may turn
/// these off; the user is gone after the run in any case.
async fn keep_statements_out_of_the_log(target: &Session) {
    let settings = [
        "log_statement = none",
        "log_min_duration_statement = -1",
        "log_min_error_statement = panic",
        "debug_print_parse = off",
        "debug_print_rewritten = off",
        "pgaudit.log = 'none'",
        "pg_stat_statements.track = 'none'",
        "auto_explain.log_min_duration = -1",
    ];
    let _refused = join_all(settings.iter().map(async |setting| target.batch_execute(&format!("set {setting}")).await)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::example;

    #[test]
    fn a_public_source_is_looked_for_at_its_private_address_and_then_by_its_name() {
        let plan: Plan = serde_json::from_value(example::plan()).unwrap();
        let found = connection_string(&plan, Some([10, 0, 0, 7].into()), "orders");
        assert!(found.starts_with("host='localhost,localhost' port='5432'") && found.ends_with("hostaddr='10.0.0.7,'"), "{found}");
        assert!(connection_string(&plan, None, "orders").starts_with("host='localhost' "));
    }

    #[test]
    fn odd_database_names_survive_a_connection_string() {
        assert_eq!(quoted(r"o'brien \ co"), r"'o\'brien \\ co'");
    }
}
