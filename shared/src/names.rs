//! The names of everything that an execution creates.
//!
//! They are derived from the execution's ARN, the target's also from the source's identifier at the start, so a repeated step and an undo
//! find what was created before: "exists under our name" means "ours".

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The prefix of every role, schema, slot, publication and subscription of the product.
pub const PREFIX: &str = "rds_reencrypt_";
/// The prefix of every snapshot and parameter group of the product.
pub const RDS_PREFIX: &str = "rds-reencrypt-";
/// The tag on the target that approves the cutover; its value is the execution's name.
pub const APPROVE_TAG: &str = "rds-reencrypt:approve";
/// A tag beside it in which the approver may record a name; reported, but no proof.
pub const APPROVED_BY_TAG: &str = "rds-reencrypt:approved-by";
/// The tag on every RDS resource that an execution created; its value is the execution's name.
pub const EXECUTION_TAG: &str = "rds-reencrypt:execution";

/// What the names of a way back add to those of the run.
const BACK: &str = "_back";

/// The log that shows where the target's data end: the run exports it, whether the source does or not.
pub const POSTGRESQL_LOG: &str = "postgresql";

/// The tag on a source whose application has moved; its value is the target's identifier.
pub const MOVED_TAG: &str = "rds-reencrypt:moved-to";
/// The prefix of the policy tags on a fleet's databases.
pub const POLICY_PREFIX: &str = "encrypt:";

/// Names in PostgreSQL and in RDS. `run` is 24 bytes of `[a-z0-9_]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Role, schema, publication and subscription; slots append the database's oid.
    pub run: String,
    /// The manual snapshot of the source.
    pub snapshot: String,
    /// The encrypted snapshot.
    pub copy: String,
    /// The final snapshot of a source that is deleted.
    pub last: String,
    /// The target: instance or cluster.
    pub target: String,
    /// The parameter group that turns logical replication on during the run.
    pub parameter_group: String,
}

/// The longest DB instance identifier that RDS accepts, in characters.
const RDS_IDENTIFIER_MAX: usize = 63;

impl Names {
    /// The names for the execution with this ARN on the source with this identifier.
    #[must_use]
    pub fn of(execution_arn: &str, source: &str) -> Self {
        let key = key(execution_arn);
        Self {
            run: format!("{PREFIX}{key}"),
            snapshot: format!("{RDS_PREFIX}{key}"),
            copy: format!("{RDS_PREFIX}{key}-encrypted"),
            last: format!("{RDS_PREFIX}{key}-last"),
            target: successor(source, &key),
            parameter_group: format!("{RDS_PREFIX}{key}"),
        }
    }

    /// The target's member or replica that replaces one of the source's.
    #[must_use]
    pub fn successor(&self, old: &str) -> String {
        successor(old, self.run.trim_start_matches(PREFIX))
    }

    /// The names of the way back: what the source needs to follow the target once the application has moved.
    #[must_use]
    pub fn back(&self) -> Self {
        Self { run: format!("{}{BACK}", self.run), ..self.clone() }
    }

    /// The names of the run that opened this way back.
    #[must_use]
    pub fn there(&self) -> Self {
        Self { run: self.run.trim_end_matches(BACK).to_owned(), ..self.clone() }
    }

    /// The slot of one database: a slot's name is unique on the server, so it includes the oid.
    #[must_use]
    pub fn slot(&self, database_oid: u32) -> String {
        format!("{}_{database_oid}", self.run)
    }

    /// The application name of the sessions that keep a verification's snapshot from call to call.
    #[must_use]
    pub fn verification(&self) -> String {
        format!("{}_verify", self.run)
    }

    /// The schema of the fence, and the event trigger that marks it as closed.
    #[must_use]
    pub fn fence(&self) -> String {
        format!("{}_fence", self.run)
    }
}

/// The part that all names of the execution with this ARN share: ten hexadecimal digits.
#[must_use]
pub fn key(execution_arn: &str) -> String {
    hex::encode(Sha256::digest(execution_arn.as_bytes())).chars().take(10).collect()
}

/// Two long names that begin alike must differ here too: the part that is cut off is replaced by its hash.
fn successor(old: &str, key: &str) -> String {
    let suffix = format!("-enc-{key}");
    let room = RDS_IDENTIFIER_MAX - suffix.len();
    if old.len() <= room {
        return format!("{old}{suffix}");
    }
    let told_apart: String = hex::encode(Sha256::digest(old.as_bytes())).chars().take(6).collect();
    let stem: String = old.chars().take(room - told_apart.len() - 1).collect();
    format!("{}-{told_apart}{suffix}", stem.trim_end_matches('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_every_limit_and_differ_by_execution() {
        let source = "a".repeat(61) + "-b";
        let one = Names::of("arn:aws:states:eu-west-1:1:execution:rds-reencrypt:one", &source);
        let two = Names::of("arn:aws:states:eu-west-1:1:execution:rds-reencrypt:two", &source);
        assert_ne!(one, two);
        assert!(one.target.len() <= RDS_IDENTIFIER_MAX && one.successor(&"x".repeat(63)).len() == RDS_IDENTIFIER_MAX);
        assert_eq!(one.successor(&source), one.target);
        assert!(one.slot(u32::MAX).len() <= 63 && one.fence().len() <= 63);
        assert!(one.back().slot(u32::MAX).len() <= 63 && one.back().fence().len() <= 63);
        assert_eq!(one.back().there(), one);
        assert!(one.run.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_'));
    }

    #[test]
    fn a_target_never_has_two_hyphens_in_a_row() {
        for length in 35..60 {
            let source = "b".repeat(length) + "-long-name";
            assert!(!Names::of("arn", &source).target.contains("--"), "{length}");
        }
    }

    #[test]
    fn members_whose_long_names_begin_alike_get_different_names() {
        let names = Names::of("arn", "orders");
        let long = |end: &str| names.successor(&("c".repeat(60) + end));
        assert_ne!(long("-1"), long("-2"));
        assert_eq!(names.successor("orders-1"), format!("orders-1-enc-{}", names.run.trim_start_matches(PREFIX)));
    }
}
