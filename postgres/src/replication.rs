//! Slots on the source, subscriptions on the target, and the replication between them.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use futures_util::future::try_join;
use shared::contract::{Database, Plan};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::lag::Lag;
use shared::lsn::Lsn;
use shared::metrics::{self, Metric};
use shared::names::Names;
use tokio_postgres::{GenericClient, Row, Statement};

use crate::connect::Session;
use crate::replica_identity::read_tables;
use crate::sql;

/// A slot of the run on the source.
#[derive(Clone, Debug)]
pub struct Slot {
    pub confirmed_flush_lsn: Lsn,
    /// The source's insert position when the slot was read.
    pub current_lsn: Lsn,
    pub retained_wal_bytes: i64,
    pub lag: Lag,
}

/// Reads the slot of one database.
///
/// # Errors
/// `SlotLost` if it does not exist, or the WAL that it needs is gone or about to be removed.
pub async fn read_slot(source: &impl GenericClient, plan: &Plan, database: &Database) -> Result<Slot> {
    let slot = plan.names.slot(database.oid);
    let lost = |why: &str| {
        metrics::emit(&plan.source.identifier, &[(Metric::SlotsLost, 1.into())]);
        StepError::new(ErrorName::SlotLost, format!("slot {slot} {why}"))
    };
    let row = source.query_opt(sql::SLOT, &[&slot]).await.map_err(StepError::from).context(&format!("read slot {slot}"))?;
    let row = row.ok_or_else(|| lost("does not exist any more"))?;
    if let Some(status @ ("lost" | "unreserved")) = row.try_get::<_, Option<&str>>("wal_status")? {
        return Err(lost(&format!("has wal_status {status}: raise max_slot_wal_keep_size on the source")));
    }
    Ok(Slot {
        confirmed_flush_lsn: lsn(&row, "confirmed_flush_lsn")?,
        current_lsn: lsn(&row, "current_lsn")?,
        retained_wal_bytes: row.try_get("retained_wal_bytes")?,
        lag: Lag { connected: row.try_get("connected")?, bytes: row.try_get("lag_bytes")? },
    })
}

/// Parses an LSN that the server returned as text.
///
/// # Errors
/// `Internal` if it is not an LSN.
pub fn lsn(row: &Row, column: &str) -> Result<Lsn> {
    let text: Option<&str> = row.try_get(column)?;
    let text = text.ok_or_else(|| StepError::new(ErrorName::Internal, format!("the server returned no {column}")))?;
    text.parse().map_err(|error| StepError::new(ErrorName::Internal, format!("{column} is {text}")).with_source(error))
}

/// The run's subscription in one database of the target.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    pub oid: u32,
    pub enabled: bool,
    /// Whether its apply worker runs.
    pub working: bool,
    /// Whether the worker began just a moment ago, as a failing one that is started again.
    pub began_just_now: bool,
}

/// Reads the subscription of one database, if it exists.
///
/// # Errors
/// PostgreSQL's own.
pub async fn find_subscription(target: &impl GenericClient, name: &str) -> Result<Option<Subscription>> {
    let row = target.query_opt(sql::SUBSCRIPTION, &[&name]).await?;
    let read = |row: Row| {
        let (oid, enabled) = (row.try_get("oid")?, row.try_get("enabled")?);
        Ok(Subscription { oid, enabled, working: row.try_get("working")?, began_just_now: row.try_get("began_just_now")? })
    };
    row.map(read).transpose()
}

/// As [`find_subscription`], but it must exist.
///
/// # Errors
/// `ReplicationStopped` if it does not exist.
pub async fn read_subscription(target: &impl GenericClient, name: &str) -> Result<Subscription> {
    let gone = || StepError::new(ErrorName::ReplicationStopped, format!("subscription {name} does not exist on the target"));
    find_subscription(target, name).await?.ok_or_else(gone)
}

/// Sets where a disabled subscription will start.
///
/// # Errors
/// `PostgresRefused` if we may not.
pub async fn advance_origin(target: &impl GenericClient, subscription: u32, start: Lsn) -> Result<()> {
    let text = start.to_string();
    target.execute(sql::ADVANCE_ORIGIN, &[&subscription, &text]).await.map(drop).map_err(StepError::from).context("advance the origin")
}

/// Where a subscription will start, as PostgreSQL reads it back, or its error.
pub async fn read_origin(target: &impl GenericClient, subscription: u32) -> std::result::Result<Row, tokio_postgres::Error> {
    target.query_one(sql::ORIGIN_PROGRESS, &[&subscription]).await
}

/// How far a subscription has come; none if it has not begun.
///
/// # Errors
/// `PostgresRefused` if we may not read it.
pub async fn read_progress(target: &impl GenericClient, subscription: u32) -> Result<Option<Lsn>> {
    let row = read_origin(target, subscription).await.map_err(StepError::from).context("read the origin")?;
    let begun = row.try_get::<_, Option<&str>>("lsn")?.is_some();
    if begun { lsn(&row, "lsn").map(Some) } else { Ok(None) }
}

/// # Errors
/// `Internal` if a subscription would start somewhere else than it was told.
pub fn check_origin(progress: &Row, start: Lsn) -> Result<()> {
    let set = lsn(progress, "lsn")?;
    if set == start { Ok(()) } else { Err(StepError::new(ErrorName::Internal, format!("the origin is at {set} after it was set to {start}"))) }
}

/// Checks that the target applies exactly the tables that the source has.
///
/// Why here: a table without its row in `pg_subscription_rel` in state `r` loses its changes silently, and so does
/// one that was created after the publication.
///
/// # Errors
/// `TablesChanged`, with the tables.
pub async fn check_tables(source: &impl GenericClient, target: &impl GenericClient, names: &Names, database: &Database) -> Result<()> {
    let problems = changed_tables(source, target, names, database).await?;
    if problems.is_empty() {
        return Ok(());
    }
    Err(StepError::new(ErrorName::TablesChanged, format!("database {}: {}", database.name, problems.join("; "))))
}

/// The problems that [`check_tables`] reports, one line for each table.
pub async fn changed_tables(source: &impl GenericClient, target: &impl GenericClient, names: &Names, database: &Database) -> Result<Vec<String>> {
    let migrated = read_tables(source, &names.run).await?;
    let published: BTreeSet<u32> = sql::column(source, sql::PUBLISHED_TABLES, &[&names.run]).await?.into_iter().collect();
    let subscription = read_subscription(target, &names.slot(database.oid)).await?;
    let mut subscribed = BTreeSet::new();
    let mut not_ready = BTreeSet::new();
    for row in target.query(sql::SUBSCRIBED_TABLES, &[&subscription.oid, &names.run]).await? {
        let ready: bool = row.try_get("ready")?;
        if ready { &mut subscribed } else { &mut not_ready }.insert(row.try_get::<_, u32>("oid")?);
    }
    let mut problems = Vec::new();
    for table in &migrated {
        if !published.contains(&table.oid) {
            problems.push(format!("{} was created after the run began, and is not replicated", table.name));
        } else if !subscribed.contains(&table.oid) {
            problems.push(format!("{} is published, but the target does not apply it", table.name));
        } else if !table.identity {
            problems.push(format!("{} has lost its replica identity", table.name));
        }
    }
    let there: BTreeSet<u32> = migrated.iter().map(|table| table.oid).collect();
    problems.extend(published.difference(&there).map(|oid| format!("a table with oid {oid} is published, but is not one of the run's")));
    problems.extend(
        subscribed.union(&not_ready).filter(|oid| !there.contains(oid)).map(|oid| format!("a table with oid {oid} was dropped on the source")),
    );
    Ok(problems)
}

/// Ends the sessions that keep a verification's snapshot on this server: an abandoned one would hold vacuum back.
///
/// # Errors
/// `PostgresUnavailable`.
pub async fn end_verification(server: &impl GenericClient, names: &Names) -> Result<()> {
    sql::value::<i64>(server, sql::END_OWN_SESSIONS, &[&names.verification()]).await.map(drop).context("end a verification")
}

/// Waits until the target has applied everything. Its statements are prepared before the write pause.
///
/// It uses a mark instead of the walsender's report: that comes with the next keepalive, and has the subscriber's position,
/// not what it has applied.
pub struct Drain {
    make_mark: Statement,
    see_mark: Statement,
}

impl Drain {
    /// Prepares the statements of one drain, on the sessions that execute it.
    ///
    /// # Errors
    /// `PostgresUnavailable`, …
    pub async fn prepare(source: &Session, target: &Session, names: &Names) -> Result<Self> {
        let mark: String = sql::value(source, "select pg_catalog.md5(pg_catalog.random()::text || pg_catalog.clock_timestamp()::text)", &[]).await?;
        let make_mark: String = sql::value(source, sql::MAKE_MARK, &[&names.run, &mark]).await?;
        let see_mark: String = sql::value(target, sql::SEE_MARK, &[&names.run, &mark]).await?;
        let prepared = try_join(source.prepare(&make_mark), target.prepare(&see_mark)).await;
        let (make_mark, see_mark) = prepared.map_err(StepError::from).context("prepare the drain")?;
        Ok(Self { make_mark, see_mark })
    }

    /// Waits until the target has applied everything that was committed in this database of the source before this call. To be
    /// called while the locks are held. `source` must not be in a transaction. Returns the LSN that the target has passed.
    ///
    /// The apply does not wait for the target's disk: the next commit there does.
    ///
    /// # Errors
    /// `DrainTimeout` at the deadline.
    pub async fn carry_out(&self, source: &Session, target: &Session, database: &Database, deadline: Instant) -> Result<Lsn> {
        let drained = lsn(&source.query_one(&self.make_mark, &[]).await.map_err(StepError::from).context("write a mark")?, "lsn")?;
        while !target.query_one(&self.see_mark, &[]).await?.try_get::<_, bool>("seen")? {
            if Instant::now() >= deadline {
                let what = format!(
                    "database {} of the target had not passed {drained} when the allowed pause ended; the source takes writes again",
                    database.name
                );
                return Err(StepError::new(ErrorName::DrainTimeout, what));
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(drained)
    }
}
