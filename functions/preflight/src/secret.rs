//! The secrets of the master user and of the applications.

use std::time::{Duration, SystemTime};

use aws::client::Aws;
use aws::secrets::document::{Address, Document, Place};
use aws::secrets::{Description, MOST_BYTES, describe_places, describe_rotation, describe_secret, read_secret};
use shared::contract::Source;
use shared::error::{ErrorName, Result, StepError};
use shared::finding::{Findings, list};

/// How long an execution may run: `TimeoutSeconds` of the state machine.
const LONGEST_RUN: Duration = Duration::from_hours(14 * 24);

/// ARN of the master user's secret, which has a user and a password.
///
/// # Errors
/// `SecretUnusable`.
pub(crate) async fn master(aws: &Aws, id: Option<&str>) -> Result<String> {
    let Some(id) = id else {
        let message = "the master password is not managed by RDS: name a secret with username and password in \"secret\"";
        return Err(StepError::new(ErrorName::SecretUnusable, message));
    };
    let secret = read_secret(aws, id).await?;
    secret.credentials(id)?;
    Ok(secret.arn)
}

/// Why here: after the fence it is too late to find that a secret points elsewhere.
///
/// # Errors
/// `SecretUnusable` where the secret does not point at the source, or its switch would point the application nowhere.
pub(crate) async fn check_application(
    aws: &Aws,
    id: &str,
    source: &Source,
    target: &str,
    addresses: &[Address],
    findings: &mut Findings,
) -> Result<()> {
    let description = describe_secret(aws, id).await?;
    check_writable(aws, id, &description)?;
    let document = read_secret(aws, id).await?.document;
    let place = Place { host: &source.host, port: source.port, identifier: &source.identifier };
    if !document.points_at(&place) {
        return Err(leads_elsewhere(id, &document, &place, addresses));
    }
    let other = document.other_places(&place, addresses);
    if !other.is_empty() {
        return Err(StepError::new(ErrorName::SecretUnusable, describe_places(id, &other)));
    }
    check_size(id, &document, &place, target)?;
    if let Some(pending) = description.pending() {
        findings.warn("SecretRotation", describe_rotation(id, pending), "the cutover waits for it", "");
    }
    if let Some(within) =
        description.next_rotation.and_then(|next| next.duration_since(SystemTime::now()).ok()).filter(|within| *within < LONGEST_RUN)
    {
        let found = format!("secret {id} is rotated within {} hours", within.as_secs() / 3600 + 1);
        let remedy = "the target gets its new password at the next poll; the cutover waits for a rotation in progress";
        findings.warn("SecretRotation", found, "", remedy);
    }
    Ok(())
}

/// A secret that can be read here cannot always be written here.
fn check_writable(aws: &Aws, id: &str, description: &Description) -> Result<()> {
    let refused = |why: String| Err(StepError::new(ErrorName::SecretUnusable, format!("secret {id} {why}")));
    if let Some(primary) = description.primary_region.as_deref().filter(|primary| *primary != aws.region()) {
        return refused(format!(
            "is a replica of the one in {primary}, and can be written only there, not in {}: leave it out and switch it there by hand, or make \
             it a secret of its own: aws secretsmanager stop-replication-to-replica --secret-id {id}",
            aws.region()
        ));
    }
    match &description.owning_service {
        Some(service) => refused(format!("is managed by {service}, which alone may write it: name a secret of the application's own")),
        None => Ok(()),
    }
}

/// The target's names are longer than the source's. Its host differs from the source's in the identifier, with which it begins.
fn check_size(id: &str, document: &Document, place: &Place<'_>, target: &str) -> Result<()> {
    let host = place.host.strip_prefix(place.identifier).map_or_else(|| place.host.to_owned(), |domain| format!("{target}{domain}"));
    let moved = document.pointed_at(place, &Place { host: &host, port: place.port, identifier: target });
    let (bytes, moved) = (document.text().len(), moved.text().len());
    if moved <= MOST_BYTES {
        return Ok(());
    }
    let message = format!(
        "secret {id} has {bytes} bytes, and would have {moved} with the names of the target, more than the {MOST_BYTES} that Secrets Manager allows: \
         shorten it by {}, or leave it out of cutover.secrets and switch it by hand",
        moved - MOST_BYTES
    );
    Err(StepError::new(ErrorName::SecretUnusable, message))
}

/// Reports what was expected, and what was found instead; keys, and no values.
fn leads_elsewhere(id: &str, document: &Document, place: &Place<'_>, addresses: &[Address]) -> StepError {
    let Place { host, port, .. } = place;
    let mut found = match document.string("host") {
        Some(_) => "its host or its port is different".to_owned(),
        None => format!("it has no key host, but {}", list(&document.keys())),
    };
    let elsewhere = document.places(addresses);
    if !elsewhere.is_empty() {
        found = format!("{found}; the source's address is in {}", list(&elsewhere));
    }
    let message = format!(
        "secret {id} does not point at {host}:{port} with its keys host and port, the only ones that are switched: {found}; correct them, or \
         leave the secret out of cutover.secrets and switch it by hand"
    );
    StepError::new(ErrorName::SecretUnusable, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_needs_room_for_the_targets_longer_names() {
        let place = Place { host: "orders.abc.eu-central-1.rds.amazonaws.com", port: 5432, identifier: "orders" };
        // Its host and its identifier grow by as much.
        let (target, growth) = ("orders-enc-0123456789", 2 * "-enc-0123456789".len());
        let of_size = |bytes: usize| {
            let secret = |pad: &str| format!(r#"{{"host":"{}","dbInstanceIdentifier":"orders","pad":"{pad}"}}"#, place.host);
            Document::parse(&secret(&"x".repeat(bytes - secret("").len()))).unwrap()
        };
        check_size("s", &of_size(MOST_BYTES - growth), &place, target).unwrap();
        let refused = check_size("s", &of_size(MOST_BYTES - growth + 7), &place, target).unwrap_err();
        assert_eq!(refused.name, ErrorName::SecretUnusable);
        let described = refused.to_string();
        assert!(described.contains("has 65513 bytes, and would have 65543") && described.contains("shorten it by 7"), "{described}");
    }
}
