//! Whether the source can replicate at all, and what the run may do if it cannot.

use shared::contract::Plan;
use shared::finding::Findings;
use shared::input::RebootWhen;

pub(crate) fn check(wal_level: &str, plan: &Plan, findings: &mut Findings) {
    let group = plan.preparation.as_ref().filter(|preparation| preparation.makes_group).map(|preparation| &preparation.old_group);
    let found = match (wal_level, group) {
        ("logical", None) => return,
        // The target starts with the group as it is, and has the run's slots: without logical replication it would not start.
        ("logical", Some(group)) => format!("wal_level is logical until the next restart: {group} does not set rds.logical_replication = 1"),
        _ => format!("wal_level is {wal_level}"),
    };
    let Some(what) = describe(plan) else {
        let remedy = "set rds.logical_replication to 1 in the source's parameter group and reboot";
        findings.refuse("WalLevel", found, "logical is needed", remedy);
        return;
    };
    if plan.consent.reboot {
        let remedy = "expect all sessions to end with the reboot, and every value that waits for one to take effect";
        findings.warn("WalLevel", format!("{found}: the run makes it logical by {what}"), "logical is needed", remedy);
    } else {
        findings.refuse("WalLevel", found, "logical is needed", format!("set consent.reboot, and the run makes it logical by {what}"));
    }
}

/// The preparation of a source that is not ready.
pub(crate) fn describe(plan: &Plan) -> Option<String> {
    let preparation = plan.preparation.as_ref()?;
    let (source, old) = (&plan.source.identifier, &preparation.old_group);
    let when = match plan.consent.reboot_when {
        RebootWhen::Now => "at once",
        RebootWhen::MaintenanceWindow => "in its maintenance window",
    };
    Some(if preparation.makes_group {
        let ours = &plan.names.parameter_group;
        format!(
            "parameter group {ours}, which is {old} with rds.logical_replication = 1, and a reboot of {source} {when}; {old} is restored at the end"
        )
    } else {
        format!("a reboot of {source} {when}, for which {old} waits with rds.logical_replication = 1")
    })
}
