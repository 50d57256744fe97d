//! Compares all rows of source and target, exactly, while writes go on.
//!
//! - *Correct under writes*: both sides are read in snapshots of the very same position, so every difference is real, and needs no
//!   second look. Page ranges of the two sides do not correspond, since each side places rows by itself, but their sums over a whole
//!   table do. `truncate` and rewrites, from which a snapshot does not protect, show in the table's file, and that table is read again.
//! - *Locks*: SHARE on the tables that are left, for the milliseconds of one commit and one snapshot, however far the target is behind:
//!   the target's apply is held at the position, not the writers. While reading, ACCESS SHARE for one page range at a time.
//! - *Load*: half of the source's processors, see [`Load`]; two sums of 64 bits are computed on the server, no row leaves it.
//! - *Bounds*: a table of any size, with or without a key, is read in page ranges, over as many calls as it takes. A sleeping session
//!   passes the snapshot of an unfinished table from call to call, for half an hour at most. So a snapshot lives as long as one call,
//!   or as one table that takes longer, and vacuum waits that long, as for a dump of that table. A call also ends when its answer has
//!   as much evidence as a state may return; so there may be any number of tables.
//! - *Killed or repeated*: a call continues from its input. Where the snapshot is gone it reads that table again, in a new one.

mod evidence;
mod reading;
mod snapshots;

use std::time::{Duration, Instant};

use aws::client::Aws;
use aws::rds::target::target_writer;
use futures_util::future::try_join;
use postgres::connect::Server;
use postgres::replica_identity::explain_difference;
use postgres::rows::{Table, check_equal};
use postgres::sql;
use run::servers::{source_server, target_server};
use serde::Serialize;
use shared::contract::{Compared, Database, Plan, Unfinished, Verified, VerifiedByDatabase, VerifyRequest};
use shared::error::Result;
use shared::input::Verify;
use shared::load::Load;
use shared::metrics::{self, Metric};

use crate::evidence::Evidence;
use crate::reading::{Progress, read_pages};
use crate::snapshots::{Pair, resume_pair, take_pair};

#[derive(Debug, Serialize)]
pub struct Answer {
    pub ready: bool,
    pub verified: VerifiedByDatabase,
    /// The tables that this call finished: those of all calls are the evidence.
    pub compared: Vec<Compared>,
}

/// What a call works with.
pub(crate) struct Call<'a> {
    pub(crate) aws: &'a Aws,
    pub(crate) plan: &'a Plan,
    pub(crate) source: Server,
    pub(crate) target: Server,
    pub(crate) load: Load,
    /// Nothing more is started after it. A pair of snapshots and a range of pages may follow at most, whose own limits keep the call
    /// within the function's.
    pub(crate) deadline: Instant,
}

/// After it answers ready, every table was found equal, row for row, at one position of the source. "Not yet"
/// where rows are left for another call.
///
/// # Errors
/// `DataDiffers`, `TablesChanged`, `LockTimeout`, `DrainTimeout`, `ReplicationStopped`, `PostgresUnavailable`.
pub async fn handle(aws: &Aws, request: VerifyRequest) -> Result<Answer> {
    let (plan, mut verified) = (&request.plan, request.verified);
    let deadline = Instant::now() + Duration::from_secs(plan.wait.verify_call_seconds.into());
    // The target was restored as an instance of the source's class.
    let load = Load::of_class(target_writer(aws, plan).await?.db_instance_class().unwrap_or_default());
    let call = Call { aws, plan, source: source_server(aws, plan).await?, target: target_server(aws, plan).await?, load, deadline };
    measure_progress(&call, &verified).await?;
    let mut evidence = Evidence::default();
    let ready = verify_until_deadline(&call, &mut verified, &mut evidence).await?;
    measure_progress(&call, &verified).await?;
    Ok(Answer { ready, verified, compared: evidence.compared })
}

/// Whether all databases were verified to their end, before the call's time was over and its answer full.
async fn verify_until_deadline(call: &Call<'_>, verified: &mut VerifiedByDatabase, evidence: &mut Evidence) -> Result<bool> {
    for database in &call.plan.databases {
        let so_far = verified.entry(database.name.clone()).or_default();
        while evidence.is_full() || !verify_in_one_pair(call, database, so_far, evidence).await? {
            if evidence.is_full() || Instant::now() >= call.deadline {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Over all databases; the rows of an unfinished table count as well.
async fn measure_progress(call: &Call<'_>, verified: &VerifiedByDatabase) -> Result<()> {
    let (mut tables, mut rows, mut tables_left) = (0, 0, 0);
    for database in &call.plan.databases {
        let so_far = verified.get(&database.name).cloned().unwrap_or_default();
        tables += so_far.tables;
        rows += so_far.rows + so_far.unfinished.as_ref().map_or(0, |unfinished| unfinished.source.digest.rows);
        tables_left += find_tables_left(call, database, &so_far).await?.len();
    }
    let measured = [(Metric::VerifiedTables, tables.into()), (Metric::VerifiedRows, rows.into()), (Metric::TablesLeft, tables_left.into())];
    metrics::emit(&call.plan.source.identifier, &measured);
    Ok(())
}

/// Continues with one database, as far as one pair of snapshots, the call's time and its answer reach; returns whether it is finished.
async fn verify_in_one_pair(call: &Call<'_>, database: &Database, so_far: &mut Verified, evidence: &mut Evidence) -> Result<bool> {
    let tables = find_tables_left(call, database, so_far).await?;
    let Some(first) = tables.first() else { return Ok(true) };
    let mut unfinished = so_far.unfinished.take();
    let resumed = match &unfinished {
        Some(unfinished) => resume_pair(call, database, *first, unfinished).await?,
        None => None,
    };
    let goes_on = resumed.is_some();
    if !goes_on {
        unfinished = None;
    }
    let pair = match resumed {
        Some(pair) => pair,
        None => take_pair(call, database, &tables).await?,
    };
    for (place, oid) in tables.into_iter().enumerate() {
        if place > 0 && (evidence.is_full() || Instant::now() >= call.deadline) {
            return Ok(false);
        }
        let table = find(&pair, oid, call.plan).await?;
        let (ours, theirs) = read(call, &pair, &table, unfinished.take()).await?;
        if !(ours.complete && theirs.complete) {
            so_far.unfinished = Some(pair.keep(call, database, oid, &ours, &theirs).await?);
            return Ok(false);
        }
        if goes_on {
            pair.end_kept().await?;
        }
        if pair.is_rewritten(oid).await? {
            tracing::info!(table = table.0.name, "was truncated or rewritten while it was read; it is read again");
            return Ok(false);
        }
        let rows = match check_equal(&table.0.name, ours.digest, theirs.digest, "at the same position") {
            Ok(rows) => rows,
            Err(error) => return Err(explain_difference(&call.source.connect(&database.name).await?, oid, error).await),
        };
        so_far.rows += rows;
        so_far.tables += 1;
        let hash = (call.plan.verify == Verify::Rows).then(|| ours.digest.hash());
        evidence.add(Compared { database: database.name.clone(), table: table.0.name.clone(), rows, hash });
        // A snapshot that has served a long time is not kept for more than it was made for.
        if goes_on {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The tables not compared yet, in the order in which all calls take them.
async fn find_tables_left(call: &Call<'_>, database: &Database, so_far: &Verified) -> Result<Vec<u32>> {
    let session = call.source.connect(&database.name).await?;
    let mut tables: Vec<u32> = sql::column(&session, sql::PUBLISHED_TABLES, &[&call.plan.names.run]).await?;
    tables.sort_unstable();
    Ok(tables.split_off(tables.len().min(usize::try_from(so_far.tables).unwrap_or(usize::MAX))))
}

async fn find(pair: &Pair, oid: u32, plan: &Plan) -> Result<(Table, Table)> {
    let (hash, major) = (plan.verify == Verify::Rows, plan.source.major);
    let (ours, theirs) = try_join(pair.source.find_table(major, oid, hash), pair.target.find_table(major, oid, hash)).await?;
    ours.check_columns(&theirs)?;
    Ok((ours, theirs))
}

async fn read(call: &Call<'_>, pair: &Pair, table: &(Table, Table), unfinished: Option<Unfinished>) -> Result<(Progress, Progress)> {
    let (ours, theirs) = unfinished.map_or_else(Default::default, |unfinished| (unfinished.source.into(), unfinished.target.into()));
    let Pair { source, target } = pair;
    let source = read_pages(call, &source.workers, &source.snapshot, &table.0, ours);
    try_join(source, read_pages(call, &target.workers, &target.snapshot, &table.1, theirs)).await
}
