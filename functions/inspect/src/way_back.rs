//! What a way back needs, where the input asks for one. Target and source have the same settings, security groups and subnets, so what is
//! checked for the target holds for the way from the source's host to it as well.

use shared::contract::Plan;
use shared::finding::Findings;

pub(crate) fn check(is_logical: bool, plan: &Plan, findings: &mut Findings) {
    let Some(way_back) = plan.way_back else { return };
    let (hours, source, target) = (way_back.hours, &plan.source.identifier, &plan.target);
    // The target would get the source's own parameter group back, and lose its slots' WAL with it.
    if !is_logical || plan.preparation.as_ref().is_some_and(|preparation| preparation.makes_group) {
        let remedy = format!("set rds.logical_replication to 1 in the parameter group of {source} and reboot, or leave way_back out");
        findings.refuse("WayBack", "a way back needs a source whose own parameter group has logical replication", "", remedy);
        return;
    }
    findings.fine(
        "WayBack",
        format!(
            "for {hours} h after the switch {source} keeps running, fenced, and follows {target}, which keeps WAL for it, in a slot for each database: \
             less than guard.min_free_storage_percent free there ends the way back"
        ),
    );
}
