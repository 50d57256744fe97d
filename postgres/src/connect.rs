//! Access to PostgreSQL: verified TLS, and a limit on everything that can wait.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use native_tls::{Certificate, Protocol, TlsConnector};
use postgres_native_tls::MakeTlsConnector;
use postgres_protocol::password::{md5, scram_sha_256};
use shared::connections;
use shared::credentials::{self, Credentials, Passwords};
use shared::error::{Context, ErrorName, Result, StepError, chain};
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

use crate::foreign_function::name_function;
use crate::sql;

/// The authorities that sign the certificates of RDS servers, for all Regions of all partitions as of September 2026.
/// Source: `postgres/certs/README.md`.
const RDS_AUTHORITIES: &str = include_str!("../certs/rds-global-bundle.pem");

/// How long the server lets one statement of ours run, in milliseconds. Below every function's time limit.
const STATEMENT_TIMEOUT_MS: u32 = 40_000;
/// How long a statement of ours may wait for a lock, in milliseconds: writers queue behind it meanwhile.
const LOCK_TIMEOUT_MS: u32 = 2_000;
/// How long the server keeps an idle transaction of ours, in milliseconds: its client may be gone.
const IDLE_IN_TRANSACTION_TIMEOUT_MS: u32 = 60_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, and our login there.
#[derive(Clone, Debug)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub credentials: Credentials,
    /// The name of our sessions in the server's views.
    pub application_name: String,
    /// Whether our sessions are replicas for the server: ordinary triggers and event triggers do not fire in them.
    pub replica_role: bool,
    /// The secret of the credentials; none if their rotation is not followed.
    pub keeper: Option<Keeper>,
}

/// The secret from which a server's credentials were read. A run takes days, and passwords rotate meanwhile.
#[derive(Clone, Debug)]
pub struct Keeper {
    pub passwords: Arc<dyn Passwords>,
    pub secret: String,
    /// `source` or `target`.
    pub of: &'static str,
    /// Whether to set the secret's password on this server if it has an earlier one: a rotation reaches the source alone.
    pub gives_password: bool,
}

/// Keeps the application's event triggers from firing in our session; if set at its start, those on logins too.
const REPLICA_ROLE: &str = "session_replication_role=replica";

/// The address of a host, as in [`Server::address`].
///
/// # Errors
/// `PostgresUnavailable` if it has none.
pub async fn resolve(host: &str) -> Result<IpAddr> {
    let unknown = || StepError::new(ErrorName::PostgresUnavailable, format!("{host} has no address"));
    let found = tokio::net::lookup_host((host, 0)).await.map_err(|error| unknown().with_source(error))?;
    let addresses: Vec<IpAddr> = found.map(|address| address.ip()).collect();
    addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()).copied().ok_or_else(unknown)
}

/// One connection. Dropping it ends it; [`all_closed`] waits for that.
pub type Session = Client;

impl Server {
    /// Its address as this function resolves it; IPv4 if it has one, since rules of security groups are written for IPv4.
    ///
    /// # Errors
    /// `PostgresUnavailable` if its name has no address.
    pub async fn address(&self) -> Result<IpAddr> {
        resolve(&self.host).await
    }

    /// Connects to `postgres`, which exists unless somebody dropped it; otherwise `template1` is good enough for reading.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_anywhere(&self) -> Result<Session> {
        match self.connect("postgres").await {
            Err(error) if error.name == ErrorName::PostgresRefused => self.connect("template1").await.map_err(|_| error),
            other => other,
        }
    }

    /// Connects to one database. If the password was rotated since it was read, or is being rotated, uses the valid one.
    ///
    /// # Errors
    /// `PostgresUnavailable` if the server does not answer in time, `PostgresRefused` if it refuses us.
    pub async fn connect(&self, database: &str) -> Result<Session> {
        self.connect_with(database, "").await
    }

    /// As [`Self::connect`], with further settings of the session, each as `-c name=value`. Unlike statements and their
    /// parameters, these never appear in a log.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_with(&self, database: &str, settings: &str) -> Result<Session> {
        match (self.enter(&self.credentials, database, settings).await, &self.keeper) {
            (Err(error), Some(keeper)) if sqlstate(&error) == Some(SqlState::INVALID_PASSWORD.code()) => {
                Box::pin(self.follow_rotation(keeper, database, settings, error)).await
            }
            (connected, _) => connected,
        }
    }

    async fn follow_rotation(&self, keeper: &Keeper, database: &str, settings: &str, refusal: StepError) -> Result<Session> {
        let Keeper { secret, of, gives_password, .. } = keeper;
        let current = keeper.passwords.of_version(credentials::CURRENT).await;
        for stage in [credentials::CURRENT, credentials::PENDING, credentials::PREVIOUS] {
            let other = if stage == credentials::CURRENT { current.clone() } else { keeper.passwords.of_version(stage).await };
            let ours = &self.credentials;
            let Some(other) = other.filter(|other| other.username == ours.username && other.password != ours.password) else { continue };
            let session = match self.enter(&other, database, settings).await {
                Err(error) if error.name == ErrorName::PostgresRefused => continue,
                logged_in => logged_in?,
            };
            if let Some(current) = current.as_ref().filter(|current| *gives_password && current.password != other.password) {
                let given = give_password(&session, current).await;
                given.context(&format!("set the rotated password of secret {secret} for {} on the {of}", current.username))?;
            }
            tracing::info!(secret, stage, of, "the master password was rotated");
            return Ok(session);
        }
        let both = format!("neither the current nor the previous version of secret {secret} has the password of the {of}");
        Err(refusal.context(&format!("log in to the {of} ({both}: it was changed or rotated)")))
    }

    /// As [`Self::connect`], read only: a login trigger that writes makes it fail.
    ///
    /// # Errors
    /// As [`Self::connect`]; `Internal` if an event trigger on logins writes.
    pub async fn connect_read_only(&self, database: &str) -> Result<Session> {
        let replica_role = if self.replica_role { format!("-c {REPLICA_ROLE} ") } else { String::new() };
        self.log_in(&self.credentials, database, &format!("{replica_role}-c default_transaction_read_only=on")).await
    }

    /// Logs in, as a replica if configured.
    async fn enter(&self, credentials: &Credentials, database: &str, settings: &str) -> Result<Session> {
        if !self.replica_role {
            return self.log_in(credentials, database, settings).await;
        }
        // Up to 14, which has no triggers on logins, RDS itself grants this setting, perhaps for SET only.
        match self.log_in(credentials, database, &format!("-c {REPLICA_ROLE} {settings}")).await {
            Err(error) if error.name == ErrorName::PostgresRefused && sqlstate(&error) != Some(SqlState::INVALID_PASSWORD.code()) => {
                let session = self.log_in(credentials, database, settings).await?;
                session.batch_execute(&format!("set {REPLICA_ROLE}")).await.context("keep event triggers from firing")?;
                Ok(session)
            }
            connected => connected,
        }
    }

    /// Connects to one database with these credentials, and no others.
    ///
    /// Session settings are in the startup packet, where they override those of the role and of the database: a
    /// configured `read only` default, `search_path` or `role` must not affect us.
    ///
    /// # Errors
    /// `PostgresUnavailable` if the server does not answer in time, `PostgresRefused` if it refuses us.
    pub async fn log_in(&self, credentials: &Credentials, database: &str, settings: &str) -> Result<Session> {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&credentials.username)
            .password(&credentials.password)
            .dbname(database)
            .ssl_mode(SslMode::Require)
            .application_name(&self.application_name)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(Duration::from_secs(30))
            .options(format!(
                "-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} \
                 -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS} -c search_path=pg_catalog \
                 -c default_transaction_read_only=off -c default_transaction_isolation=read\\ committed \
                 -c row_security=off -c synchronous_commit=on -c client_min_messages=warning -c role=none {settings}"
            ));
        let what = format!("connect to database {database} at {}:{} as {}", self.host, self.port, credentials.username);
        let connecting = config.connect(tls()?);
        let (client, connection) = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| StepError::new(ErrorName::PostgresUnavailable, format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())))
            .and_then(|connected| connected.map_err(StepError::from).map_err(name_function))
            .context(&what)?;
        connections::spawn(async move {
            if let Err(error) = connection.await {
                tracing::info!(error = %chain(&error), "a connection ended by itself");
            }
        });
        client.batch_execute(sql::LIFT_LIMITS).await.map_err(StepError::from).context(&what)?;
        Ok(client)
    }
}

/// After it, the role has this password on the server. Only a hash is sent, in the server's own `password_encryption`: a driver
/// may know no SCRAM, and a server may allow nothing else.
///
/// # Errors
/// `PostgresRefused` if we may not.
pub async fn give_password(session: &Session, credentials: &Credentials) -> Result<()> {
    let Credentials { username, password } = credentials;
    let row = session.query_one(sql::ROLE_LOGIN, &[username]).await?;
    let hash = match row.try_get("password_encryption")? {
        "md5" => md5(password.as_bytes(), username),
        _ => scram_sha_256(password.as_bytes()),
    };
    sql::run_generated(session, sql::SET_PASSWORD, &[username, &hash]).await.map(drop)
}

/// The SQLSTATE of an error that a server raised.
#[must_use]
pub fn sqlstate(error: &StepError) -> Option<&str> {
    let source = std::error::Error::source(error)?.downcast_ref::<tokio_postgres::Error>()?;
    source.code().map(SqlState::code)
}

/// TLS that verifies certificate and host name, against RDS's authorities and no others. `RDS_CA_FILE` names other
/// authorities, in PEM. Built once: there are more than a hundred, and a small function has a fraction of a processor.
fn tls() -> Result<MakeTlsConnector> {
    static MADE: OnceLock<MakeTlsConnector> = OnceLock::new();
    if let Some(made) = MADE.get() {
        return Ok(made.clone());
    }
    let made = make_tls()?;
    Ok(MADE.get_or_init(|| made).clone())
}

fn make_tls() -> Result<MakeTlsConnector> {
    let broken = |what: &str| StepError::new(ErrorName::Internal, format!("could not set TLS up: {what}"));
    // Deployment tools set variables without a value to the empty string.
    let authorities = match std::env::var("RDS_CA_FILE").ok().filter(|file| !file.is_empty()) {
        Some(file) => std::fs::read_to_string(file).map_err(|error| broken("RDS_CA_FILE cannot be read").with_source(error))?,
        None => RDS_AUTHORITIES.to_owned(),
    };
    let mut builder = TlsConnector::builder();
    builder.disable_built_in_roots(true).min_protocol_version(Some(Protocol::Tlsv12));
    for authority in authorities.split_inclusive("-----END CERTIFICATE-----").filter(|pem| pem.contains("BEGIN CERTIFICATE")) {
        let authority = Certificate::from_pem(authority.as_bytes()).map_err(|error| broken("a certificate is broken").with_source(error))?;
        builder.add_root_certificate(authority);
    }
    builder.build().map(MakeTlsConnector::new).map_err(|error| broken("no connector").with_source(error))
}
