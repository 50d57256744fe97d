//! Compares what logical replication does not replicate: everything but rows.
//!
//! The target is a physical copy of the source, and only our own objects and an operator's repairs change its catalogs.
//! So the changes on the source since the snapshot are the difference between its catalogs and those of the target,
//! now. That needs no stored state, and an operator who makes the same change on the target has repaired the drift.
//!
//! Objects are identified by name, and compared by hashes of definitions that have names instead of oids. The servers
//! hash; one hash for each kind of object is sent, and names only if those differ.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use futures_util::future::{try_join, try_join_all};
use shared::contract::{Database, Plan};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::input::Consent;
use tokio_postgres::{GenericClient, Row, Statement, ToStatement};

use crate::connect::{Server, Session};
use crate::replication::changed_tables;
use crate::{large_objects, sql};

/// Catalogs of each database.
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
/// Catalogs that all databases of a server share.
const OF_SERVER: [&str; 1] = [sql::CATALOG_CLUSTER];
/// Reported, but does not hold the cutover: roles that come and go by the minute, which nobody can create on the target, and
/// databases that the operator has left out.
const LET_THROUGH: [&str; 5] =
    ["short-lived role", "membership of a short-lived role", "setting of a short-lived role", "database left out", "setting left out"];
/// Does not hold the cutover if the operator has consented.
const LARGE_OBJECTS: &str = "large objects";

/// The most differences that are named; all are counted.
const NAMED_MAX: usize = 50;
/// The longest name of an object that is given in full, in characters.
const NAME_MAX: usize = 150;
/// Reading a definition can fail while DDL commits.
const ATTEMPTS: usize = 3;

/// An object: its kind and its name.
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

/// The differences, by name.
#[derive(Debug, Default)]
pub struct Drift {
    /// Would be missing after the cutover, so they hold it.
    pub holds: Vec<String>,
    /// Reported, but do not hold the cutover.
    pub let_through: Vec<String>,
}

impl Drift {
    fn add(&mut self, differences: &[Difference], place: &str, consent: Consent) {
        for difference in without_parts(differences) {
            let kind = difference.kind.as_str();
            let passes = LET_THROUGH.contains(&kind) || kind == LARGE_OBJECTS && consent.large_objects;
            let drift = if passes { &mut self.let_through } else { &mut self.holds };
            drift.push(format!("{place}{difference}"));
        }
    }

    pub fn extend(&mut self, other: Self) {
        self.holds.extend(other.holds);
        self.let_through.extend(other.let_through);
    }

    /// All differences; first those that hold the cutover.
    #[must_use]
    pub fn into_all(self) -> Vec<String> {
        self.holds.into_iter().chain(self.let_through).collect()
    }

    /// Returns an error if a difference holds the cutover.
    ///
    /// # Errors
    /// `CatalogsDiffer`, with the objects.
    pub fn refuse(&self) -> Result<()> {
        if self.holds.is_empty() {
            return Ok(());
        }
        let message = format!("source and target differ in {} objects: {}", self.holds.len(), name_some(&self.holds).join("; "));
        Err(StepError::new(ErrorName::CatalogsDiffer, message))
    }
}

/// The differences between source and target in all databases of the plan and in the catalogs that these share, including tables
/// that are not replicated. With a deadline, also the contents of large objects, if they are small enough for every poll. Empty
/// if an operator has made every change on both sides.
///
/// # Errors
/// `LockTimeout` behind somebody's DDL, `PostgresUnavailable`, …
pub async fn read_drift(source: &Server, target: &Server, plan: &Plan, contents_until: Option<Instant>) -> Result<Drift> {
    let sides = try_join(source.connect(&plan.control_database), target.connect(&plan.control_database)).await?;
    let mut drift = compare_servers(&sides.0, &sides.1, plan).await?;
    for database in &plan.databases {
        let (source, target) = try_join(source.connect(&database.name), target.connect(&database.name)).await?;
        drift.extend(compare_databases(&source, &target, plan.consent, database).await?);
        let tables = changed_tables(&source, &target, &plan.names, database).await?;
        drift.holds.extend(tables.into_iter().map(|what| format!("database {}: {what}", database.name)));
        if let Some(deadline) = contents_until.filter(|_| !plan.consent.large_objects) {
            drift.holds.extend(large_objects::compare_at_look(&source, &target, &database.name, deadline).await?);
        }
    }
    Ok(drift)
}

/// The differences in one database.
pub async fn compare_databases(source: &impl GenericClient, target: &impl GenericClient, consent: Consent, database: &Database) -> Result<Drift> {
    let differences = compare(source, target, &OF_DATABASE, &[]).await.context(&format!("compare the catalogs of {}", database.name))?;
    let mut drift = Drift::default();
    drift.add(&differences, &format!("database {}: ", database.name), consent);
    Ok(drift)
}

/// The differences in databases, roles and settings. A database that takes writes and is not moved holds the cutover, unless the
/// operator has listed the databases to move: even if it is created on both sides, its rows would be left behind.
pub async fn compare_servers(source: &impl GenericClient, target: &impl GenericClient, plan: &Plan) -> Result<Drift> {
    let (migrated, unmigrated) = find_unmigrated(source, sql::UNMIGRATED_DATABASES, plan).await?;
    let params: sql::Params = &[&migrated, &unmigrated, &plan.databases_named];
    let differences = compare(source, target, &OF_SERVER, params).await.context("compare databases and roles")?;
    let mut drift = Drift::default();
    drift.add(&differences, "", plan.consent);
    drift.holds.extend(unmigrated.iter().map(|name| format!("database {name}: takes writes and is not moved, since it is not in the plan")));
    Ok(drift)
}

/// Everything that [`compare_servers`] reads on the source, as one value: while it stays the same, so does the result.
#[derive(PartialEq, Eq)]
pub struct ServerState {
    unmigrated: Vec<String>,
    digests: Vec<BTreeMap<String, Digest>>,
}

/// Reads a [`ServerState`]. Its statements are prepared before the write pause.
pub struct ServerLook {
    unmigrated: Statement,
    digests: Vec<Statement>,
}

impl ServerLook {
    /// # Errors
    /// `PostgresUnavailable`, …
    pub async fn prepare(source: &Session) -> Result<Self> {
        // Planned once: the second reading uses the plan of the first.
        source.batch_execute("set plan_cache_mode = force_generic_plan").await?;
        let queries: Vec<String> = OF_SERVER.iter().map(|statement| digests_of(statement)).collect();
        let digests = try_join_all(queries.iter().map(|query| source.prepare(query)));
        let (unmigrated, digests) = try_join(source.prepare(sql::UNMIGRATED_DATABASES), digests).await?;
        Ok(Self { unmigrated, digests })
    }

    /// # Errors
    /// `PostgresUnavailable`, …
    pub async fn read(&self, source: &Session, plan: &Plan) -> Result<ServerState> {
        let (migrated, unmigrated) = find_unmigrated(source, &self.unmigrated, plan).await?;
        let params: sql::Params = &[&migrated, &unmigrated, &plan.databases_named];
        let digests = self.digests.iter().map(|query| async { digests(&read(source, query, params).await.context("read databases and roles")?) });
        let digests = try_join_all(digests).await?;
        Ok(ServerState { unmigrated, digests })
    }
}

/// The databases of the plan, and, if all of the source's databases were to be moved, those that the plan lacks.
async fn find_unmigrated<'a>(
    source: &impl GenericClient,
    query: &(impl ToStatement + ?Sized + Sync + Send),
    plan: &'a Plan,
) -> Result<(Vec<&'a str>, Vec<String>)> {
    let migrated: Vec<&str> = plan.databases.iter().map(|database| database.name.as_str()).collect();
    if plan.databases_named {
        return Ok((migrated, Vec::new()));
    }
    let unmigrated = sql::column(source, query, &[&migrated]).await.context("find new databases")?;
    Ok((migrated, unmigrated))
}

/// The first of them, and the number of the others.
#[must_use]
pub fn name_some(drift: &[String]) -> Vec<String> {
    let more = drift.len().saturating_sub(NAMED_MAX);
    let named = drift.iter().take(NAMED_MAX).cloned();
    named.chain((more > 0).then(|| format!("and {more} more"))).collect()
}

async fn compare(source: &impl GenericClient, target: &impl GenericClient, statements: &[&str], params: sql::Params<'_>) -> Result<Vec<Difference>> {
    let mut differences = Vec::<Difference>::new();
    for statement in statements {
        let (ours, theirs) = try_join(read_digests(source, statement, params), read_digests(target, statement, params)).await?;
        let kinds: Vec<&String> = ours.keys().chain(theirs.keys()).filter(|kind| ours.get(*kind) != theirs.get(*kind)).collect();
        if !kinds.is_empty() {
            let (ours, theirs) = try_join(read_objects(source, statement, params, &kinds), read_objects(target, statement, params, &kinds)).await?;
            differences.extend(find_differences(&ours, &theirs));
        }
    }
    Ok(differences)
}

/// A table that exists on one side only is named without its columns; and so is a schema.
fn without_parts(differences: &[Difference]) -> impl Iterator<Item = &Difference> {
    let has_parts = |whole: &&Difference| whole.how != DIFFERS && WITH_PARTS.contains(&whole.kind.as_str());
    let alone: BTreeSet<(&str, &str)> = differences.iter().filter(has_parts).map(|whole| (whole.name.as_str(), whole.how)).collect();
    differences.iter().filter(move |part| !part.name.rsplit_once('.').is_some_and(|(whole, _)| alone.contains(&(whole, part.how))))
}

/// Number and hash of all objects of a kind.
type Digest = (i64, String);

/// By kind.
async fn read_digests(client: &impl GenericClient, statement: &str, params: sql::Params<'_>) -> Result<BTreeMap<String, Digest>> {
    digests(&read(client, &digests_of(statement), params).await?)
}

fn digests_of(statement: &str) -> String {
    format!(
        "select kind, pg_catalog.count(*), pg_catalog.sum(pg_catalog.hashtextextended(pg_catalog.concat(name, ' ', definition), 0))::text \
           from ({statement}) o group by kind"
    )
}

fn digests(rows: &[Row]) -> Result<BTreeMap<String, Digest>> {
    rows.iter().map(|row| Ok((row.try_get(0)?, (row.try_get(1)?, row.try_get(2)?)))).collect()
}

/// A hash of each object of some kinds; objects of the same name share one.
async fn read_objects(
    client: &impl GenericClient,
    statement: &str,
    params: sql::Params<'_>,
    kinds: &[&String],
) -> Result<BTreeMap<Object, Option<String>>> {
    let last = params.len() + 1;
    let query = |name: &str| {
        format!(
            "select kind, coalesce({name}, 'one that vanished'), pg_catalog.sum(pg_catalog.hashtextextended(definition, 0))::text \
               from ({statement}) o where kind = any (${last}) group by 1, 2"
        )
    };
    let mut params = params.to_vec();
    params.push(&kinds);
    let rows = match read(client, &query("name"), &params).await {
        // A name without an equivalent in UTF-8: in an SQL_ASCII database, or made under another encoding.
        Err(error) if error.name == ErrorName::PostgresRefused => read(client, &query(ESCAPED_NAME), &params).await?,
        rows => rows?,
    };
    rows.iter().map(|row| Ok(((row.try_get(0)?, row.try_get(1)?), row.try_get(2)?))).collect()
}

/// Byte by byte, as ASCII.
const ESCAPED_NAME: &str = "pg_catalog.encode(pg_catalog.convert_to(name, 'sql_ascii'), 'escape')";

/// PostgreSQL's functions that return a definition read what is committed now, not the statement's snapshot, and
/// fail if a part of it was just dropped.
async fn read(client: &impl GenericClient, query: &(impl ToStatement + ?Sized + Sync + Send), params: sql::Params<'_>) -> Result<Vec<Row>> {
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
            (None, _) => "only on the target",
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
    fn each_difference_has_its_object_and_its_side() {
        let side = |objects: &[(&str, &str)]| {
            objects.iter().map(|(name, hash)| (("view".to_owned(), (*name).to_owned()), Some((*hash).to_owned()))).collect::<BTreeMap<_, _>>()
        };
        let ours = side(&[("a", "1"), ("b", "2"), ("c", "3")]);
        let theirs = side(&[("b", "2"), ("c", "4"), ("d", "5")]);
        let found: Vec<String> = find_differences(&ours, &theirs).iter().map(Difference::to_string).collect();
        assert_eq!(found, ["view a: only on the source", "view c: differs", "view d: only on the target"]);
    }

    #[test]
    fn objects_on_one_side_only_are_named_without_their_parts() {
        let difference = |kind: &str, name: &str, how| Difference { kind: kind.to_owned(), name: name.to_owned(), how };
        let differences = [
            difference("table", "s.t", "only on the source"),
            difference("publication", "s", "only on the source"),
            difference("column", "s.t.c", "only on the source"),
            difference("column", "s.u.c", "only on the source"),
            difference("constraint", "s.t.k", "only on the target"),
        ];
        let named: Vec<&str> = without_parts(&differences).map(|named| named.name.as_str()).collect();
        assert_eq!(named, ["s.t", "s", "s.u.c", "s.t.k"]);
    }

    #[test]
    fn differences_that_nobody_can_repair_do_not_hold_the_cutover() {
        let mut plan: Plan = serde_json::from_value(shared::contract::example::plan()).unwrap();
        let differences = ["role", "short-lived role", "database", "database left out", LARGE_OBJECTS].map(|kind| Difference {
            kind: kind.to_owned(),
            name: "a".to_owned(),
            how: "only on the source",
        });
        for (consent, holds) in [(false, 3), (true, 2)] {
            plan.consent.large_objects = consent;
            let mut drift = Drift::default();
            drift.add(&differences, "database app: ", plan.consent);
            assert_eq!((drift.holds.len(), drift.let_through.len()), (holds, 5 - holds));
            assert_eq!(drift.holds[0], "database app: role a: only on the source");
            assert_eq!(drift.let_through[0], "database app: short-lived role a: only on the source");
            assert!(drift.refuse().is_err());
        }
    }

    #[test]
    fn many_differences_are_named_in_part_and_counted_in_full() {
        let drift: Vec<String> = (0..53).map(|number| format!("view v{number}: differs")).collect();
        assert_eq!(name_some(&drift).len(), NAMED_MAX + 1);
        let error = Drift { holds: drift, let_through: Vec::new() }.refuse().unwrap_err();
        assert_eq!(error.name, ErrorName::CatalogsDiffer);
        assert!(
            error.to_string().starts_with("source and target differ in 53 objects: view v0: differs;") && error.to_string().ends_with("; and 3 more")
        );
    }
}
