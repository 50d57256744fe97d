//! Transactions that a new slot would wait for.

use shared::error::{Result, While};
use shared::finding::Verdict;
use shared::pg::Session;
use shared::sql;

use shared::finding::{Findings, list};

/// Below it, nobody need be told of a transaction, in seconds.
const NOTICED_SECONDS: i64 = 1;
/// From here on, a transaction is seldom an accident of the moment.
const LONG_SECONDS: i64 = 60;
/// As long as the state machine asks for slots, its pauses included (`CreatePublication`: nine times 40 s and up to
/// 220 s between them). What has run for so long by now is rather not going to end within as long again.
const TOO_LONG_SECONDS: i64 = 600;

/// A slot waits for every transaction that has an id of its own, whatever its database and whether it is idle or not.
pub(crate) async fn check(session: &Session, findings: &mut Findings) -> Result<()> {
    let rows = session.query(sql::LONG_TRANSACTIONS, &[&NOTICED_SECONDS]).await.while_doing("look for long transactions")?;
    for verdict in [Verdict::Refuse, Verdict::Warn, Verdict::Fine] {
        let mut told: Vec<String> = Vec::new();
        let mut pids: Vec<String> = Vec::new();
        for row in &rows {
            if verdict_of(row.try_get("age_s")?) == verdict {
                told.push(row.try_get("told")?);
                pids.push(row.try_get::<_, i32>("pid")?.to_string());
            }
        }
        if !told.is_empty() {
            let remedy = format!("commit or roll back, or: select pg_terminate_backend(pid) from unnest(array[{}]) pid", list(&pids));
            let limit = format!("warned of from {LONG_SECONDS} s, refused from {TOO_LONG_SECONDS} s on");
            findings.add("LongTransactions", verdict, format!("a slot waits for {} transactions: {}", told.len(), list(&told)), limit, remedy);
        }
    }
    check_prepared(session, findings).await
}

fn verdict_of(age_s: i64) -> Verdict {
    match age_s {
        TOO_LONG_SECONDS.. => Verdict::Refuse,
        LONG_SECONDS.. => Verdict::Warn,
        _ => Verdict::Fine,
    }
}

/// A slot waits for these too; and the copy would have them pending for ever.
async fn check_prepared(session: &Session, findings: &mut Findings) -> Result<()> {
    let prepared: Vec<String> = sql::column(session, sql::PREPARED_TRANSACTIONS, &[]).await.while_doing("look for prepared transactions")?;
    if !prepared.is_empty() {
        let found = format!("{} prepared transactions: {}", prepared.len(), list(&prepared));
        findings.refuse("PreparedTransactions", found, "0 are allowed", "in their databases: commit prepared '…', or rollback prepared '…'");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_a_transaction_the_worse() {
        assert_eq!([1, 59, 60, 599, 600, 90_000].map(verdict_of), {
            use Verdict::{Fine, Refuse, Warn};
            [Fine, Fine, Warn, Warn, Refuse, Refuse]
        });
    }
}
