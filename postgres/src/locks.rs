//! Locks all tables of one or more databases while an application uses them.
//!
//! While our request waits, writers queue behind it; and an application that holds one table and waits for another one that
//! we hold is in a deadlock with us. So each attempt is shorter than `deadlock_timeout`, after which the server
//! might choose a transaction of the application as its victim; and the table that could not be locked comes first in the
//! next attempt. After a few attempts our order is the application's own, and there are no more deadlocks.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all, try_join_all};
use shared::error::{ErrorName, Result, StepError};

use crate::connect::Session;
use crate::sql;

/// How long each attempt may queue, in milliseconds: many short ones to learn the order, then longer ones. All are below
/// `deadlock_timeout`, 1 s by default.
pub const ATTEMPTS_MS: [u32; 24] = [50, 50, 50, 50, 50, 50, 50, 50, 50, 50, 100, 100, 100, 100, 200, 200, 200, 200, 400, 400, 400, 800, 800, 800];
/// The last attempts, only while an autovacuum runs: it gives way only after `deadlock_timeout`.
const ATTEMPT_AGAINST_AUTOVACUUM_MS: u32 = 1_500;

/// The tables to lock in one database, and the session that holds the locks.
pub struct Locks<'a> {
    pub session: &'a Session,
    /// By oid; reordered until all of them can be locked.
    pub tables: Vec<u32>,
}

/// After it, each session is in a transaction that holds its tables in this mode. The transaction ends with `commit`, `rollback`
/// or the session, or the server ends it `max_hold` after the client's last message.
///
/// Returns the start of the attempt that got the locks: writers went on during the earlier ones.
///
/// # Errors
/// `LockTimeout` after the last attempt, with no locks held.
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

/// The sessions that hold locks on tables of this database, as texts for people.
async fn read_holders(session: &Session) -> Result<Vec<String>> {
    sql::column(session, sql::LOCK_HOLDERS, &[]).await
}

fn name_holders(error: StepError, holders: &[String]) -> StepError {
    if holders.is_empty() {
        return error;
    }
    let message = format!("{error}; locks are held by: {}", holders.join(", "));
    error.renamed(ErrorName::LockTimeout, message)
}

/// Adds the sessions that hold locks to a `LockTimeout`; returns any other error unchanged.
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

    /// Begins a transaction and locks one table after the other; all requests are sent at once.
    async fn attempt(&mut self, statements: &[String], lock_timeout_ms: u32, max_hold: Duration) -> Result<()> {
        // The server releases the locks by itself, whether our client stops between two statements or within one.
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
