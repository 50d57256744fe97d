//! Application code that executes in the run's sessions: event triggers on DDL and on logins.
//!
//! No catalog says how one affects a run, so it is tried: a transaction executes the run's own statements with one event trigger
//! enabled at a time, and is rolled back. A function that acts outside its transaction cannot be tried.

use shared::error::{Context, ErrorName, Result, StepError};
use shared::lsn::Lsn;
use shared::names::Names;
use tokio_postgres::Transaction;
use tokio_postgres::error::SqlState;

use crate::connect::{Server, Session};
use crate::fence::{self, Closed};
use crate::foreign_function::{context, foreign_function, is};
use crate::sql;

/// How long one statement of a trial may wait, or run, in milliseconds.
const LIMITS: &str = "set local lock_timeout = 1000; set local statement_timeout = 10000; set local client_min_messages = error";
/// `ddl_command_end`, `sql_drop` and others fire for a run's DDL; a run rewrites no table of the application.
const NEVER_FIRES: &str = "table_rewrite";
const LOGIN: &str = "login";

/// An event trigger that is enabled in one database.
struct EventTrigger {
    name: String,
    event: String,
    function: String,
    owner: String,
    /// `ENABLE ALWAYS`, and `ENABLE REPLICA`.
    always: bool,
    replica: bool,
    may_alter: bool,
    outside: Option<String>,
    disable: String,
    enable: String,
}

/// An event trigger that would stop or disturb a run.
#[derive(Debug)]
pub struct Trouble {
    pub found: String,
    pub remedy: String,
}

/// The results for the event triggers of one database.
#[derive(Debug, Default)]
pub struct Tried {
    pub troubles: Vec<Trouble>,
    /// Names of those that do not disturb the run.
    pub harmless: Vec<String>,
    /// Those that do not fire in the run's sessions, or are disabled during the run.
    pub held: Vec<String>,
    /// Why a trial failed, if no event trigger caused it.
    pub untried: Option<String>,
}

/// How the run's sessions meet event triggers.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// `consent.event_triggers`: our sessions are replicas, and those that fire nevertheless are disabled if we may.
    pub held: bool,
    /// Whether the trial creates and drops `rds_tools` here, as a run does on the target.
    pub is_control: bool,
}

impl EventTrigger {
    fn described(&self) -> String {
        format!("event trigger {} on {} (function {} of {})", self.name, self.event, self.function, self.owner)
    }

    /// Whether it fires in the run's sessions despite consent.
    fn fires(&self, terms: Terms) -> bool {
        let may_fire = if terms.held { !self.may_alter && (self.always || self.replica) } else { !self.replica };
        may_fire && self.event != NEVER_FIRES
    }

    fn trouble(&self, what: &str) -> Trouble {
        let remedy = if self.may_alter {
            format!("set consent.event_triggers, so that it does not fire for the run; or disable it during the run: {}", self.disable)
        } else {
            format!("have {} disable it during the run: {}", self.owner, self.disable)
        };
        Trouble { found: format!("{} {what}", self.described()), remedy }
    }
}

/// Tries all event triggers of one database, and leaves it unchanged.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused`.
pub async fn try_out(server: &Server, session: &mut Session, database: &str, names: &Names, terms: Terms) -> Result<Tried> {
    let all = read(session).await.context("read the event triggers")?;
    let mut tried = Tried::default();
    let (fires, held): (Vec<&EventTrigger>, Vec<&EventTrigger>) = all.iter().partition(|trigger| trigger.fires(terms));
    tried.held.extend(held.iter().filter(|trigger| terms.held && trigger.event != NEVER_FIRES).map(|trigger| trigger.described()));
    let (outside, fires): (Vec<&EventTrigger>, Vec<&EventTrigger>) = fires.into_iter().partition(|trigger| trigger.outside.is_some());
    for trigger in &outside {
        let what = format!("acts outside its transaction, by {}, which cannot be tried", trigger.outside.as_deref().unwrap_or_default());
        tried.troubles.push(trigger.trouble(&what));
    }
    // One that we cannot disable would fire in the trial.
    if !outside.iter().any(|trigger| !trigger.may_alter) {
        let (login, ddl): (Vec<&EventTrigger>, Vec<&EventTrigger>) = fires.into_iter().partition(|trigger| trigger.event == LOGIN);
        let trial = Trial { names: trial_names(names), alterable: all.iter().filter(|trigger| trigger.may_alter).collect(), terms };
        try_ddl(session, &trial, &ddl, &mut tried).await?;
        try_logins(server, session, database, &trial, &login, &mut tried).await?;
    }
    Ok(tried)
}

async fn read(session: &Session) -> Result<Vec<EventTrigger>> {
    let rows = session.query(sql::EVENT_TRIGGERS, &[]).await?;
    rows.iter()
        .map(|row| {
            Ok(EventTrigger {
                name: row.try_get("name")?,
                event: row.try_get("event")?,
                function: row.try_get("function")?,
                owner: row.try_get("owner")?,
                always: row.try_get("always")?,
                replica: row.try_get("replica")?,
                may_alter: row.try_get("may_alter")?,
                outside: row.try_get("outside")?,
                disable: row.try_get("disable")?,
                enable: row.try_get("enable")?,
            })
        })
        .collect()
}

/// A run's names, with others for its objects in databases: the run itself may have begun.
fn trial_names(names: &Names) -> Names {
    Names { run: format!("{}_trial", names.run), ..names.clone() }
}

struct Trial<'a> {
    names: Names,
    /// All that we may disable.
    alterable: Vec<&'a EventTrigger>,
    terms: Terms,
}

/// Tries each one alone, and first those together that we cannot disable.
async fn try_ddl(session: &mut Session, trial: &Trial<'_>, triggers: &[&EventTrigger], tried: &mut Tried) -> Result<()> {
    if triggers.is_empty() {
        return Ok(());
    }
    let fixed: Vec<&EventTrigger> = triggers.iter().copied().filter(|trigger| !trigger.may_alter).collect();
    match (trial.carry_out(session, None).await?, fixed.is_empty()) {
        (Ok(writes), _) if writes.is_empty() => tried.harmless.extend(fixed.iter().map(|trigger| trigger.name.clone())),
        (Err(error), true) => {
            tried.untried = Some(error.to_string());
            return Ok(());
        }
        (outcome, _) => {
            let what = described(&outcome);
            tried.troubles.extend(fixed.iter().map(|trigger| trigger.trouble(&what)));
            return Ok(());
        }
    }
    for trigger in triggers.iter().filter(|trigger| trigger.may_alter) {
        match trial.carry_out(session, Some(trigger)).await? {
            Ok(writes) if writes.is_empty() => tried.harmless.push(trigger.name.clone()),
            outcome => tried.troubles.push(trigger.trouble(&described(&outcome))),
        }
    }
    Ok(())
}

fn described(outcome: &std::result::Result<Vec<String>, StepError>) -> String {
    match outcome {
        Ok(writes) => format!("writes to {} for the run's DDL, also on the target, where nothing else may write", writes.join(", ")),
        Err(error) => format!("stops the run's DDL: {error}"),
    }
}

impl Trial<'_> {
    /// The application's tables to which one enabled event trigger writes during the run's DDL, or the error that it raises.
    async fn carry_out(&self, session: &mut Session, on: Option<&EventTrigger>) -> Result<std::result::Result<Vec<String>, StepError>> {
        let mut transaction = session.transaction().await?;
        let outcome = self.run(&mut transaction, on).await;
        let outcome = match outcome {
            Ok(()) => sql::column(&transaction, sql::TRIAL_WRITES, &[&self.names.run]).await,
            Err(error) => Err(error),
        };
        // Fails if the connection is lost.
        transaction.rollback().await?;
        Ok(outcome)
    }

    async fn run(&self, transaction: &mut Transaction<'_>, on: Option<&EventTrigger>) -> Result<()> {
        self.silence(transaction).await?;
        for table in sql::statements(transaction, sql::TRIAL_TABLES, &[&self.names.run]).await? {
            let within = transaction.savepoint("trial_table").await?;
            match within.batch_execute(&table).await {
                Ok(()) => within.commit().await?,
                Err(_) => within.rollback().await?,
            }
        }
        if let Some(trigger) = on {
            transaction.batch_execute(&trigger.enable).await?;
        }
        self.begin(transaction).await?;
        self.end(transaction).await
    }

    /// Disables everything that we may disable.
    async fn silence(&self, transaction: &Transaction<'_>) -> Result<()> {
        transaction.batch_execute(LIMITS).await?;
        for trigger in &self.alterable {
            transaction.batch_execute(&trigger.disable).await?;
        }
        Ok(())
    }

    /// The objects that a run creates, on source and target.
    async fn begin(&self, transaction: &Transaction<'_>) -> Result<()> {
        let (run, fence) = (&self.names.run, &self.names.fence());
        sql::run_generated(transaction, sql::CREATE_SCHEMA, &[run]).await.context("make a schema")?;
        let oids: Vec<u32> = sql::column(transaction, sql::TRIAL_OIDS, &[run]).await?;
        for oid in &oids {
            sql::run_generated(transaction, sql::REMEMBER_REPLICA_IDENTITY, &[run, oid]).await.context("set a replica identity")?;
        }
        sql::run_generated(transaction, sql::CREATE_PUBLICATION, &[run, &oids]).await.context("publish tables")?;
        sql::run_generated(transaction, sql::MAKE_BEAT, &[run]).await.context("write a heartbeat")?;
        sql::run_generated(transaction, sql::TRIAL_SUBSCRIPTION, &[run]).await.context("subscribe")?;
        if self.terms.is_control
            && let Some(false) = sql::column::<bool>(transaction, sql::SEED_FUNCTION, &[]).await?.first()
        {
            transaction.batch_execute("create extension rds_tools").await.context("make extension rds_tools")?;
            transaction.batch_execute("drop extension rds_tools").await.context("drop extension rds_tools")?;
        }
        sql::run_generated(transaction, sql::CREATE_FENCE, &[fence, run]).await.context("make a fence")?;
        for oid in &oids {
            sql::run_generated(transaction, sql::FENCE_TABLE, &[fence, oid]).await.context("put a trigger on a table")?;
        }
        fence::close(transaction, &self.names, "this is a trial", Closed { paused_at_ms: 0, drained_lsn: Lsn(0) }, true).await
    }

    /// The objects that it drops and restores.
    async fn end(&self, transaction: &Transaction<'_>) -> Result<()> {
        let (run, fence) = (&self.names.run, &self.names.fence());
        sql::run_generated(transaction, sql::OPEN_DDL, &[fence, &"disable"]).await?;
        sql::run_generated(transaction, sql::DROP_SUBSCRIPTION, &[run]).await.context("drop a subscription")?;
        sql::run_generated(transaction, sql::DROP_PUBLICATION, &[run]).await.context("drop a publication")?;
        let restore: String = sql::value(transaction, sql::RESTORE_REPLICA_IDENTITY, &[run]).await?;
        sql::run_generated(transaction, &restore, &[]).await.context("put a replica identity back")?;
        for oid in sql::column::<u32>(transaction, sql::FENCED_TABLES, &[fence]).await? {
            sql::run_generated(transaction, sql::UNFENCE_TABLE, &[fence, &oid]).await.context("drop a trigger")?;
        }
        sql::run_generated(transaction, sql::DROP_SCHEMA, &[run]).await.context("drop a schema")?;
        sql::run_generated(transaction, sql::DROP_SCHEMA, &[fence]).await.context("drop a fence").map(drop)
    }

    /// The tables to which a login trigger's function writes, if it can be called in a transaction; none if it leaves only
    /// temporary objects.
    async fn call(&self, session: &mut Session, trigger: &EventTrigger) -> Result<Option<Vec<String>>> {
        let transaction = session.transaction().await?;
        self.silence(&transaction).await?;
        let called = sql::run_generated(&transaction, sql::TRIAL_LOGIN, &[&self.names.run, &trigger.function]).await;
        let writes = match called {
            Ok(_) => Some(sql::column::<String>(&transaction, sql::TRIAL_WRITES, &[&self.names.run]).await?),
            Err(_) => None,
        };
        let only_temporaries = match &writes {
            Some(writes) if writes.is_empty() => sql::value(&transaction, sql::TRIAL_TEMPORARIES, &[]).await?,
            _ => false,
        };
        transaction.rollback().await?;
        Ok(if only_temporaries { None } else { Some(writes.unwrap_or_default()) })
    }

    /// The error of a login trigger's function for a role that it does not know.
    async fn call_as_stranger(&self, session: &mut Session, trigger: &EventTrigger) -> Result<Option<StepError>> {
        let transaction = session.transaction().await?;
        self.silence(&transaction).await?;
        let mut called = Ok(0);
        for (number, statement) in sql::statements(&transaction, sql::TRIAL_LOGIN, &[&self.names.run, &trigger.function]).await?.iter().enumerate() {
            if number == 1 {
                called = sql::run_generated(&transaction, sql::TRIAL_ROLE, &[&self.names.run]).await;
            }
            called = match called {
                Ok(done) => transaction.batch_execute(statement).await.map(|()| done).map_err(StepError::from),
                failed => failed,
            };
        }
        transaction.rollback().await?;
        // An unknown role may create nothing, but the function fails before that.
        Ok(called.err().filter(|error| foreign_function(error).is_some()))
    }
}

/// A login trigger that writes refuses a read-only session, and such a session leaves nothing behind. One that also fires in
/// replicas meets the run's role.
async fn try_logins(
    server: &Server,
    session: &mut Session,
    database: &str,
    trial: &Trial<'_>,
    triggers: &[&EventTrigger],
    tried: &mut Tried,
) -> Result<()> {
    if triggers.is_empty() {
        return Ok(());
    }
    let culprits = match server.connect_read_only(database).await {
        Ok(_) => Vec::new(),
        Err(error) if is(&error, &SqlState::READ_ONLY_SQL_TRANSACTION) => named_in(&error, triggers),
        Err(error) => return Err(error),
    };
    for trigger in triggers {
        let writes = if culprits.contains(&trigger.name.as_str()) { trial.call(session, trigger).await? } else { None };
        let stranger = if trigger.always { trial.call_as_stranger(session, trigger).await? } else { None };
        match (writes, stranger) {
            (None, None) => tried.harmless.push(trigger.name.clone()),
            (Some(writes), _) => {
                let to = if writes.is_empty() { String::new() } else { format!(" to {}", writes.join(", ")) };
                let what = format!("writes{to} at every login, including the run's logins to the target, where nothing else may write");
                tried.troubles.push(trigger.trouble(&what));
            }
            (None, Some(error)) => {
                tried.troubles.push(trigger.trouble(&format!("refuses roles that it does not know, such as the run's: {error}")));
            }
        }
    }
    Ok(())
}

/// The triggers whose functions PostgreSQL's error names; all of them if it names none.
fn named_in<'a>(error: &StepError, triggers: &[&'a EventTrigger]) -> Vec<&'a str> {
    let context = context(error).unwrap_or_default();
    let is_named = |trigger: &&EventTrigger| context.lines().filter(|line| !line.starts_with("SQL ")).any(|line| line.contains(&trigger.function));
    let (named, others): (Vec<&EventTrigger>, Vec<&EventTrigger>) = triggers.iter().partition(|trigger| is_named(trigger));
    let suspects = if named.is_empty() { others } else { named };
    suspects.into_iter().map(|trigger| trigger.name.as_str()).collect()
}

/// Refuses to go on if an event trigger would stop the run: after the fence it only goes forward.
///
/// # Errors
/// `PreconditionFailed`, with the event triggers; they have changed nothing.
pub async fn check(server: &Server, session: &mut Session, database: &str, names: &Names, terms: Terms) -> Result<()> {
    let tried = try_out(server, session, database, names, terms).await?;
    if tried.troubles.is_empty() {
        return Ok(());
    }
    let described: Vec<String> = tried.troubles.iter().map(|trouble| format!("{}; {}", trouble.found, trouble.remedy)).collect();
    Err(StepError::new(ErrorName::PreconditionFailed, format!("database {database}: {}", described.join("; "))))
}

/// After it, the run's schema is gone, and the event triggers that the run disabled are as they were.
///
/// # Errors
/// `LockTimeout`, `PostgresRefused` if an event trigger stops it.
pub async fn drop_run_schema(session: &mut Session, names: &Names) -> Result<()> {
    fence::run_ddl_past_fence(session, names, sql::DROP_RUN_SCHEMA, &[&names.run]).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trigger(event: &str, enabled: char, may_alter: bool) -> EventTrigger {
        let text = || String::from("x");
        EventTrigger {
            event: event.to_owned(),
            always: enabled == 'A',
            replica: enabled == 'R',
            may_alter,
            outside: None,
            name: text(),
            function: text(),
            owner: text(),
            disable: text(),
            enable: text(),
        }
    }

    #[test]
    fn consent_keeps_those_from_firing_that_we_may_disable() {
        let fires = |held, enabled, may_alter| trigger("sql_drop", enabled, may_alter).fires(Terms { held, is_control: false });
        assert_eq!(['O', 'A', 'R'].map(|enabled| fires(false, enabled, true)), [true, true, false]);
        assert_eq!(['O', 'A', 'R'].map(|enabled| fires(true, enabled, true)), [false; 3]);
        assert_eq!(['O', 'A', 'R'].map(|enabled| fires(true, enabled, false)), [false, true, true]);
        assert!(!trigger("table_rewrite", 'A', true).fires(Terms { held: false, is_control: false }));
    }
}
