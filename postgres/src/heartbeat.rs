//! Heartbeats: the proof, in every run and database, that replication began where the target's data end.
//!
//! From the slot's creation on, the run writes heartbeats into its own table on the source, each in its own transaction.
//! The snapshot brings those that were committed before it to the target; replication brings all later ones. So the start
//! LSN must lie between the last heartbeat on the target and the first one missing there. At the end every heartbeat must be on
//! the target exactly once: a missing one means that replication began too late, a duplicate that it began too early.

use std::time::Duration;

use futures_util::future::{try_join, try_join_all};
use shared::contract::Database;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::lsn::Lsn;
use shared::names::Names;
use tokio_postgres::{Statement, ToStatement};

use crate::connect::{Server, Session};
use crate::replication::lsn;
use crate::sql;

/// How many heartbeats a call writes, and their distance: close enough to lie on both sides of a snapshot's moment, few
/// enough that hours of waiting leave a table of some thousand rows.
const BEATS: u32 = 3;
const APART: Duration = Duration::from_millis(100);

/// A row of the table of heartbeats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Beat {
    pub number: i64,
    /// The source's WAL position before the heartbeat's commit.
    pub at_lsn: Lsn,
}

/// After it, every database of the source has some more heartbeats.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused`.
pub async fn beat(source: &Server, databases: &[Database], names: &Names) -> Result<()> {
    let sessions = try_join_all(databases.iter().map(|database| source.connect(&database.name))).await?;
    for _ in 0..BEATS {
        try_join_all(sessions.iter().map(|session| beat_once(session, names))).await.context("write a heartbeat")?;
        tokio::time::sleep(APART).await;
    }
    Ok(())
}

async fn beat_once(session: &Session, names: &Names) -> Result<()> {
    sql::run_generated(session, sql::MAKE_BEAT, &[&names.run]).await.map(drop)
}

/// Checks that the start LSN lies where the heartbeats on the target end, before the subscription is enabled.
///
/// # Errors
/// `StartLsnDoubtful`.
pub async fn check_start(source: &Session, copy: &Session, names: &Names, database: &Database, start: Lsn) -> Result<()> {
    // At least this heartbeat is missing on the target.
    beat_once(source, names).await.context("write a heartbeat")?;
    let query: String = sql::value(source, sql::BEATS, &[&names.run]).await?;
    let (written, copied) = try_join(read(source, &query), read(copy, &query)).await?;
    enclose(&written, &copied, start).map_err(|why| {
        StepError::new(ErrorName::StartLsnDoubtful, format!("the heartbeats of {} contradict start LSN {start}: {why}", database.name))
    })
}

async fn read(session: &Session, query: &(impl ToStatement + ?Sized + Sync + Send)) -> Result<Vec<Beat>> {
    let rows = session.query(query, &[]).await.map_err(StepError::from).context("read the heartbeats")?;
    rows.iter().map(|row| Ok(Beat { number: row.try_get("beat")?, at_lsn: lsn(row, "at_lsn")? })).collect()
}

/// The target must have the first heartbeats that were written. The start must be after the last of them, and not after the commit
/// of the first missing one, which precedes the next heartbeat.
fn enclose(written: &[Beat], copied: &[Beat], start: Lsn) -> Result<(), String> {
    let Some(last) = copied.last() else { return Err("the target has none, though some were written before the snapshot".to_owned()) };
    if !written.starts_with(copied) {
        return Err(format!("the target has {} of them, which are not the first {} of the source", copied.len(), copied.len()));
    }
    if start <= last.at_lsn {
        return Err(format!("heartbeat {} is on the target, but was written after {}", last.number, last.at_lsn));
    }
    match written.get(copied.len()..) {
        Some([missing, next, ..]) if start >= next.at_lsn => {
            Err(format!("heartbeat {} is not on the target, but was written before {}", missing.number, next.at_lsn))
        }
        _ => Ok(()),
    }
}

/// The proof that every heartbeat of the source is on the target exactly once. Its statements are prepared before the write pause.
pub struct Arrival {
    written: Statement,
    copied: Statement,
    since: Lsn,
}

impl Arrival {
    /// Of the heartbeats written from this position on: on the way back, those before the handover must not arrive.
    ///
    /// # Errors
    /// `PostgresUnavailable`, …
    pub async fn prepare(source: &Session, copy: &Session, names: &Names, since: Lsn) -> Result<Self> {
        let query: String = sql::value(source, sql::BEATS, &[&names.run]).await?;
        let (written, copied) = try_join(source.prepare(&query), copy.prepare(&query)).await?;
        Ok(Self { written, copied, since })
    }

    /// For a target that has caught up.
    ///
    /// # Errors
    /// `DataDiffers`.
    pub async fn check(&self, source: &Session, copy: &Session, database: &Database) -> Result<()> {
        let (mut written, copied) = try_join(read(source, &self.written), read(copy, &self.copied)).await?;
        written.retain(|beat| beat.at_lsn >= self.since);
        if written == copied {
            return Ok(());
        }
        let twice = copied.windows(2).filter(|pair| pair.first() == pair.last()).count();
        let lost = written.iter().filter(|beat| !copied.contains(beat)).count();
        let message = format!(
            "of {} heartbeats of {} on the source, {lost} are missing on the target and {twice} are there twice: replication did not \
             begin where the target's data end",
            written.len(),
            database.name
        );
        Err(StepError::new(ErrorName::DataDiffers, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beats(lsns: &[u64]) -> Vec<Beat> {
        (1..).zip(lsns).map(|(number, at)| Beat { number, at_lsn: Lsn(*at) }).collect()
    }

    #[test]
    fn the_start_lies_between_the_last_heartbeat_on_the_target_and_the_first_missing_one() {
        let (written, copied) = (beats(&[10, 20, 30, 40, 50]), beats(&[10, 20]));
        for start in [21, 30, 39] {
            assert_eq!(enclose(&written, &copied, Lsn(start)), Ok(()), "{start}");
        }
        for start in [10, 20, 40, 99] {
            enclose(&written, &copied, Lsn(start)).unwrap_err();
        }
    }

    #[test]
    fn a_target_without_heartbeats_or_with_others_is_not_of_this_snapshot() {
        let written = beats(&[10, 20, 30]);
        enclose(&written, &[], Lsn(25)).unwrap_err();
        enclose(&written, &beats(&[10, 21]), Lsn(25)).unwrap_err();
        enclose(&written, &written[1..2], Lsn(25)).unwrap_err();
    }
}
