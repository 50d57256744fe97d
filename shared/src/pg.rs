//! The way out to PostgreSQL: verified TLS, and a limit on everything that can wait.

use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use native_tls::{Certificate, Protocol, TlsConnector};
use postgres_native_tls::MakeTlsConnector;
use tokio::task::JoinSet;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config};

use crate::error::{ErrorName, Result, StepError, While, chain};
use crate::secrets::Credentials;

/// The certificates of the authorities that sign RDS's servers, all Regions of AWS, GovCloud and China as of September 2026.
/// Source: `shared/certs/README.md`.
const RDS_AUTHORITIES: &str = include_str!("../certs/rds-global-bundle.pem");

/// How long the server lets one statement of ours run, in milliseconds. Below every function's time limit.
const STATEMENT_TIMEOUT_MS: u32 = 40_000;
/// How long a statement of ours may stand in a lock's queue, in milliseconds: writers queue behind it meanwhile.
const LOCK_TIMEOUT_MS: u32 = 2_000;
/// When the server ends a transaction of ours whose client has gone, in milliseconds.
const IDLE_IN_TRANSACTION_TIMEOUT_MS: u32 = 60_000;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A server, and who we are there.
#[derive(Clone, Debug)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub credentials: Credentials,
    /// What the server's own views call our sessions.
    pub application_name: String,
}

/// One connection. It ends when it is dropped; [`all_closed`] waits for that.
pub type Session = Client;

static CONNECTIONS: Mutex<Option<JoinSet<()>>> = Mutex::new(None);

impl Server {
    /// Connects to one database.
    ///
    /// Session settings are put into the startup packet, where they beat those of the role and of the database: a
    /// default of `read only` or a `search_path` of somebody's making must not steer us.
    ///
    /// # Errors
    /// `PostgresUnavailable` where nobody answers in time, `PostgresRefused` where the server will not have us.
    pub async fn connect(&self, database: &str) -> Result<Session> {
        let mut config = Config::new();
        config
            .host(&self.host)
            .port(self.port)
            .user(&self.credentials.username)
            .password(&self.credentials.password)
            .dbname(database)
            .ssl_mode(SslMode::Require)
            .application_name(&self.application_name)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(Duration::from_secs(30))
            .options(format!(
                "-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} \
                 -c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_TIMEOUT_MS} -c search_path=pg_catalog \
                 -c default_transaction_read_only=off -c default_transaction_isolation=read\\ committed \
                 -c row_security=off -c synchronous_commit=on -c client_min_messages=warning"
            ));
        let what = format!("connect to database {database} at {}:{} as {}", self.host, self.port, self.credentials.username);
        let connecting = config.connect(tls()?);
        let (client, connection) = tokio::time::timeout(CONNECT_TIMEOUT, connecting)
            .await
            .map_err(|_| StepError::new(ErrorName::PostgresUnavailable, format!("no answer within {} s", CONNECT_TIMEOUT.as_secs())))
            .and_then(|connected| connected.map_err(StepError::from))
            .while_doing(&what)?;
        if let Ok(mut connections) = CONNECTIONS.lock() {
            connections.get_or_insert_default().spawn(async move {
                if let Err(error) = connection.await {
                    tracing::info!(error = %chain(&error), "a connection ended by itself");
                }
            });
        }
        Ok(client)
    }
}

/// Waits, for two seconds at most, until every session that was dropped has said goodbye to its server.
pub async fn all_closed() {
    let connections = CONNECTIONS.lock().ok().and_then(|mut connections| connections.take());
    if let Some(mut connections) = connections {
        let all = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(2), all).await.is_err() {
            tracing::warn!("a connection to PostgreSQL would not close");
        }
    }
}

/// TLS that verifies certificate and host name, against RDS's authorities and no others. `RDS_CA_FILE` names other
/// authorities, in PEM. Made once: there are more than a hundred of them, and a small function has a fraction of a processor.
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
    let authorities = match std::env::var("RDS_CA_FILE") {
        Ok(file) => std::fs::read_to_string(file).map_err(|error| broken("RDS_CA_FILE cannot be read").because(error))?,
        Err(_) => RDS_AUTHORITIES.to_owned(),
    };
    let mut builder = TlsConnector::builder();
    builder.disable_built_in_roots(true).min_protocol_version(Some(Protocol::Tlsv12));
    for authority in authorities.split_inclusive("-----END CERTIFICATE-----").filter(|pem| pem.contains("BEGIN CERTIFICATE")) {
        let authority = Certificate::from_pem(authority.as_bytes()).map_err(|error| broken("a certificate is broken").because(error))?;
        builder.add_root_certificate(authority);
    }
    builder.build().map(MakeTlsConnector::new).map_err(|error| broken("no connector").because(error))
}

impl From<tokio_postgres::Error> for StepError {
    /// `DETAIL` is left out, since it can quote a row.
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let name = if error.is_closed() || is_io(&error) { ErrorName::PostgresUnavailable } else { ErrorName::Internal };
            return Self::new(name, chain(&error)).because(error);
        };
        let message = format!("{} (SQLSTATE {})", db.message(), db.code().code());
        Self::new(name_of(db.code()), message).because(error)
    }
}

/// TLS and socket errors come as sources of an opaque error.
fn is_io(error: &tokio_postgres::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if cause.is::<std::io::Error>() || cause.is::<native_tls::Error>() {
            return true;
        }
        source = cause.source();
    }
    false
}

fn name_of(state: &SqlState) -> ErrorName {
    match state.code() {
        // lock_not_available, deadlock_detected
        "55P03" | "40P01" => ErrorName::LockTimeout,
        // insufficient_privilege, invalid_catalog_name
        "42501" | "3D000" => ErrorName::PostgresRefused,
        // query_canceled: a statement timeout
        "57014" => ErrorName::PostgresUnavailable,
        code => match code.get(..2) {
            Some("28") => ErrorName::PostgresRefused,
            // connection exceptions, insufficient resources, operator intervention
            Some("08" | "53" | "57") => ErrorName::PostgresUnavailable,
            _ => ErrorName::Internal,
        },
    }
}
