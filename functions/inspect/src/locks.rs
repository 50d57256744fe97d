//! Whether the server has room for the locks that the cutover holds at once: one for each table and sequence of all databases.

use postgres::connect::Session;
use shared::error::{Context, Result};
use shared::finding::{Findings, Verdict};
use tokio_postgres::Row;

const LOCK_NEEDS: &str = include_str!("sql/lock_needs.sql");

/// Locks of a fence in a database besides those on its tables: the run's own tables, its schema, functions, triggers.
const OF_A_FENCE: i64 = 16;

/// How much of the server's nominal room can be taken, in percent. The server finds more where shared memory is left over: from 160 (12
/// to 17) to 190 (18) on servers with 64 locks for each of 40 to 240 transactions, more on smaller ones. The rest is left to the
/// application, whose statements would fail as ours would.
const TAKEN_PERCENT: i64 = 140;

/// Locks that are held at once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Needed(i64);

impl Needed {
    /// Adds those of one more database.
    pub(crate) async fn add(&mut self, session: &Session) -> Result<()> {
        let row = session.query_one(LOCK_NEEDS, &[]).await.context("count tables and sequences")?;
        let (tables, sequences): (i64, i64) = (row.try_get("tables")?, row.try_get("sequences")?);
        self.0 = self.0.saturating_add(tables).saturating_add(sequences).saturating_add(OF_A_FENCE);
        Ok(())
    }
}

/// `server` is the row of `server.sql`.
pub(crate) fn check(server: &Row, needed: Needed, findings: &mut Findings) -> Result<()> {
    let (each, transactions): (i64, i64) = (server.try_get("locks_per_transaction")?, server.try_get("transactions")?);
    let held: i64 = server.try_get("locks_held")?;
    let (verdict, remedy) = judge(needed.0.saturating_add(held), each, transactions);
    let found = format!("max_locks_per_transaction is {each}, which is room for {} locks; {held} are held", each.saturating_mul(transactions));
    let limit = format!("{} are needed at once, for all tables and sequences of all databases", needed.0);
    findings.add("Locks", verdict, found, limit, remedy);
    Ok(())
}

fn judge(wanted: i64, each: i64, transactions: i64) -> (Verdict, String) {
    let room = each.saturating_mul(transactions);
    let enough = wanted.saturating_add(transactions).saturating_sub(1).checked_div(transactions).unwrap_or(each);
    let remedy = format!("raise max_locks_per_transaction to {enough} or more and reboot, or name fewer databases");
    if wanted.saturating_mul(100) > room.saturating_mul(TAKEN_PERCENT) {
        (Verdict::Refuse, remedy)
    } else if wanted > room {
        (Verdict::Warn, remedy)
    } else {
        (Verdict::Fine, String::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_with_the_setting_that_fits() {
        assert_eq!(judge(7_744, 64, 121), (Verdict::Fine, String::new()));
        assert_eq!(judge(7_745, 64, 121).0, Verdict::Warn);
        assert_eq!(judge(10_842, 64, 121).0, Verdict::Refuse);
        let (verdict, remedy) = judge(6_020, 10, 72);
        assert_eq!(verdict, Verdict::Refuse);
        assert!(remedy.contains("to 84 or more"), "{remedy}");
        assert_eq!(judge(6_020, 84, 72).0, Verdict::Fine);
    }
}
