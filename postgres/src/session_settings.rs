//! The settings of the two ends of replication, independent of those of server, database and roles: the walsender writes every
//! value as text under the settings of the run's role, and the apply worker reads it under those of the subscription's owner.
//!
//! A role's settings override the database's, and its settings for one database override both. Options in the connection string
//! are not enough: from 15 on the worker replaces them by its own, up to the minor versions that keep both.
//!
//! The owner is the master user, which applications may use as well. So the target has the settings only during the run:
//! they are removed in the pause, in the transaction that ends the apply, before any application moves. A running worker
//! keeps the settings it began with, and none can start again without them.

use shared::error::{Context, Result};
use tokio_postgres::GenericClient;

use crate::sql;

/// A setting's name and value.
type Setting = (&'static str, &'static str);

/// All settings that change the text of a value of any type: `tests/reported/test_settings_walk.py` tries every setting.
/// `search_path` is not among them, since both workers empty it themselves.
const TEXT: [Setting; 7] = [
    ("datestyle", "iso"),
    ("intervalstyle", "postgres"),
    ("timezone", "utc"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("quote_all_identifiers", "off"),
    LC_MONETARY,
];

/// All settings that change how such text is read, and those that change the transactions and the role of the apply.
const APPLY: [Setting; 6] =
    [("array_nulls", "on"), ("xmloption", "content"), LC_MONETARY, ("default_transaction_isolation", "read committed"), ROLE, NO_CONVERSION];

/// Settings that end a session or its transaction: either end may be idle for a while, or busy for very long.
const LIMITS: [Setting; 5] = [
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("transaction_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
];

/// The apply worker has no client. An encoding that somebody set for one may have no conversion, and ends the worker at its start. So it
/// gets the database's own, which the statement fills in.
const NO_CONVERSION: Setting = ("client_encoding", "");
/// `money` has no text form of its own.
const LC_MONETARY: Setting = ("lc_monetary", "C");
const ROLE: Setting = ("role", "none");
/// A worker that applies one long change sends no replies meanwhile.
const WAL_SENDER_TIMEOUT: Setting = ("wal_sender_timeout", "5min");

/// The statements that make values have the same text on both sides, for one transaction.
#[must_use]
pub fn local_text() -> String {
    TEXT.map(|(name, value)| format!("set local {name} = '{value}'")).join("; ")
}

/// After it, new walsenders of the run's role work under the run's settings.
pub async fn set_for_walsender(source: &impl GenericClient, role: &str) -> Result<()> {
    let settings = [&TEXT[..], &LIMITS, &[ROLE, WAL_SENDER_TIMEOUT]].concat();
    let (names, values): (Vec<_>, Vec<_>) = settings.into_iter().unzip();
    sql::run_generated(source, sql::SET_FOR_ROLE, &[&role, &names, &values]).await.map(drop).context(&format!("set the settings of role {role}"))
}

/// After it, a new apply worker in this database of the target works under the run's settings.
pub async fn set_for_apply(target: &impl GenericClient) -> Result<()> {
    let (names, values): (Vec<_>, Vec<_>) = of_apply().into_iter().unzip();
    sql::run_generated(target, sql::SET_FOR_APPLY, &[&names, &values]).await.map(drop).context("set the settings of the apply")
}

/// The statements that replace the run's settings in a database of the target by the source's.
pub async fn as_on_source(source: &impl GenericClient) -> Result<Vec<String>> {
    let names: Vec<_> = of_apply().into_iter().map(|(name, _)| name).collect();
    sql::statements(source, sql::SETTINGS_OF_OWNER, &[&names]).await.context("read the master user's settings")
}

fn of_apply() -> Vec<Setting> {
    [&APPLY[..], &LIMITS].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_settings_on_the_target_are_not_drift() {
        for (name, _) in of_apply() {
            assert!(sql::CATALOG_CLUSTER.contains(&format!("'{name}'")), "{name} would be a difference between source and target");
        }
    }
}
