//! Whether the source works at the moment, by the status that RDS reports.

use aws::rds::status::{Standing, is_without_key, standing};
use shared::finding::Findings;

/// `what` as in `instance` or `cluster`.
pub(crate) fn check(what: &str, identifier: &str, status: Option<&str>, findings: &mut Findings) {
    let status = status.unwrap_or_default();
    let found = format!("{what} {identifier} is {status}");
    match standing(status) {
        Standing::Usable if status == "available" => {}
        Standing::Usable => {
            let remedy = "nothing: the run waits until it is available, before it makes anything";
            findings.warn("InstanceStatus", format!("{found}: it answers, but RDS takes no snapshot of it meanwhile"), "", remedy);
        }
        Standing::Between => findings.refuse("InstanceStatus", found, "available is needed", "wait until it is available"),
        Standing::Stopped => {
            let remedy = format!("start it: aws rds start-db-{what} --db-{what}-identifier {identifier}");
            findings.refuse("InstanceStatus", found, "available is needed", remedy);
        }
        Standing::Lost => findings.refuse("InstanceStatus", found, "available is needed", way_out(status)),
    }
}

fn way_out(status: &str) -> &'static str {
    if is_without_key(status) {
        "RDS cannot use its key: enable the key, or cancel its deletion, then start the database"
    } else if status == "storage-full" {
        "add storage: aws rds modify-db-instance --allocated-storage"
    } else {
        "it does not recover by itself: its events (aws rds describe-events) show why"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_is_told_by_what_it_means() {
        let described = |status| {
            let mut findings = Findings::default();
            check("instance", "orders", Some(status), &mut findings);
            serde_json::to_string(&findings).unwrap_or_default()
        };
        assert_eq!(described("available"), "[]");
        for status in ["backing-up", "storage-optimization", "configuring-log-exports"] {
            assert!(described(status).contains("warn") && described(status).contains(status), "{status}");
        }
        for (status, remedy) in [
            ("rebooting", "wait until"),
            ("stopped", "start-db-instance --db-instance-identifier orders"),
            ("storage-full", "--allocated-storage"),
            ("inaccessible-encryption-credentials-recoverable", "enable the key"),
            ("incompatible-network", "describe-events"),
        ] {
            assert!(described(status).contains("refuse") && described(status).contains(remedy), "{status}");
        }
    }
}
