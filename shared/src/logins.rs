//! What an application will do behind the switch, done before it: log in to the copy with what its secret says.

use tokio_postgres::error::SqlState;

use crate::contract::Plan;
use crate::error::{ErrorName, Result, StepError};
use crate::pg::{self, Server, Session};
use crate::secrets::{Credentials, Secret};
use crate::sql;

/// How a server answers a login.
pub enum Login {
    Works,
    /// In the server's words.
    Refused(String),
}

/// After it, the copy lets in who logs in with what the secret says, or what stands in the way is told. A password that was changed
/// on the source since the snapshot is given to the copy; only one that the source takes, so that nobody's mistake is carried.
/// A secret without user and password is the business of who has them elsewhere.
///
/// # Errors
/// `PostgresUnavailable`, …
pub async fn follow(plan: &Plan, source: &Server, target: &Server, id: &str, secret: &Secret) -> Result<Option<String>> {
    let Ok(credentials) = secret.credentials(id) else { return Ok(None) };
    let database = database(plan, secret);
    let Login::Refused(by_copy) = try_login(target, &credentials, database).await? else { return Ok(None) };
    let (Credentials { username, .. }, what) = (&credentials, format!("secret {id}: the copy refuses its login ({by_copy})"));
    let control = target.connect(&plan.control_database).await?;
    if is_by_iam(&control, username).await? {
        return Ok(None);
    }
    if let Login::Refused(by_source) = try_login(source, &credentials, database).await? {
        return Ok(Some(format!("{what}, and so does the source ({by_source}): correct the secret")));
    }
    let given = pg::give_password(&control, &credentials).await;
    let again = match given {
        Ok(()) => try_login(target, &credentials, database).await?,
        Err(error) if error.name == ErrorName::PostgresUnavailable => return Err(error),
        Err(error) => Login::Refused(error.to_string()),
    };
    let Login::Refused(still) = again else {
        tracing::info!(secret = id, username, "the copy has the password that was changed on the source");
        return Ok(None);
    };
    Ok(Some(format!(
        "{what}: its password was changed on the source since the snapshot, and could not be changed on the copy ({still}): set it there"
    )))
}

/// Whether a server lets these credentials in. What refuses them behind the password is the same on both sides, or told by the
/// comparison of the catalogs. Read only: an event trigger on logins may log who comes, and the copy must not get a row of its own.
///
/// # Errors
/// `PostgresUnavailable` where it could not be tried.
pub async fn try_login(server: &Server, credentials: &Credentials, database: &str) -> Result<Login> {
    // A name of its own: who ends the run's sessions need not be allowed to end the application's.
    let named = Server { application_name: format!("{}_login", server.application_name), ..server.clone() };
    match named.log_in(credentials, database, "-c default_transaction_read_only=on").await {
        Ok(_) => Ok(Login::Works),
        Err(error) => match pg::sqlstate(&error) {
            Some(state) if BEHIND_THE_PASSWORD.iter().any(|known| known.code() == state) => Ok(Login::Works),
            Some(state) if state.starts_with("28") => Ok(Login::Refused(error.to_string())),
            // The application's own connections can be at their limit.
            Some(_) => Ok(Login::Refused(format!("it could not be tried: {error}"))),
            None => Err(error),
        },
    }
}

/// By these a server refuses who has given the right password.
const BEHIND_THE_PASSWORD: [SqlState; 3] = [SqlState::INSUFFICIENT_PRIVILEGE, SqlState::UNDEFINED_DATABASE, SqlState::READ_ONLY_SQL_TRANSACTION];

/// Whether a role logs in with a token of IAM, and with no password.
///
/// # Errors
/// `PostgresUnavailable`, …
pub async fn is_by_iam(session: &Session, role: &str) -> Result<bool> {
    Ok(session.query_one(sql::ROLE_LOGIN, &[&role]).await.map_err(StepError::from)?.try_get("by_iam")?)
}

/// The database that the secret names, where the run carries it.
#[must_use]
pub fn database<'a>(plan: &'a Plan, secret: &Secret) -> &'a str {
    let named = ["dbname", "database"].into_iter().find_map(|key| secret.document.string(key));
    let carried = plan.databases.iter().map(|database| database.name.as_str());
    carried.clone().find(|name| Some(*name) == named.as_deref()).or_else(|| carried.clone().next()).unwrap_or(&plan.control_database)
}
