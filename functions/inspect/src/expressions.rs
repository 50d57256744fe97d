//! The expressions that the target's apply evaluates: whether it can, and whether they give the same result as in the application.

use std::time::{Duration, Instant};

use postgres::connect::Session;
use postgres::replica_identity::Table;
use shared::error::{Context, Result};
use shared::finding::{Findings, list};
use tokio_postgres::Row;

use crate::trial::{self, Outcome};

const EVALUATED_EXPRESSIONS: &str = include_str!("sql/evaluated_expressions.sql");

/// How long all trials of one database may take together: functions can be slow, and there can be one for each table.
const TRIALS_MAX: Duration = Duration::from_secs(10);
/// The worker's own, which finds only PostgreSQL's own objects.
const EMPTY: &str = "''";

/// An expression with functions that are not built in, or a check that sees more than its row.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "a row of evaluated_expressions.sql")]
pub(crate) struct Expression {
    oid: u32,
    pub(crate) table: String,
    /// The role that evaluates it on the target; quoted, as all names here.
    pub(crate) applies_as: String,
    /// Whether we can do so as that role.
    may_try: bool,
    /// As in `check thing_code_check`.
    what: String,
    drop: Option<String>,
    pub(crate) text: String,
    /// Whether all existing rows have to meet it.
    pub(crate) must_hold: bool,
    is_check: bool,
    is_mutable: bool,
    sees_clock: bool,
    may_turn: bool,
    sees_who: bool,
    not_granted: Vec<String>,
    without_path: Vec<String>,
    schemas: Vec<String>,
    /// Functions that are not called where an argument is null.
    strict: Vec<String>,
}

fn read(row: &Row) -> Result<Expression> {
    let names = |column: &str| row.try_get::<_, Option<Vec<String>>>(column).map(Option::unwrap_or_default);
    Ok(Expression {
        oid: row.try_get("oid")?,
        table: row.try_get("name")?,
        applies_as: row.try_get("applies_as")?,
        may_try: row.try_get("may_try")?,
        what: row.try_get("what")?,
        drop: row.try_get("statement")?,
        text: row.try_get("expression")?,
        must_hold: row.try_get("must_hold")?,
        is_check: row.try_get("is_check")?,
        is_mutable: row.try_get("is_mutable")?,
        sees_clock: row.try_get("sees_clock")?,
        may_turn: row.try_get("may_turn")?,
        sees_who: row.try_get("sees_who")?,
        not_granted: names("not_granted")?,
        without_path: names("without_path")?,
        schemas: names("schemas")?,
        strict: names("strict")?,
    })
}

/// Everything that was found in one database.
#[derive(Default)]
struct Found {
    fail: Vec<String>,
    mend: Vec<String>,
    unstable: Vec<String>,
    drop: Vec<String>,
    may_differ: Vec<String>,
    unknown: Vec<String>,
    not_granted: Vec<String>,
    grants: Vec<String>,
}

pub(crate) async fn check(session: &Session, tables: &[Table], database: &str, major: u32, findings: &mut Findings) -> Result<()> {
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    let rows = session.query(EVALUATED_EXPRESSIONS, &[&oids]).await.context("read the expressions that apply evaluates")?;
    if rows.is_empty() {
        return Ok(());
    }
    let expressions = rows.iter().map(read).collect::<Result<Vec<Expression>>>()?;
    let deadline = Instant::now() + TRIALS_MAX;
    let mut found = Found::default();
    for of_table in expressions.chunk_by(|one, other| one.oid == other.oid) {
        let all: Vec<&Expression> = of_table.iter().filter(|expression| is_left_to_try(expression, &mut found)).collect();
        // All of a table together; one by one only where something fails.
        let together = if Instant::now() < deadline { trial::run(session, &all, EMPTY).await? } else { too_late() };
        for expression in all {
            let outcome = match &together {
                Outcome::Works => Outcome::Works,
                Outcome::WorksOnNulls => Outcome::WorksOnNulls,
                _ if Instant::now() < deadline => trial::run(session, &[expression], EMPTY).await?,
                _ => too_late(),
            };
            take_down(session, expression, outcome, &mut found).await?;
        }
    }
    found.report(database, major, findings);
    Ok(())
}

fn too_late() -> Outcome {
    Outcome::Unknown("not tried: the others took all the time".to_owned())
}

/// Expressions that are clear from their text need no trial, and those without rights can have none: missing rights are reported.
fn is_left_to_try(expression: &Expression, found: &mut Found) -> bool {
    let described = format!("{} ({})", expression.table, expression.what);
    let sees_more = expression.is_check && (expression.sees_who || expression.may_turn) || !expression.is_check && expression.sees_clock;
    if sees_more {
        found.unstable.push(described);
        found.drop.extend(expression.drop.clone());
        false
    } else if expression.not_granted.is_empty() {
        expression.may_try
    } else {
        let role = &expression.applies_as;
        found.not_granted.push(described);
        found.grants.extend(expression.not_granted.iter().map(|function| format!("grant execute on function {function} to {role}")));
        false
    }
}

async fn take_down(session: &Session, expression: &Expression, outcome: Outcome, found: &mut Found) -> Result<()> {
    let described = |why: &str| format!("{} ({}: {why})", expression.table, expression.what);
    match outcome {
        Outcome::Fails(why) => {
            found.fail.push(described(&why));
            if let Some(path) = find_path(session, expression).await? {
                found.mend.extend(expression.without_path.iter().map(|function| format!("alter function {function} set search_path = {path}")));
            }
        }
        Outcome::Untrue => {
            found.unstable.push(described("not true of all existing rows"));
            found.drop.extend(expression.drop.clone());
        }
        Outcome::Unknown(why) => found.unknown.push(described(&why)),
        Outcome::WorksOnNulls if !expression.strict.is_empty() => {
            found.unknown.push(described(&format!("the table is empty, and {} is not called for nulls", list(&expression.strict))));
        }
        Outcome::Works | Outcome::WorksOnNulls if expression.sees_clock || expression.is_mutable => {
            found.may_differ.push(format!("{} ({})", expression.table, expression.what));
        }
        Outcome::Works | Outcome::WorksOnNulls => {}
    }
    Ok(())
}

/// A `search_path` with which it works: the schemas of its functions, or these and `public`.
async fn find_path(session: &Session, expression: &Expression) -> Result<Option<String>> {
    if expression.without_path.is_empty() {
        return Ok(None);
    }
    let own = expression.schemas.join(", ");
    for path in [own.clone(), format!("{own}, public")] {
        if !matches!(trial::run(session, &[expression], &path).await?, Outcome::Fails(_)) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

impl Found {
    fn report(mut self, database: &str, major: u32, findings: &mut Findings) {
        for statements in [&mut self.mend, &mut self.drop, &mut self.grants] {
            statements.sort_unstable();
            statements.dedup();
        }
        let who = if major >= 16 { ", as the table's owner" } else { "" };
        if !self.fail.is_empty() {
            let found = format!(
                "database {database}: {} expressions fail where the target's apply evaluates them, with an empty search_path{who}: {}",
                self.fail.len(),
                list(&self.fail)
            );
            let otherwise =
                "let the functions name the schemas of all that they use (alter function … set search_path = …), and fix their other errors";
            let remedy = if self.mend.is_empty() { otherwise.to_owned() } else { list(&self.mend) };
            findings.refuse("Expressions", found, "0 are allowed", remedy);
        }
        if !self.unstable.is_empty() {
            let found = format!(
                "database {database}: {} expressions give another result in the target's apply, later and{} without the application's settings: {}",
                self.unstable.len(),
                if major >= 16 { " as the table's owner," } else { "" },
                list(&self.unstable)
            );
            let remedy = format!("for the time of the run, or check it by a trigger, which the target does not fire: {}", list(&self.drop));
            findings.refuse("Expressions", found, "0 are allowed", remedy);
        }
        if !self.not_granted.is_empty() {
            let found = format!(
                "database {database}: {} expressions call functions that the target's apply may not execute: {}",
                self.not_granted.len(),
                list(&self.not_granted)
            );
            findings.refuse("Rights", found, "", list(&self.grants));
        }
        if !self.may_differ.is_empty() {
            let found = format!(
                "database {database}: {} checks depend on the clock, on a session's settings or on other rows; they hold now for the rows tried: {}",
                self.may_differ.len(),
                list(&self.may_differ)
            );
            findings.warn(
                "Expressions",
                found,
                "",
                "make sure that they hold later as well, in the time zone of the server, and whatever other transactions changed meanwhile",
            );
        }
        if !self.unknown.is_empty() {
            let found = format!("database {database}: {} expressions could not be tried: {}", self.unknown.len(), list(&self.unknown));
            findings.warn("Expressions", found, "", "make sure that they work with an empty search_path: alter function … set search_path = …");
        }
    }
}
