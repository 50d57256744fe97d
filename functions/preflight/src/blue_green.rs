//! What AWS's own way would do with this database, so that an operator can choose.

use shared::contract::Kind;
use shared::finding::{Findings, Verdict};

/// What of a source a Blue/Green deployment does not take.
/// Source: Amazon RDS and Aurora user guides, "Limitations and considerations for blue/green deployments".
pub(crate) struct Obstacles {
    pub(crate) managed_password: bool,
    pub(crate) replicates_onward: bool,
}

/// Since 29 September 2026 `CreateBlueGreenDeployment` takes a key for the green side (`TargetKmsKeyId`). For which engines
/// and versions, and how the green side is made, is not documented.
pub(crate) fn tell(kind: Kind, obstacles: &Obstacles, findings: &mut Findings) {
    let reasons: Vec<&str> = [
        (kind == Kind::MultiAzCluster, "it takes no Multi-AZ DB clusters"),
        (obstacles.managed_password, "it takes no master password that Secrets Manager manages"),
        (obstacles.replicates_onward, "it takes no cross-Region or cascading replicas"),
    ]
    .into_iter()
    .filter_map(|(holds, reason)| holds.then_some(reason))
    .collect();
    let whether = if reasons.is_empty() {
        "may take this database: nothing that RDS says of it is among its documented limits; which versions it encrypts is not documented".to_owned()
    } else {
        format!("would refuse this database: {}", reasons.join("; "))
    };
    let instead = "it refuses logical publishers and subscribers, compares no rows, and has no way back after its switchover, but keeps the \
                   identifiers; this run verifies all rows, undoes itself until the last moment, and leaves the source fenced and readable";
    findings.add("BlueGreenDeployment", Verdict::Fine, format!("AWS's Blue/Green deployment with a target key {whether}"), "", instead);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_it_would_refuse_is_said_with_the_reason() {
        let told = |kind, managed_password, replicates_onward| {
            let mut findings = Findings::default();
            tell(kind, &Obstacles { managed_password, replicates_onward }, &mut findings);
            serde_json::to_string(&findings).unwrap_or_default()
        };
        assert!(told(Kind::Aurora, false, false).contains("may take this database"));
        for (kind, managed, onward, reason) in [
            (Kind::MultiAzCluster, false, false, "no Multi-AZ DB clusters"),
            (Kind::Instance, true, false, "Secrets Manager"),
            (Kind::Aurora, false, true, "cross-Region"),
        ] {
            let text = told(kind, managed, onward);
            assert!(text.contains("would refuse") && text.contains(reason), "{text}");
        }
    }
}
