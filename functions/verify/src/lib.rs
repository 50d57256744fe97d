//! Compares the rows of source and copy while writes go on.
//!
//! Two snapshots of the very same position make the comparison exact: behind a lock that stops writers for some
//! milliseconds the copy drains, both sides take their snapshot, and the lock is let go. Hashing then takes as long
//! as it takes, and nobody waits.

mod snapshots;

use serde::Serialize;
use shared::aws::Aws;
use shared::contract::{Action, Plan, VerifiedByDatabase, VerifyRequest};
use shared::error::{ErrorName, Result, StepError, While};
use shared::input::Verify;
use shared::pg::Session;
use shared::rds::{source_server, target_server};
use shared::sql;
use std::time::{Duration, Instant};

use crate::snapshots::take_snapshots;

/// A call begins no further table after this long.
const BUDGET: Duration = Duration::from_mins(5);

#[derive(Debug, Serialize)]
pub struct Answer {
    pub ready: bool,
    pub verified: VerifiedByDatabase,
}

/// Do: after it answers ready, every table was found equal, row for row, at one position of the source. "Not yet"
/// where tables are left for another call. Undo: there is nothing to undo.
///
/// # Errors
/// `DataDiffers`, `TablesChanged`, `LockTimeout`, `DrainTimeout`, `PostgresUnavailable`.
pub async fn handle(aws: &Aws, request: VerifyRequest) -> Result<Answer> {
    match request.action {
        Action::Do => verify(aws, &request.plan, request.verified).await,
        Action::Undo => Ok(Answer { ready: true, verified: request.verified }),
    }
}

async fn verify(aws: &Aws, plan: &Plan, mut verified: VerifiedByDatabase) -> Result<Answer> {
    let (source, target) = (source_server(aws, plan).await?, target_server(aws, plan).await?);
    let began = Instant::now();
    for database in &plan.databases {
        let so_far = verified.entry(database.name.clone()).or_default();
        let pair = take_snapshots(&source, &target, plan, database).await?;
        let done = usize::try_from(so_far.tables).unwrap_or(usize::MAX);
        for oid in pair.tables.iter().skip(done) {
            if began.elapsed() > BUDGET {
                return Ok(Answer { ready: false, verified });
            }
            so_far.rows += compare(&pair.source, &pair.target, *oid, plan.verify == Verify::Rows).await?;
            so_far.tables += 1;
        }
    }
    Ok(Answer { ready: true, verified })
}

/// Returns the number of rows, the same on both sides.
async fn compare(source: &Session, target: &Session, oid: u32, hash: bool) -> Result<u64> {
    let made = source.query_one(sql::HASH_TABLE, &[&oid, &hash]).await?;
    let (query, name): (String, String) = (made.try_get(0)?, made.try_get(1)?);
    let both = futures_util::future::try_join(source.query_one(&query, &[]), target.query_one(&query, &[])).await;
    let (ours, theirs) = both.map_err(StepError::from).while_doing(&format!("read table {name}"))?;
    let (rows, copied): (i64, i64) = (ours.try_get(0)?, theirs.try_get(0)?);
    if rows == copied && ours.try_get::<_, String>(1)? == theirs.try_get::<_, String>(1)? {
        return Ok(u64::try_from(rows).unwrap_or(0));
    }
    Err(StepError::new(ErrorName::DataDiffers, format!("table {name} has {rows} rows on the source and {copied} on the copy, or other contents")))
}
