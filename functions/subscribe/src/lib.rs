//! The subscription of every target database, disabled.

mod connection;
mod prepared;

use aws::client::Aws;
use aws::evidence::Slots;
use postgres::connect::{Server, Session};
use postgres::replication::{check_tables, end_verification, find_subscription};
use postgres::{event_triggers, fence, handover, replica_identity, run_lock, session_settings, sql};
use run::servers::{self, Present, source_server, target_server};
use shared::contract::{Action, Direction, Plan, Ready, ReversibleStep};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::names::Names;

const ALTER_SUBSCRIPTION_CONNECTION: &str = include_str!("sql/alter_subscription_connection.sql");
const COUNT_SLOTS: &str = include_str!("sql/count_slots.sql");
const CREATE_SUBSCRIPTION: &str = include_str!("sql/create_subscription.sql");
const DROP_INHERITED_SLOTS: &str = include_str!("sql/drop_inherited_slots.sql");
const OTHER_SUBSCRIPTIONS: &str = include_str!("sql/other_subscriptions.sql");

/// Do: after it, the target has none of the slots, publications, roles and prepared transactions that came along on its volume, and a
/// disabled subscription per database that will apply exactly the source's tables.
/// Undo: after it, the target has no subscription of the run, and its tables have their previous replica identity.
///
/// # Errors
/// `PreconditionFailed`, `TablesChanged`, `LockTimeout`, `PostgresUnavailable`, `PostgresRefused`, `RestoreFailed`.
pub async fn handle(aws: &Aws, step: ReversibleStep) -> Result<Ready> {
    let plan = &step.plan;
    let target = target_server(aws, plan).await?;
    match step.action {
        Action::Do => {
            let source = source_server(aws, plan).await?;
            let _run_lock = run_lock::acquire(&source, &plan.control_database, &plan.names).await?;
            subscribe(aws, &source, &target, plan).await
        }
        Action::Undo => {
            // The run lock is the source's. Without a source that runs, no other call does anything either.
            let _run_lock = match servers::present(aws, plan).await? {
                Present::Running(source) => Some(run_lock::acquire(&source, &plan.control_database, &plan.names).await?),
                Present::Down(_) | Present::Gone => None,
            };
            match plan.direction {
                Direction::There => unsubscribe(&target, plan).await,
                Direction::Back => unsubscribe_back(aws, &target, plan).await,
            }
        }
    }
}

async fn subscribe(aws: &Aws, source: &Server, target: &Server, plan: &Plan) -> Result<Ready> {
    let is_back = plan.direction == Direction::Back;
    if !is_back {
        drop_inherited(aws, target, plan).await?;
    }
    let control = source.connect(&plan.control_database).await?;
    let password = connection::ensure_password(&control, &plan.names.run).await?;
    let address = if plan.source.is_public { Some(source.address().await?) } else { None };
    for database in &plan.databases {
        let mut session = target.connect_with(&database.name, &connection::setting(&password)).await?;
        if is_back {
            // Settings of the apply come after the fence: the master user may be an application's.
            sql::run_generated_in_transaction(&mut session, sql::CREATE_SCHEMA, &[&plan.names.run]).await.context("make the way back's schema")?;
            handover::create(&session, &plan.names).await?;
        } else {
            session_settings::set_for_apply(&session).await?;
        }
        let connection = connection::connection_string((&source.host, source.port), address, &database.name, &plan.names.run);
        ensure_subscription(&session, &plan.names, &plan.names.slot(database.oid), &connection).await?;
        check_tables(&source.connect(&database.name).await?, &session, &plan.names, database).await?;
    }
    Ok(Ready::yes("subscribed"))
}

/// Why here: before the target does anything of its own. A slot that nobody reads keeps WAL until the disk is full.
async fn drop_inherited(aws: &Aws, target: &Server, plan: &Plan) -> Result<()> {
    let run = &plan.names.run;
    let mut control = target.connect(&plan.control_database).await?;
    let strangers = sql::column::<String>(&control, OTHER_SUBSCRIPTIONS, &[run]).await?;
    if !strangers.is_empty() {
        let message = format!("the target came with subscriptions that feed it from elsewhere: {}", strangers.join(", "));
        return Err(StepError::new(ErrorName::PreconditionFailed, message));
    }
    prepared::end_inherited(target, &plan.databases, &plan.names, &control).await?;
    let counted = control.query_one(COUNT_SLOTS, &[]).await?;
    let slots = Slots { logical: counted.try_get("logical")?, physical: counted.try_get("physical")? };
    aws.evidence.note(|seen| seen.slots = Some(slots));
    control.execute(DROP_INHERITED_SLOTS, &[]).await.map_err(StepError::from).context("drop inherited slots")?;
    for database in &plan.databases {
        let mut session = target.connect(&database.name).await?;
        if plan.consent.event_triggers {
            sql::run_generated_in_transaction(&mut session, sql::HOLD_EVENT_TRIGGERS, &[run, &true])
                .await
                .context("turn event triggers off on the target")?;
        }
        sql::run_generated(&session, sql::DROP_PUBLICATION, &[run]).await.context("drop the inherited publication")?;
    }
    sql::run_generated_in_transaction(&mut control, sql::DROP_ROLE, &[run]).await.map(drop).context("drop the inherited role")
}

/// An existing one gets the new password.
async fn ensure_subscription(target: &Session, names: &Names, name: &str, connection: &str) -> Result<()> {
    connection::keep_statements_out_of_the_log(target).await;
    let done = if find_subscription(target, name).await?.is_some() {
        sql::run_generated(target, ALTER_SUBSCRIPTION_CONNECTION, &[&name, &connection]).await
    } else {
        sql::run_generated(target, CREATE_SUBSCRIPTION, &[&name, &connection, &names.run]).await
    };
    done.map(drop).context(&format!("subscribe {name}"))
}

async fn unsubscribe(target: &Server, plan: &Plan) -> Result<Ready> {
    end_verification(&target.connect(&plan.control_database).await?, &plan.names).await?;
    for database in &plan.databases {
        let mut session = target.connect(&database.name).await?;
        let dropped = sql::run_generated(&session, sql::DROP_SUBSCRIPTION, &[&plan.names.slot(database.oid)]).await;
        dropped.context(&format!("drop the subscription of {}", database.name))?;
        // A way back needs them, and has taken over what is stored.
        if plan.way_back.is_none() {
            replica_identity::put_back(&mut session, &plan.names, &plan.names).await?;
        }
        event_triggers::drop_run_schema(&mut session, &plan.names).await.context("drop the run's schema on the target")?;
    }
    Ok(Ready::yes("gone"))
}

/// The old source follows no more. Its fence stays as it is, and its master user gets the settings that it has on the other side.
async fn unsubscribe_back(aws: &Aws, old_source: &Server, plan: &Plan) -> Result<Ready> {
    end_verification(&old_source.connect(&plan.control_database).await?, &plan.names).await?;
    let there = plan.names.there();
    for database in &plan.databases {
        let mut session = old_source.connect(&database.name).await?;
        let dropped = fence::run_ddl_past_fence(&mut session, &there, sql::DROP_SUBSCRIPTION, &[&plan.names.slot(database.oid)]).await;
        dropped.context(&format!("drop the subscription of {}", database.name))?;
        replica_identity::put_back(&mut session, &plan.names, &there).await?;
        fence::run_ddl_past_fence(&mut session, &there, sql::DROP_RUN_SCHEMA, &[&plan.names.run]).await.context("drop the way back's schema")?;
        if let Present::Running(source) = servers::present(aws, plan).await? {
            let settings = session_settings::as_on_source(&source.connect(&database.name).await?).await?;
            session.batch_execute(&settings.join("; ")).await.map_err(StepError::from).context("put the master user's settings back")?;
        }
    }
    Ok(Ready::yes("gone"))
}
