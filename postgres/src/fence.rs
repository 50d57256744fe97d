//! The persistent fence on the source: a trigger on every table that refuses writes, and an event trigger that
//! refuses DDL. It holds whatever a session sets, and for the master user too. Readers are not affected.
//!
//! It is *prepared* before the write pause, with triggers whose one function does nothing, and an event trigger that
//! counts DDL and makes it wait for the end of the pause. It is *closed* in the pause, by one new body for that function,
//! so that the pause does not grow with the number of tables. Closing it is the point of no return.

use std::fmt;
use std::time::{Duration, Instant};

use futures_util::future::try_join3;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::lsn::Lsn;
use shared::names::Names;
use tokio_postgres::{GenericClient, Row, Statement};

use crate::connect::Session;
use crate::foreign_function::name_function;
use crate::locks::{self, ATTEMPTS_MS};
use crate::sql::{self, Params};

/// The circumstances of a closed fence. Stored in its comment for later calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed {
    /// The begin of the pause in which the fence closed: milliseconds since 1970.
    pub paused_at_ms: u64,
    /// The source's position that the target had passed by then.
    pub drained_lsn: Lsn,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.paused_at_ms, self.drained_lsn)
    }
}

impl Closed {
    fn parse(comment: &str) -> Option<Self> {
        let (paused_at_ms, drained_lsn) = comment.split_once(' ')?;
        Some(Self { paused_at_ms: paused_at_ms.parse().ok()?, drained_lsn: drained_lsn.parse().ok()? })
    }
}

/// The longest wait for transactions that began before the fence was prepared.
const OLDER_TRANSACTIONS_MAX: Duration = Duration::from_secs(5);

/// The state of the fence of one database.
#[derive(Clone, Copy, Debug)]
pub struct State {
    pub closed: Option<Closed>,
    prepared: bool,
}

/// Reads the state of the fence of one database.
pub async fn read_state(source: &impl GenericClient, names: &Names) -> Result<State> {
    state(&source.query_one(sql::FENCE_STATE, &[&names.fence()]).await?, names)
}

fn state(row: &Row, names: &Names) -> Result<State> {
    let comment: Option<&str> = row.try_get("comment")?;
    let closed = if row.try_get("closed")? { Some(how_closed(comment, names)?) } else { None };
    Ok(State { closed, prepared: row.try_get("prepared")? })
}

fn how_closed(comment: Option<&str>, names: &Names) -> Result<Closed> {
    let unreadable = || StepError::new(ErrorName::Internal, format!("fence {} is closed, but its comment does not say since when", names.fence()));
    comment.and_then(Closed::parse).ok_or_else(unreadable)
}

/// Whether no event trigger fires in this session, whatever it is about (17): the fence's would not either.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused`.
pub async fn triggers_are_off(session: &impl GenericClient) -> Result<bool> {
    sql::value(session, "select coalesce(pg_catalog.current_setting('event_triggers', true) = 'off', false)", &[]).await
}

/// After it, every table has the fence's trigger, open, and DDL is counted. Twice: only tables without the trigger are touched.
///
/// # Errors
/// `LockTimeout` if a table stayed locked through all attempts.
pub async fn prepare(source: &mut Session, names: &Names) -> Result<()> {
    let fence = names.fence();
    if triggers_are_off(source).await? {
        return Err(StepError::new(ErrorName::PreconditionFailed, "the parameter event_triggers is off, so the fence could not refuse DDL"));
    }
    if !read_state(source, names).await?.prepared {
        sql::run_generated_in_transaction(source, sql::CREATE_FENCE, &[&fence, &names.run]).await.context("make the fence's function")?;
    }
    for row in source.query(sql::UNFENCED_TABLES, &[&fence, &names.run]).await? {
        let (oid, name): (u32, String) = (row.try_get("oid")?, row.try_get("name")?);
        retry_on_lock_timeout(source, sql::FENCE_TABLE, &[&fence, &oid]).await.context(&format!("prepare the fence of {name}"))?;
    }
    Ok(())
}

/// Waits for the end of every transaction that wrote before the fence was prepared: its DDL was not counted.
///
/// # Errors
/// `LockTimeout`, with the transactions.
pub async fn wait_for_older_transactions(source: &impl GenericClient, names: &Names) -> Result<()> {
    let deadline = Instant::now() + OLDER_TRANSACTIONS_MAX;
    loop {
        let older = sql::column::<String>(source, sql::OLDER_TRANSACTIONS, &[&names.fence()]).await?;
        if older.is_empty() {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(StepError::new(ErrorName::LockTimeout, format!("transactions with possible DDL do not end: {}", older.join("; "))));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The statements that hold and count the DDL of one database.
pub struct Ddl {
    hold: String,
    count: Statement,
}

impl Ddl {
    /// For a database whose fence is prepared.
    pub async fn of(source: &Session, names: &Names) -> Result<Self> {
        let fence = names.fence();
        let count: String = sql::value(source, sql::COUNT_DDL, &[&fence]).await?;
        Ok(Self { hold: sql::value(source, sql::HOLD_DDL, &[&fence]).await?, count: source.prepare(&count).await? })
    }

    /// The number of DDL statements since the fence was prepared.
    pub async fn count(&self, source: &Session) -> Result<i64> {
        sql::value(source, &self.count, &[]).await
    }

    /// After it, no DDL but ours completes until the transaction of `source` ends.
    ///
    /// # Errors
    /// `LockTimeout` if a transaction with DDL does not end.
    pub async fn hold(&self, source: &impl GenericClient) -> Result<()> {
        source.batch_execute(&self.hold).await.map_err(StepError::from).context("hold DDL")
    }
}

/// The checks after the locks are taken. Their statements are prepared before the write pause.
pub struct Look {
    state: Statement,
    gaps: Statement,
    prepared: Statement,
}

/// The result of a [`Look`].
pub struct Seen {
    pub state: State,
    /// Tables that the fence would not hold, by name.
    pub gaps: Vec<String>,
    /// Prepared transactions of this database, as texts for people.
    pub prepared: Vec<String>,
}

impl Look {
    /// # Errors
    /// `PostgresUnavailable`, …
    pub async fn prepare(source: &Session) -> Result<Self> {
        let statements = (source.prepare(sql::FENCE_STATE), source.prepare(sql::UNFENCED_TABLES), source.prepare(sql::PREPARED_HERE));
        let (state, gaps, prepared) = try_join3(statements.0, statements.1, statements.2).await?;
        Ok(Self { state, gaps, prepared })
    }

    /// # Errors
    /// `PostgresUnavailable`, …
    pub async fn look(&self, source: &Session, names: &Names) -> Result<Seen> {
        let fence = names.fence();
        let of_fence: Params = &[&fence];
        let of_tables: Params = &[&fence, &names.run];
        let looks = (source.query_one(&self.state, of_fence), source.query(&self.gaps, of_tables), source.query(&self.prepared, &[]));
        let (row, gaps, prepared) = try_join3(looks.0, looks.1, looks.2).await?;
        Ok(Seen { state: state(&row, names)?, gaps: texts(&gaps, "name")?, prepared: texts(&prepared, "detail")? })
    }
}

fn texts(rows: &[Row], column: &str) -> Result<Vec<String>> {
    rows.iter().map(|row| Ok(row.try_get(column)?)).collect()
}

/// Closes the fence with the commit of the transaction that `source` is in.
///
/// With `lets_apply_through`, an apply worker of this server may still write: the database follows the one it has moved to.
pub async fn close(source: &impl GenericClient, names: &Names, says: &str, closed: Closed, lets_apply_through: bool) -> Result<()> {
    let statements = sql::statements(source, sql::CLOSE_FENCE, &[&names.fence(), &says, &closed.to_string(), &lets_apply_through]).await?;
    // In one request: writers wait.
    source.batch_execute(&statements.join("; ")).await.map_err(StepError::from).map_err(name_function).context("close the fence")
}

/// A closed fence, and the session that will open it.
pub struct Opening {
    session: Session,
    statements: Vec<String>,
}

impl Opening {
    /// # Errors
    /// `PostgresUnavailable`, …
    pub async fn prepare(session: Session, names: &Names) -> Result<Self> {
        let statements = sql::statements(&session, sql::OPEN_FENCE, &[&names.fence()]).await?;
        Ok(Self { session, statements })
    }

    /// After it, the fence refuses nothing any more. In one request: writers may be waiting.
    ///
    /// # Errors
    /// `PostgresUnavailable`, …
    pub async fn carry_out(self) -> Result<()> {
        let statements = format!("begin; {}; commit", self.statements.join("; "));
        self.session.batch_execute(&statements).await.map_err(StepError::from).map_err(name_function).context("open the fence")
    }
}

/// Ensures that this run's fence can never close any more. Returns whether it was closed already.
///
/// Why here: a cutover that gave no answer may be about to commit, or may not even have begun with its fence. The first of the
/// two wins.
pub async fn cancel(source: &mut Session, names: &Names) -> Result<bool> {
    let transaction = source.transaction().await?;
    let cancelled = sql::run_generated(&transaction, sql::CANCEL_FENCE, &[&names.fence(), &names.run]).await;
    if cancelled.is_ok() && read_state(&transaction, names).await?.closed.is_none() {
        transaction.commit().await?;
        return Ok(false);
    }
    transaction.rollback().await?;
    // A fence that closed a moment ago refuses this, as it refuses all DDL.
    if read_state(source, names).await?.closed.is_some() { Ok(true) } else { cancelled.map(|_| false) }
}

/// After it, a cancelled fence is removed.
pub async fn remove(source: &mut Session, names: &Names) -> Result<()> {
    let fence = names.fence();
    for oid in sql::column::<u32>(source, sql::FENCED_TABLES, &[&fence]).await? {
        retry_on_lock_timeout(source, sql::UNFENCE_TABLE, &[&fence, &oid]).await.context("take the fence off a table")?;
    }
    retry_on_lock_timeout(source, sql::DROP_SCHEMA, &[&fence]).await.context("drop the fence's schema")
}

/// Runs DDL on tables that are in use: requests the lock for a short time, and retries.
///
/// # Errors
/// `LockTimeout` after the last attempt, with the sessions that hold locks.
pub async fn retry_on_lock_timeout(session: &mut Session, query: &str, params: Params<'_>) -> Result<()> {
    for lock_timeout_ms in ATTEMPTS_MS {
        let transaction = session.transaction().await?;
        transaction.batch_execute(&format!("set local lock_timeout = {lock_timeout_ms}")).await?;
        match sql::run_generated(&transaction, query, params).await {
            Ok(_) => return Ok(transaction.commit().await?),
            Err(error) if error.name == ErrorName::LockTimeout => {
                transaction.rollback().await?;
                tokio::time::sleep(Duration::from_millis(u64::from(lock_timeout_ms))).await;
            }
            Err(error) => return Err(error),
        }
    }
    // Longer than deadlock_timeout, after which an autovacuum gives way. We hold no other table, so there is no deadlock.
    match sql::run_generated_in_transaction(session, query, params).await {
        Ok(_) => Ok(()),
        Err(error) => Err(locks::explain(session, error).await),
    }
}

/// Runs our own DDL on a database whose fence may be closed: the fence is open for this one transaction.
///
/// # Errors
/// `LockTimeout`, with the sessions that hold locks.
pub async fn run_ddl_past_fence(session: &mut Session, names: &Names, query: &str, params: Params<'_>) -> Result<()> {
    match run_with_ddl_open(session, names, query, params).await {
        Ok(()) => Ok(()),
        Err(error) => Err(locks::explain(session, error).await),
    }
}

async fn run_with_ddl_open(session: &mut Session, names: &Names, query: &str, params: Params<'_>) -> Result<()> {
    let transaction = session.transaction().await?;
    sql::run_generated(&transaction, sql::OPEN_DDL, &[&names.fence(), &"disable"]).await?;
    sql::run_generated(&transaction, query, params).await?;
    sql::run_generated(&transaction, sql::OPEN_DDL, &[&names.fence(), &"enable always"]).await?;
    Ok(transaction.commit().await?)
}
