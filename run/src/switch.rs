//! Switches the application's secrets to the target: every request that can be refused is tried before the fence, and after it
//! one request for each secret is left.

use aws::client::Aws;
use aws::rds::addresses::addresses;
use aws::secrets::document::{Document, Place};
use aws::secrets::{self, Secret, describe_places, describe_rotation, describe_secret, read_secret};
use postgres::connect::Server;
use sha2::{Digest, Sha256};
use shared::contract::{Plan, Source};
use shared::credentials::PENDING;
use shared::error::{Context, ErrorName, Result, StepError};

use crate::logins;

/// How often a secret that somebody else writes meanwhile is read again.
const ATTEMPTS: usize = 5;

/// A secret and its staged next version.
pub struct Switch {
    /// Its id in the plan.
    id: String,
    secret: Secret,
    moved: Document,
    /// Id of the version with the moved text.
    token: String,
    is_done: bool,
}

/// Stages all secrets, and returns the obstacles to their switch, with the secrets' ids.
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
            // An operator can repair it; the error names the secret.
            Err(error) if matches!(error.name, ErrorName::SecretUnusable | ErrorName::AwsRefused) => obstacles.push(error.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(obstacles)
}

impl Switch {
    /// Reads a secret, and stages its next version beside the current one: a caller that may do that may also switch it.
    ///
    /// # Errors
    /// `SecretUnusable` if it names neither database: it is somebody else's, or was changed meanwhile. `AwsRefused`.
    pub async fn staged(aws: &Aws, plan: &Plan, target: &Server, id: &str) -> Result<Self> {
        let secret = read_secret(aws, id).await?;
        let (old, new) = (old_place(&plan.source), new_place(plan, target));
        let is_done = secret.document.points_at(&new);
        if !is_done && !secret.document.points_at(&old) {
            let message = format!("secret {id} names neither {} nor {}", plan.source.identifier, plan.target);
            return Err(StepError::new(ErrorName::SecretUnusable, message));
        }
        let moved = secret.document.pointed_at(&old, &new);
        // Not derived from the contents, which could be guessed from the id: they follow from the version.
        let base = format!("{} {} {} {}:{}", plan.execution.id, secret.arn, secret.version_id, target.host, target.port);
        let switch = Self { id: id.to_owned(), moved, token: hex::encode(Sha256::digest(base.as_bytes())), is_done, secret };
        if !is_done {
            secrets::stage(aws, &switch.secret.arn, switch.moved.text(), &switch.token, &plan.names.run).await?;
        }
        Ok(switch)
    }

    /// Whether the secret names the target already.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.is_done
    }

    /// The obstacles to switching this secret; checked before the fence.
    ///
    /// # Errors
    /// `AwsUnavailable`, …
    pub async fn obstacles(&self, aws: &Aws, plan: &Plan, source: &Server, target: &Server) -> Result<Vec<String>> {
        if self.is_done {
            let described =
                format!("secret {} names {} already, before the cutover: writes there are lost; point it back at the source", self.id, plan.target);
            return Ok(vec![described]);
        }
        if let Some(pending) = describe_secret(aws, &self.secret.arn).await?.pending() {
            return Ok(vec![describe_rotation(&self.id, pending)]);
        }
        let other = self.secret.document.other_places(&old_place(&plan.source), &addresses(aws, &plan.source).await?);
        let other = (!other.is_empty()).then(|| describe_places(&self.id, &other));
        Ok(other.into_iter().chain(logins::follow(plan, source, target, &self.id, &self.secret).await?).collect())
    }

    /// After it, the secret's current version names the target, and includes everything that somebody else has written meanwhile.
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
                    tracing::info!(secret = switch.id, %error, "the secret was written meanwhile, and is read again");
                    switch = Self::staged(aws, plan, target, &switch.id).await?;
                    // A rotation has just ended: the target needs its password too.
                    if let Some(refused) = logins::follow(plan, source, target, &switch.id, &switch.secret).await? {
                        tracing::warn!(secret = switch.id, refused, "switched nevertheless: after the fence the run only goes forward");
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(switch.secret.arn)
    }
}

/// After it, no rotation that began during the switch points a secret back at the source: its version was made from the secret's
/// text before the switch, and would become the current one. Returns the rotations that were stopped.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`, …
pub async fn stop_rotations_back(aws: &Aws, plan: &Plan) -> Result<Vec<String>> {
    let mut stopped = Vec::new();
    for id in &plan.cutover.secrets {
        if describe_secret(aws, id).await?.pending().is_none() {
            continue;
        }
        let pending = secrets::read_version(&secrets::client(aws), id, PENDING).await.unwrap_or_default();
        if pending.is_some_and(|pending| pending.document.points_at(&old_place(&plan.source))) && secrets::take_label(aws, id, PENDING).await? {
            stopped.push(format!(
                "secret {id}: a rotation during the cutover would have pointed it back at the source, and was stopped: rotate it again"
            ));
        }
    }
    Ok(stopped)
}

/// After it, no secret has a staged version of this run. If the label may not be removed any more, a version stays that
/// nobody reads: no reason not to undo the rest.
///
/// # Errors
/// `AwsUnavailable`.
pub async fn take_labels(aws: &Aws, plan: &Plan) -> Result<()> {
    for id in &plan.cutover.secrets {
        match secrets::take_label(aws, id, &plan.names.run).await {
            Err(error) if error.name == ErrorName::AwsRefused => tracing::warn!(%error, "a staged version of the run stays"),
            taken => taken.map(drop).context("leave the application's secrets as they were")?,
        }
    }
    Ok(())
}

/// The source's address, as secrets have it.
#[must_use]
pub fn old_place(source: &Source) -> Place<'_> {
    Place { host: &source.host, port: source.port, identifier: &source.identifier }
}

fn new_place<'a>(plan: &'a Plan, target: &'a Server) -> Place<'a> {
    Place { host: &target.host, port: target.port, identifier: &plan.target }
}
