//! Publication and slot of every database, on the source.

use std::collections::BTreeMap;

use aws::client::Aws;
use aws::storage::{check_headroom, read_storage};
use postgres::connect::{Server, Session};
use postgres::replica_identity::{self, read_tables};
use postgres::replication::{end_verification, read_slot};
use postgres::{event_triggers, fence, handover, heartbeat, locks, run_lock, session_settings, sql};
use run::servers::{self, Present, source_server};
use run::{switch, way_back};
use shared::contract::{Action, Database, Direction, Plan, Published, ReversibleStep};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::names::Names;

const BLOCKERS: &str = include_str!("sql/blockers.sql");
const CLAIM_LOCK: &str = include_str!("sql/claim_lock.sql");
const CREATE_ROLE: &str = include_str!("sql/create_role.sql");
const CREATE_SLOT: &str = include_str!("sql/create_slot.sql");
const DROP_SLOTS: &str = include_str!("sql/drop_slots.sql");
const END_WALSENDER: &str = include_str!("sql/end_walsender.sql");
const ROLE_EXISTS: &str = include_str!("sql/role_exists.sql");
const ROLE_NOLOGIN: &str = include_str!("sql/role_nologin.sql");
const RUN_SLOTS: &str = include_str!("sql/run_slots.sql");

/// Do: after it answers ready, the source is claimed for this run, and keeps all changes of all tables of each database from now on. It
/// is not ready while a prepared source does not replicate logically yet; nothing was made then.
/// Undo: after it answers ready, the source is as it was, except for a closed fence, or is gone; the application's secrets have no version
/// of the run's. It is not ready while the source is stopped, or refuses the login: somebody can help, and what is in RDS need not wait.
///
/// Why here: decoding a change from before its publication existed is an error, so the publication comes before the slot; a change
/// between snapshot and slot would be lost, so the slot comes before the snapshot.
///
/// # Errors
/// `SourceStorageLow`, `AlreadyRunning`, `PreconditionFailed`, `LockTimeout`, `PostgresUnavailable`, `PostgresRefused`, `SecretUnusable`.
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Published> {
    let plan = &step.plan;
    match step.action {
        Action::Do => {
            let source = source_server(aws, plan).await?;
            let _run_lock = run_lock::acquire(&source, &plan.control_database, &plan.names).await?;
            check_storage(aws, plan).await?;
            publish(&source, plan).await
        }
        Action::Undo => {
            let gone = withdraw(aws, plan).await;
            switch::take_labels(aws, plan).await?;
            gone
        }
    }
}

/// Why here: nothing has been made yet, and from here on the source keeps WAL.
async fn check_storage(aws: &Aws, plan: &Plan) -> Result<()> {
    match read_storage(aws, &plan.source).await? {
        Some(storage) => check_headroom(&plan.source.identifier, storage, 0, plan.guard),
        None => Ok(()),
    }
}

async fn publish(source: &Server, plan: &Plan) -> Result<Published> {
    if plan.preparation.is_some() && !is_logical(source, &plan.control_database).await? {
        return Ok(Published::not_yet("the server does not replicate logically yet"));
    }
    claim(source, plan).await?;
    let run = &plan.names.run;
    let mut tables = BTreeMap::new();
    for database in &plan.databases {
        let mut session = source.connect(&database.name).await?;
        if plan.consent.event_triggers {
            sql::run_generated_in_transaction(&mut session, sql::HOLD_EVENT_TRIGGERS, &[run, &false]).await.context("turn event triggers off")?;
        }
        sql::run_generated_in_transaction(&mut session, sql::CREATE_SCHEMA, &[run]).await.context("make the run's schema")?;
        if plan.direction == Direction::Back {
            handover::create(&session, &plan.names).await?;
        }
        ensure_identities(&mut session, plan, database).await?;
        tables.insert(database.name.clone(), ensure_publication(&mut session, &plan.names, database).await?);
    }
    for database in &plan.databases {
        let session = source.connect(&database.name).await?;
        ensure_slot(&session, plan, database).await?;
    }
    // Heartbeats after the slots, of which the target must have some. They are also commits: the WAL of an idle source would end within
    // the record at which the slot begins, and the target's last record would seem older than the slot.
    heartbeat::beat(source, &plan.databases, &plan.names).await?;
    Ok(Published::ready(tables))
}

/// RDS reports a group as in sync for a moment after it was attached, before it begins to apply it: only the server knows.
async fn is_logical(source: &Server, control_database: &str) -> Result<bool> {
    let session = source.connect(control_database).await?;
    sql::value(&session, "select pg_catalog.current_setting('wal_level') = 'logical'", &[]).await.context("read wal_level")
}

/// The run's role is its claim on the source: creating it is the first change, and only one run can have one.
async fn claim(source: &Server, plan: &Plan) -> Result<()> {
    let run = &plan.names.run;
    let databases: Vec<&str> = plan.databases.iter().map(|database| database.name.as_str()).collect();
    let mut session = source.connect(&plan.control_database).await?;
    let transaction = session.transaction().await?;
    transaction.batch_execute(CLAIM_LOCK).await?;
    if let Some(other) = sql::column::<String>(&transaction, sql::OTHER_RUNS, &[run]).await?.first() {
        return Err(StepError::new(ErrorName::AlreadyRunning, format!("execution {other} holds {}", plan.source.identifier)));
    }
    if !sql::value::<bool>(&transaction, ROLE_EXISTS, &[run]).await? {
        let made = sql::run_generated(&transaction, CREATE_ROLE, &[run, &way_back::in_ascii(&plan.execution.name), &databases]).await;
        made.context(&format!("make role {run}"))?;
        session_settings::set_for_walsender(&transaction, run).await?;
    }
    Ok(transaction.commit().await?)
}

/// Preflight checks this too, but minutes may have passed.
async fn ensure_identities(session: &mut Session, plan: &Plan, database: &Database) -> Result<()> {
    let without: Vec<_> = read_tables(session, &plan.names.run).await?.into_iter().filter(|table| !table.identity).collect();
    if !plan.consent.replica_identity && !without.is_empty() {
        let names: Vec<&str> = without.iter().map(|table| table.name.as_str()).collect();
        let message = format!("database {}: updates would fail on {}: consent.replica_identity", database.name, names.join(", "));
        return Err(StepError::new(ErrorName::PreconditionFailed, message));
    }
    for table in &without {
        replica_identity::ensure(session, &plan.names.run, table).await?;
    }
    Ok(())
}

async fn ensure_publication(session: &mut Session, names: &Names, database: &Database) -> Result<u64> {
    let tables = read_tables(session, &names.run).await?;
    if let Some(table) = tables.iter().find(|table| !table.identity) {
        return Err(StepError::new(ErrorName::TablesChanged, format!("{} was just created without a key", table.name)));
    }
    let oids: Vec<u32> = tables.iter().map(|table| table.oid).collect();
    if let Err(error) = sql::run_generated_in_transaction(session, sql::CREATE_PUBLICATION, &[&names.run, &oids]).await {
        return Err(locks::explain(session, error).await.context(&format!("publish the tables of {}", database.name)));
    }
    Ok(u64::try_from(oids.len()).unwrap_or(u64::MAX))
}

/// A slot waits for every running transaction; the error names them.
async fn ensure_slot(session: &Session, plan: &Plan, database: &Database) -> Result<()> {
    let slot = plan.names.slot(database.oid);
    if sql::column::<String>(session, RUN_SLOTS, &[&plan.names.run]).await?.contains(&slot) {
        return read_slot(session, plan, database).await.map(drop);
    }
    let Err(error) = session.query_one(CREATE_SLOT, &[&slot]).await else { return Ok(()) };
    let error = StepError::from(error);
    if error.name != ErrorName::PostgresUnavailable || session.is_closed() {
        return Err(error.context(&format!("make slot {slot}")));
    }
    let blockers = sql::column::<String>(session, BLOCKERS, &[]).await?.join("; ");
    Err(StepError::new(ErrorName::LockTimeout, format!("slot {slot} waits for transactions that do not end: {blockers}")))
}

/// Takes the run off the source, whatever has become of it meanwhile.
async fn withdraw(aws: &Aws, plan: &Plan) -> Result<Published> {
    let entered = match servers::present(aws, plan).await {
        Ok(Present::Gone) => return Ok(Published { source_gone: true, ..Published::ready(BTreeMap::new()) }),
        Ok(Present::Down(why)) => return Ok(Published::not_yet(why)),
        Ok(Present::Running(server)) => run_lock::acquire(&server, &plan.control_database, &plan.names).await.map(|lock| (server, lock)),
        Err(error) => Err(error),
    };
    match entered {
        Ok((server, _run_lock)) => {
            if let Some(claimed_by) = way_back::other_claim(aws, &server.connect(&plan.control_database).await?, plan).await? {
                return Ok(Published::not_yet(format!("execution {claimed_by} goes back to {}", plan.target)));
            }
            unpublish(&server, plan).await
        }
        Err(error) if matches!(error.name, ErrorName::PostgresRefused | ErrorName::SecretUnusable) => Ok(Published::not_yet(error.to_string())),
        Err(error) => Err(error),
    }
}

/// The slot first: it is what keeps WAL. Objects that are already gone are no error.
async fn unpublish(source: &Server, plan: &Plan) -> Result<Published> {
    let run = &plan.names.run;
    let mut control = source.connect(&plan.control_database).await?;
    sql::run_generated(&control, ROLE_NOLOGIN, &[run]).await.context("keep the target from logging in")?;
    control.execute(END_WALSENDER, &[run]).await?;
    end_verification(&control, &plan.names).await?;
    let slots = control.query(DROP_SLOTS, &[run]).await.map_err(StepError::from).context("drop the run's slots")?;
    let all_dropped = slots.iter().all(|slot| slot.try_get("held").is_ok_and(|held: bool| !held));
    let mut refusal = None;
    for database in &plan.databases {
        // A refusal by one database does not stop the others.
        if let Err(error) = unpublish_database(source, plan, database).await {
            refusal.get_or_insert(error.context(&format!("undo the publication of {}", database.name)).ok_if(ErrorName::PostgresRefused)?);
        }
    }
    if let Some(refusal) = refusal {
        return Err(refusal);
    }
    if all_dropped {
        sql::run_generated_in_transaction(&mut control, sql::DROP_ROLE, &[run]).await.context(&format!("drop role {run}"))?;
    }
    if all_dropped { Ok(Published::ready(BTreeMap::new())) } else { Ok(Published::not_yet("a slot is still in use")) }
}

async fn unpublish_database(source: &Server, plan: &Plan, database: &Database) -> Result<()> {
    let names = &plan.names;
    let mut session = source.connect(&database.name).await?;
    // Behind a closed fence the way back stays; before, there is nothing to go back from.
    let is_fenced = fence::read_state(&session, names).await?.closed.is_some();
    if plan.direction == Direction::There && !is_fenced {
        close_way_back(&mut session, &names.back(), database).await?;
    }
    fence::run_ddl_past_fence(&mut session, names, sql::DROP_PUBLICATION, &[&names.run]).await.context("drop the publication")?;
    // A way back needs them, and has taken over what is stored.
    if plan.way_back.is_none() || !is_fenced {
        replica_identity::put_back(&mut session, names, names).await?;
    }
    event_triggers::drop_run_schema(&mut session, names).await.context("drop the run's schema")
}

/// After it, the source does not wait to follow the target any more.
async fn close_way_back(source: &mut Session, back: &Names, database: &Database) -> Result<()> {
    let dropped = sql::run_generated_in_transaction(source, sql::DROP_SUBSCRIPTION, &[&back.slot(database.oid)]).await;
    dropped.context("drop the subscription of the way back")?;
    sql::run_generated_in_transaction(source, sql::DROP_SCHEMA, &[&back.run]).await.map(drop).context("drop the schema of the way back")
}
