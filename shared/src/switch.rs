//! The application's secrets, led to the new database: all that can be refused is tried before the fence, and what is left
//! behind it is one request for each.

use sha2::{Digest, Sha256};

use crate::aws::Aws;
use crate::contract::Plan;
use crate::error::{Context, ErrorName, Result, StepError};
use crate::logins;
use crate::pg::Server;
use crate::rds::addresses;
use crate::secrets::document::{Document, Place};
use crate::secrets::{self, CURRENT, Secret, describe_secret, read_secret};

/// How often a secret that others write meanwhile is read anew.
const ATTEMPTS: usize = 5;

/// A secret, and what will be its next version.
pub struct Switch {
    /// As the plan names it.
    id: String,
    secret: Secret,
    moved: Document,
    /// Id of the version with the moved text.
    token: String,
    is_done: bool,
}

/// What stands between all secrets and the switch, by name; none where nothing does. With it, all are staged.
///
/// # Errors
/// `AwsUnavailable`, …
pub async fn obstacles(aws: &Aws, plan: &Plan, source: &Server, target: &Server) -> Result<Vec<String>> {
    let mut obstacles = Vec::new();
    for id in &plan.cutover.secrets {
        let found = match Switch::staged(aws, plan, target, id).await {
            Ok(switch) => switch.obstacles(aws, plan, source, target).await,
            Err(error) => Err(error),
        };
        match found {
            Ok(found) => obstacles.extend(found),
            // To be mended by who is named in it.
            Err(error) if matches!(error.name, ErrorName::SecretUnusable | ErrorName::AwsRefused) => obstacles.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(obstacles)
}

impl Switch {
    /// Reads a secret, and puts its next version beside the one that everybody reads: who may do that may switch it.
    ///
    /// # Errors
    /// `SecretUnusable` where it leads to neither database: it is somebody else's, or was changed meanwhile. `AwsRefused`.
    pub async fn staged(aws: &Aws, plan: &Plan, target: &Server, id: &str) -> Result<Self> {
        let secret = read_secret(aws, id).await?;
        let (old, new) = (old_place(plan), new_place(plan, target));
        let is_done = secret.document.leads_to(&new);
        if !is_done && !secret.document.leads_to(&old) {
            let message = format!("secret {id} leads neither to {} nor to {}", plan.source.identifier, plan.target);
            return Err(StepError::new(ErrorName::SecretUnusable, message));
        }
        let moved = secret.document.led(&old, &new);
        // Not by the contents, which the id would give away to be guessed: these follow from the version.
        let base = format!("{} {} {} {}:{}", plan.execution.id, secret.arn, secret.version_id, target.host, target.port);
        let switch = Self { id: id.to_owned(), moved, token: hex::encode(Sha256::digest(base.as_bytes())), is_done, secret };
        if !is_done {
            secrets::stage(aws, &switch.secret.arn, switch.moved.text(), &switch.token, &plan.names.run).await?;
        }
        Ok(switch)
    }

    /// Why the application should not be switched by it yet; asked before there is a fence.
    ///
    /// # Errors
    /// `AwsUnavailable`, …
    pub async fn obstacles(&self, aws: &Aws, plan: &Plan, source: &Server, target: &Server) -> Result<Vec<String>> {
        if self.is_done {
            let told =
                format!("secret {} leads to {} already, before the cutover: what is written there is lost; lead it back", self.id, plan.target);
            return Ok(vec![told]);
        }
        if let Some(pending) = describe_secret(aws, &self.secret.arn).await?.pending() {
            return Ok(vec![told_rotation(&self.id, pending)]);
        }
        let other = self.secret.document.other_places(&old_place(plan), &addresses(aws, plan).await?);
        let other = (!other.is_empty()).then(|| told_places(&self.id, &other));
        Ok(other.into_iter().chain(logins::follow(plan, source, target, &self.id, &self.secret).await?).collect())
    }

    /// After it, the secret's current version leads to the new database, and all that somebody else has written meanwhile is in it.
    ///
    /// # Errors
    /// `SecretUnusable`, `AwsUnavailable`, `AwsRefused`.
    pub async fn carry_out(self, aws: &Aws, plan: &Plan, source: &Server, target: &Server) -> Result<String> {
        let mut switch = self;
        for attempt in 1.. {
            if switch.is_done {
                break;
            }
            match secrets::make_current(aws, &switch.secret.arn, &switch.secret.version_id, &switch.token).await {
                Ok(()) => break,
                Err(error) if error.name == ErrorName::AwsRefused && attempt < ATTEMPTS => {
                    tracing::info!(secret = switch.id, %error, "the secret was written meanwhile, and is read anew");
                    switch = Self::staged(aws, plan, target, &switch.id).await?;
                    // A rotation that has just ended: its password has to be the copy's, too.
                    if let Some(refused) = logins::follow(plan, source, target, &switch.id, &switch.secret).await? {
                        tracing::warn!(secret = switch.id, refused, "switched nevertheless: there is only forward");
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(switch.secret.arn)
    }
}

/// After it, no rotation that began beside the switch leads a secret back to the source: its version was made of what the secret
/// said before, and would become the current one. Answers which were stopped.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`, …
pub async fn stop_rotations_back(aws: &Aws, plan: &Plan) -> Result<Vec<String>> {
    let mut stopped = Vec::new();
    for id in &plan.cutover.secrets {
        if describe_secret(aws, id).await?.pending().is_none() {
            continue;
        }
        let pending = secrets::read_version(&secrets::client(aws), id, secrets::PENDING).await.unwrap_or_default();
        if pending.is_some_and(|pending| pending.document.leads_to(&old_place(plan))) && secrets::take_label(aws, id, secrets::PENDING).await? {
            stopped.push(format!("secret {id}: a rotation that began beside the cutover would have led it back, and was stopped: rotate it again"));
        }
    }
    Ok(stopped)
}

/// After it, no secret has a version of this run's beside the one that everybody reads. Who may not take the label any more leaves
/// a version that nobody reads: no reason not to undo the rest.
///
/// # Errors
/// `AwsUnavailable`.
pub async fn take_labels(aws: &Aws, plan: &Plan) -> Result<()> {
    for id in &plan.cutover.secrets {
        match secrets::take_label(aws, id, &plan.names.run).await {
            Err(error) if error.name == ErrorName::AwsRefused => tracing::warn!(%error, "a version of the run's stays"),
            taken => taken.map(drop).context("leave the application's secrets as they were")?,
        }
    }
    Ok(())
}

/// A rotation under way, and what ends one that was left half done.
#[must_use]
pub fn told_rotation(id: &str, pending: &str) -> String {
    format!(
        "secret {id}: a rotation is under way or was left half done: version {pending} is {}, and is not {CURRENT}; let it end, or take the label \
         away: aws secretsmanager update-secret-version-stage --secret-id {id} --version-stage {} --remove-from-version-id {pending}",
        secrets::PENDING,
        secrets::PENDING
    )
}

/// Other places that lead to the source.
#[must_use]
pub fn told_places(id: &str, places: &[String]) -> String {
    format!(
        "secret {id} has the source's address in {} as well, which would go on leading to the fenced source: only host, port, \
         dbInstanceIdentifier and dbClusterIdentifier are moved; take them out, or leave the secret out of cutover.secrets and switch it by hand",
        crate::finding::list(places)
    )
}

/// The source as secrets speak of it.
#[must_use]
pub fn old_place(plan: &Plan) -> Place<'_> {
    Place { host: &plan.source.host, port: plan.source.port, identifier: &plan.source.identifier }
}

fn new_place<'a>(plan: &'a Plan, target: &'a Server) -> Place<'a> {
    Place { host: &target.host, port: target.port, identifier: &plan.target }
}
