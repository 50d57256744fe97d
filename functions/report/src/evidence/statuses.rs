//! Statuses and how long they lasted, by the part that a thing has in the run.

use aws::evidence::{Line, Sighting, SightingKind};
use aws::rds::status::{Standing, standing};
use serde::Serialize;

use super::{Thing, word, words};
use crate::answers::Plan;
use crate::event::Moment;

pub(super) const TARGET: &str = "target";

/// A status from its first sighting on. Functions read it when they are called: a status that came and went between two calls was not
/// seen.
#[derive(Debug, Serialize)]
pub(crate) struct StatusSeen {
    /// `source`, `target`, `snapshot`, `encrypted_copy`, `last_snapshot`; with a number in the order of their first sightings
    /// `source_member_1`, `target_member_1` and, for replicas and everything else that was read, `other_1`.
    pub(crate) what: String,
    /// `status`, or `parameters`: the state of the parameter group.
    pub(crate) of: &'static str,
    /// In RDS's words; of several members each, as in `in-sync+pending-reboot`.
    pub(crate) status: String,
    pub(crate) first_seen_at: Moment,
    pub(crate) last_seen_at: Moment,
    /// Until another status was seen; until the last sighting, where none was.
    pub(crate) seconds: u64,
    pub(crate) sightings: u64,
}

/// The part that a thing has in the run, by its identifier.
pub(super) struct Roles<'a> {
    plan: Option<&'a Plan>,
    numbered: Vec<(&'static str, SightingKind, String)>,
}

impl<'a> Roles<'a> {
    pub(super) fn new(plan: Option<&'a Plan>) -> Self {
        Self { plan, numbered: Vec::new() }
    }

    fn of(&mut self, sighting: &Sighting) -> String {
        let Some(plan) = self.plan else { return self.number("other", sighting) };
        let (identifier, source, target) = (&sighting.identifier, &plan.source.identifier, &plan.target);
        let named: &[_] = match sighting.kind {
            SightingKind::Snapshot => {
                &[("snapshot", &plan.names.snapshot), ("encrypted_copy", &plan.names.copy), ("last_snapshot", &plan.names.last)]
            }
            SightingKind::Instance | SightingKind::Cluster => &[("source", source), (TARGET, target)],
        };
        if let Some((role, _)) = named.iter().find(|(_, name)| *name == identifier) {
            return (*role).to_owned();
        }
        match &sighting.cluster {
            Some(cluster) if cluster == source => self.number("source_member", sighting),
            Some(cluster) if cluster == target => self.number("target_member", sighting),
            _ => self.number("other", sighting),
        }
    }

    fn number(&mut self, role: &'static str, sighting: &Sighting) -> String {
        let key = (role, sighting.kind, sighting.identifier.clone());
        if !self.numbered.contains(&key) {
            self.numbered.push(key.clone());
        }
        let place = self.numbered.iter().filter(|(of, _, _)| *of == role).position(|other| *other == key);
        format!("{role}_{}", place.map_or(0, |place| place + 1))
    }
}

pub(super) fn in_order(lines: &[Line]) -> Vec<&Sighting> {
    let mut sightings: Vec<&Sighting> = lines.iter().flat_map(|line| &line.seen.sightings).collect();
    sightings.sort_by_key(|sighting| sighting.at_ms);
    sightings
}

/// Each status that was seen, in the order of their first sightings.
pub(super) fn changes(sightings: &[&Sighting], roles: &mut Roles) -> Vec<StatusSeen> {
    let mut statuses: Vec<StatusSeen> = Vec::new();
    for sighting in sightings {
        let (what, at) = (roles.of(sighting), Moment(sighting.at_ms));
        let described = [("status", Some(&sighting.status)), ("parameters", sighting.parameters.as_ref())];
        for (of, status) in described.into_iter().filter_map(|(of, status)| Some((of, word(status?)))) {
            let last = statuses.iter_mut().rfind(|last| last.what == what && last.of == of);
            let is_same = last.as_ref().is_some_and(|last| last.status == status);
            if let Some(last) = last {
                last.seconds = at.since(last.first_seen_at) / 1_000;
                if is_same {
                    last.last_seen_at = at;
                    last.sightings += 1;
                }
            }
            if !is_same {
                statuses.push(StatusSeen { what: what.clone(), of, status, first_seen_at: at, last_seen_at: at, seconds: 0, sightings: 1 });
            }
        }
    }
    statuses
}

/// Each thing as last seen, in the order of their first sightings.
pub(super) fn last_seen(sightings: &[&Sighting], roles: &mut Roles) -> Vec<Thing> {
    let mut things: Vec<Thing> = Vec::new();
    for sighting in sightings {
        let (what, made) = (roles.of(sighting), words(&sighting.made));
        match things.iter_mut().find(|thing| thing.what == what) {
            Some(thing) => thing.made = made,
            None => things.push(Thing { what, made }),
        }
    }
    things
}

/// When the target was first seen to answer.
pub(super) fn available_at(statuses: &[StatusSeen]) -> Option<Moment> {
    let target = statuses.iter().filter(|status| status.what == TARGET && status.of == "status");
    target.filter(|status| standing(&status.status) == Standing::Usable).map(|status| status.first_seen_at).next()
}

/// The target's status then, as far as it had been seen.
pub(super) fn target_status_at(statuses: &[StatusSeen], at: Moment) -> Option<String> {
    let mut seen = statuses.iter().filter(|status| status.what == TARGET && status.of == "status" && status.first_seen_at <= at);
    seen.next_back().map(|status| status.status.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws::evidence::Made;
    use serde::Deserialize;
    use shared::contract::example;

    fn sighting(kind: SightingKind, identifier: &str, cluster: Option<&str>, second: i64, status: &str, parameters: Option<&str>) -> Sighting {
        let [identifier, status] = [identifier, status].map(str::to_owned);
        let [cluster, parameters] = [cluster, parameters].map(|text| text.map(str::to_owned));
        Sighting { kind, identifier, cluster, at_ms: second * 1_000, status, parameters, made: Made::default() }
    }

    fn instance(identifier: &str, second: i64, status: &str) -> Sighting {
        sighting(SightingKind::Instance, identifier, None, second, status, None)
    }

    fn described(sightings: &[Sighting]) -> Vec<(String, &'static str, String, u64, u64)> {
        let plan = Plan::deserialize(example::plan()).unwrap();
        let statuses = changes(&sightings.iter().collect::<Vec<_>>(), &mut Roles::new(Some(&plan)));
        statuses.into_iter().map(|status| (status.what, status.of, status.status, status.seconds, status.sightings)).collect()
    }

    fn line(what: &str, of: &'static str, status: &str, seconds: u64, sightings: u64) -> (String, &'static str, String, u64, u64) {
        (what.to_owned(), of, status.to_owned(), seconds, sightings)
    }

    #[test]
    fn a_status_lasts_until_another_one_is_seen_and_has_no_name_in_it() {
        let target = "orders-db-enc-0123456789";
        let sightings = [
            instance("orders-db", 0, "available"),
            sighting(SightingKind::Snapshot, "rds-reencrypt-0123456789", None, 1, "creating", None),
            instance(target, 2, "creating"),
            instance(target, 5, "storage-initialization"),
            instance(target, 9, "storage-initialization"),
            instance("orders-db", 10, "available"),
            instance(target, 65, "available"),
        ];
        let wanted = [
            line("source", "status", "available", 10, 2),
            line("snapshot", "status", "creating", 0, 1),
            line("target", "status", "creating", 3, 1),
            line("target", "status", "storage-initialization", 60, 2),
            line("target", "status", "available", 0, 1),
        ];
        assert_eq!(described(&sightings), wanted);
    }

    #[test]
    fn members_are_numbered_and_parameters_are_followed_by_themselves() {
        let target = Some("orders-db-enc-0123456789");
        let member = |name: &str, second, parameters| sighting(SightingKind::Instance, name, target, second, "available", Some(parameters));
        let sightings = [member("b", 0, "applying"), member("a", 1, "in-sync"), member("b", 4, "pending-reboot"), instance("reader", 5, "available")];
        let wanted = [
            line("target_member_1", "status", "available", 4, 2),
            line("target_member_1", "parameters", "applying", 4, 1),
            line("target_member_2", "status", "available", 0, 1),
            line("target_member_2", "parameters", "in-sync", 0, 1),
            line("target_member_1", "parameters", "pending-reboot", 0, 1),
            line("other_1", "status", "available", 0, 1),
        ];
        assert_eq!(described(&sightings), wanted);
    }
}
