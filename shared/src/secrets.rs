//! Secrets of Secrets Manager: the master user's credentials, and the application's way to its database.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueOutput;
use serde_json::{Map, Value};

use crate::aws::{Aws, code};
use crate::error::{ErrorName, Result, StepError};

/// A user of PostgreSQL. Never printed: `Debug` leaves the password out.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A secret whose value is a JSON object.
#[derive(Clone)]
pub struct Secret {
    pub arn: String,
    /// Of the version that was read.
    pub version_id: String,
    pub value: Map<String, Value>,
}

/// Reads the current version of a secret.
///
/// # Errors
/// `SecretUnusable` where there is none, or its value is no JSON object.
pub async fn read_secret(aws: &Aws, id: &str) -> Result<Secret> {
    let unusable = |why: &str| StepError::new(ErrorName::SecretUnusable, format!("secret {id} {why}"));
    let output: GetSecretValueOutput = match client(aws).get_secret_value().secret_id(id).send().await {
        Ok(output) => output,
        Err(error) => {
            return Err(match code(&error) {
                Some("ResourceNotFoundException") => unusable("does not exist, or has no value"),
                Some("InvalidRequestException") => unusable("is marked for deletion"),
                Some("AccessDeniedException") => unusable("may not be read by this function"),
                _ => StepError::from(error).while_doing(&format!("read secret {id}")),
            });
        }
    };
    let text = output.secret_string().ok_or_else(|| unusable("holds binary data, not JSON"))?;
    // The parser's message would quote the secret.
    let value = serde_json::from_str(text).map_err(|_| unusable("is not a JSON object"))?;
    Ok(Secret { arn: output.arn().unwrap_or(id).to_owned(), version_id: output.version_id().unwrap_or_default().to_owned(), value })
}

/// The master user's credentials.
///
/// # Errors
/// `SecretUnusable` where `username` or `password` is missing or empty.
pub async fn read_credentials(aws: &Aws, id: &str) -> Result<Credentials> {
    read_secret(aws, id).await?.credentials(id)
}

impl Secret {
    /// The user that the secret names.
    ///
    /// # Errors
    /// `SecretUnusable` where `username` or `password` is missing or empty.
    pub fn credentials(&self, id: &str) -> Result<Credentials> {
        let field = |name: &str| {
            let text = self.value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(|| StepError::new(ErrorName::SecretUnusable, format!("secret {id} has no {name}")))
        };
        Ok(Credentials { username: field("username")?, password: field("password")? })
    }

    /// Whether the secret leads to this host and port already.
    #[must_use]
    pub fn points_to(&self, host: &str, port: u16) -> bool {
        self.value.get("host").and_then(Value::as_str) == Some(host) && self.port() == Some(port)
    }

    /// `port`, a number or a text in the secrets that people write; 5432 where it is left out.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self.value.get("port") {
            None => Some(5432),
            Some(Value::String(text)) => text.parse().ok(),
            Some(port) => port.as_u64().and_then(|port| u16::try_from(port).ok()),
        }
    }

    /// The same secret, leading to another database. Keys that nobody here knows stay, and so does the type of
    /// `port`.
    #[must_use]
    pub fn pointed_to(&self, host: &str, port: u16, database: &str) -> Self {
        let mut moved = self.clone();
        moved.value.insert("host".to_owned(), host.into());
        let port_as_text = matches!(moved.value.get("port"), Some(Value::String(_)));
        moved.value.insert("port".to_owned(), if port_as_text { port.to_string().into() } else { port.into() });
        for key in ["dbInstanceIdentifier", "dbClusterIdentifier"] {
            if let Some(identifier) = moved.value.get_mut(key) {
                *identifier = database.into();
            }
        }
        moved
    }

    /// Makes this the current version; the one before stays as `AWSPREVIOUS`.
    ///
    /// Twice: the same token with the same value is one version, which does not become the current one again.
    ///
    /// # Errors
    /// `AwsUnavailable`, `AwsRefused`.
    pub async fn write(&self, aws: &Aws, token: &str) -> Result<()> {
        let text = Value::Object(self.value.clone()).to_string();
        let written = client(aws).put_secret_value().secret_id(&self.arn).client_request_token(token).secret_string(text).send().await;
        written.map(drop).map_err(|error| StepError::from(error).while_doing(&format!("write secret {}", self.arn)))
    }
}

fn client(aws: &Aws) -> Client {
    Client::new(&aws.config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn secret(value: Value) -> Secret {
        let Value::Object(value) = value else { panic!("an object") };
        Secret { arn: "arn".into(), version_id: "first".into(), value }
    }

    #[test]
    fn a_switch_keeps_what_it_does_not_know_and_the_type_of_the_port() {
        let before = secret(json!({"host": "old", "port": "5432", "extra": [1], "dbInstanceIdentifier": "orders"}));
        let after = before.pointed_to("new", 6000, "orders-enc");
        assert_eq!(Value::Object(after.value.clone()), json!({"host": "new", "port": "6000", "extra": [1], "dbInstanceIdentifier": "orders-enc"}));
        assert!(after.points_to("new", 6000) && !before.points_to("new", 6000));
        let without = secret(json!({"host": "old"})).pointed_to("new", 5432, "x");
        assert_eq!(Value::Object(without.value), json!({"host": "new", "port": 5432}));
    }

    #[test]
    fn neither_a_missing_nor_an_empty_password_passes() {
        for value in [json!({"username": "m"}), json!({"username": "m", "password": ""}), json!({"username": "m", "password": 1})] {
            assert_eq!(secret(value).credentials("s").unwrap_err().name, ErrorName::SecretUnusable);
        }
    }

    #[test]
    fn debug_never_shows_a_password() {
        let credentials = Credentials { username: "m".into(), password: "hunter2".into() };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
