//! What the state machine hands to the functions, and what it gets back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::input::{After, Consent, Cutover, Verify, Wait};
use crate::lsn::Lsn;
use crate::names::Names;

/// Every step can be done and undone, each as often as one likes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Do,
    Undo,
}

/// The execution, as Step Functions knows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// Its ARN.
    pub id: String,
    pub name: String,
}

/// What preflight found and decided, once; all later steps work from it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub execution: Execution,
    pub names: Names,
    pub source: Source,
    /// Identifier of the new instance.
    pub target: String,
    pub kms_key_arn: String,
    pub secret_arn: String,
    /// Where the run keeps what concerns the whole server; the same for every run on this source.
    pub control_database: String,
    pub databases: Vec<Database>,
    pub plan_only: bool,
    pub consent: Consent,
    pub cutover: Cutover,
    pub verify: Verify,
    pub after: After,
    pub wait: Wait,
}

/// The unencrypted (or otherwise encrypted) instance.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub identifier: String,
    pub arn: String,
    pub resource_id: String,
    pub host: String,
    pub port: u16,
    /// Major version of PostgreSQL.
    pub major: u32,
}

/// A database, and its oid, which is the same on the copy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub name: String,
    pub oid: u32,
}

/// The request of most steps.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub action: Action,
    pub plan: Plan,
}

/// "Not yet" is an answer: the state machine waits and asks again.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Ready {
    pub ready: bool,
    /// What was seen, in RDS's words where they are RDS's.
    pub status: String,
}

impl Ready {
    #[must_use]
    pub fn yes(status: impl Into<String>) -> Self {
        Self { ready: true, status: status.into() }
    }

    #[must_use]
    pub fn not_yet(status: impl Into<String>) -> Self {
        Self { ready: false, status: status.into() }
    }
}

/// How much of one database was verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// Tables compared and found equal.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
}

/// By database.
pub type VerifiedByDatabase = BTreeMap<String, Verified>;

/// What a cutover did.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CutoverDone {
    /// From the first lock to the switch of the last secret (or to the fence, where nothing is switched), as this
    /// product felt it; applications reconnect on top of it.
    pub write_pause_ms: u64,
    /// The source's position behind the locks, which the copy has passed.
    pub drained_lsn: Lsn,
    /// ARNs of the secrets that point to the new database.
    pub switched_secrets: Vec<String>,
}
