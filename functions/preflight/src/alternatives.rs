//! How AWS's own features would handle this database, so that an operator can choose.

use shared::contract::{Kind, Source};
use shared::finding::{Findings, Verdict};

/// Properties of a source that a Blue/Green deployment does not accept.
/// Source: Amazon RDS and Aurora user guides, "Limitations and considerations for blue/green deployments".
pub(crate) struct Obstacles {
    pub(crate) managed_password: bool,
    pub(crate) replicates_onward: bool,
}

/// Since 29 September 2026 `CreateBlueGreenDeployment` takes a key for the green side (`TargetKmsKeyId`). Its engines and versions, and
/// how the green side is made, are not documented.
pub(crate) fn tell_blue_green(kind: Kind, obstacles: &Obstacles, findings: &mut Findings) {
    let reasons: Vec<&str> = [
        (kind == Kind::MultiAzCluster, "it takes no Multi-AZ DB clusters"),
        (obstacles.managed_password, "it takes no master password that Secrets Manager manages"),
        (obstacles.replicates_onward, "it takes no cross-Region or cascading replicas"),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect();
    let whether = if reasons.is_empty() {
        "may take this database: nothing that RDS reports of it is a documented limit; which versions it encrypts is not documented".to_owned()
    } else {
        format!("would refuse this database: {}", reasons.join("; "))
    };
    let instead = "it refuses logical publishers and subscribers, compares no rows, and has no way back after its switchover, but keeps the \
                   identifiers; this run verifies all rows, can be undone until the fence, and leaves the source fenced and readable";
    findings.add("BlueGreenDeployment", Verdict::Fine, format!("AWS's Blue/Green deployment with a target key {whether}"), "", instead);
}

/// A source that is already encrypted may have a read replica under another key, in the same Region.
/// Source: Amazon RDS API reference, `CreateDBInstanceReadReplica`, `KmsKeyId`, as of autumn 2026; Aurora has no such replicas.
pub(crate) fn tell_read_replica(source: &Source, findings: &mut Findings) {
    if source.kms_key.is_none() || source.kind == Kind::Aurora {
        return;
    }
    let found = "the source is already encrypted: RDS may make a read replica of it under another key in the same Region \
                 (create-db-instance-read-replica --kms-key-id), to be promoted. The API documents it; it was not tried";
    let instead = "that replica is physical: it has everything, needs no verification, and none of the conditions of this run; but it has no fence, \
                   so writes have to be stopped by hand before it is promoted, no undo after that, and another identifier as well";
    findings.add("ReadReplicaUnderKey", Verdict::Fine, found, "", instead);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_would_refuse_is_said_with_the_reason() {
        let described = |kind, managed_password, replicates_onward| {
            let mut findings = Findings::default();
            tell_blue_green(kind, &Obstacles { managed_password, replicates_onward }, &mut findings);
            serde_json::to_string(&findings).unwrap_or_default()
        };
        assert!(described(Kind::Aurora, false, false).contains("may take this database"));
        for (kind, managed, onward, reason) in [
            (Kind::MultiAzCluster, false, false, "no Multi-AZ DB clusters"),
            (Kind::Instance, true, false, "Secrets Manager"),
            (Kind::Aurora, false, true, "cross-Region"),
        ] {
            let text = described(kind, managed, onward);
            assert!(text.contains("would refuse") && text.contains(reason), "{text}");
        }
    }
}
