//! Every setting of an instance and of a cluster that RDS describes, and its treatment on the target.
//!
//! The tables have a row for each member of the shapes `DBInstance` and `DBCluster` of the RDS service model; a test
//! compares them with the model, so that a setting that AWS adds needs a decision and is not lost unnoticed.

pub mod cluster;
pub mod comparison;
pub mod instance;
pub mod requests;

use aws_sdk_rds::types::{Tag, VpcSecurityGroupMembership};
use shared::contract::Difference;

/// The treatment of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Comes with the snapshot, or is a parameter of the restore (for a cluster's member: of its creation).
    AtRestore,
    /// RDS accepts it only in a modification of the restored database.
    ByModify,
    /// Set after the application has moved: before, it would prevent an undo, or cost twice.
    AtTheEnd,
    /// Identity or state of one database: the target's differs by nature.
    OfItsOwn,
    /// The purpose of the run.
    Encryption,
    /// Not moved; the reason.
    NotCarried(&'static str),
}

impl Fate {
    /// Whether the target has it before the application moves.
    fn is_carried_before_cutover(self) -> bool {
        matches!(self, Self::AtRestore | Self::ByModify)
    }
}

/// One member of what RDS describes.
#[derive(Clone, Copy)]
pub struct Setting<T> {
    /// As the service model calls it.
    pub member: &'static str,
    pub fate: Fate,
    /// The value as text, by which two databases are compared; none if it is not set, off, or RDS's default.
    read: fn(&T) -> Option<String>,
}

impl<T> Setting<T> {
    const fn copied(member: &'static str, fate: Fate, read: fn(&T) -> Option<String>) -> Self {
        Self { member, fate, read }
    }

    const fn own(member: &'static str) -> Self {
        Self { member, fate: Fate::OfItsOwn, read: |_| None }
    }

    const fn encryption(member: &'static str) -> Self {
        Self { member, fate: Fate::Encryption, read: |_| None }
    }

    const fn left(member: &'static str, reason: &'static str, read: fn(&T) -> Option<String>) -> Self {
        Self { member, fate: Fate::NotCarried(reason), read }
    }

    /// The value as text; none if it is not set, off, or RDS's default.
    #[must_use]
    pub fn read(&self, described: &T) -> Option<String> {
        (self.read)(described)
    }

    fn difference(&self, source: &T, target: &T) -> Option<Difference> {
        let (source, target) = (self.read(source), self.read(target));
        let described = |value: Option<String>| value.unwrap_or_else(|| "not set".to_owned());
        (source != target).then(|| Difference {
            member: self.member.to_owned(),
            source: described(source),
            target: described(target),
            because: if let Fate::NotCarried(reason) = self.fate { Some(reason.to_owned()) } else { None },
        })
    }
}

/// Differences by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Differences {
    /// Should have been moved.
    pub lost: Vec<Difference>,
    /// Cannot be moved, with the reason.
    pub left: Vec<Difference>,
    /// The number of settings compared that should be moved.
    pub compared: usize,
}

impl Differences {
    /// Adds other differences.
    pub fn extend(&mut self, other: Self) {
        self.lost.extend(other.lost);
        self.left.extend(other.left);
        self.compared += other.compared;
    }

    /// The same differences, with the name of a cluster's member before each setting.
    #[must_use]
    pub fn of_member(mut self, identifier: &str) -> Self {
        for difference in self.lost.iter_mut().chain(&mut self.left) {
            difference.member = format!("{} of {identifier}", difference.member);
        }
        self
    }

    fn of<T>(table: &[Setting<T>], source: &T, target: &T, is_due: impl Fn(Fate) -> bool) -> Self {
        let differing = |wanted: &dyn Fn(Fate) -> bool| {
            let rows = table.iter().filter(|row| wanted(row.fate));
            rows.filter_map(|row| row.difference(source, target)).collect()
        };
        let compared = table.iter().filter(|row| is_due(row.fate)).count();
        Self { lost: differing(&is_due), left: differing(&|fate| matches!(fate, Fate::NotCarried(_))), compared }
    }
}

/// The settings of a database that are not moved: the row and the value.
fn left_behind<'a, T>(table: &'a [Setting<T>], source: &T) -> Vec<(&'a Setting<T>, String)> {
    let rows = table.iter().filter(|row| matches!(row.fate, Fate::NotCarried(_)));
    rows.filter_map(|row| Some((row, row.read(source)?))).collect()
}

/// Off, zero and empty count as not set: RDS describes them either way.
#[expect(clippy::ref_option, reason = "a field of the SDK's")]
fn word<T: ToString>(value: &Option<T>) -> Option<String> {
    value.as_ref().map(ToString::to_string).filter(|word| !matches!(word.as_str(), "" | "0" | "false"))
}

/// Names, sorted: RDS lists them in any order.
fn names<T: ToString>(items: impl IntoIterator<Item = T>) -> Option<String> {
    let mut names: Vec<String> = items.into_iter().map(|item| item.to_string()).filter(|name| !name.is_empty()).collect();
    names.sort_unstable();
    if names.is_empty() { None } else { Some(names.join(", ")) }
}

/// RDS's default group of an engine's version, which a restore uses by itself.
#[must_use]
pub fn is_default_group(name: &str) -> bool {
    name.starts_with("default:") || name.starts_with("default.")
}

fn security_groups(groups: &[VpcSecurityGroupMembership]) -> Option<String> {
    names(groups.iter().filter_map(VpcSecurityGroupMembership::vpc_security_group_id))
}

/// Whether a tag belongs to one database: AWS's own, and ours. A copied approval would start the cutover by itself.
#[must_use]
pub fn is_own_tag(tag: &Tag) -> bool {
    tag.key().is_none_or(|key| key.starts_with("aws:") || key.starts_with("rds-reencrypt:"))
}

/// The source's tags, and those that only the target has: an account's own automation may tag every new resource.
fn with_added_tags(source: &[Tag], target: &[Tag]) -> Vec<Tag> {
    let added = target.iter().filter(|tag| !source.iter().any(|own| own.key() == tag.key()));
    source.iter().chain(added).cloned().collect()
}

fn tags(tags: &[Tag]) -> Option<String> {
    let migrated = tags.iter().filter(|tag| !is_own_tag(tag));
    names(migrated.map(|tag| format!("{}={}", tag.key().unwrap_or_default(), tag.value().unwrap_or_default())))
}
