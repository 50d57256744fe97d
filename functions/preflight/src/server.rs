//! Conditions on the PostgreSQL server as a whole.

use shared::contract::Database;
use shared::error::{ErrorName, Result, StepError, While};
use shared::input::Input;
use shared::names::Names;
use shared::pg::{Server, Session};
use shared::sql;

use crate::database;
use crate::findings::Findings;

/// A database of the server.
struct Found {
    name: String,
    oid: u32,
    accepts: bool,
    may_connect: bool,
    may_create: bool,
    us: String,
}

/// Connects and looks at everything. Returns the control database and the databases to carry.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused` where not even one session could be had.
pub(crate) async fn check(server: &Server, input: &Input, names: &Names, findings: &mut Findings) -> Result<(String, Vec<Database>)> {
    let session = connect_anywhere(server).await?;
    let found = read_databases(&session).await?;
    let databases = choose(&found, input.databases.as_deref(), findings);
    if databases.is_empty() {
        findings.refuse(ErrorName::PreconditionFailed, "there is no database to carry", "let one accept connections, or correct \"databases\"");
    }
    check_settings(&session, databases.len(), findings).await?;
    for execution in sql::column::<String>(&session, sql::OTHER_RUNS, &[&names.run]).await? {
        findings.refuse(ErrorName::AlreadyRunning, format!("execution {execution} holds this source"), "wait for it, or undo what it left (runbook)");
    }
    for database in &databases {
        match server.connect(&database.name).await {
            Ok(session) => database::check(&session, &database.name, &server.credentials.username, input, names, findings).await?,
            Err(error) => findings.check(Err(error))?,
        }
    }
    Ok((control_database(&found), databases))
}

/// The control database, and the databases in which a run has left something.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused`.
pub(crate) async fn find_what_is_left(server: &Server, names: &Names) -> Result<(String, Vec<Database>)> {
    let found = read_databases(&connect_anywhere(server).await?).await?;
    let mut left = Vec::new();
    for database in found.iter().filter(|database| database.accepts && database.may_connect) {
        let session = server.connect(&database.name).await?;
        if sql::value(&session, sql::RUN_DATABASES, &[&names.run, &names.fence()]).await? {
            left.push(Database { name: database.name.clone(), oid: database.oid });
        }
    }
    Ok((control_database(&found), left))
}

/// `postgres` is there unless somebody dropped it; then any other will do for looking.
async fn connect_anywhere(server: &Server) -> Result<Session> {
    match server.connect("postgres").await {
        Err(error) if error.name == ErrorName::PostgresRefused => server.connect("template1").await.map_err(|_| error),
        other => other,
    }
}

async fn read_databases(session: &Session) -> Result<Vec<Found>> {
    let rows = session.query(sql::DATABASES, &[]).await.map_err(StepError::from).while_doing("list the databases")?;
    let read = |row: &tokio_postgres::Row| -> Result<Found> {
        Ok(Found {
            name: row.try_get("name")?,
            oid: row.try_get("oid")?,
            accepts: row.try_get("accepts")?,
            may_connect: row.try_get("may_connect")?,
            may_create: row.try_get("may_create")?,
            us: row.try_get("us")?,
        })
    };
    rows.iter().map(read).collect()
}

/// The first of all that accept connections, `postgres` before others: the same for every run on this server.
fn control_database(found: &[Found]) -> String {
    let open = || found.iter().filter(|database| database.accepts);
    open().find(|database| database.name == "postgres").or_else(|| open().next()).map(|database| database.name.clone()).unwrap_or_default()
}

/// Those that were asked for, or all that accept connections.
fn choose(found: &[Found], asked: Option<&[String]>, findings: &mut Findings) -> Vec<Database> {
    for name in asked.unwrap_or_default() {
        if !found.iter().any(|database| database.name == *name) {
            findings.refuse(ErrorName::PreconditionFailed, format!("there is no database {name}"), "correct \"databases\"");
        }
    }
    let is_asked = |database: &Found| asked.map_or(database.accepts, |names| names.contains(&database.name));
    let chosen: Vec<&Found> = found.iter().filter(|database| is_asked(database)).collect();
    for database in &chosen {
        let (name, us) = (&database.name, &database.us);
        if !database.accepts {
            findings.refuse(
                ErrorName::PreconditionFailed,
                format!("database {name} accepts no connections"),
                "let it, or name the others in \"databases\"",
            );
        } else if !database.may_connect {
            findings.refuse(
                ErrorName::PreconditionFailed,
                format!("{us} may not connect to database {name}"),
                format!("grant connect on database \"{name}\" to \"{us}\""),
            );
        } else if !database.may_create {
            findings.refuse(
                ErrorName::PreconditionFailed,
                format!("{us} may not create schema and publication in database {name}"),
                format!("grant create on database \"{name}\" to \"{us}\""),
            );
        }
    }
    let left_out: Vec<&str> =
        found.iter().filter(|database| !is_asked(database) && database.accepts).map(|database| database.name.as_str()).collect();
    if !left_out.is_empty() {
        findings.warn(
            "DatabasesLeftOut",
            format!("stay as the snapshot has them: {}", left_out.join(", ")),
            "name them in \"databases\" to carry them",
        );
    }
    chosen
        .into_iter()
        .filter(|database| database.accepts && database.may_connect)
        .map(|database| Database { name: database.name.clone(), oid: database.oid })
        .collect()
}

/// Each database needs a slot and a walsender here, and a worker on the copy, whose settings are the same.
async fn check_settings(session: &Session, databases: usize, findings: &mut Findings) -> Result<()> {
    let row = session.query_one(sql::SERVER, &[]).await.map_err(StepError::from).while_doing("read the server's settings")?;
    let needed = i64::try_from(databases).unwrap_or(i64::MAX);
    if !row.try_get::<_, Option<bool>>("is_master")?.unwrap_or(false) {
        let us: &str = row.try_get("us")?;
        let remedy = format!("name the master user's secret, or: grant rds_superuser to \"{us}\"");
        findings.refuse(ErrorName::PreconditionFailed, format!("{us} is no member of rds_superuser"), remedy);
    }
    let wal_level: &str = row.try_get("wal_level")?;
    if wal_level != "logical" {
        let remedy = "set rds.logical_replication to 1 in the instance's parameter group and reboot";
        findings.refuse(ErrorName::PreconditionFailed, format!("wal_level is {wal_level}, needed is logical"), remedy);
    }
    for (free, limit, what, parameter) in [
        (row.try_get::<_, i64>("free_slots")?, row.try_get::<_, i64>("max_slots")?, "replication slots", "max_replication_slots"),
        (row.try_get("free_senders")?, row.try_get("max_senders")?, "walsenders", "max_wal_senders"),
    ] {
        if free < needed {
            findings.refuse(
                ErrorName::PreconditionFailed,
                format!("{free} of {limit} {what} are free, needed are {needed}"),
                format!("raise {parameter} and reboot"),
            );
        }
    }
    let workers: i64 = row.try_get("max_workers")?;
    if workers < needed {
        let found = format!("max_logical_replication_workers is {workers}, needed on the copy are {needed}");
        findings.refuse(ErrorName::PreconditionFailed, found, "raise it, and max_worker_processes with it");
    }
    let prepared: i64 = row.try_get("prepared_transactions")?;
    if prepared > 0 {
        let remedy = "commit or roll them back: the copy would have them pending for ever";
        findings.refuse(ErrorName::PreconditionFailed, format!("{prepared} prepared transactions, allowed are 0"), remedy);
    }
    if let Some(subscriptions) = row.try_get::<_, Option<&str>>("subscriptions")? {
        let remedy = "drop them: on the copy they would wake up and take the changes of their publisher";
        findings.refuse(ErrorName::PreconditionFailed, format!("the source itself subscribes: {subscriptions}"), remedy);
    }
    Ok(())
}
