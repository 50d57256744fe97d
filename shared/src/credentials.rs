//! A login, and the labels of the versions of the secret that keeps it.

use std::fmt;
use std::pin::Pin;

/// The label of the current version, which clients read.
pub const CURRENT: &str = "AWSCURRENT";
/// The label of a rotation's new version, until it becomes the current one.
/// Source: AWS Secrets Manager user guide, "Rotation by Lambda function".
pub const PENDING: &str = "AWSPENDING";
pub const PREVIOUS: &str = "AWSPREVIOUS";

/// A user of PostgreSQL. Never printed: `Debug` leaves the password out.
#[derive(Clone)]
pub struct Credentials {
    pub username: String,
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The versions of the secret that keeps a login's password.
pub trait Passwords: fmt::Debug + Send + Sync {
    /// The login in the version with this label; none if it has no usable value.
    fn of_version<'a>(&'a self, stage: &'a str) -> Pin<Box<dyn Future<Output = Option<Credentials>> + Send + 'a>>;
}
