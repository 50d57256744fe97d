//! Answers of functions, as far as the report uses them. Members may be missing, or unknown, in another version of the product: a
//! history lives ninety days.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use shared::contract::{Compared, Difference, Kind, PausePhase, VerifiedByDatabase};
use shared::finding::Finding;
use shared::input::{AfterSource, How, Verify, When};

/// Each function has some of these members.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Answer {
    // preflight and inspect
    pub(crate) plan: Option<Plan>,
    pub(crate) findings: Option<Vec<Finding>>,
    // create-publication, by database
    pub(crate) tables: Option<BTreeMap<String, u64>>,
    // watch-source and poll-lag
    pub(crate) retained_wal_bytes: Option<i64>,
    pub(crate) free_storage_bytes: Option<i64>,
    pub(crate) lag_bytes: Option<i64>,
    pub(crate) connected: Option<bool>,
    pub(crate) approved: bool,
    pub(crate) approved_by: Option<String>,
    // advance-lsn
    pub(crate) start_lsn: Option<String>,
    pub(crate) witnesses: Vec<String>,
    // verify
    pub(crate) verified: Option<VerifiedByDatabase>,
    pub(crate) compared: Vec<Compared>,
    // compare-settings
    pub(crate) settings: Option<Vec<Difference>>,
    pub(crate) equal: Option<u64>,
    // cutover
    pub(crate) write_pause_ms: Option<u64>,
    pub(crate) pause_phases_ms: Vec<PausePhase>,
    pub(crate) drained_lsn: Option<String>,
    pub(crate) switched_secrets: Vec<String>,
    pub(crate) drift: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Plan {
    /// The execution to undo, where this one undoes another.
    #[serde(default)]
    pub(crate) execution: Execution,
    pub(crate) names: Names,
    pub(crate) source: Source,
    pub(crate) target: String,
    pub(crate) kms_key_arn: String,
    #[serde(default)]
    pub(crate) databases: Vec<Named>,
    pub(crate) cutover: Cutover,
    pub(crate) verify: Verify,
    pub(crate) after: After,
    #[serde(default)]
    pub(crate) preparation: Option<IgnoredAny>,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Execution {
    pub(crate) id: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Names {
    #[serde(default)]
    pub(crate) snapshot: String,
    #[serde(default)]
    pub(crate) copy: String,
    pub(crate) last: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Source {
    pub(crate) kind: Kind,
    pub(crate) identifier: String,
    pub(crate) arn: String,
    pub(crate) major: u32,
    #[serde(default)]
    pub(crate) is_public: bool,
    #[serde(default)]
    pub(crate) kms_key: SourceKey,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "Option<String>")]
pub(crate) enum SourceKey {
    /// From an earlier version of the product.
    #[default]
    NotSaid,
    /// The source is not encrypted.
    None,
    Of(String),
}

impl From<Option<String>> for SourceKey {
    fn from(key: Option<String>) -> Self {
        key.map_or(Self::None, Self::Of)
    }
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Cutover {
    pub(crate) when: When,
    #[serde(default)]
    pub(crate) how: Option<How>,
    pub(crate) max_write_pause_seconds: u32,
    #[serde(default)]
    pub(crate) verify_in_pause: bool,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct After {
    pub(crate) source: AfterSource,
}

/// The output of an execution that succeeded in encrypting.
#[derive(Debug, Deserialize)]
pub(crate) struct Output {
    pub(crate) target: OutputTarget,
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) encrypted: bool,
    pub(crate) report: OutputReport,
}

#[derive(Debug, Deserialize)]
pub(crate) struct OutputTarget {
    pub(crate) endpoint: Option<String>,
    pub(crate) port: Option<u16>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OutputReport {
    pub(crate) left: Vec<String>,
    pub(crate) not_made: Vec<String>,
    pub(crate) replicas: Vec<String>,
    pub(crate) master_secret: Option<String>,
    /// The source's status.
    pub(crate) source: Value,
}
