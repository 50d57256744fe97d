//! One table on one side, read by several sessions in one snapshot.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::future::try_join_all;
use postgres::connect::Session;
use postgres::rows::Table;
use shared::contract::{Digest, Reading};
use shared::error::Result;

use crate::Call;

/// How much has been read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    pub(crate) next_page: u64,
    pub(crate) digest: Digest,
    pub(crate) complete: bool,
}

impl From<Reading> for Progress {
    fn from(reading: Reading) -> Self {
        Self { next_page: reading.next_page, digest: reading.digest, complete: false }
    }
}

/// Reads on from `so_far`, until the end of the table or of the call's time.
pub(crate) async fn read_pages(call: &Call<'_>, sessions: &[Session], snapshot: &str, table: &Table, so_far: Progress) -> Result<Progress> {
    let next = AtomicU64::new(so_far.next_page);
    let workers = sessions.iter().map(|session| work(call, session, snapshot, table, &next));
    let parts = try_join_all(workers).await?;
    let next_page = next.into_inner().min(table.pages);
    Ok(Progress { next_page, digest: parts.into_iter().fold(so_far.digest, Digest::and), complete: next_page == table.pages })
}

/// Takes one range after another, and at least one: every call makes progress. Every range taken is read, so all pages before the next
/// one always are.
async fn work(call: &Call<'_>, session: &Session, snapshot: &str, table: &Table, next: &AtomicU64) -> Result<Digest> {
    let at_once = table.pages_at_once();
    let mut digest = Digest::default();
    loop {
        let from = next.fetch_add(at_once, Ordering::Relaxed);
        if from >= table.pages {
            return Ok(digest);
        }
        let began = Instant::now();
        digest = digest.and(table.read(session, Some(snapshot), from..(from + at_once).min(table.pages)).await?);
        if Instant::now() >= call.deadline {
            return Ok(digest);
        }
        tokio::time::sleep(call.load.rest_after(began.elapsed())).await;
    }
}
