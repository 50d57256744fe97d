//! The write pause: everything that can be done before it is done before it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws::client::Aws;
use futures_util::future::{try_join, try_join_all, try_join3};
use postgres::catalog::{self, Drift, ServerLook, ServerState};
use postgres::connect::{Server, Session};
use postgres::event_triggers::{self, Terms};
use postgres::fence::{self, Closed, Ddl};
use postgres::heartbeat::Arrival;
use postgres::locks::{Locks, lock_all};
use postgres::replication::{Drain, check_tables, find_subscription, read_subscription};
use postgres::{handover, large_objects, session_settings, sql};
use run::stopped;
use shared::contract::{Database, Direction, Plan};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::input::Cutover;
use shared::load::Load;
use shared::lsn::Lsn;
use shared::metrics::{self, Metric};
use shared::names::Names;
use tokio_postgres::Statement;

use crate::comparison::Comparison;
use crate::phases::Phases;
use crate::{Control, now_ms};

const CLAIM_TARGET: &str = include_str!("sql/claim_target.sql");
const DISABLE_SUBSCRIPTION: &str = include_str!("sql/disable_subscription.sql");
const FLUSH: &str = include_str!("sql/flush.sql");
const SEQUENCES: &str = include_str!("sql/sequences.sql");
const SET_SEQUENCES: &str = include_str!("sql/set_sequences.sql");
const UNUSED_SEQUENCES: &str = include_str!("sql/unused_sequences.sql");

/// How long the large objects of a database may be read before the pause: together with the steps after it, within the function's time.
const LARGE_OBJECTS_MAX: Duration = Duration::from_secs(90);
/// How long a restarted apply may take to catch up: a worker is started within five seconds.
const CATCHES_UP_WITHIN: Duration = Duration::from_mins(1);

/// One database whose fence is still open, and the sessions that move it.
struct Open<'a> {
    database: &'a Database,
    /// Holds the locks, and closes the fence with its commit.
    source: Session,
    /// Outside of that transaction.
    watcher: Session,
    target: Session,
    tables: Vec<u32>,
    ddl: Ddl,
    /// How much DDL was counted when the catalogs were compared, or before.
    ddl_compared: i64,
    drain: Drain,
    arrival: Arrival,
    read_sequences: Statement,
    set_sequences: Statement,
    fence: fence::Look,
    /// The statements that end the target's apply.
    disable: Vec<String>,
    /// Set where the rows are compared once more.
    comparison: Option<Comparison>,
}

/// What all databases share: no lock holds it.
struct Shared<'a> {
    control: &'a Control,
    look: ServerLook,
    compared: ServerState,
}

impl<'a> Shared<'a> {
    /// Compares all of it. Its state was read before, so changes made meanwhile show as differences from it.
    async fn compare(control: &'a Control, plan: &Plan) -> Result<Self> {
        let look = ServerLook::prepare(&control.source).await?;
        let compared = look.read(&control.source, plan).await?;
        catalog::compare_servers(&control.source, &control.target, plan).await?.refuse()?;
        Ok(Self { control, look, compared })
    }

    /// Behind the locks: compares it again if it has changed. Roles that come and go change it all the time.
    async fn check(&self, plan: &Plan) -> Result<()> {
        let Control { source, target } = self.control;
        if self.look.read(source, plan).await? == self.compared {
            return Ok(());
        }
        catalog::compare_servers(source, target, plan).await?.refuse()
    }
}

/// The closed fences of all databases.
pub(crate) struct Fenced {
    pub(crate) closed: Closed,
    /// How the pause was spent so far; none where it began in an earlier call.
    pub(crate) phases: Option<Phases>,
    /// A session on each target database that was fenced now, in a snapshot of the moment before: in it the large objects are as the
    /// source's were, whatever the application does to them since.
    pub(crate) snapshots_of_target: BTreeMap<String, Session>,
}

/// After it, the fence is closed in every database, and the target has all rows and sequences from before it.
///
/// A database that an earlier call has fenced is left alone: it was drained before it was fenced. `last_check` may still refuse; once a
/// fence is closed, the run only goes forward.
pub(crate) async fn fence_source(
    aws: &Aws,
    source: &Server,
    target: &Server,
    control: &Control,
    plan: &Plan,
    load: Load,
    last_check: impl Future<Output = Result<()>>,
) -> Result<Fenced> {
    let mut open = Vec::new();
    let mut closed = None;
    for database in &plan.databases {
        let mut session = source.connect(&database.name).await?;
        if let Some(earlier) = fence::read_state(&session, &plan.names).await?.closed {
            closed = Some(earlier);
        } else {
            let terms = Terms { held: plan.consent.event_triggers, is_control: false };
            event_triggers::check(source, &mut session, &database.name, &plan.names, terms).await?;
            event_triggers::check(target, &mut target.connect(&database.name).await?, &database.name, &plan.names, terms).await?;
            let watcher = source.connect(&database.name).await?;
            let mut prepared = prepare(aws, session, watcher, target, plan, database).await?;
            if plan.cutover.verify_in_pause {
                prepared.comparison = Some(Comparison::open(source, target, database, load).await?);
            }
            open.push(prepared);
        }
    }
    if !open.is_empty() {
        // After a closed fence the run only goes forward: differences are reported after the last one.
        let shared = if closed.is_none() { Some(Shared::compare(control, plan).await?) } else { None };
        if closed.is_none() {
            Box::pin(last_check).await?;
        }
        let fenced = Box::pin(pause(&open, shared.as_ref(), target, plan, closed)).await;
        // Their locks go with the sessions: nobody waits while the reason is looked up.
        let snapshots_of_target = open.into_iter().map(|open| (open.database.name.clone(), open.target)).collect();
        return match fenced {
            Ok(fenced) => Ok(Fenced { snapshots_of_target, ..fenced }),
            Err(error) if error.name == ErrorName::DrainTimeout => Err(explain(aws, target, plan, error).await),
            Err(error) => Err(error),
        };
    }
    let closed = closed.ok_or_else(|| StepError::new(ErrorName::ReplicationStopped, "no database of this run exists to be fenced"))?;
    Ok(Fenced { closed, phases: None, snapshots_of_target: BTreeMap::new() })
}

/// A target that did not drain may have stopped, or wait for somebody's lock. Where the pause has ended its apply, it had drained.
async fn explain(aws: &Aws, target: &Server, plan: &Plan, error: StepError) -> StepError {
    let Ok(session) = target.connect(&plan.control_database).await else { return error };
    let mut databases: Vec<&Database> = Vec::new();
    for database in &plan.databases {
        let subscription = find_subscription(&session, &plan.names.slot(database.oid)).await;
        if subscription.is_ok_and(|found| found.is_some_and(|subscription| subscription.enabled)) {
            databases.push(database);
        }
    }
    if databases.is_empty() {
        return error;
    }
    let why = stopped::why(aws, plan, &session, &databases).await;
    let name = if why.is_lasting { ErrorName::ReplicationStopped } else { error.name };
    StepError::new(name, format!("{error}; {}", why.reason))
}

fn max_hold(cutover: &Cutover) -> Duration {
    Duration::from_secs(u64::from(cutover.max_write_pause_seconds))
}

/// Writers wait from the locks to the commits.
async fn pause(open: &[Open<'_>], shared: Option<&Shared<'_>>, target: &Server, plan: &Plan, earlier: Option<Closed>) -> Result<Fenced> {
    let mut locks: Vec<Locks> = open.iter().map(|open| Locks { session: &open.source, tables: open.tables.clone() }).collect();
    let began = lock_all(&mut locks, "exclusive", max_hold(&plan.cutover)).await.context("stop the writers")?;
    let began_ms = now_ms().saturating_sub(u64::try_from(began.elapsed().as_millis()).unwrap_or(0));
    let paused_at_ms = earlier.map_or(began_ms, |earlier| earlier.paused_at_ms);
    let fenced = close(open, shared, target, plan, paused_at_ms, began).await;
    if fenced.is_err() {
        // Without success, but writers felt it.
        let held_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        metrics::emit(&plan.source.identifier, &[(Metric::WritePauseMs, held_ms.into())]);
    }
    let (closed, phases) = fenced?;
    Ok(Fenced { closed, phases: earlier.is_none().then_some(phases), snapshots_of_target: BTreeMap::new() })
}

/// Works behind the locks, which are released at the latest when the allowed pause is over.
async fn close(
    open: &[Open<'_>],
    shared: Option<&Shared<'_>>,
    target: &Server,
    plan: &Plan,
    paused_at_ms: u64,
    began: Instant,
) -> Result<(Closed, Phases)> {
    let deadline = began + max_hold(&plan.cutover);
    let mut phases = Phases::since(began);
    phases.end("locks", Instant::now());
    tracing::info!(pause_ms = began.elapsed().as_millis(), "writers wait");
    let checked = async { if let Some(shared) = shared { shared.check(plan).await } else { Ok(()) } };
    let replicated = replicate_all(open, target, plan, paused_at_ms, deadline);
    let ((closed, replicated), ()) = within(deadline, Box::pin(try_join(replicated, checked))).await?;
    end_phases(&mut phases, &replicated);
    tracing::info!(pause_ms = began.elapsed().as_millis(), "the target has everything");
    // The first of these commits is the point of no return. They come one after another, in the order in which an undo checks: after
    // one that it has kept from closing, it finds none closed.
    for open in open {
        open.source.batch_execute("commit").await.map_err(StepError::from).context(&format!("fence {}", open.database.name))?;
    }
    phases.end("fence", Instant::now());
    tracing::info!(pause_ms = began.elapsed().as_millis(), "the source is fenced");
    Ok((closed, phases))
}

/// Replicates everything that the targets still lack, and prepares the fences as their commits will close them. Returns when each
/// database was done.
async fn replicate_all(open: &[Open<'_>], target: &Server, plan: &Plan, paused_at_ms: u64, deadline: Instant) -> Result<(Closed, Vec<Replicated>)> {
    let drained = try_join_all(open.iter().map(|open| drain(open, plan, deadline))).await?;
    let closed = Closed { paused_at_ms, drained_lsn: drained.iter().map(|drained| drained.lsn).max().unwrap_or(Lsn(0)) };
    let says = format!("this database has moved to {}:{}; {} takes no more writes (rds-reencrypt)", target.host, target.port, plan.source.identifier);
    let replicated = open.iter().zip(drained).map(|(open, drained)| async {
        let replicated = try_join(hand_over(open, plan, drained), fence::close(&open.source, &plan.names, &says, closed, plan.way_back.is_some()));
        replicated.await.map(|(replicated, ())| replicated)
    });
    Ok((closed, try_join_all(replicated).await?))
}

/// Begins a snapshot of the target, which only the run has written to so far.
async fn keep_snapshot(open: &Open<'_>) -> Result<()> {
    let begin = "begin isolation level repeatable read read only; set local idle_in_transaction_session_timeout = '4min'; select";
    open.target.batch_execute(begin).await.map_err(StepError::from).context("keep a snapshot of the target")
}

/// Where the drain of one target database ended, and what it is given from the source.
struct Drained {
    lsn: Lsn,
    at: Instant,
    sequences: Vec<Sequence>,
    settings: Vec<String>,
}

/// When each part of moving one database was done.
struct Replicated {
    drained: Instant,
    sequences_set: Instant,
    rows_compared: Option<Instant>,
}

/// Databases are moved in parallel: a phase ends with the last of them.
fn end_phases(phases: &mut Phases, replicated: &[Replicated]) {
    let mut end = |phase, at: &dyn Fn(&Replicated) -> Option<Instant>| {
        if let Some(last) = replicated.iter().filter_map(at).max() {
            phases.end(phase, last);
        }
    };
    end("drain", &|replicated| Some(replicated.drained));
    end("sequences", &|replicated| Some(replicated.sequences_set));
    end("rows", &|replicated| replicated.rows_compared);
}

/// Anything that outlasts the allowed pause ends with its locks released: the sessions are dropped.
async fn within<T>(deadline: Instant, work: impl Future<Output = Result<T>>) -> Result<T> {
    let timeout = || StepError::new(ErrorName::DrainTimeout, "the allowed write pause ended before the target was ready; the source takes writes");
    tokio::time::timeout_at(deadline.into(), work).await.map_err(|_| timeout())?
}

/// Everything that writers need not wait for. The catalogs are compared after DDL was counted: the count shows anything later.
async fn prepare<'a>(aws: &Aws, mut source: Session, watcher: Session, target: &Server, plan: &Plan, database: &'a Database) -> Result<Open<'a>> {
    let target = target.connect(&database.name).await?;
    if !sql::value::<bool>(&target, CLAIM_TARGET, &[&plan.names.run]).await? {
        return Err(StepError::new(ErrorName::LockTimeout, format!("another call of the cutover holds the target of {}", database.name)));
    }
    check_tables(&source, &target, &plan.names, database).await?;
    if !plan.consent.large_objects {
        let holds = large_objects::compare(&source, &target, &database.name, Instant::now() + LARGE_OBJECTS_MAX).await?;
        Drift { holds, let_through: Vec::new() }.refuse()?;
    }
    fence::prepare(&mut source, &plan.names).await?;
    fence::wait_for_older_transactions(&source, &plan.names).await?;
    let ddl = Ddl::of(&source, &plan.names).await?;
    if !ensure_apply(&source, &watcher, &target, &ddl, &plan.names, database).await? {
        return Err(stopped::error(aws, plan, &target, database).await);
    }
    let ddl_compared = ddl.count(&source).await?;
    catalog::compare_databases(&source, &target, plan.consent, database).await?.refuse()?;
    let mut tables = sql::column(&source, sql::FENCED_TABLES, &[&plan.names.fence()]).await?;
    tables.sort_unstable();
    let drain = Drain::prepare(&watcher, &target, &plan.names).await?;
    let is_back = plan.direction == Direction::Back;
    let since = if is_back { handover::read(&source, &plan.names).await? } else { Lsn(0) };
    let arrival = Arrival::prepare(&watcher, &target, &plan.names, since).await?;
    let fence = fence::Look::prepare(&source).await?;
    let (read_sequences, set_sequences) = try_join(source.prepare(SEQUENCES), target.prepare(SET_SEQUENCES)).await?;
    let mut disable = sql::statements(&target, DISABLE_SUBSCRIPTION, &[&plan.names.slot(database.oid)]).await?;
    if is_back {
        // The old source has a closed fence, which refuses DDL.
        let fence = plan.names.there().fence();
        disable.splice(0..0, sql::statements(&target, sql::OPEN_DDL, &[&fence, &"disable"]).await?);
        disable.extend(sql::statements(&target, sql::OPEN_DDL, &[&fence, &"enable always"]).await?);
    }
    if plan.way_back.is_some() {
        disable.extend(handover::note(&target, &plan.names.back()).await?);
    }
    // A rehearsal: what the server looks up for all this, these sessions have cached when writers wait.
    let settings = session_settings::as_on_source(&source).await?;
    target.batch_execute(&format!("{}; rollback", end_apply(&disable, &settings))).await.map_err(StepError::from).context("try to end the apply")?;
    fence.look(&source, &plan.names).await?;
    Ok(Open {
        database,
        source,
        watcher,
        target,
        tables,
        ddl,
        ddl_compared,
        drain,
        arrival,
        read_sequences,
        set_sequences,
        fence,
        disable,
        comparison: None,
    })
}

/// Behind the locks: the target applies the last change. Meanwhile DDL is held, and anything that came just before is found: a fence
/// that another call has closed, a table, other DDL. The sequences are read as well: what was written got its numbers before the locks.
async fn drain(open: &Open<'_>, plan: &Plan, deadline: Instant) -> Result<Drained> {
    let drained = open.drain.carry_out(&open.watcher, &open.target, open.database, deadline);
    let read = try_join3(check_fence(open, plan), read_sequences(open), session_settings::as_on_source(&open.source));
    let (lsn, ((), sequences, settings)) = try_join(drained, read).await?;
    Ok(Drained { lsn, at: Instant::now(), sequences, settings })
}

/// After the drain: the target shows all heartbeats, its sequences are set, its apply ends, and its rows are compared where the input
/// asks for it.
async fn hand_over(open: &Open<'_>, plan: &Plan, drained: Drained) -> Result<Replicated> {
    let arrived = open.arrival.check(&open.watcher, &open.target, open.database);
    try_join(finish_target(open, &drained), arrived).await?;
    let sequences_set = Instant::now();
    let mut rows_compared = None;
    if let Some(comparison) = &open.comparison {
        let rows = comparison.carry_out(plan).await?;
        tracing::info!(database = open.database.name, rows, "source and target hold the same rows behind the locks");
        rows_compared = Some(Instant::now());
    }
    keep_snapshot(open).await?;
    Ok(Replicated { drained: drained.at, sequences_set, rows_compared })
}

async fn check_fence(open: &Open<'_>, plan: &Plan) -> Result<()> {
    open.ddl.hold(&open.source).await?;
    let (seen, ddl) = try_join(open.fence.look(&open.source, &plan.names), open.ddl.count(&open.source)).await?;
    let fence::Seen { state, gaps, prepared } = seen;
    if !prepared.is_empty() {
        // Not of our tables, or we would not have the locks: of large objects, of roles, or of reads. It would end after the fence.
        let message = format!("database {}: prepared transactions that have not ended: {}", open.database.name, prepared.join(", "));
        return Err(StepError::new(ErrorName::LockTimeout, message));
    }
    if state.closed.is_some() {
        return Err(fenced_by_another(open.database));
    }
    if !gaps.is_empty() {
        let message = format!("database {}: created while the cutover began, and not replicated: {}", open.database.name, gaps.join(", "));
        return Err(StepError::new(ErrorName::TablesChanged, message));
    }
    if ddl == open.ddl_compared {
        return Ok(());
    }
    // Applications create and drop objects all day. Objects that came and went meanwhile are no difference, and no more can come now.
    tracing::info!(database = open.database.name, commands = ddl - open.ddl_compared, "DDL ran meanwhile: the catalogs are compared again");
    check_tables(&open.watcher, &open.target, &plan.names, open.database).await?;
    catalog::compare_databases(&open.watcher, &open.target, plan.consent, open.database).await?.refuse()
}

fn fenced_by_another(database: &Database) -> StepError {
    StepError::new(ErrorName::LockTimeout, format!("database {}: fenced by another call, the application may have moved", database.name))
}

/// Whether the target applies changes. An earlier call that got no further may have ended that: then the apply is started again, and
/// catches up before the pause.
///
/// Why DDL is held: an earlier call holds it too, from before it ends the apply until its fence is closed. That call may be late, and
/// has lost the target to us, but not its locks; after its fence the target must not get the run's settings again.
async fn ensure_apply(source: &Session, watcher: &Session, target: &Session, ddl: &Ddl, names: &Names, database: &Database) -> Result<bool> {
    let name = names.slot(database.oid);
    if !read_subscription(target, &name).await?.enabled {
        source.batch_execute("begin").await?;
        ddl.hold(source).await?;
        if fence::read_state(source, names).await?.closed.is_some() {
            return Err(fenced_by_another(database));
        }
        session_settings::set_for_apply(target).await?;
        sql::run_generated(target, sql::ENABLE_SUBSCRIPTION, &[&name]).await.context("enable the subscription again")?;
        source.batch_execute("rollback").await?;
        Drain::prepare(watcher, target, names).await?.carry_out(watcher, target, database, Instant::now() + CATCHES_UP_WITHIN).await?;
    }
    Ok(read_subscription(target, &name).await?.working)
}

/// After it, the target applies nothing any more, its sequences are set, and its settings are the source's: the next login may be the
/// application's. All in one transaction, since nothing may be applied under these settings; and its commit puts everything that was
/// applied on the target's disk.
async fn finish_target(open: &Open<'_>, drained: &Drained) -> Result<()> {
    // All are sent at once: if one fails, the commit is a rollback.
    let statements = end_apply(&open.disable, &drained.settings);
    let end_apply = async { open.target.batch_execute(&statements).await.map_err(StepError::from).context("end the apply") };
    let commit = async { open.target.batch_execute("commit").await.map_err(StepError::from).context("end the apply") };
    try_join3(end_apply, set_sequences(open, &drained.sequences), commit).await.map(drop)
}

fn end_apply(disable: &[String], settings: &[String]) -> String {
    format!("begin; {}; {}; {}", disable.join("; "), settings.join("; "), FLUSH)
}

/// All sequences, by oid: identity and serial columns, used or not, whatever their increment. After the drain, since a TRUNCATE that is
/// applied may restart some.
async fn set_sequences(open: &Open<'_>, sequences: &[Sequence]) -> Result<()> {
    let oids: Vec<u32> = sequences.iter().map(|sequence| sequence.oid).collect();
    let values: Vec<i64> = sequences.iter().map(|sequence| sequence.last_value).collect();
    let called: Vec<bool> = sequences.iter().map(|sequence| sequence.is_called).collect();
    let set: i64 = sql::value(&open.target, &open.set_sequences, &[&oids, &values, &called]).await.context("set the target's sequences")?;
    if usize::try_from(set) == Ok(oids.len()) {
        return Ok(());
    }
    let message = format!("database {}: {} sequences on the source, {set} of them on the target", open.database.name, oids.len());
    Err(StepError::new(ErrorName::TablesChanged, message))
}

/// A sequence's position, as `setval` takes it.
struct Sequence {
    oid: u32,
    last_value: i64,
    is_called: bool,
}

async fn read_sequences(open: &Open<'_>) -> Result<Vec<Sequence>> {
    let source = &open.source;
    let mut sequences = Vec::new();
    let mut unused = Vec::<u32>::new();
    for row in source.query(&open.read_sequences, &[]).await.map_err(StepError::from).context("read the sequences")? {
        let oid = row.try_get("oid")?;
        match row.try_get("last_value")? {
            Some(last_value) => sequences.push(Sequence { oid, last_value, is_called: true }),
            None => unused.push(oid),
        }
    }
    if !unused.is_empty() {
        let query: String = sql::value(source, UNUSED_SEQUENCES, &[&unused]).await?;
        for row in source.query(&query, &[]).await? {
            sequences.push(Sequence { oid: row.try_get("oid")?, last_value: row.try_get("last_value")?, is_called: row.try_get("is_called")? });
        }
    }
    Ok(sequences)
}
