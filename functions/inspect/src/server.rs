//! Conditions on the PostgreSQL server, seen from inside.

use postgres::connect::Server;
use postgres::sql;
use shared::contract::{Database, Plan};
use shared::error::{Context, Result, StepError};
use shared::finding::Findings;
use shared::names::Names;

use crate::tables::Terms;
use crate::{database, databases, decoding, event_triggers, libraries, locks, preparation, rights, roles, transactions, workers};

const RUN_DATABASES: &str = include_str!("sql/run_databases.sql");
const SERVER: &str = include_str!("sql/server.sql");

/// What a plan needs to know of the server.
pub(crate) struct Seen {
    pub(crate) control_database: String,
    /// The databases to move.
    pub(crate) databases: Vec<Database>,
    pub(crate) is_logical: bool,
}

/// Connects and checks everything.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused` where not even one session could be opened.
pub(crate) async fn check(server: &Server, plan: &Plan, asked: Option<&[String]>, findings: &mut Findings) -> Result<Seen> {
    let session = server.connect_anywhere().await?;
    let found = databases::read(&session).await?;
    let chosen = databases::choose(&found, asked, findings);
    let row = session.query_one(SERVER, &[]).await.map_err(StepError::from).context("read the server's settings")?;
    rights::check_server(&session, findings).await?;
    let wal_level: &str = row.try_get("wal_level")?;
    preparation::check(wal_level, plan, findings);
    workers::check(&row, chosen.len(), findings)?;
    databases::check_role_limit(&row, chosen.len(), findings)?;
    decoding::check(&session, &plan.names, findings).await?;
    transactions::check(&session, findings).await?;
    roles::check(&session, findings).await?;
    libraries::check(&row, findings)?;

    let migrated: Vec<&str> = chosen.iter().map(|database| database.name.as_str()).collect();
    let major = u32::try_from(row.try_get::<_, i32>("major")?).unwrap_or_default();
    let terms = Terms { may_set_identity: plan.consent.replica_identity, major };
    let cron_database: &str = row.try_get("cron_database")?;
    rights::check_role_settings(&session, &migrated, findings).await?;
    let mut needed = locks::Needed::default();
    for name in &migrated {
        match server.connect(name).await {
            Ok(mut session) => {
                let checked = database::check(&session, name, terms, plan, findings).await.context(&format!("check database {name}"));
                findings.check(checked)?;
                let is_control = **name == databases::control(&found);
                let held = event_triggers::Terms { held: plan.consent.event_triggers, is_control };
                event_triggers::check(server, &mut session, name, &plan.names, held, findings).await?;
                libraries::check_jobs(&session, name, &migrated, findings).await?;
                needed.add(&session).await?;
            }
            Err(error) => findings.check(Err(error))?,
        }
    }
    locks::check(&row, needed, findings)?;
    // Jobs are kept in one database, which need not be moved.
    if !migrated.contains(&cron_database)
        && let Ok(session) = server.connect(cron_database).await
    {
        libraries::check_jobs(&session, cron_database, &migrated, findings).await?;
    }
    Ok(Seen { control_database: databases::control(&found), databases: chosen, is_logical: wal_level == "logical" })
}

/// The control database, and the databases in which a run has left something.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused`.
pub(crate) async fn find_what_is_left(server: &Server, names: &Names) -> Result<(String, Vec<Database>)> {
    let found = databases::read(&server.connect_anywhere().await?).await?;
    let mut left = Vec::new();
    for database in databases::open(&found) {
        let session = server.connect(&database.name).await?;
        if sql::value(&session, RUN_DATABASES, &[&names.run, &names.fence()]).await? {
            left.push(database);
        }
    }
    Ok((databases::control(&found), left))
}
