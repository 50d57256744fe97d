//! Tries, before the switch, what an application does after it: log in to the target with its secret's credentials.

use aws::secrets::Secret;
use postgres::connect::{self, Server, Session};
use postgres::sql;
use shared::contract::Plan;
use shared::credentials::Credentials;
use shared::error::{ErrorName, Result, StepError};
use tokio_postgres::error::SqlState;

/// How a server answers a login.
pub enum Login {
    Works,
    /// With the server's message.
    Refused(String),
}

/// After it, the target accepts the secret's credentials; otherwise the obstacle is returned. A password that was changed on the
/// source since the snapshot is set on the target, but only if the source accepts it, so that no mistake is repeated.
/// A secret without user and password is skipped: the application has them elsewhere.
///
/// # Errors
/// `PostgresUnavailable`, …
pub async fn follow(plan: &Plan, source: &Server, target: &Server, id: &str, secret: &Secret) -> Result<Option<String>> {
    let Ok(credentials) = secret.credentials(id) else { return Ok(None) };
    let database = database(plan, secret);
    let Login::Refused(by_copy) = try_login(target, &credentials, database).await? else { return Ok(None) };
    let (Credentials { username, .. }, what) = (&credentials, format!("secret {id}: the target refuses its login ({by_copy})"));
    let control = target.connect(&plan.control_database).await?;
    if is_by_iam(&control, username).await? {
        return Ok(None);
    }
    if let Login::Refused(by_source) = try_login(source, &credentials, database).await? {
        return Ok(Some(format!("{what}, and so does the source ({by_source}): correct the secret")));
    }
    let given = connect::give_password(&control, &credentials).await;
    let again = match given {
        Ok(()) => try_login(target, &credentials, database).await?,
        Err(error) if error.name == ErrorName::PostgresUnavailable => return Err(error),
        Err(error) => Login::Refused(error.to_string()),
    };
    let Login::Refused(still) = again else {
        tracing::info!(secret = id, username, "the target has the password that was changed on the source");
        return Ok(None);
    };
    Ok(Some(format!(
        "{what}: its password was changed on the source since the snapshot, and could not be changed on the target ({still}): set it there"
    )))
}

/// Whether a server accepts these credentials. A refusal after the password was accepted is the same on both sides, or reported by
/// the comparison of the catalogs. Read only: a login trigger may write a log, and the target must not get a row of its own.
///
/// # Errors
/// `PostgresUnavailable` if it could not be tried.
pub async fn try_login(server: &Server, credentials: &Credentials, database: &str) -> Result<Login> {
    // A separate application name: a role that may end the run's sessions need not be allowed to end the application's.
    let named = Server { application_name: format!("{}_login", server.application_name), ..server.clone() };
    match named.log_in(credentials, database, "-c default_transaction_read_only=on").await {
        Ok(_) => Ok(Login::Works),
        Err(error) => match connect::sqlstate(&error) {
            Some(state) if BEHIND_THE_PASSWORD.iter().any(|known| known.code() == state) => Ok(Login::Works),
            Some(state) if state.starts_with("28") => Ok(Login::Refused(error.to_string())),
            // The application's own connections can be at their limit.
            Some(_) => Ok(Login::Refused(format!("it could not be tried: {error}"))),
            None => Err(error),
        },
    }
}

/// The errors with which a server refuses a login after the right password.
const BEHIND_THE_PASSWORD: [SqlState; 3] = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::UNDEFINED_DATABASE, SqlState::READ_ONLY_SQL_TRANSACTION];

/// Whether a role logs in with an IAM token instead of a password.
///
/// # Errors
/// `PostgresUnavailable`, …
pub async fn is_by_iam(session: &Session, role: &str) -> Result<bool> {
    Ok(session.query_one(sql::ROLE_LOGIN, &[&role]).await.map_err(StepError::from)?.try_get("by_iam")?)
}

/// The database that the secret names, if the run moves it; otherwise another one that it moves.
#[must_use]
pub fn database<'a>(plan: &'a Plan, secret: &Secret) -> &'a str {
    let named = ["dbname", "database"].into_iter().find_map(|key| secret.document.string(key));
    let migrated = plan.databases.iter().map(|database| database.name.as_str());
    migrated.clone().find(|name| Some(*name) == named.as_deref()).or_else(|| migrated.clone().next()).unwrap_or(&plan.control_database)
}
