//! Which databases there are, which are carried, and whether they have room for us.

use shared::contract::Database;
use shared::error::{Result, StepError, While};
use shared::pg::Session;
use shared::sql;
use tokio_postgres::Row;

use shared::finding::{Findings, Room, list};

/// Sessions of a run in one database at a time, at the most: the fence's and a watcher's at the cutover, the walsender,
/// and one that an earlier call may have left behind.
const SESSIONS_PER_DATABASE: i64 = 4;

/// A database of the server.
pub(crate) struct Found {
    pub(crate) name: String,
    oid: u32,
    pub(crate) accepts: bool,
    may_connect: bool,
    may_create: bool,
    us: String,
    connection_limit: i32,
    connections: i64,
    grant_connect: String,
    grant_create: String,
}

pub(crate) async fn read(session: &Session) -> Result<Vec<Found>> {
    let rows = session.query(sql::DATABASES, &[]).await.map_err(StepError::from).while_doing("list the databases")?;
    let read = |row: &Row| -> Result<Found> {
        Ok(Found {
            name: row.try_get("name")?,
            oid: row.try_get("oid")?,
            accepts: row.try_get("accepts")?,
            may_connect: row.try_get("may_connect")?,
            may_create: row.try_get("may_create")?,
            us: row.try_get("us")?,
            connection_limit: row.try_get("connection_limit")?,
            connections: row.try_get("connections")?,
            grant_connect: row.try_get("grant_connect")?,
            grant_create: row.try_get("grant_create")?,
        })
    };
    rows.iter().map(read).collect()
}

/// The first of all that accept connections, `postgres` before others: the same for every run on this server.
pub(crate) fn control(found: &[Found]) -> String {
    let open = || found.iter().filter(|database| database.accepts);
    open().find(|database| database.name == "postgres").or_else(|| open().next()).map(|database| database.name.clone()).unwrap_or_default()
}

/// All that we can connect to.
pub(crate) fn open(found: &[Found]) -> Vec<Database> {
    let open = found.iter().filter(|database| database.accepts && database.may_connect);
    open.map(|database| Database { name: database.name.clone(), oid: database.oid }).collect()
}

/// Those that were asked for, or all that accept connections.
pub(crate) fn choose(found: &[Found], asked: Option<&[String]>, findings: &mut Findings) -> Vec<Database> {
    let missing: Vec<&String> = asked.unwrap_or_default().iter().filter(|name| !found.iter().any(|database| database.name == **name)).collect();
    if !missing.is_empty() {
        findings.refuse("Databases", format!("there is no database {}", list(&missing)), "", "correct \"databases\"");
    }
    let is_asked = |database: &Found| asked.map_or(database.accepts, |names| names.contains(&database.name));
    let chosen: Vec<&Found> = found.iter().filter(|database| is_asked(database)).collect();
    if chosen.is_empty() {
        findings.refuse("Databases", "there is no database to carry", "", "let one accept connections, or correct \"databases\"");
    }
    for database in &chosen {
        check(database, findings);
    }
    let left_out: Vec<&str> =
        found.iter().filter(|database| !is_asked(database) && database.accepts).map(|database| database.name.as_str()).collect();
    if !left_out.is_empty() {
        let found = format!("stay as the snapshot has them: {}", list(&left_out));
        findings.warn("DatabasesLeftOut", found, "", "name them in \"databases\" to carry them");
    }
    chosen
        .into_iter()
        .filter(|database| database.accepts && database.may_connect)
        .map(|database| Database { name: database.name.clone(), oid: database.oid })
        .collect()
}

fn check(database: &Found, findings: &mut Findings) {
    let (name, us) = (&database.name, &database.us);
    if !database.accepts {
        let remedy = "let it, or name the others in \"databases\"";
        findings.refuse("Databases", format!("database {name} accepts no connections"), "", remedy);
    } else if !database.may_connect {
        findings.refuse("Rights", format!("{us} may not connect to database {name}"), "", &database.grant_connect);
    } else if !database.may_create {
        findings.refuse("Rights", format!("{us} may not create schema and publication in database {name}"), "", &database.grant_create);
    }
    if database.connection_limit > 0 {
        let of = i64::from(database.connection_limit);
        let room = Room { free: of - database.connections, of };
        let what = format!("connections to database {name}");
        findings.room("ConnectionLimit", &what, room, SESSIONS_PER_DATABASE, "raise it for the run: alter database … connection limit");
    }
}

/// A limit of our own role. `server` is the row of `server.sql`.
pub(crate) fn check_role_limit(server: &Row, databases: usize, findings: &mut Findings) -> Result<()> {
    let of = i64::from(server.try_get::<_, i32>("connection_limit")?);
    if of >= 0 {
        let us: &str = server.try_get("us")?;
        let room = Room { free: of - server.try_get::<_, i64>("connections")?, of };
        let needed = i64::try_from(databases).unwrap_or(i64::MAX).saturating_mul(SESSIONS_PER_DATABASE);
        let remedy: &str = server.try_get("lift_connection_limit")?;
        findings.room("ConnectionLimit", &format!("connections of {us}"), room, needed, remedy);
    }
    Ok(())
}
