//! Which databases exist, which are moved, and whether they have room for the run.

use postgres::connect::Session;
use shared::contract::Database;
use shared::error::{Context, Result, StepError};
use shared::finding::{Findings, Room, list};
use tokio_postgres::Row;

const DATABASES: &str = include_str!("sql/databases.sql");

/// A run's sessions in one database at a time, at most: the fence's and a watcher's at the cutover, the walsender, and one that an
/// earlier call may have left behind.
const SESSIONS_PER_DATABASE: i64 = 4;

/// A database of the server.
#[allow(clippy::struct_excessive_bools, reason = "a row of databases.sql")]
pub(crate) struct Found {
    pub(crate) name: String,
    oid: u32,
    pub(crate) accepts: bool,
    is_template: bool,
    /// How many objects somebody has created in a template.
    objects: i64,
    may_connect: bool,
    may_create: bool,
    us: String,
    connection_limit: i32,
    connections: i64,
    grant_connect: String,
    grant_create: String,
    close: String,
}

impl Found {
    /// The template of every database that is created without naming one: it accepts connections everywhere, and is not moved.
    fn is_default_template(&self) -> bool {
        self.name == "template1"
    }
}

pub(crate) async fn read(session: &Session) -> Result<Vec<Found>> {
    let rows = session.query(DATABASES, &[]).await.map_err(StepError::from).context("list the databases")?;
    let read = |row: &Row| -> Result<Found> {
        Ok(Found {
            name: row.try_get("name")?,
            oid: row.try_get("oid")?,
            accepts: row.try_get("accepts")?,
            is_template: row.try_get("is_template")?,
            objects: row.try_get("objects")?,
            may_connect: row.try_get("may_connect")?,
            may_create: row.try_get("may_create")?,
            us: row.try_get("us")?,
            connection_limit: row.try_get("connection_limit")?,
            connections: row.try_get("connections")?,
            grant_connect: row.try_get("grant_connect")?,
            grant_create: row.try_get("grant_create")?,
            close: row.try_get("close")?,
        })
    };
    rows.iter().map(read).collect()
}

/// The first that accepts connections, `postgres` before others: the same for every run on this server.
pub(crate) fn control(found: &[Found]) -> String {
    let open = || found.iter().filter(|database| database.accepts && !database.is_template);
    open().find(|database| database.name == "postgres").or_else(|| open().next()).map(|database| database.name.clone()).unwrap_or_default()
}

/// All that we can connect to.
pub(crate) fn open(found: &[Found]) -> Vec<Database> {
    let open = found.iter().filter(|database| database.accepts && database.may_connect && !database.is_default_template());
    open.map(|database| Database { name: database.name.clone(), oid: database.oid }).collect()
}

/// The requested ones, or all that accept connections.
pub(crate) fn choose(found: &[Found], asked: Option<&[String]>, findings: &mut Findings) -> Vec<Database> {
    let is_there = |name: &str| found.iter().any(|database| database.name == name && !database.is_default_template());
    let missing: Vec<&String> = asked.unwrap_or_default().iter().filter(|name| !is_there(name)).collect();
    if !missing.is_empty() {
        findings.refuse("Databases", format!("there is no database {}", list(&missing)), "", "correct \"databases\"");
    }
    // A template is refused rather than moved, unless it was requested: nothing can be created from it while it is moved.
    let is_asked = |database: &Found| {
        asked.map_or(database.accepts && !database.is_template, |names| names.contains(&database.name) && !database.is_default_template())
    };
    let chosen: Vec<&Found> = found.iter().filter(|database| is_asked(database)).collect();
    if chosen.is_empty() {
        findings.refuse("Databases", "there is no database to move", "", "let one accept connections, or correct \"databases\"");
    }
    for database in &chosen {
        check(database, findings);
    }
    check_templates(found, asked, findings);
    tell_left_out(&found.iter().filter(|database| !is_asked(database)).collect::<Vec<_>>(), asked, findings);
    let tied: Vec<&str> = chosen.iter().map(|database| database.name.as_str()).filter(|name| *name != "postgres").collect();
    if tied.len() > 1 {
        let found = format!("cannot be dropped or renamed during the run, since each has a slot: {}", list(&tied));
        findings.warn("DatabasesTied", found, "", "pause everything that drops databases, such as the removal of tenants, until the run has ended");
    }
    chosen
        .into_iter()
        .filter(|database| database.accepts && database.may_connect)
        .map(|database| Database { name: database.name.clone(), oid: database.oid })
        .collect()
}

/// Writes to a template that accepts connections would be lost; and while it is moved, no database can be created from it.
fn check_templates(found: &[Found], asked: Option<&[String]>, findings: &mut Findings) {
    for database in found.iter().filter(|database| database.is_template && database.accepts && !database.is_default_template()) {
        let (name, close) = (&database.name, &database.close);
        match asked {
            None => {
                let found = format!("database {name} is a template that takes writes: they would be lost");
                let remedy = format!("{close}, after which databases can be made from it; or list in \"databases\" the ones to move");
                findings.refuse("Databases", found, "", remedy);
            }
            Some(names) if names.contains(name) => {
                let found = format!("database {name} is a template: no database can be made from it during the run");
                findings.warn("DatabasesTied", found, "", format!("{close}, and leave it out of \"databases\", if that is needed"));
            }
            Some(_) => {}
        }
    }
}

fn tell_left_out(left_out: &[&Found], asked: Option<&[String]>, findings: &mut Findings) {
    let names =
        |of: &dyn Fn(&Found) -> bool| left_out.iter().filter(|database| of(database)).map(|database| database.name.as_str()).collect::<Vec<_>>();
    let open = names(&|database| database.accepts && !database.is_default_template());
    if !open.is_empty() && asked.is_some() {
        let found = format!("stay as of the snapshot, and still take writes on the source after the cutover: {}", list(&open));
        findings.warn("DatabasesLeftOut", found, "", "name them in \"databases\" to move them");
    }
    let closed = names(&|database| !database.accepts);
    if !closed.is_empty() {
        let found = format!("accept no connections, and stay as of the snapshot: {}", list(&closed));
        findings.warn("DatabasesLeftOut", found, "", "let them accept connections before the run to move them");
    }
    if let Some(template) = left_out.iter().find(|database| database.is_default_template() && database.objects > 0) {
        let found = format!("template1 stays as of the snapshot, with {} objects that somebody has created in it", template.objects);
        findings.warn("DatabasesLeftOut", found, "", "do not write to it during the run; objects created or dropped in it hold the cutover");
    }
}

fn check(database: &Found, findings: &mut Findings) {
    let (name, us) = (&database.name, &database.us);
    if !database.accepts {
        let remedy = "allow connections, or name the others in \"databases\"";
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
