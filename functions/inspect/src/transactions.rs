//! Transactions that a new slot would wait for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use postgres::connect::Session;
use shared::error::{Context, Result};
use shared::finding::{Findings, Verdict, list};

const LONG_TRANSACTIONS: &str = include_str!("sql/long_transactions.sql");
const PREPARED_TRANSACTIONS: &str = include_str!("sql/prepared_transactions.sql");

/// Transactions younger than this, in seconds, are not reported.
const NOTICED_SECONDS: i64 = 1;
/// From here on, a transaction is rarely a coincidence.
const LONG_SECONDS: i64 = 60;
/// As long as the state machine asks for slots, its waits included (`CreatePublication`: nine times 40 s and up to 220 s between them).
/// A transaction that has already run for so long is unlikely to end within as long again.
const TOO_LONG_SECONDS: i64 = 600;

/// How long current prepared transactions may take to end: two phases are milliseconds apart, or a second.
const PREPARED_END_WITHIN: Duration = Duration::from_secs(10);

/// A slot waits for every transaction that has an id of its own, whatever its database and whether it is idle or not.
pub(crate) async fn check(session: &Session, findings: &mut Findings) -> Result<()> {
    let rows = session.query(LONG_TRANSACTIONS, &[&NOTICED_SECONDS]).await.context("look for long transactions")?;
    for verdict in [Verdict::Refuse, Verdict::Warn, Verdict::Fine] {
        let mut described: Vec<String> = Vec::new();
        let mut pids: Vec<String> = Vec::new();
        for row in &rows {
            if verdict_of(row.try_get("age_s")?) == verdict {
                described.push(row.try_get("detail")?);
                pids.push(row.try_get::<_, i32>("pid")?.to_string());
            }
        }
        if !described.is_empty() {
            let remedy = format!("commit or roll back, or: select pg_terminate_backend(pid) from unnest(array[{}]) pid", list(&pids));
            let limit = format!("warning from {LONG_SECONDS} s on, refused from {TOO_LONG_SECONDS} s on");
            findings.add(
                "LongTransactions",
                verdict,
                format!("a slot waits for {} transactions: {}", described.len(), list(&described)),
                limit,
                remedy,
            );
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

/// A slot waits for these too, and so does each lock of the run. Those that come and go are tolerated: any that the snapshot contains
/// are ended on the target, by a role that may.
async fn check_prepared(session: &Session, findings: &mut Findings) -> Result<()> {
    let mut left = read_prepared(session).await?;
    let mut remedies: BTreeSet<String> = left.values().filter_map(|(_, remedy)| remedy.clone()).collect();
    let deadline = Instant::now() + PREPARED_END_WITHIN;
    while !left.is_empty() && Instant::now() < deadline {
        tokio::time::sleep(Duration::from_millis(250)).await;
        let now = read_prepared(session).await?;
        left.retain(|id, _| now.contains_key(id));
        remedies.extend(now.into_values().filter_map(|(_, remedy)| remedy));
    }
    let described: Vec<String> = left.into_values().map(|(described, _)| described).collect();
    let seconds = PREPARED_END_WITHIN.as_secs();
    if !described.is_empty() {
        let found = format!("{} prepared transactions that do not end within {seconds} s: {}", described.len(), list(&described));
        findings.refuse("PreparedTransactions", found, "0 are allowed", "in their databases: commit prepared '…', or rollback prepared '…'");
    }
    if !remedies.is_empty() {
        let found = "prepared transactions of others: those that the snapshot contains could not be ended on the target";
        findings.refuse(
            "PreparedTransactions",
            found,
            "only their owner may end them, or a role that may become that one",
            remedies.into_iter().collect::<Vec<_>>().join("; "),
        );
    }
    Ok(())
}

/// By id: the text for people, and the statement that grants the missing right to end it.
async fn read_prepared(session: &Session) -> Result<BTreeMap<String, (String, Option<String>)>> {
    let rows = session.query(PREPARED_TRANSACTIONS, &[]).await.context("look for prepared transactions")?;
    rows.iter().map(|row| Ok((row.try_get("id")?, (row.try_get("detail")?, row.try_get("remedy")?)))).collect()
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
