//! Locks on all tables of a database, or of several, while an application works on them.
//!
//! While our request waits, writers queue behind it; and an application that holds one table and waits for another that
//! we hold already has us deadlocked. So each attempt is short, shorter than `deadlock_timeout`, after which the server
//! might choose a transaction of the application as its victim; and the table that could not be had comes first in the
//! next attempt. That way our order becomes the application's own after a few attempts, and there is no deadlock any
//! more.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all, try_join_all};

use crate::error::{ErrorName, Result, StepError};
use crate::pg::Session;
use crate::sql;

/// How long each attempt may queue, in milliseconds: many short ones to learn the order, then longer ones. All are below
/// `deadlock_timeout`, 1 s by default.
pub const ATTEMPTS_MS: [u32; 24] = [50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 100, 100, 100, 100, 200, 200, 200, 200, 400, 400, 400, 800, 800, 800];
/// An autovacuum gives way after `deadlock_timeout` only; it is waited for where there is one, and at last.
const ATTEMPT_AGAINST_AUTOVACUUM_MS: u32 = 1_500;

/// The tables to lock in one database, and the session that holds the locks.
pub struct Locks<'a> {
    pub session: &'a Session,
    /// By oid; put into the order in which they can be had.
    pub tables: Vec<u32>,
}

/// After it, each session is in a transaction that holds its tables in this mode. Ended with the session, by the server
/// itself `max_hold` after the client fell silent, or by its `commit` or `rollback`.
///
/// Returns when the attempt began that got the locks: those before it let writers go on.
///
/// # Errors
/// `LockTimeout` after the last attempt, nothing held.
pub async fn lock_all(databases: &mut [Locks<'_>], mode: &str, max_hold: Duration) -> Result<Instant> {
    let mut last = None;
    for lock_timeout_ms in ATTEMPTS_MS.into_iter().chain([ATTEMPT_AGAINST_AUTOVACUUM_MS; 2]) {
        if lock_timeout_ms == ATTEMPT_AGAINST_AUTOVACUUM_MS && !autovacuum_runs(databases).await? {
            break;
        }
        let statements = try_join_all(databases.iter().map(|locks| locks.statements(mode))).await?;
        let began = Instant::now();
        let attempts = databases.iter_mut().zip(&statements).map(|(locks, statements)| locks.attempt(statements, lock_timeout_ms, max_hold));
        let attempts = join_all(attempts).await;
        let Some(error) = attempts.into_iter().find_map(Result::err) else { return Ok(began) };
        try_join_all(databases.iter().map(|locks| locks.session.batch_execute("rollback"))).await?;
        if error.name != ErrorName::LockTimeout {
            return Err(error);
        }
        last = Some(error);
        tokio::time::sleep(Duration::from_millis(u64::from(lock_timeout_ms))).await;
    }
    let error = last.unwrap_or_else(|| StepError::new(ErrorName::LockTimeout, "no attempt was made"));
    let each = databases.iter().map(|locks| read_holders(locks.session));
    Err(name_holders(error, &try_join_all(each).await?.concat()))
}

/// Who holds locks on tables of a session's database, as texts for people.
async fn read_holders(session: &Session) -> Result<Vec<String>> {
    sql::column(session, sql::LOCK_HOLDERS, &[]).await
}

fn name_holders(error: StepError, holders: &[String]) -> StepError {
    if holders.is_empty() {
        return error;
    }
    let message = format!("{error}; locks are held by: {}", holders.join(", "));
    error.retold(ErrorName::LockTimeout, message)
}

/// An error as it is; with those who hold locks, where that is what it is about.
pub async fn explain(session: &Session, error: StepError) -> StepError {
    if error.name != ErrorName::LockTimeout {
        return error;
    }
    let holders = read_holders(session).await.unwrap_or_default();
    name_holders(error, &holders)
}

async fn autovacuum_runs(databases: &[Locks<'_>]) -> Result<bool> {
    let each = databases.iter().map(|locks| sql::value::<bool>(locks.session, sql::VACUUM_RUNS, &[]));
    Ok(try_join_all(each).await?.contains(&true))
}

impl Locks<'_> {
    async fn statements(&self, mode: &str) -> Result<Vec<String>> {
        sql::statements(self.session, sql::LOCK_TABLES, &[&self.tables, &mode]).await
    }

    /// Begins a transaction and asks for one table after the other, all requests on their way at once.
    async fn attempt(&mut self, statements: &[String], lock_timeout_ms: u32, max_hold: Duration) -> Result<()> {
        // The server lets go by itself, whether our client fell silent between two statements or within one.
        let max_hold_ms = max_hold.as_millis();
        let begin = format!(
            "begin; set local lock_timeout = {lock_timeout_ms}; set local statement_timeout = {max_hold_ms}; \
             set local idle_in_transaction_session_timeout = {max_hold_ms}"
        );
        let locks = join_all(statements.iter().map(|statement| self.session.batch_execute(statement)));
        let (transaction, answers) = join(self.session.batch_execute(&begin), locks).await;
        transaction?;
        let Some((place, error)) = answers.into_iter().enumerate().find_map(|(place, answer)| Some((place, answer.err()?))) else {
            return Ok(());
        };
        if let Some(first) = self.tables.get_mut(..=place) {
            first.rotate_right(1);
        }
        let what = statements.get(place).cloned().unwrap_or_default();
        Err(StepError::from(error).context(&what))
    }
}
