//! What the state machine hands to the functions, and what it gets back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::finding::Findings;
use crate::input::{After, Consent, Cutover, Guard, Verify, Wait};
use crate::lsn::Lsn;
use crate::names::Names;
use crate::settings::Difference;

/// A step that makes something can be done and undone, each any number of times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Do,
    Undo,
}

/// What preflight and inspect read a source for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// To run.
    Plan,
    /// To undo, or to complete, an execution that was stopped.
    Recover,
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
    /// What the source needs before it can replicate; none where it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preparation: Option<Preparation>,
    /// Where the run keeps what concerns the whole server; the same for every run on this source.
    pub control_database: String,
    pub databases: Vec<Database>,
    /// Whether the operator has said which databases to carry: others are none of the run's business then.
    #[serde(default)]
    pub databases_named: bool,
    pub plan_only: bool,
    pub consent: Consent,
    pub cutover: Cutover,
    pub verify: Verify,
    pub after: After,
    pub guard: Guard,
    pub wait: Wait,
}

/// What RDS has of the engine PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Instance,
    /// A Multi-AZ DB cluster: one writer with two readers, each with a disk of its own.
    MultiAzCluster,
    /// A cluster of Aurora: members on one volume.
    Aurora,
}

impl Kind {
    #[must_use]
    pub fn is_cluster(self) -> bool {
        self != Self::Instance
    }
}

/// The unencrypted (or otherwise encrypted) database.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub kind: Kind,
    /// Of the instance, or of the cluster.
    pub identifier: String,
    pub arn: String,
    pub resource_id: String,
    pub host: String,
    pub port: u16,
    /// Whether its endpoint has a public address as well, which the copy's host may be told in place of the private one.
    #[serde(default)]
    pub is_public: bool,
    /// Major version of PostgreSQL.
    pub major: u32,
    /// The key under which it is, as RDS describes it; none where it is not encrypted.
    #[serde(default)]
    pub kms_key: Option<String>,
}

/// What makes a source ready for logical replication: its parameters, and a reboot.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Preparation {
    /// The parameter group of instance or cluster as the run found it, which the new database gets.
    pub old_group: String,
    /// The group's family, as in `postgres17`.
    pub family: String,
    /// Whether the run makes a group of its own; otherwise the old one says it already, and only the reboot is missing.
    pub makes_group: bool,
}

/// A database, and its oid, which is the same on the copy.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub name: String,
    pub oid: u32,
}

/// The request of a step that makes nothing, or nothing that another step does not undo.
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
    /// The execution's input as it was given.
    pub input: Value,
}

/// What preflight answers: of a run that will be refused, what it could not find out is empty.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Preflight {
    /// Without its databases.
    pub plan: Plan,
    /// The databases that were asked for; all that accept connections where none were.
    pub databases: Option<Vec<String>>,
    pub findings: Findings,
    /// Where the source is, and the copy will be.
    pub network: Network,
    /// Who gets through there, which the state machine reads.
    #[serde(default)]
    pub rules: NetworkRules,
}

/// Where a database is in its VPC.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// Their ids.
    pub security_groups: Vec<String>,
    /// The ids of those in its subnet group.
    pub subnets: Vec<String>,
}

/// What EC2 says of a [`Network`], as the state machine asked it.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkRules {
    /// Those for the source's port.
    #[serde(default)]
    pub for_port: Vec<Rule>,
    /// Whether there are no others.
    #[serde(default)]
    pub are_all: bool,
    /// IPv4, one for each subnet.
    #[serde(default)]
    pub subnet_cidrs: Vec<String>,
    /// Why they could not be read, where that is so.
    #[serde(default)]
    pub unread: Option<String>,
}

/// Whom a rule of a security group lets through: one of the three is there, or none where it is about IPv6.
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
    /// How often the start LSN was looked for before: a log takes its time to arrive.
    pub poll: u32,
}

/// The request of verify.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyRequest {
    pub plan: Plan,
    /// What earlier calls have verified.
    pub verified: VerifiedByDatabase,
}

/// The request of finish.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FinishRequest {
    pub plan: Plan,
    /// What preflight warned of.
    pub findings: Vec<Value>,
    /// Unknown where a run is finished that was stopped.
    pub start_lsn: Option<Lsn>,
    pub publication: Published,
    pub verified: VerifiedByDatabase,
    /// What cannot be carried; empty where a run is finished that was stopped.
    pub settings: Vec<Difference>,
    /// What earlier calls have settled: a source that was deleted cannot be asked any more.
    pub settled: Settled,
    pub cutover: CutoverDone,
}

/// What has become of what comes at the end of the run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Settled {
    /// Identifiers of the new read replicas.
    pub replicas: Vec<String>,
    /// Replicas and roles that the new database does not have, and why.
    pub not_made: Vec<String>,
}

/// What the source keeps for the copy.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Published {
    pub ready: bool,
    /// Tables published, by database.
    pub tables: BTreeMap<String, u64>,
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// Tables compared and found equal.
    pub tables: u64,
    /// Rows in them.
    pub rows: u64,
    /// The table after them, where the last call ended in the middle of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<Unfinished>,
}

/// How far a table was read on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Unfinished {
    pub source: Reading,
    pub target: Reading,
}

/// How far a table was read on one side.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The exported snapshot in which it is read.
    pub snapshot: String,
    /// The table's file: another one after a `truncate` or a rewrite, which no snapshot protects from.
    pub filenode: u32,
    /// The pages before this one have been read.
    pub next_page: u64,
    /// What they hold.
    pub digest: Digest,
}

/// Number and hash of rows, in whatever order they were read.
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

    /// The sums as people compare them: 64 digits.
    #[must_use]
    pub fn hash(&self) -> String {
        let [first, second] = self.sums;
        format!("{first:032x}{second:032x}")
    }
}

/// In hexadecimal: the numbers of a state machine hold 53 bits.
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

/// A table that was found equal on both sides: the evidence.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Compared {
    pub database: String,
    /// With its schema, quoted where PostgreSQL needs it.
    pub table: String,
    pub rows: u64,
    /// Both sums of the hashes of its rows, in hexadecimal; null where rows were only counted.
    pub hash: Option<String>,
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
    /// What differed in the catalogs once the source was fenced: changes of the last moment that nothing can hold, such
    /// as a role's.
    #[serde(default)]
    pub drift: Vec<String>,
    /// What the pause was spent on, one after another; empty where it began in an earlier call.
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

/// One request of every function, as the state machine makes them: what tests and `events/` are held against.
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
    fn a_digest_comes_back_from_the_state_machine_as_it_was() {
        let digest = Digest { rows: 9, sums: [u128::MAX, 1 << 100] };
        let text = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<Digest>(&text).unwrap(), digest, "{text}");
    }
}
