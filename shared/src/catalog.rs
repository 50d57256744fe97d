//! What logical replication does not carry: everything but rows.
//!
//! The copy is a physical copy of the source, and its catalogs change by our own objects and by an operator who repairs.
//! So what was changed on the source since the snapshot is the difference between its catalogs and those of the copy,
//! now. That needs no memory, and an operator who makes the same change on the copy has repaired it.
//!
//! Objects are known by their names, and compared by hashes of definitions in which names stand for oids. The servers
//! hash; one hash for each kind of object goes over the wire, and names only where those differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use futures_util::future::try_join;
use tokio_postgres::GenericClient;

use crate::contract::{Database, Plan};
use crate::error::{ErrorName, Result, StepError, While};
use crate::pg::Server;
use crate::replication::changed_tables;
use crate::sql;

/// What each database has of its own.
const OF_DATABASE: [&str; 8] = [
    sql::CATALOG_RELATIONS,
    sql::CATALOG_COLUMNS,
    sql::CATALOG_INDEXES,
    sql::CATALOG_CONSTRAINTS,
    sql::CATALOG_TRIGGERS,
    sql::CATALOG_FUNCTIONS,
    sql::CATALOG_TYPES,
    sql::CATALOG_DATABASE,
];
/// What all databases of a server share.
const OF_SERVER: [&str; 1] = [sql::CATALOG_CLUSTER];

/// The most differences that are named; all are counted.
const NAMED_MAX: usize = 50;
/// The longest name of an object that is given in full, in characters.
const NAME_MAX: usize = 150;
/// DDL that commits while a definition is put together can make that fail.
const ATTEMPTS: usize = 3;

/// An object: what it is, and its name.
type Object = (String, String);

const DIFFERS: &str = "differs";
/// Kinds whose name is the beginning of the names of their parts.
const WITH_PARTS: [&str; 7] = ["schema", "table", "partitioned table", "view", "materialized view", "foreign table", "composite type"];

/// An object that is not the same on both sides.
struct Difference {
    kind: String,
    name: String,
    how: &'static str,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, name, how } = self;
        match name.char_indices().nth(NAME_MAX) {
            Some((end, _)) => write!(f, "{kind} {}…: {how}", name.get(..end).unwrap_or_default()),
            None => write!(f, "{kind} {name}: {how}"),
        }
    }
}

/// What differs between source and copy in all databases of the plan and in what these share, tables that are not
/// replicated included. None where an operator has made every change on both sides.
///
/// # Errors
/// `LockTimeout` behind somebody's DDL, `PostgresUnavailable`, …
pub async fn read_drift(source: &Server, target: &Server, plan: &Plan) -> Result<Vec<String>> {
    let sides = try_join(source.connect(&plan.control_database), target.connect(&plan.control_database)).await?;
    let mut drift = compare_servers(&sides.0, &sides.1).await?;
    for database in &plan.databases {
        let (source, target) = try_join(source.connect(&database.name), target.connect(&database.name)).await?;
        drift.extend(compare_databases(&source, &target, database).await?);
        drift.extend(changed_tables(&source, &target, plan, database).await?.into_iter().map(|what| format!("database {}: {what}", database.name)));
    }
    Ok(drift)
}

/// What differs in one database.
pub async fn compare_databases(source: &impl GenericClient, target: &impl GenericClient, database: &Database) -> Result<Vec<String>> {
    let differences = compare(source, target, &OF_DATABASE).await.while_doing(&format!("compare the catalogs of {}", database.name))?;
    Ok(differences.into_iter().map(|difference| format!("database {}: {difference}", database.name)).collect())
}

/// What differs in roles and their settings.
pub async fn compare_servers(source: &impl GenericClient, target: &impl GenericClient) -> Result<Vec<String>> {
    compare(source, target, &OF_SERVER).await.while_doing("compare the roles")
}

/// Refuses to go on where something differs.
///
/// # Errors
/// `CatalogsDiffer`, with the objects.
pub fn refuse(drift: &[String]) -> Result<()> {
    if drift.is_empty() {
        return Ok(());
    }
    let message = format!("source and copy differ in {} objects: {}", drift.len(), name_some(drift).join("; "));
    Err(StepError::new(ErrorName::CatalogsDiffer, message))
}

/// The first of them, and how many there are beyond.
#[must_use]
pub fn name_some(drift: &[String]) -> Vec<String> {
    let more = drift.len().saturating_sub(NAMED_MAX);
    let named = drift.iter().take(NAMED_MAX).cloned();
    named.chain((more > 0).then(|| format!("and {more} more"))).collect()
}

async fn compare(source: &impl GenericClient, target: &impl GenericClient, statements: &[&str]) -> Result<Vec<String>> {
    let mut differences = Vec::<Difference>::new();
    for statement in statements {
        let (ours, theirs) = try_join(read_digests(source, statement), read_digests(target, statement)).await?;
        let kinds: Vec<&String> = ours.keys().chain(theirs.keys()).filter(|kind| ours.get(*kind) != theirs.get(*kind)).collect();
        if !kinds.is_empty() {
            let (ours, theirs) = try_join(read_objects(source, statement, &kinds), read_objects(target, statement, &kinds)).await?;
            differences.extend(find_differences(&ours, &theirs));
        }
    }
    Ok(without_parts(&differences).map(Difference::to_string).collect())
}

/// A table that is on one side only is named by itself, without its columns; and so is a schema.
fn without_parts(differences: &[Difference]) -> impl Iterator<Item = &Difference> {
    let has_parts = |whole: &&Difference| whole.how != DIFFERS && WITH_PARTS.contains(&whole.kind.as_str());
    let alone: BTreeSet<(&str, &str)> = differences.iter().filter(has_parts).map(|whole| (whole.name.as_str(), whole.how)).collect();
    differences.iter().filter(move |part| !part.name.rsplit_once('.').is_some_and(|(whole, _)| alone.contains(&(whole, part.how))))
}

/// Number and hash of all objects of a kind, by kind.
async fn read_digests(client: &impl GenericClient, statement: &str) -> Result<BTreeMap<String, (i64, String)>> {
    let query = format!(
        "select kind, pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat(name, ' ', definition), 0))::text \
           from ({statement}) o group by kind"
    );
    let rows = read(client, &query, &[]).await?;
    rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)))).collect()
}

/// A hash of each object of some kinds, or of all that have one name.
async fn read_objects(client: &impl GenericClient, statement: &str, kinds: &[&String]) -> Result<BTreeMap<Object, Option<String>>> {
    let query = format!(
        "select kind, coalesce(name, 'one that vanished'), pg_catalog.sum(pg_catalog.hashtextextended(definition, 0))::text \
           from ({statement}) o where kind = any ($1) group by 1, 2"
    );
    let rows = read(client, &query, &[&kinds]).await?;
    rows.iter().map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?))).collect()
}

/// The functions that put a definition together look at what is committed now, whatever the statement's snapshot, and
/// fail where a part of it has just gone.
async fn read(client: &impl GenericClient, query: &str, params: sql::Params<'_>) -> Result<Vec<tokio_postgres::Row>> {
    let mut attempt = 1;
    loop {
        match client.query(query, params).await.map_err(StepError::from) {
            Err(error) if error.name == ErrorName::Internal && attempt < ATTEMPTS => attempt += 1,
            answer => return answer,
        }
    }
}

/// In the order of kinds and names.
fn find_differences(ours: &BTreeMap<Object, Option<String>>, theirs: &BTreeMap<Object, Option<String>>) -> Vec<Difference> {
    let objects: BTreeSet<&Object> = ours.keys().chain(theirs.keys()).collect();
    let differences = objects.into_iter().filter_map(|object| {
        let how = match (ours.get(object), theirs.get(object)) {
            (Some(_), None) => "only on the source",
            (None, _) => "only on the copy",
            (Some(ours), Some(theirs)) if ours == theirs => return None,
            _ => DIFFERS,
        };
        let (kind, name) = object.clone();
        Some(Difference { kind, name, how })
    });
    differences.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_difference_says_what_and_where() {
        let side = |objects: &[(&str, &str)]| {
            objects.iter().map(|(name, hash)| (("view".to_owned(), (*name).to_owned()), Some((*hash).to_owned()))).collect::<BTreeMap<_, _>>()
        };
        let ours = side(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let theirs = side(&[("b", "2"), ("c", "4"), ("d", "5")]);
        let found: Vec<String> = find_differences(&ours, &theirs).iter().map(Difference::to_string).collect();
        assert_eq!(found, ["view a: only on the source", "view c: differs", "view d: only on the copy"]);
    }

    #[test]
    fn what_is_on_one_side_only_is_named_without_its_parts() {
        let difference = |kind: &str, name: &str, how| Difference { kind: kind.to_owned(), name: name.to_owned(), how };
        let differences = [
            difference("table", "s.t", "only on the source"),
            difference("publication", "s", "only on the source"),
            difference("column", "s.t.c", "only on the source"),
            difference("column", "s.u.c", "only on the source"),
            difference("constraint", "s.t.k", "only on the copy"),
        ];
        let named: Vec<&str> = without_parts(&differences).map(|named| named.name.as_str()).collect();
        assert_eq!(named, ["s.t", "s", "s.u.c", "s.t.k"]);
    }

    #[test]
    fn many_differences_are_named_in_part_and_counted_in_full() {
        let drift: Vec<String> = (0..53).map(|number| format!("view v{number}: differs")).collect();
        assert_eq!(name_some(&drift).len(), NAMED_MAX + 1);
        let error = refuse(&drift).unwrap_err();
        assert_eq!(error.name, ErrorName::CatalogsDiffer);
        assert!(
            error.to_string().starts_with("source and copy differ in 53 objects: view v0: differs;") && error.to_string().ends_with("; and 3 more")
        );
    }
}
