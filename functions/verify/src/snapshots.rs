//! A snapshot of each side at one and the same position.

use std::time::{Duration, Instant};

use shared::contract::{Database, Plan};
use shared::error::{Result, While};
use shared::locks::{Locks, lock_all};
use shared::pg::{Server, Session};
use shared::replication::{check_tables, drain};
use shared::sql;

/// How long writers may be held while the copy drains.
const MAX_HOLD: Duration = Duration::from_secs(5);

/// Two transactions that see the same rows, and the tables to compare, by oid.
pub(crate) struct Pair {
    pub(crate) source: Session,
    pub(crate) target: Session,
    pub(crate) tables: Vec<u32>,
}

/// Why a lock: nothing else tells the copy to stop at a position of our choosing. SHARE lets `select for update`
/// pass, and is let go as soon as both snapshots are taken.
pub(crate) async fn take_snapshots(source: &Server, target: &Server, plan: &Plan, database: &Database) -> Result<Pair> {
    let pair = Pair { source: source.connect(&database.name).await?, target: target.connect(&database.name).await?, tables: Vec::new() };
    check_tables(&pair.source, &pair.target, plan, database).await?;
    let mut tables: Vec<u32> = sql::column(&pair.source, sql::PUBLISHED_TABLES, &[&plan.names.run]).await?;
    tables.sort_unstable();
    let (locker, watcher) = (source.connect(&database.name).await?, source.connect(&database.name).await?);
    let mut locks = [Locks { session: &locker, tables: tables.clone() }];
    lock_all(&mut locks, "share", MAX_HOLD).await.while_doing(&format!("hold the writers of {}", database.name))?;
    drain(&watcher, &pair.target, plan, database, Instant::now() + MAX_HOLD).await?;
    for session in [&pair.source, &pair.target] {
        let begin = "begin isolation level repeatable read read only; set local statement_timeout = 0; \
                     set local idle_in_transaction_session_timeout = 0; select 1";
        session.batch_execute(begin).await?;
    }
    locker.batch_execute("rollback").await?;
    Ok(Pair { tables, ..pair })
}
