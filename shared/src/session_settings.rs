//! What the two ends of replication work under, whatever server, database and roles say: the walsender makes text of every
//! value under the settings of the run's role, and the apply worker reads it under those of the subscription's owner.
//!
//! A role's settings beat the database's, and its settings for one database beat both. Options in the connection string
//! would not do: from 15 on the worker replaces them by its own, before the minor versions that keep both.
//!
//! The owner is the master user, as whom applications log in as well. So the copy has the settings for the time of the run
//! only: they go in the pause, in the transaction that ends the apply, before anybody is led to the copy. A worker that runs
//! keeps what it began with, and one that would begin anew without them cannot.

use tokio_postgres::GenericClient;

use crate::error::{Context, Result};
use crate::sql;

/// A setting's name and value.
type Setting = (&'static str, &'static str);

/// All that changes how a value of any type looks as text: `tests/reported/test_settings_walk.py` tries every setting. What
/// `search_path` changes is not here, since both workers empty it themselves.
const TEXT: [Setting; 7] = [
    ("datestyle", "iso"),
    ("intervalstyle", "postgres"),
    ("timezone", "utc"),
    ("extra_float_digits", "3"),
    ("bytea_output", "hex"),
    ("quote_all_identifiers", "off"),
    LC_MONETARY,
];

/// All that changes what is read from such text, and what changes in which transactions and as whom the apply works.
const APPLY: [Setting; 5] = [("array_nulls", "on"), ("xmloption", "content"), LC_MONETARY, ("default_transaction_isolation", "read committed"), ROLE];

/// What ends a session or its transaction. Neither end has anything to do for a while, or much for very long.
const LIMITS: [Setting; 5] = [
    ("statement_timeout", "0"),
    ("lock_timeout", "0"),
    ("transaction_timeout", "0"),
    ("idle_in_transaction_session_timeout", "0"),
    ("idle_session_timeout", "0"),
];

/// `money` has no text of its own.
const LC_MONETARY: Setting = ("lc_monetary", "C");
const ROLE: Setting = ("role", "none");
/// A worker that applies one long change answers nothing meanwhile.
const WAL_SENDER_TIMEOUT: Setting = ("wal_sender_timeout", "5min");

/// The statements that set what makes values look the same on both sides, for one transaction.
#[must_use]
pub fn local_text() -> String {
    TEXT.map(|(name, value)| format!("set local {name} = '{value}'")).join("; ")
}

/// After it, the walsenders of the run's role work under the run's settings, those that begin from now on.
pub async fn set_for_walsender(source: &impl GenericClient, role: &str) -> Result<()> {
    let settings = [&TEXT[..], &LIMITS, &[ROLE, WAL_SENDER_TIMEOUT]].concat();
    let (names, values): (Vec<_>, Vec<_>) = settings.into_iter().unzip();
    sql::run_generated(source, sql::SET_FOR_ROLE, &[&role, &names, &values]).await.map(drop).context(&format!("set what {role} works under"))
}

/// After it, the apply worker of this database of the copy works under the run's settings, one that begins from now on.
pub async fn set_for_apply(target: &impl GenericClient) -> Result<()> {
    let (names, values): (Vec<_>, Vec<_>) = of_apply().into_iter().unzip();
    sql::run_generated(target, sql::SET_FOR_APPLY, &[&names, &values]).await.map(drop).context("set what the apply works under")
}

/// The statements that give a database of the copy what the source has in place of the run's settings.
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
    fn what_the_run_sets_on_the_copy_is_no_drift() {
        for (name, _) in of_apply() {
            assert!(sql::CATALOG_CLUSTER.contains(&format!("'{name}'")), "{name} would be a difference between source and copy");
        }
    }
}
