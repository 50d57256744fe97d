//! The names of everything that an execution makes.
//!
//! They follow from the execution's ARN alone, so a step that runs again finds what it made before, and undo needs
//! no memory: what exists under our name is ours.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::contract::Kind;
use crate::settings::POSTGRESQL_LOG;

/// The prefix of every role, schema, slot, publication and subscription of the product.
pub const PREFIX: &str = "rds_reencrypt_";
/// The prefix of every snapshot and parameter group of the product.
pub const RDS_PREFIX: &str = "rds-reencrypt-";
/// The tag on the new database that approves the cutover; its value is the execution's name.
pub const APPROVE_TAG: &str = "rds-reencrypt:approve";
/// A tag beside it in which who approved may say who it was; read, and believed no further than that.
pub const APPROVED_BY_TAG: &str = "rds-reencrypt:approved-by";
/// The tag on everything in RDS that an execution made; its value is the execution's name.
pub const EXECUTION_TAG: &str = "rds-reencrypt:execution";

/// The tag on a source whose application has moved; its value is the identifier of the new database.
pub const MOVED_TAG: &str = "rds-reencrypt:moved-to";
/// What the tags begin with by which a fleet's databases say what may be done with them.
pub const POLICY_PREFIX: &str = "encrypt:";

/// Names in PostgreSQL and in RDS. `run` is 24 bytes of `[a-z0-9_]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// Role, schema, publication and subscription; slots have the database's oid behind it.
    pub run: String,
    /// The manual snapshot of the source.
    pub snapshot: String,
    /// Its copy under the new key.
    pub copy: String,
    /// The last snapshot of a source that is deleted.
    pub last: String,
    /// The new instance, or the new cluster.
    pub target: String,
    /// The parameter group that turns logical replication on for the time of the run.
    pub parameter_group: String,
}

/// The longest DB instance identifier that RDS takes, in characters.
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

    /// The new cluster's member, or the new instance's replica, that stands for one of the old ones.
    #[must_use]
    pub fn successor(&self, old: &str) -> String {
        successor(old, self.run.trim_start_matches(PREFIX))
    }

    /// The slot of one database: slots are named for the whole server, so the oid tells them apart.
    #[must_use]
    pub fn slot(&self, database_oid: u32) -> String {
        format!("{}_{database_oid}", self.run)
    }

    /// What the server's views call the sessions that keep a snapshot of a verification from call to call.
    #[must_use]
    pub fn verification(&self) -> String {
        format!("{}_verify", self.run)
    }

    /// The schema of the fence, and the event trigger that says that it is closed.
    #[must_use]
    pub fn fence(&self) -> String {
        format!("{}_fence", self.run)
    }
}

/// What all names of the execution with this ARN have: ten hexadecimal digits.
#[must_use]
pub fn key(execution_arn: &str) -> String {
    hex::encode(Sha256::digest(execution_arn.as_bytes())).chars().take(10).collect()
}

/// Two long names that begin alike have two successors: what is cut off is told apart by its hash.
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

/// The log group to which RDS ships the PostgreSQL log of an instance, or of all members of a cluster.
#[must_use]
pub fn log_group(kind: Kind, identifier: &str) -> String {
    log_group_of(kind, identifier, POSTGRESQL_LOG)
}

/// The same of another log that RDS exports. Source: Amazon RDS user guide, "Publishing PostgreSQL logs to Amazon CloudWatch Logs".
#[must_use]
pub fn log_group_of(kind: Kind, identifier: &str, log: &str) -> String {
    let holder = if kind.is_cluster() { "cluster" } else { "instance" };
    format!("/aws/rds/{holder}/{identifier}/{log}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_every_limit_and_tell_executions_apart() {
        let source = "a".repeat(61) + "-b";
        let one = Names::of("arn:aws:states:eu-west-1:1:execution:rds-reencrypt:one", &source);
        let two = Names::of("arn:aws:states:eu-west-1:1:execution:rds-reencrypt:two", &source);
        assert_ne!(one, two);
        assert!(one.target.len() <= RDS_IDENTIFIER_MAX && one.successor(&"x".repeat(63)).len() == RDS_IDENTIFIER_MAX);
        assert_eq!(one.successor(&source), one.target);
        assert!(one.slot(u32::MAX).len() <= 63 && one.fence().len() <= 63);
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
    fn members_whose_long_names_begin_alike_have_two_successors() {
        let names = Names::of("arn", "orders");
        let long = |end: &str| names.successor(&("c".repeat(60) + end));
        assert_ne!(long("-1"), long("-2"));
        assert_eq!(names.successor("orders-1"), format!("orders-1-enc-{}", names.run.trim_start_matches(PREFIX)));
    }
}
