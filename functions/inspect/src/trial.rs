//! Evaluates expressions as the target's apply will, on the source: with its `search_path`, since 16 as the table's owner.
//!
//! On a row of nulls, which shows names that cannot be resolved even where a table is empty, but for those within strict functions,
//! which are not called for a null; and on the first rows of the table.
//! Read-only: neither triggers nor row locks, nothing in the WAL, and a function that would write is detected. Each trial is bounded,
//! and gives up rather than wait for a lock.

use postgres::connect::Session;
use shared::error::{Result, StepError};
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

use crate::expressions::Expression;

const ROWS: u32 = 8;
const STATEMENT_TIMEOUT_MS: u32 = 1_000;
const LOCK_TIMEOUT_MS: u32 = 200;

/// The result of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Works,
    /// On a row of nulls, which a strict function is not called for; the table has no row.
    WorksOnNulls,
    /// A check that is not true of a row that it once accepted.
    Untrue,
    /// PostgreSQL's own message; never a value.
    Fails(String),
    /// It took too long, or a lock was in the way.
    Unknown(String),
}

/// Evaluates expressions over one table.
pub(crate) async fn run(session: &Session, expressions: &[&Expression], search_path: &str) -> Result<Outcome> {
    let Some(first) = expressions.first() else { return Ok(Outcome::Works) };
    let begin = format!(
        "begin read only; set local search_path = {search_path}; set local statement_timeout = {STATEMENT_TIMEOUT_MS}; \
         set local lock_timeout = {LOCK_TIMEOUT_MS}; set local role {}; ",
        first.applies_as
    );
    let values: Vec<String> = expressions.iter().map(|expression| value(expression)).collect();
    let (values, table) = (values.join(", "), &first.table);
    let on_nulls = format!("{begin}select {values} from (select) rds_reencrypt_row left join only {table} on false; rollback");
    if let Err(error) = session.simple_query(&on_nulls).await {
        match judge(session, error, false).await? {
            Outcome::Works => {}
            other => return Ok(other),
        }
    }
    let some = format!("ctid = any (array(select ctid from only {table} limit {ROWS}))");
    let on_rows = format!("{begin}select {values}, count(*) from only {table} where {some}; rollback");
    match session.simple_query(&on_rows).await {
        Err(error) => judge(session, error, true).await,
        Ok(answers) if answers.iter().any(has_false) => Ok(Outcome::Untrue),
        Ok(answers) if answers.iter().any(has_no_rows) => Ok(Outcome::WorksOnNulls),
        Ok(_) => Ok(Outcome::Works),
    }
}

/// One value for all rows: of a check, whether it holds for them; of others, that they were evaluated.
fn value(expression: &Expression) -> String {
    let text = &expression.text;
    if expression.must_hold { format!("coalesce(bool_and(({text}) is not false), true)") } else { format!("count(row({text}))") }
}

fn has_false(answer: &SimpleQueryMessage) -> bool {
    match answer {
        SimpleQueryMessage::Row(row) => (0..row.len()).any(|column| row.get(column) == Some("f")),
        _ => false,
    }
}

/// The last column counts the rows.
fn has_no_rows(answer: &SimpleQueryMessage) -> bool {
    matches!(answer, SimpleQueryMessage::Row(row) if !row.is_empty() && row.get(row.len() - 1) == Some("0"))
}

/// Names that cannot be resolved, and missing rights, are the same for every row. Any other error of a function on nulls is its own
/// business; on existing rows it has not raised it before.
async fn judge(session: &Session, error: tokio_postgres::Error, of_rows: bool) -> Result<Outcome> {
    let Some(state) = error.code().cloned() else { return Err(error.into()) };
    session.batch_execute("rollback").await?;
    // Apply resolves the names in an expression by oid; our text of it has to find a schema.
    let is_of_text = error.as_db_error().is_some_and(|error| error.where_().is_none());
    let class = state.code().get(..2).unwrap_or_default();
    Ok(match class {
        "42" if state == SqlState::INSUFFICIENT_PRIVILEGE && is_of_text => Outcome::Unknown(StepError::from(error).to_string()),
        "42" | "3F" => Outcome::Fails(StepError::from(error).to_string()),
        "55" | "57" => Outcome::Unknown(StepError::from(error).to_string()),
        _ if state == SqlState::READ_ONLY_SQL_TRANSACTION => Outcome::Fails("it writes".to_owned()),
        _ if of_rows => Outcome::Fails(format!("SQLSTATE {}", state.code())),
        _ => Outcome::Works,
    })
}
