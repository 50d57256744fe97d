//! The statements, one per file. Each file's header says where the statement runs, which privilege it needs and what it locks.
//!
//! DDL cannot take parameters, so those files hold queries that return the statements, quoted by the server.

use shared::error::{Result, StepError};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, GenericClient, Row, ToStatement};

use crate::foreign_function::name_function;

macro_rules! statements {
    ($($name:ident = $file:literal;)*) => { $(pub const $name: &str = include_str!(concat!("sql/", $file, ".sql"));)* };
}

statements! {
    ACQUIRE_RUN_LOCK = "acquire_run_lock";
    ADVANCE_ORIGIN = "advance_origin";
    APPLY_FAILURES = "apply_failures";
    APPLY_WAITS = "apply_waits";
    BEATS = "beats";
    CANCEL_FENCE = "cancel_fence";
    CATALOG_CLUSTER = "catalog_cluster";
    CATALOG_COLUMNS = "catalog_columns";
    CATALOG_CONSTRAINTS = "catalog_constraints";
    CATALOG_DATABASE = "catalog_database";
    CATALOG_FUNCTIONS = "catalog_functions";
    CATALOG_INDEXES = "catalog_indexes";
    CATALOG_RELATIONS = "catalog_relations";
    CATALOG_TRIGGERS = "catalog_triggers";
    CATALOG_TYPES = "catalog_types";
    CLOSE_FENCE = "close_fence";
    COUNT_DDL = "count_ddl";
    CREATE_FENCE = "create_fence";
    CREATE_HANDOVER = "create_handover";
    CREATE_PUBLICATION = "create_publication";
    CREATE_SCHEMA = "create_schema";
    DROP_PUBLICATION = "drop_publication";
    DROP_ROLE = "drop_role";
    DROP_RUN_SCHEMA = "drop_run_schema";
    DROP_SCHEMA = "drop_schema";
    DROP_SUBSCRIPTION = "drop_subscription";
    ENABLE_SUBSCRIPTION = "enable_subscription";
    END_OWN_SESSIONS = "end_own_sessions";
    EQUAL_NOT_IDENTICAL = "equal_not_identical";
    EVENT_TRIGGERS = "event_triggers";
    FENCED_TABLES = "fenced_tables";
    FENCE_STATE = "fence_state";
    FENCE_TABLE = "fence_table";
    HANDOVER = "handover";
    HASH_TABLE = "hash_table";
    HOLD_DDL = "hold_ddl";
    HOLD_EVENT_TRIGGERS = "hold_event_triggers";
    LARGE_OBJECTS = "large_objects";
    LARGE_OBJECT_HASHES = "large_object_hashes";
    LARGE_OBJECT_SIZES = "large_object_sizes";
    LIFT_LIMITS = "lift_limits";
    LOCK_HOLDERS = "lock_holders";
    LOCK_TABLES = "lock_tables";
    MAKE_BEAT = "make_beat";
    MAKE_MARK = "make_mark";
    MISSING_RIGHTS = "missing_rights";
    NOTE_HANDOVER = "note_handover";
    OLDER_TRANSACTIONS = "older_transactions";
    OPEN_DDL = "open_ddl";
    OPEN_FENCE = "open_fence";
    ORIGIN_PROGRESS = "origin_progress";
    OTHER_RUNS = "other_runs";
    PREPARED_HERE = "prepared_here";
    PUBLISHED_TABLES = "published_tables";
    REMEMBER_REPLICA_IDENTITY = "remember_replica_identity";
    REPLICA_IDENTITY_MEMORY = "replica_identity_memory";
    RESTORE_REPLICA_IDENTITY = "restore_replica_identity";
    ROLE_LOGIN = "role_login";
    SEED_FUNCTION = "seed_function";
    SEE_MARK = "see_mark";
    SETTINGS_OF_OWNER = "settings_of_owner";
    SET_FOR_APPLY = "set_for_apply";
    SET_FOR_ROLE = "set_for_role";
    SET_PASSWORD = "set_password";
    SLOT = "slot";
    SUBSCRIBED_TABLES = "subscribed_tables";
    SUBSCRIPTION = "subscription";
    TABLES = "tables";
    TRIAL_LOGIN = "trial_login";
    TRIAL_OIDS = "trial_oids";
    TRIAL_ROLE = "trial_role";
    TRIAL_SUBSCRIPTION = "trial_subscription";
    TRIAL_TABLES = "trial_tables";
    TRIAL_TEMPORARIES = "trial_temporaries";
    TRIAL_WRITES = "trial_writes";
    UNMIGRATED_DATABASES = "unmigrated_databases";
    UNFENCED_TABLES = "unfenced_tables";
    UNFENCE_TABLE = "unfence_table";
    VACUUM_RUNS = "vacuum_runs";
}

pub type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// The statements that a query returns, in order.
pub async fn statements(client: &impl GenericClient, query: &str, params: Params<'_>) -> Result<Vec<String>> {
    client.query(query, params).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
}

/// Runs the statements that a query returns, one after the other; in the transaction if `client` is one.
///
/// # Errors
/// The error of the first statement that fails; those before it are done. `PostgresRefused` if a function of the
/// application's stops it.
pub async fn run_generated(client: &impl GenericClient, query: &str, params: Params<'_>) -> Result<usize> {
    let statements = statements(client, query, params).await?;
    for statement in &statements {
        client.batch_execute(statement).await.map_err(StepError::from).map_err(name_function)?;
    }
    Ok(statements.len())
}

/// As [`run_generated`], all or nothing.
pub async fn run_generated_in_transaction(session: &mut Client, query: &str, params: Params<'_>) -> Result<usize> {
    let transaction = session.transaction().await?;
    let count = run_generated(&transaction, query, params).await?;
    transaction.commit().await?;
    Ok(count)
}

/// The one value of a query that returns one row.
pub async fn value<T>(client: &impl GenericClient, query: &(impl ToStatement + ?Sized + Sync + Send), params: Params<'_>) -> Result<T>
where
    T: for<'a> tokio_postgres::types::FromSql<'a>,
{
    Ok(client.query_one(query, params).await?.try_get(0)?)
}

/// The first column of all rows of a query.
pub async fn column<T>(client: &impl GenericClient, query: &(impl ToStatement + ?Sized + Sync + Send), params: Params<'_>) -> Result<Vec<T>>
where
    T: for<'a> tokio_postgres::types::FromSql<'a>,
{
    client.query(query, params).await?.iter().map(|row: &Row| Ok(row.try_get(0)?)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    fn files_below(directory: &Path, extension: &str) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| if path.is_dir() { files_below(&path, extension) } else { vec![path] })
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect()
    }

    /// A server converts a whole statement, comments included, into its database's encoding, and refuses characters that it lacks.
    #[test]
    fn statements_are_ascii_and_say_what_they_do_and_where() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = [files_below(&root.join("src/sql"), "sql"), files_below(&root.join("../functions"), "sql")].concat();
        assert!(files.len() > 100);
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.is_ascii(), "{}", file.display());
            assert!(text.starts_with("-- ") && text.contains("Where: "), "{} does not begin by saying what it does, and where", file.display());
        }
    }

    #[test]
    fn statements_in_rust_are_ascii() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = [files_below(&root.join("src"), "rs"), files_below(&root.join("../functions"), "rs")].concat();
        let mut statements = 0;
        for file in files {
            let text = fs::read_to_string(&file).unwrap();
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                if ["pg_catalog.", "set local ", "select ", "begin;", "begin "].iter().any(|word| line.contains(&format!("\"{word}"))) {
                    statements += 1;
                    assert!(line.is_ascii(), "{}: {line}", file.display());
                }
            }
        }
        assert!(statements > 10);
    }
}
