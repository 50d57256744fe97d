//! Every database of the account and Region: instances, and clusters in place of their members.

use std::collections::BTreeMap;

use aws::client::Aws;
use aws::rds::database::{is_postgres, moved_to};
use aws_sdk_rds::types::{DbCluster, DbInstance, Tag};
use shared::error::{Context, Result, StepError};
use shared::fleet::Production;

/// A database as the lists describe it, before it is looked at more closely.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) identifier: String,
    /// Names that an entry may use: identifiers, ARNs and resource ids, its members' included.
    pub(crate) names: Vec<String>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) is_postgres: bool,
    pub(crate) is_production: bool,
    /// Allocated storage. Aurora's grows by itself, and is reported as 1.
    pub(crate) gib: i32,
    pub(crate) moved_to: Option<String>,
}

impl Candidate {
    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.names.iter().any(|each| each.eq_ignore_ascii_case(name))
    }

    pub(crate) fn order(&self) -> (bool, i32, String) {
        (self.is_production, self.gib, self.identifier.clone())
    }
}

pub(crate) async fn read(aws: &Aws, production: &Production) -> Result<Vec<Candidate>> {
    let (mut candidates, mut members) = (Vec::new(), BTreeMap::<String, Vec<String>>::new());
    let mut pages = aws.rds.describe_db_instances().into_paginator().send();
    while let Some(page) = pages.next().await {
        for instance in page.map_err(StepError::from).context("list the instances")?.db_instances() {
            match instance.db_cluster_identifier() {
                Some(cluster) => members.entry(cluster.to_owned()).or_default().extend(names_of_instance(instance)),
                None => candidates.push(of_instance(instance, production)),
            }
        }
    }
    let mut pages = aws.rds.describe_db_clusters().into_paginator().send();
    while let Some(page) = pages.next().await {
        for cluster in page.map_err(StepError::from).context("list the clusters")?.db_clusters() {
            let members = cluster.db_cluster_identifier().and_then(|id| members.remove(id)).unwrap_or_default();
            candidates.push(of_cluster(cluster, members, production));
        }
    }
    Ok(candidates)
}

fn names_of_instance(instance: &DbInstance) -> impl Iterator<Item = String> {
    [instance.db_instance_identifier(), instance.db_instance_arn(), instance.dbi_resource_id()].into_iter().flatten().map(str::to_owned)
}

fn of_instance(instance: &DbInstance, production: &Production) -> Candidate {
    Candidate {
        identifier: instance.db_instance_identifier().unwrap_or_default().to_owned(),
        names: names_of_instance(instance).collect(),
        is_postgres: is_postgres(instance.engine()),
        gib: instance.allocated_storage().unwrap_or_default(),
        ..of_tags(instance.tag_list(), production)
    }
}

fn of_cluster(cluster: &DbCluster, members: Vec<String>, production: &Production) -> Candidate {
    let own = [cluster.db_cluster_identifier(), cluster.db_cluster_arn(), cluster.db_cluster_resource_id()];
    Candidate {
        identifier: cluster.db_cluster_identifier().unwrap_or_default().to_owned(),
        names: own.into_iter().flatten().map(str::to_owned).chain(members).collect(),
        is_postgres: is_postgres(cluster.engine()),
        gib: cluster.allocated_storage().unwrap_or_default(),
        ..of_tags(cluster.tag_list(), production)
    }
}

fn of_tags(tags: &[Tag], production: &Production) -> Candidate {
    let pairs = tags.iter().map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()));
    let is_one = |value: &str| production.values.iter().any(|one| one.eq_ignore_ascii_case(value));
    let described = tags.iter().find(|tag| tag.key() == Some(&production.tag)).and_then(Tag::value);
    Candidate {
        identifier: String::new(),
        names: Vec::new(),
        is_postgres: false,
        gib: 0,
        tags: pairs.collect(),
        is_production: described.is_none_or(is_one),
        moved_to: moved_to(tags).map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_does_not_say_what_it_is_counts_as_production() {
        let is_production = |tags: &[(&str, &str)]| {
            let tags: Vec<Tag> = tags.iter().map(|(key, value)| Tag::builder().key(*key).value(*value).build()).collect();
            of_tags(&tags, &Production::default()).is_production
        };
        assert!(is_production(&[]) && is_production(&[("environment", "PROD")]) && is_production(&[("Environment", "dev")]));
        assert!(!is_production(&[("environment", "dev")]));
    }
}
