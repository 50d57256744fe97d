//! What a run would do, for people.

use shared::contract::Plan;

pub(crate) fn told(plan: &Plan) -> Vec<String> {
    let names = &plan.names;
    let source = &plan.source.identifier;
    let databases: Vec<&str> = plan.databases.iter().map(|database| database.name.as_str()).collect();
    vec![
        format!("on {source}: role, schemas and publications {}, and a slot for each of {}", names.run, databases.join(", ")),
        format!("snapshot {} of {source}", names.snapshot),
        format!("copy it to {} under {}", names.copy, plan.kms_key_arn),
        format!("restore it to {} with the settings of {source}", plan.target),
        "subscribe it from the exact end of its data, and let it catch up".to_owned(),
        format!("verify: {:?}", plan.verify).to_lowercase(),
        format!(
            "cut over: {:?}, by {:?}, writes held for {} s at the most",
            plan.cutover.when,
            plan.cutover.how.unwrap_or(shared::input::How::None),
            plan.cutover.max_write_pause_seconds
        ),
        format!("drop all of the run but {}; {source}: {:?}", plan.target, plan.after.source),
    ]
}
