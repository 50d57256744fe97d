//! A snapshot of each side at the same position: taking, passing on and ending it.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select, try_join, try_join_all};
use postgres::connect::{Server, Session};
use postgres::locks::{Locks, lock_all};
use postgres::replication::check_tables;
use postgres::rows::Table;
use postgres::sql;
use run::stopped;
use shared::contract::{Database, Reading, Unfinished};
use shared::error::{Context, ErrorName, Result, StepError};

use crate::Call;
use crate::reading::Progress;

const APPLY_IS_HELD: &str = include_str!("sql/apply_is_held.sql");
const FILENODES: &str = include_str!("sql/filenodes.sql");
const KEEP_SNAPSHOT: &str = include_str!("sql/keep_snapshot.sql");
const SNAPSHOT_IS_KEPT: &str = include_str!("sql/snapshot_is_kept.sql");
const UNLIMITED: &str = include_str!("sql/unlimited.sql");

/// How long writers may be held in any case.
const MAX_HOLD: Duration = Duration::from_secs(5);
/// How long the target may take to reach the position; writers do not wait for that.
const MAX_LAG: Duration = Duration::from_mins(1);
/// When the server ends the session that holds the apply: later than we do.
const HOLD_APPLY_MAX: Duration = Duration::from_mins(2);
/// After how long the reason is read why a worker has ended, and read again.
const ASK_AFTER: Duration = Duration::from_secs(3);
/// How long a session may take to begin its sleep.
const ASLEEP_WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const BEGIN: &str = "begin isolation level repeatable read read only";

/// One side: a session that holds the snapshot, and those that read in it.
pub(crate) struct Side {
    keeper: Session,
    keeper_name: String,
    /// As the server exported it.
    pub(crate) snapshot: String,
    /// The files of the tables, by oid, as of the snapshot's position or shortly before.
    filenodes: Vec<(u32, u32)>,
    pub(crate) workers: Vec<Session>,
}

/// Both sides see the same rows.
pub(crate) struct Pair {
    pub(crate) source: Side,
    pub(crate) target: Side,
}

/// Why a lock on the source: its snapshot must hold exactly what precedes a mark in its WAL. Why a mark that is held on the target:
/// nothing else stops the apply at a position of our choosing. We insert the same mark there first, and leave it open: the apply, in
/// the order of the commits, reaches it and waits until we roll ours back.
pub(crate) async fn take_pair(call: &Call<'_>, database: &Database, tables: &[u32]) -> Result<Pair> {
    let (mut source, mut target) = try_join(Side::open(call, &call.source, database), Side::open(call, &call.target, database)).await?;
    check_tables(&source.keeper, &target.keeper, &call.plan.names, database).await?;
    let (locker, marker, holder) =
        (call.source.connect(&database.name).await?, call.source.connect(&database.name).await?, call.target.connect(&database.name).await?);
    let mark: String = sql::value(&marker, "select pg_catalog.md5(pg_catalog.random()::text || pg_catalog.clock_timestamp()::text)", &[]).await?;
    let insert: String = sql::value(&marker, sql::MAKE_MARK, &[&call.plan.names.run, &mark]).await?;
    // Whatever happens to this call, the server lets the apply continue.
    holder.batch_execute(&format!("begin; set local idle_in_transaction_session_timeout = {}", HOLD_APPLY_MAX.as_millis())).await?;
    holder.batch_execute(&insert).await?;
    source.filenodes = filenodes(&source.keeper, tables).await?;

    let mut locks = [Locks { session: &locker, tables: tables.to_vec() }];
    lock_all(&mut locks, "share", MAX_HOLD).await.context(&format!("hold the writers of {}", database.name))?;
    let mark_it = async { marker.batch_execute(&insert).await.map_err(StepError::from) };
    try_join(mark_it, source.begin()).await?;
    // Fails where the server has ended the session meanwhile, and its locks with it.
    locker.batch_execute("rollback").await?;

    wait_for_apply(call, database, &target.keeper, &holder).await?;
    target.filenodes = filenodes(&target.keeper, tables).await?;
    target.begin().await?;
    holder.batch_execute("rollback").await?;
    let pair = Pair { source, target };
    pair.end_kept().await?;
    Ok(pair)
}

/// Waits until the target has applied everything before the mark, and is held there.
///
/// A worker that ends and is restarted may have a passing reason, which is waited out; where the target's log shows a lasting one,
/// nobody waits for the deadline.
async fn wait_for_apply(call: &Call<'_>, database: &Database, watcher: &Session, holder: &Session) -> Result<()> {
    let subscription = call.plan.names.slot(database.oid);
    let pid: i32 = sql::value(holder, "select pg_catalog.pg_backend_pid()", &[]).await?;
    let deadline = Instant::now() + MAX_LAG;
    let mut ask_at = Instant::now() + ASK_AFTER;
    let mut worker: Option<i32> = None;
    let mut ended = false;
    loop {
        let row = watcher.query_one(APPLY_IS_HELD, &[&subscription, &pid]).await?;
        if row.try_get("held")? {
            return Ok(());
        }
        let now: Option<i32> = row.try_get("worker")?;
        ended |= now.is_none() || worker.is_some_and(|before| now != Some(before));
        worker = now.or(worker);
        let is_late = Instant::now() >= deadline;
        if is_late || ended && Instant::now() >= ask_at {
            let why = stopped::why(call.aws, call.plan, watcher, &[database]).await;
            if why.is_lasting {
                return Err(StepError::new(ErrorName::ReplicationStopped, format!("the target applies no changes: {}", why.reason)));
            }
            if is_late {
                let what = format!("the target was more than {} s behind: {}", MAX_LAG.as_secs(), why.reason);
                return Err(StepError::new(ErrorName::DrainTimeout, what));
            }
            ask_at = Instant::now() + ASK_AFTER;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The snapshots in which an earlier call read part of this table; none where they are gone.
pub(crate) async fn resume_pair(call: &Call<'_>, database: &Database, table: u32, unfinished: &Unfinished) -> Result<Option<Pair>> {
    let (source, target) = try_join(
        Side::resume(call, &call.source, database, table, &unfinished.source),
        Side::resume(call, &call.target, database, table, &unfinished.target),
    )
    .await?;
    Ok(source.zip(target).map(|(source, target)| Pair { source, target }))
}

impl Pair {
    /// Keeps both snapshots beyond this call.
    pub(crate) async fn keep(self, call: &Call<'_>, database: &Database, table: u32, ours: &Progress, theirs: &Progress) -> Result<Unfinished> {
        let (source, target) =
            try_join(self.source.keep(&call.source, database, table, ours), self.target.keep(&call.target, database, table, theirs)).await?;
        Ok(Unfinished { source, target })
    }

    /// After it, this pair is the only snapshot kept for this run.
    pub(crate) async fn end_kept(&self) -> Result<()> {
        try_join(self.source.end_kept(), self.target.end_kept()).await.map(|_| ())
    }

    /// Whether a table has another file than at the snapshots' position.
    pub(crate) async fn is_rewritten(&self, table: u32) -> Result<bool> {
        let (ours, theirs) = try_join(self.source.is_rewritten(table), self.target.is_rewritten(table)).await?;
        Ok(ours || theirs)
    }
}

impl Side {
    async fn open(call: &Call<'_>, server: &Server, database: &Database) -> Result<Self> {
        // It is found by this name after its call has ended.
        let named = Server { application_name: call.plan.names.verification(), ..server.clone() };
        let keeper = connect_unlimited(&named, database).await?;
        let workers = try_join_all((0..call.load.workers).map(|_| connect_unlimited(server, database))).await?;
        Ok(Self { keeper, keeper_name: named.application_name, snapshot: String::new(), filenodes: Vec::new(), workers })
    }

    /// Begins the snapshot, which sees what is committed now.
    async fn begin(&mut self) -> Result<()> {
        self.keeper.batch_execute(BEGIN).await?;
        self.export().await
    }

    async fn resume(call: &Call<'_>, server: &Server, database: &Database, table: u32, reading: &Reading) -> Result<Option<Self>> {
        if !reading.snapshot.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Err(StepError::new(ErrorName::Internal, "the state machine passed something other than a snapshot"));
        }
        let mut side = Self::open(call, server, database).await?;
        side.filenodes = vec![(table, reading.filenode)];
        side.keeper.batch_execute(BEGIN).await?;
        match side.keeper.batch_execute(&format!("set transaction snapshot '{}'", reading.snapshot)).await {
            Ok(()) => side.export().await.map(|()| Some(side)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(StepError::from(error).context("continue in the snapshot of an earlier call")),
        }
    }

    async fn export(&mut self) -> Result<()> {
        self.snapshot = sql::value(&self.keeper, "select pg_catalog.pg_export_snapshot()", &[]).await?;
        Ok(())
    }

    /// Leaves the session that holds the snapshot asleep. It is the only one: those of earlier calls are ended.
    async fn keep(self, server: &Server, database: &Database, table: u32, progress: &Progress) -> Result<Reading> {
        self.end_kept().await?;
        let filenode = self.filenode(table);
        let watcher = server.connect(&database.name).await?;
        let pid: i32 = sql::value(&self.keeper, "select pg_catalog.pg_backend_pid()", &[]).await?;
        let deadline = Instant::now() + ASLEEP_WITHIN;
        let asleep = async {
            while !sql::value::<bool>(&watcher, SNAPSHOT_IS_KEPT, &[&pid]).await? {
                if Instant::now() >= deadline {
                    return Err(StepError::new(ErrorName::PostgresUnavailable, "the session that keeps a snapshot does not go to sleep"));
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
            Ok(())
        };
        match select(pin!(self.keeper.batch_execute(KEEP_SNAPSHOT)), pin!(asleep)).await {
            Either::Left((ended, _)) => ended.map_err(StepError::from).context("keep a snapshot")?,
            Either::Right((asleep, _)) => asleep?,
        }
        Ok(Reading { snapshot: self.snapshot, filenode, next_page: progress.next_page, digest: progress.digest })
    }

    async fn end_kept(&self) -> Result<()> {
        sql::value::<i64>(&self.keeper, sql::END_OWN_SESSIONS, &[&self.keeper_name]).await.map(|_| ())
    }

    pub(crate) async fn find_table(&self, major: u32, oid: u32, hash: bool) -> Result<Table> {
        Table::find(self.workers.first().unwrap_or(&self.keeper), major, oid, hash).await
    }

    async fn is_rewritten(&self, table: u32) -> Result<bool> {
        let session = self.workers.first().unwrap_or(&self.keeper);
        Ok(filenodes(session, &[table]).await? != [(table, self.filenode(table))])
    }

    fn filenode(&self, table: u32) -> u32 {
        self.filenodes.iter().find(|(oid, _)| *oid == table).map_or(0, |(_, filenode)| *filenode)
    }
}

/// A session may be idle while the other side reads.
async fn connect_unlimited(server: &Server, database: &Database) -> Result<Session> {
    let session = server.connect(&database.name).await?;
    sql::value::<i64>(&session, UNLIMITED, &[]).await?;
    Ok(session)
}

async fn filenodes(session: &Session, tables: &[u32]) -> Result<Vec<(u32, u32)>> {
    session.query(FILENODES, &[&tables]).await?.iter().map(|row| Ok((row.try_get("oid")?, row.try_get("filenode")?))).collect()
}

/// Whether the snapshot is gone: `ImportSnapshot` words it differently up to 16 and since, and for a process that has ended.
fn is_gone(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|state| matches!(state.code(), "22023" | "42704" | "55000"))
}
