//! The way back: after the cutover the old source follows the new database, until somebody goes back, gives it up, or its time is over.

mod going;

use aws::client::Aws;
use postgres::replication::{advance_origin, check_origin, read_origin, read_progress, read_subscription};
use postgres::{fence, handover, heartbeat, run_lock, session_settings, sql};
use run::servers::{source_server, target_server};
use run::way_back;
use shared::contract::{Plan, WayBackAnswer, WayBackPurpose, WayBackState, WayBackStep};
use shared::error::{Context, Result};

/// Open: nothing is changed.
/// Follow: after it, the old source applies everything that is written to the new database from the handover on, and nothing else.
/// Claim, release: who goes back. Settle: after it, nothing of the fence is left on the old source, which is an ordinary database again.
///
/// # Errors
/// `AlreadyRunning`, `StartLsnDoubtful`, `RestoreFailed`, `SourceNotFound`, `PostgresUnavailable`, `PostgresRefused`, …
pub async fn handle(aws: &Aws, step: WayBackStep) -> Result<WayBackAnswer> {
    let WayBackStep { purpose, plan } = step;
    match purpose {
        WayBackPurpose::Open => Ok(WayBackAnswer { plan: way_back::plan(aws, &plan).await?, state: WayBackState::Open }),
        WayBackPurpose::Watch => watch(aws, &plan).await,
        WayBackPurpose::Follow => follow(aws, &plan).await.map(|()| WayBackAnswer { plan, state: WayBackState::Open }),
        WayBackPurpose::Claim => going::claim(aws, &plan).await.map(|()| WayBackAnswer { plan, state: WayBackState::Claimed }),
        WayBackPurpose::Release => going::release(aws, &plan).await.map(|()| WayBackAnswer { plan, state: WayBackState::Open }),
        WayBackPurpose::Settle => going::settle(aws, &plan).await.map(|()| WayBackAnswer { plan, state: WayBackState::Closed }),
    }
}

/// Why here: behind the switch. The position was stored before the application could write to the new database.
async fn follow(aws: &Aws, plan: &Plan) -> Result<()> {
    let (source, old_source) = (source_server(aws, plan).await?, target_server(aws, plan).await?);
    let _run_lock = run_lock::acquire(&source, &plan.control_database, &plan.names).await?;
    for database in &plan.databases {
        let name = plan.names.slot(database.oid);
        let mut session = old_source.connect(&database.name).await?;
        let subscription = read_subscription(&session, &name).await?;
        if subscription.enabled {
            continue;
        }
        let start = handover::read(&source.connect(&database.name).await?, &plan.names).await?;
        session_settings::set_for_apply(&session).await?;
        // One that has followed before, and was disabled by somebody, goes on where it was.
        if read_progress(&session, subscription.oid).await?.is_none_or(|progress| progress < start) {
            advance_origin(&session, subscription.oid, start).await?;
            check_origin(&read_origin(&session, subscription.oid).await?, start)?;
        }
        let enabled = fence::run_ddl_past_fence(&mut session, &plan.names.there(), sql::ENABLE_SUBSCRIPTION, &[&name]).await;
        enabled.context(&format!("enable the subscription of {}", database.name))?;
        tracing::info!(database = database.name, %start, "the old source follows from here");
    }
    heartbeat::beat(&source, &plan.databases, &plan.names).await
}

/// Whether the way back is open, and who goes back. Takes it over from an execution that has ended without releasing it.
async fn watch(aws: &Aws, there: &Plan) -> Result<WayBackAnswer> {
    let plan = way_back::plan(aws, there).await?;
    let mut control = source_server(aws, &plan).await?.connect(&plan.control_database).await?;
    let own = way_back::in_ascii(&plan.execution.name);
    let state = match way_back::claimed_by(&control, &plan).await? {
        None => WayBackState::Closed,
        Some(holder) if holder == own => WayBackState::Open,
        Some(holder) if going::goes_on(aws, &plan, &holder).await? => WayBackState::Claimed,
        Some(holder) => {
            way_back::claim(&mut control, &plan, &holder, &own).await?;
            WayBackState::Open
        }
    };
    Ok(WayBackAnswer { plan, state })
}
