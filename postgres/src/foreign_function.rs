//! Errors that a function of the application raises, or hits, in our statements: an event trigger has called it.

use shared::error::{ErrorName, StepError};
use tokio_postgres::error::SqlState;

/// PostgreSQL's CONTEXT. Its statements can quote values: only lines that name functions may be reported.
pub(crate) fn context(error: &StepError) -> Option<&str> {
    db_error(error)?.where_()
}

pub(crate) fn is(error: &StepError, state: &SqlState) -> bool {
    db_error(error).is_some_and(|db| db.code() == state)
}

fn db_error(error: &StepError) -> Option<&tokio_postgres::error::DbError> {
    std::error::Error::source(error)?.downcast_ref::<tokio_postgres::Error>()?.as_db_error()
}

/// Adds the application's function to an error that it raised, or hit, during our DDL: from PostgreSQL's CONTEXT, without the
/// statements in it. A write of its that our own fence refused is reported with the table's name: nothing has moved because of it.
#[must_use]
pub fn name_function(error: StepError) -> StepError {
    let refused = db_error(&error).filter(|db| db.code() == &SqlState::READ_ONLY_SQL_TRANSACTION).and_then(|db| db.schema().zip(db.table()));
    // Not for a server that takes no writes: the state machine waits for it.
    let is_final = refused.is_some() || error.name == ErrorName::Internal;
    let message = match (foreign_function(&error), refused) {
        (None, None) => return error,
        (Some(function), None) => format!("{error}, in {function}, which an event trigger calls"),
        (function, Some((schema, table))) => {
            let who = function.map_or_else(String::new, |function| format!(", {function},"));
            format!("an event trigger{who} writes to {schema}.{table} when the run creates or drops objects")
        }
    };
    let name = if is_final { ErrorName::PostgresRefused } else { error.name };
    error.renamed(name, message)
}

pub(crate) fn foreign_function(error: &StepError) -> Option<String> {
    // Independent of the server's language; an event trigger's function has no parameters.
    let is_ours = |line: &str| line.contains(shared::names::PREFIX) || line.contains("inline_code_block");
    let is_function = |line: &&str| (line.starts_with("PL/") || line.contains("PL/") && line.contains("()")) && !is_ours(line);
    context(error)?.lines().find(is_function).map(str::to_owned)
}
