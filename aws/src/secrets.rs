//! Secrets of Secrets Manager: the master user's credentials, and those by which the application finds its database.

pub mod document;

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use aws_sdk_secretsmanager::Client;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use document::Document;
use shared::credentials::{CURRENT, Credentials, PENDING};
use shared::error::aws::{code, said};
use shared::error::{ErrorName, Result, StepError};
use shared::finding::list;

use crate::client::Aws;

/// The longest value of a secret. Source: AWS Secrets Manager user guide, "AWS Secrets Manager quotas".
pub const MOST_BYTES: usize = 65_536;

/// A version of a secret whose value is a JSON object.
#[derive(Clone)]
pub struct Secret {
    pub arn: String,
    /// The id of the version that was read.
    pub version_id: String,
    pub document: Document,
}

/// Reads the current version of a secret.
///
/// # Errors
/// `SecretUnusable` if it does not exist, or its value is not a JSON object.
pub async fn read_secret(aws: &Aws, id: &str) -> Result<Secret> {
    match get(&client(aws), id, CURRENT).await? {
        Ok(secret) => Ok(secret),
        Err(refusal) => Err(unusable(id, &format!("does not exist, or has no value ({refusal})"))),
    }
}

/// Reads the version with this label, if it exists and has a value.
///
/// # Errors
/// `SecretUnusable` if its value is not a JSON object, or may not be read.
pub async fn read_version(client: &Client, id: &str, stage: &str) -> Result<Option<Secret>> {
    Ok(get(client, id, stage).await?.ok())
}

/// The version with this label, or AWS's message if it does not exist.
async fn get(client: &Client, id: &str, stage: &str) -> Result<std::result::Result<Secret, String>> {
    let output = match client.get_secret_value().secret_id(id).version_stage(stage).send().await {
        Ok(output) => output,
        Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(Err(said(&error))),
        Err(error) => {
            // The error includes AWS's message, since the code stands for several reasons.
            let is_refused = matches!(code(&error), Some("InvalidRequestException" | "AccessDeniedException" | "DecryptionFailure"));
            return Err(if is_refused { unusable(id, &format!("cannot be read: {}", said(&error))) } else { doing(error, "read", id) });
        }
    };
    let text = output.secret_string().ok_or_else(|| unusable(id, "holds binary data, not JSON"))?;
    // The parser's message would quote the secret.
    let document = Document::parse(text).ok_or_else(|| unusable(id, "is not a JSON object"))?;
    let (arn, version_id) = (output.arn().unwrap_or(id).to_owned(), output.version_id().unwrap_or_default().to_owned());
    Ok(Ok(Secret { arn, version_id, document }))
}

/// The master user's credentials.
///
/// # Errors
/// `SecretUnusable` if `username` or `password` is missing or empty.
pub async fn read_credentials(aws: &Aws, id: &str) -> Result<Credentials> {
    read_secret(aws, id).await?.credentials(id)
}

impl Secret {
    /// The user that the secret names.
    ///
    /// # Errors
    /// `SecretUnusable` if `username` or `password` is missing or empty.
    pub fn credentials(&self, id: &str) -> Result<Credentials> {
        let field = |name: &str| self.document.string(name).ok_or_else(|| unusable(id, &format!("has no {name} that is a text")));
        Ok(Credentials { username: field("username")?, password: field("password")? })
    }
}

/// A secret's properties other than its value.
#[derive(Debug)]
pub struct Description {
    /// The Region in which it can be written, if it is replicated.
    pub primary_region: Option<String>,
    /// The service that alone may write it, if there is one.
    pub owning_service: Option<String>,
    /// The latest time of its next rotation.
    pub next_rotation: Option<SystemTime>,
    stages: HashMap<String, Vec<String>>,
}

/// # Errors
/// `SecretUnusable` if it does not exist, or may not be described.
pub async fn describe_secret(aws: &Aws, id: &str) -> Result<Description> {
    let described = match client(aws).describe_secret().secret_id(id).send().await {
        Ok(described) => described,
        Err(error) if code(&error) == Some("ResourceNotFoundException") => {
            return Err(unusable(id, &format!("does not exist ({})", said(&error))));
        }
        Err(error) if matches!(code(&error), Some("AccessDeniedException" | "InvalidRequestException")) => {
            return Err(unusable(id, &format!("cannot be described: {}", said(&error))));
        }
        Err(error) => return Err(doing(error, "describe", id)),
    };
    let next_rotation = described.next_rotation_date().filter(|_| described.rotation_enabled() == Some(true));
    Ok(Description {
        next_rotation: next_rotation.and_then(|date| u64::try_from(date.secs()).ok()).map(|secs| SystemTime::UNIX_EPOCH + Duration::from_secs(secs)),
        primary_region: described.primary_region,
        owning_service: described.owning_service,
        stages: described.version_ids_to_stages.unwrap_or_default(),
    })
}

impl Description {
    /// The version that has this label.
    #[must_use]
    pub fn version_with(&self, stage: &str) -> Option<&str> {
        self.stages.iter().find(|(_, stages)| stages.iter().any(|other| other == stage)).map(|(version, _)| version.as_str())
    }

    /// The version of a rotation that is in progress, or was left unfinished.
    #[must_use]
    pub fn pending(&self) -> Option<&str> {
        self.version_with(PENDING).filter(|pending| Some(*pending) != self.version_with(CURRENT))
    }
}

/// After it, a version with this text has this label, no other version has it, and the current version is unchanged. A switch makes
/// the same two requests, so this proves that it is allowed. Twice: the same version, since the token is its id.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn stage(aws: &Aws, arn: &str, text: &str, token: &str, stage: &str) -> Result<()> {
    let client = client(aws);
    let put = client.put_secret_value().secret_id(arn).client_request_token(token).secret_string(text).version_stages(stage);
    let put = put.send().await.map_err(|error| doing(error, "write a version of", arn))?;
    let has_label = put.version_stages().iter().any(|other| other == stage);
    // The version may exist without the label: AWS ignores a second request with the same token.
    let holder = if has_label { None } else { describe_secret(aws, arn).await?.version_with(stage).map(str::to_owned) };
    let moved = client.update_secret_version_stage().secret_id(arn).version_stage(stage).set_remove_from_version_id(holder).move_to_version_id(token);
    match moved.send().await {
        // Allowed, but not needed.
        Err(error) if has_label && matches!(code(&error), Some("InvalidParameterException" | "InvalidRequestException")) => Ok(()),
        moved => moved.map(drop).map_err(|error| doing(error, "label a version of", arn)),
    }
}

/// After it, the version `to` is current, and AWS has made the one before `AWSPREVIOUS`. AWS refuses the request unless the version
/// `from` is current until then. Both happen in one step, so nobody else's change can be lost.
/// Source: Secrets Manager API reference, `UpdateSecretVersionStage`.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn make_current(aws: &Aws, arn: &str, from: &str, to: &str) -> Result<()> {
    let moved = client(aws).update_secret_version_stage().secret_id(arn).version_stage(CURRENT).remove_from_version_id(from).move_to_version_id(to);
    moved.send().await.map(drop).map_err(|error| doing(error, "switch", arn))
}

/// After it, no version has this label; Secrets Manager deletes versions without labels. Returns whether one had it.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub async fn take_label(aws: &Aws, id: &str, stage: &str) -> Result<bool> {
    let description = match describe_secret(aws, id).await {
        // The secret was deleted, or our right to read it revoked: there is nothing to do.
        Err(error) if error.name == ErrorName::SecretUnusable => return Ok(false),
        described => described?,
    };
    let Some(version) = description.version_with(stage) else { return Ok(false) };
    match client(aws).update_secret_version_stage().secret_id(id).version_stage(stage).remove_from_version_id(version).send().await {
        // The secret is marked for deletion, or another call was faster.
        Err(error) if !matches!(code(&error), Some("InvalidRequestException" | "InvalidParameterException" | "ResourceNotFoundException")) => {
            Err(doing(error, &format!("take the label {stage} from"), id))
        }
        _ => Ok(true),
    }
}

fn unusable(id: &str, why: &str) -> StepError {
    StepError::new(ErrorName::SecretUnusable, format!("secret {id} {why}"))
}

fn doing<E>(error: SdkError<E, HttpResponse>, what: &str, id: &str) -> StepError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    // The limit is on versions and labels, which are not freed by themselves: no reason to retry.
    let is_full = code(&error) == Some("LimitExceededException");
    let error = StepError::from(error);
    let error = if is_full { StepError::new(ErrorName::AwsRefused, error.to_string()) } else { error };
    error.context(&format!("{what} secret {id}"))
}

/// A client of Secrets Manager, for code that does not have all of AWS.
#[must_use]
pub fn client(aws: &Aws) -> Client {
    Client::new(&aws.config)
}

/// Describes a rotation in progress, and the command that ends an unfinished one.
#[must_use]
pub fn describe_rotation(id: &str, pending: &str) -> String {
    format!(
        "secret {id}: a rotation is in progress or was left unfinished: version {pending} is {PENDING}, and is not {CURRENT}; let it end, or remove the \
         label: aws secretsmanager update-secret-version-stage --secret-id {id} --version-stage {PENDING} --remove-from-version-id {pending}"
    )
}

/// Describes other places in a secret that name the source.
#[must_use]
pub fn describe_places(id: &str, places: &[String]) -> String {
    format!(
        "secret {id} also has the source's address in {}, which would still name the fenced source: only host, port, \
         dbInstanceIdentifier and dbClusterIdentifier are changed; remove the others, or omit the secret from cutover.secrets and switch it by hand",
        list(places)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::credentials::PREVIOUS;

    fn secret(text: &str) -> Secret {
        Secret { arn: "arn".into(), version_id: "first".into(), document: Document::parse(text).unwrap() }
    }

    #[test]
    fn a_missing_or_empty_password_is_refused() {
        for text in [r#"{"username": "m"}"#, r#"{"username": "m", "password": ""}"#, r#"{"username": "m", "password": 1}"#] {
            assert_eq!(secret(text).credentials("s").unwrap_err().name, ErrorName::SecretUnusable);
        }
    }

    #[test]
    fn a_rotation_is_in_progress_while_its_version_is_not_current() {
        let with = |stages: &[(&str, &[&str])]| Description {
            primary_region: None,
            owning_service: None,
            next_rotation: None,
            stages: stages
                .iter()
                .map(|(version, stages)| ((*version).to_owned(), stages.iter().map(|stage| (*stage).to_owned()).collect()))
                .collect(),
        };
        assert_eq!(with(&[("a", &[CURRENT]), ("b", &[PENDING])]).pending(), Some("b"));
        assert_eq!(with(&[("a", &[PREVIOUS]), ("b", &[CURRENT, PENDING])]).pending(), None);
        assert_eq!(with(&[("a", &[CURRENT])]).pending(), None);
    }

    #[test]
    fn debug_never_shows_a_password() {
        let credentials = Credentials { username: "m".into(), password: "hunter2".into() };
        assert!(!format!("{credentials:?}").contains("hunter2"));
    }
}
