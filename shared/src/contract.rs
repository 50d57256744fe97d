//! The requests that the state machine sends to the functions, and their answers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::finding::Findings;
use crate::input::{After, Consent, Cutover, Guard, Verify, Wait, WayBack};
use crate::lsn::Lsn;
use crate::names::Names;

/// A step that creates something can be done and undone, each any number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Do,
    Undo,
}

/// The purpose for which preflight and inspect read a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To run.
    Plan,
    /// To undo, or to complete, an execution that was stopped.
    Recover,
}

/// The execution, from the Step Functions context.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Execution {
    /// Its ARN.
    pub id: String,
    pub name: String,
}

/// What preflight found and decided, once; every later step gets it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub execution: Execution,
    pub names: Names,
    pub source: Source,
    /// Identifier of the target.
    pub target: String,
    pub kms_key_arn: String,
    pub secret_arn: String,
    /// What the source needs before it can replicate; none if it can already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation: Option<Preparation>,
    /// The database in which the run works on the server as a whole; the same for every run on this source.
    pub control_database: String,
    pub databases: Vec<Database>,
    /// Whether the operator has listed the databases to move: the run then ignores all others.
    #[serde(default)]
    pub databases_named: bool,
    pub plan_only: bool,
    pub consent: Consent,
    pub cutover: Cutover,
    pub verify: Verify,
    pub after: After,
    pub guard: Guard,
    pub wait: Wait,
    /// Whether the source is to follow the target after the cutover, and for how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way_back: Option<WayBack>,
    #[serde(default, skip_serializing_if = "Direction::is_there")]
    pub direction: Direction,
}

/// Which of the two databases of a run is the plan's source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The one that is encrypted.
    #[default]
    There,
    /// The one that was made: the application goes back.
    Back,
}

impl Direction {
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    fn is_there(&self) -> bool {
        *self == Self::There
    }
}

/// The kinds of PostgreSQL database that RDS offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Instance,
    /// A Multi-AZ DB cluster: one writer with two readers, each with a disk of its own.
    MultiAzCluster,
    /// An Aurora cluster: members on one shared volume.
    Aurora,
}

impl Kind {
    #[must_use]
    pub fn is_cluster(self) -> bool {
        self != Self::Instance
    }
}

/// The database that is unencrypted, or encrypted with another key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub kind: Kind,
    /// The instance's, or the cluster's.
    pub identifier: String,
    pub arn: String,
    pub resource_id: String,
    pub host: String,
    pub port: u16,
    /// Whether its endpoint also has a public address, to which the target's host may resolve it instead of the private one.
    #[serde(default)]
    pub is_public: bool,
    /// Major version of PostgreSQL.
    pub major: u32,
    /// Its key, as RDS describes it; none if it is not encrypted.
    #[serde(default)]
    pub kms_key: Option<String>,
}

/// What makes a source ready for logical replication: its parameters, and a reboot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// The parameter group that the instance or cluster had before the run, which the target gets.
    pub old_group: String,
    /// The group's family, as in `postgres17`.
    pub family: String,
    /// Whether the run creates a group of its own; otherwise the old one has the parameters, and only the reboot is missing.
    pub makes_group: bool,
}

/// A database, and its oid, which is the same on the target.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub name: String,
    pub oid: u32,
}

/// The request of a step without an undo: it creates nothing, or only what another step undoes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub plan: Plan,
}

/// The request of a step that can be undone.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReversibleStep {
    pub action: Action,
    pub plan: Plan,
}

/// The request of preflight.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PreflightRequest {
    pub purpose: Purpose,
    pub execution: Execution,
    /// The execution's input, unchanged.
    pub input: Value,
}

/// Preflight's answer. If the run will be refused, the parts that preflight could not determine are empty.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Preflight {
    /// Without its databases.
    pub plan: Plan,
    /// The databases that the input lists; none means all that accept connections.
    pub databases: Option<Vec<String>>,
    pub findings: Findings,
    /// The network of the source, and of the target.
    pub network: Network,
    /// Its rules, which the state machine reads.
    #[serde(default)]
    pub rules: NetworkRules,
}

/// A database's place in its VPC.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Their ids.
    pub security_groups: Vec<String>,
    /// The ids of those in its subnet group.
    pub subnets: Vec<String>,
}

/// The rules of a [`Network`], which the state machine read from EC2.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRules {
    /// The rules for the source's port.
    #[serde(default)]
    pub for_port: Vec<Rule>,
    /// Whether the list is complete.
    #[serde(default)]
    pub are_all: bool,
    /// IPv4, one for each subnet.
    #[serde(default)]
    pub subnet_cidrs: Vec<String>,
    /// The error, if they could not be read.
    #[serde(default)]
    pub unread: Option<String>,
}

/// The peer that a security group's rule allows: one of the three is set, or none if the rule is about IPv6.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    pub is_egress: bool,
    #[serde(default)]
    pub cidr: Option<String>,
    #[serde(default)]
    pub peer_group: Option<String>,
    #[serde(default)]
    pub prefix_list: Option<String>,
}

/// The request of inspect.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct InspectRequest {
    pub purpose: Purpose,
    pub preflight: Preflight,
}

/// The request of advance-lsn.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AdvanceLsnRequest {
    pub plan: Plan,
    /// How many polls for the start LSN came before: log lines arrive late.
    pub poll: u32,
}

/// The request of way-back.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WayBackStep {
    pub purpose: WayBackPurpose,
    pub plan: Plan,
}

/// What is done with a way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayBackPurpose {
    /// Before the fence, from the run's plan: the plan by which the source will follow.
    Open,
    /// Also from the run's plan: whether it can still be gone.
    Watch,
    /// After the switch: the source follows. The plan is the one of the way back, from here on.
    Follow,
    /// To go back: no other execution does, and it is not given up meanwhile.
    Claim,
    /// It was not gone: it stays open.
    Release,
    /// It was gone: the old source is an ordinary database again.
    Settle,
}

/// The answer of way-back.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct WayBackAnswer {
    pub plan: Plan,
    pub state: WayBackState,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayBackState {
    Open,
    /// By an execution that goes back.
    Claimed,
    /// Gone, or given up.
    Closed,
}

/// The request of go-back.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GoBackRequest {
    /// The one that goes back.
    pub execution: Execution,
    /// Its input, unchanged.
    pub input: Value,
    /// Whether it was stopped on the way, and another one undoes or completes it: then nothing is a reason to refuse.
    pub recovers: bool,
}

/// The answer of go-back.
#[derive(Clone, Debug, Serialize)]
pub struct GoingBack {
    /// The database that the application is on is its source.
    pub plan: Plan,
    pub findings: Findings,
    /// What would be done.
    pub steps: Vec<String>,
    /// Whether the way back is to be removed instead.
    pub give_up: bool,
}

/// The request of verify.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    pub plan: Plan,
    /// Tables that earlier calls have verified.
    pub verified: VerifiedByDatabase,
}

/// The request of finish.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    pub plan: Plan,
    /// Preflight's warnings.
    pub findings: Vec<Value>,
    /// Unknown if this execution finishes one that was stopped.
    pub start_lsn: Option<Lsn>,
    pub publication: Published,
    pub verified: VerifiedByDatabase,
    /// Settings that cannot be moved; empty if this execution finishes one that was stopped.
    pub settings: Vec<Difference>,
    /// Results of earlier calls: a deleted source can no longer be read.
    pub settled: Settled,
    pub cutover: CutoverDone,
}

/// Results of the work at the end of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// Identifiers of the target's read replicas.
    pub replicas: Vec<String>,
    /// Replicas and roles that the target lacks, with the reason.
    pub not_made: Vec<String>,
}

/// The answer of create-publication.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Published {
    pub ready: bool,
    /// Tables published, by database.
    pub tables: BTreeMap<String, u64>,
    /// Why it is not ready, where somebody can help.
    #[serde(default)]
    pub status: String,
    /// Of an undo: whether the source was deleted, so that nothing of the run can be left there.
    #[serde(default)]
    pub source_gone: bool,
}

impl Published {
    #[must_use]
    pub fn not_yet(status: impl Into<String>) -> Self {
        Self { ready: false, tables: BTreeMap::new(), status: status.into(), source_gone: false }
    }

    #[must_use]
    pub const fn ready(tables: BTreeMap<String, u64>) -> Self {
        Self { ready: true, tables, status: String::new(), source_gone: false }
    }
}

/// A setting that differs between source and target.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// As the service model calls it.
    pub member: String,
    pub source: String,
    pub target: String,
    /// Why it cannot be moved; none if it should have been.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} on the source, {} on the target", self.member, self.source, self.target)
    }
}

/// An answer may be "not yet": the state machine waits and polls again.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Ready {
    pub ready: bool,
    /// What was observed, in RDS's words if RDS reported it.
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// Tables compared and found equal.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// The next table, if the last call ended in the middle of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
}

/// Progress in a table on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Unfinished {
    pub source: Reading,
    pub target: Reading,
}

/// Progress in a table on one side.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The exported snapshot in which it is read.
    pub snapshot: String,
    /// The table's file: it changes with a `truncate` or a rewrite, from which no snapshot protects.
    pub filenode: u32,
    /// The pages before this one have been read.
    pub next_page: u64,
    /// The digest of these pages.
    pub digest: Digest,
}

/// Number and hash of rows, independent of the order in which they were read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "(u64, String, String)", into = "(u64, String, String)")]
pub struct Digest {
    pub rows: u64,
    /// Sums of two differently seeded hashes of each row, modulo 2^128.
    pub sums: [u128; 2],
}

impl Digest {
    /// Adds the rows of another part of the same table.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let [first, second] = self.sums;
        Self { rows: self.rows + other.rows, sums: [first.wrapping_add(other.sums[0]), second.wrapping_add(other.sums[1])] }
    }

    /// The sums for people to compare: 64 hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let [first, second] = self.sums;
        format!("{first:032x}{second:032x}")
    }
}

/// In hexadecimal: numbers in a state machine hold 53 bits.
impl From<Digest> for (u64, String, String) {
    fn from(Digest { rows, sums: [first, second] }: Digest) -> Self {
        (rows, format!("{first:x}"), format!("{second:x}"))
    }
}

impl TryFrom<(u64, String, String)> for Digest {
    type Error = std::num::ParseIntError;

    fn try_from((rows, first, second): (u64, String, String)) -> Result<Self, Self::Error> {
        Ok(Self { rows, sums: [u128::from_str_radix(&first, 16)?, u128::from_str_radix(&second, 16)?] })
    }
}

/// A table that is equal on both sides: the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    pub database: String,
    /// With its schema, quoted if PostgreSQL needs it.
    pub table: String,
    pub rows: u64,
    /// Both sums of the hashes of its rows, in hexadecimal; null if rows were only counted.
    pub hash: Option<String>,
}

/// By database.
pub type VerifiedByDatabase = BTreeMap<String, Verified>;

/// What a cutover did.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CutoverDone {
    /// From the first lock to the switch of the last secret (or to the fence, if no secret is switched), as this
    /// product measured it; applications need time to reconnect on top of it.
    pub write_pause_ms: u64,
    /// The source's position after the locks were taken, which the target has passed.
    pub drained_lsn: Lsn,
    /// ARNs of the secrets that name the target.
    pub switched_secrets: Vec<String>,
    /// Differences of the catalogs after the fence: changes of the last moment that no lock holds, such as a role's.
    #[serde(default)]
    pub drift: Vec<String>,
    /// The phases of the pause, in order; empty if it began in an earlier call.
    #[serde(default)]
    pub pause_phases_ms: Vec<PausePhase>,
}

/// A part of the write pause.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PausePhase {
    pub phase: String,
    pub ms: u64,
}

/// One request of every function, as the state machine sends it: tests and `events/` are checked against these.
pub mod example {
    use serde_json::{Value, json};

    /// A plan as preflight answers it.
    #[must_use]
    pub fn plan() -> Value {
        json!({
            "execution": execution(),
            "names": {
                "run": "rds_reencrypt_0123456789",
                "snapshot": "rds-reencrypt-0123456789",
                "copy": "rds-reencrypt-0123456789-encrypted",
                "last": "rds-reencrypt-0123456789-last",
                "target": "orders-db-enc-0123456789",
                "parameter_group": "rds-reencrypt-0123456789",
            },
            "source": {
                "kind": "instance",
                "identifier": "orders-db",
                "arn": "arn:aws:rds:eu-central-1:123456789012:db:orders-db",
                "resource_id": "db-ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                "host": "localhost",
                "port": 5432,
                "major": 17,
            },
            "target": "orders-db-enc-0123456789",
            "kms_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000",
            "secret_arn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:orders/master",
            "control_database": "postgres",
            "databases": [{"name": "orders", "oid": 16385}],
            "plan_only": false,
            "consent": {"reboot": false, "reboot_when": "now", "replica_identity": false, "event_triggers": false},
            "cutover": {"when": "approved", "how": "none", "secrets": [], "max_write_pause_seconds": 30, "verify_in_pause": false},
            "verify": "rows",
            "after": {"source": "keep"},
            "guard": {"min_free_storage_percent": 10},
            "wait": {"max_seconds": 60, "calls_end_seconds": 120, "verify_call_seconds": 480},
        })
    }

    fn execution() -> Value {
        json!({"id": "arn:aws:states:eu-central-1:123456789012:execution:rds-reencrypt:example", "name": "example"})
    }

    /// The request of the function with this name.
    #[must_use]
    pub fn request(function: &str) -> Value {
        let verified = json!({"orders": {"tables": 1, "rows": 10}});
        match function {
            "preflight" => json!({"purpose": "plan", "execution": execution(), "input": {"source": "orders-db", "secret": "orders/master"}}),
            "discover" => {
                json!({"execution": execution(), "finding": null, "campaign": {"databases": ["orders-db"]}, "kms_key": "alias/aws/rds", "required_key": ""})
            }
            "evaluate-policy" => json!({"item": {"source": "orders-db", "entry": {}}, "campaign": {}, "prefix": "example", "plan": true}),
            "summarize" => json!({
                "execution": execution(),
                "bucket": "example",
                "report_bucket": "example-reports",
                "folder": "campaigns/example/",
                "planned": ["orders-db"],
                "begun": [],
                "skipped": [{"source": "billing", "outcome": "gone"}],
                "is_finding": false,
            }),
            "inspect" => json!({
                "purpose": "plan",
                "preflight": {
                    "plan": plan(),
                    "databases": null,
                    "findings": [],
                    "network": {"security_groups": ["sg-0123456789"], "subnets": ["subnet-0123456789"]},
                    "rules": {
                        "for_port": [{"is_egress": false, "peer_group": "sg-0123456789"}, {"is_egress": true, "cidr": "0.0.0.0/0"}],
                        "are_all": true,
                        "subnet_cidrs": ["10.0.0.0/24"],
                    },
                },
            }),
            "doctor" => json!({"source": "orders-db", "secret": "orders/master"}),
            "report" => json!({"detail": {"executionArn": execution()["id"]}}),
            "advance-lsn" => json!({"plan": plan(), "poll": 0}),
            "verify" => json!({"plan": plan(), "verified": {}}),
            "finish" => json!({
                "plan": plan(),
                "findings": [],
                "start_lsn": "0/1000",
                "publication": {"ready": true, "tables": {"orders": 1}},
                "verified": verified,
                "settings": [],
                "settled": {"replicas": [], "not_made": []},
                "cutover": {"write_pause_ms": 20, "drained_lsn": "0/2000", "switched_secrets": []},
            }),
            "way-back" => json!({"purpose": "watch", "plan": plan()}),
            "go-back" => json!({"execution": execution(), "input": {"way_back": "example"}, "recovers": false}),
            "watch-source" | "check-capacity" | "restore-parameter-group" | "poll-lag" | "compare-settings" => json!({"plan": plan()}),
            _ => json!({"action": "do", "plan": plan()}),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_table_add_up_in_any_order() {
        let parts = [Digest { rows: 3, sums: [u128::MAX, 5] }, Digest { rows: 4, sums: [7, u128::MAX - 1] }];
        let both = Digest { rows: 7, sums: [6, 3] };
        assert_eq!((parts[0].and(parts[1]), parts[1].and(parts[0])), (both, both));
    }

    #[test]
    fn a_digest_survives_the_state_machine() {
        let digest = Digest { rows: 9, sums: [u128::MAX, 1 << 100] };
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest, "{text}");
    }
}
