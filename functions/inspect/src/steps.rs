//! The steps of a run, for people.

use shared::contract::Plan;
use shared::input::How;

use crate::preparation;

pub(crate) fn describe(plan: &Plan) -> Vec<String> {
    let names = &plan.names;
    let source = &plan.source.identifier;
    let databases: Vec<&str> = plan.databases.iter().map(|database| database.name.as_str()).collect();
    let mut steps: Vec<String> = preparation::describe(plan).into_iter().collect();
    steps.push(format!("on {source}: role, schemas and publications {}, and a slot for each of {}", names.run, databases.join(", ")));
    steps.push(format!("snapshot {} of {source}", names.snapshot));
    if plan.source.kind.is_cluster() {
        steps.push(format!("restore it to {} under {} with the settings and members of {source}", plan.target, plan.kms_key_arn));
    } else {
        steps.push(format!("copy it to {} under {}", names.copy, plan.kms_key_arn));
        steps.push(format!("restore it to {} with the settings of {source}", plan.target));
    }
    steps.extend([
        "subscribe it from the exact end of its data, and let it catch up".to_owned(),
        format!("verify: {:?}", plan.verify).to_lowercase(),
        format!(
            "cut over: {:?}, by {:?}, writes held for {} s at most",
            plan.cutover.when,
            plan.cutover.how.unwrap_or(How::None),
            plan.cutover.max_write_pause_seconds
        ),
    ]);
    if let Some(way_back) = plan.way_back {
        steps.push(format!("let {source} follow {} for {} h: {} there, and a slot for each database", plan.target, way_back.hours, names.back().run));
    }
    steps.push(format!("remove everything of the run but {}; {source}: {:?}", plan.target, plan.after.source));
    steps
}
