//! Verification inside the write pause, where the input asks for it. Behind the locks nothing changes on either side, so both are
//! simply read, by as many sessions as there are processors: writers are waiting.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::{try_join, try_join_all};
use postgres::connect::{Server, Session};
use postgres::replica_identity::explain_difference;
use postgres::rows::{Table, check_equal};
use postgres::sql;
use shared::contract::{Database, Digest, Plan};
use shared::error::{Result, StepError};
use shared::input::Verify;
use shared::load::Load;

/// The sessions that read one database, opened before writers wait.
pub(crate) struct Comparison {
    source: Vec<Session>,
    target: Vec<Session>,
}

impl Comparison {
    pub(crate) async fn open(source: &Server, target: &Server, database: &Database, load: Load) -> Result<Self> {
        // The load is half of the processors, which would leave the other half to writers.
        let sessions = 0..2 * load.workers;
        let source = try_join_all(sessions.clone().map(|_| source.connect(&database.name)));
        let target = try_join_all(sessions.map(|_| target.connect(&database.name)));
        let (source, target) = try_join(source, target).await?;
        Ok(Self { source, target })
    }

    /// After it, every table was found equal, row for row. Returns the number of rows.
    ///
    /// # Errors
    /// `DataDiffers`, `TablesChanged`.
    pub(crate) async fn carry_out(&self, plan: &Plan) -> Result<u64> {
        let mut tables: Vec<u32> = Vec::new();
        if let Some(session) = self.source.first() {
            tables = sql::column(session, sql::PUBLISHED_TABLES, &[&plan.names.run]).await?;
        }
        let (ours, theirs) = try_join(read_all(&self.source, plan, &tables), read_all(&self.target, plan, &tables)).await?;
        tables.sort_unstable();
        let mut rows = 0;
        for ((oid, (ours, our_digest)), (theirs, their_digest)) in tables.into_iter().zip(&ours).zip(&theirs) {
            ours.check_columns(theirs)?;
            match (check_equal(&ours.name, *our_digest, *their_digest, "behind the locks"), self.source.first()) {
                (Ok(equal), _) => rows += equal,
                (Err(error), Some(session)) => return Err(explain_difference(session, oid, error).await),
                (Err(error), None) => return Err(error),
            }
        }
        Ok(rows)
    }
}

/// All tables of one side and their digests, in the order of the oids.
async fn read_all(sessions: &[Session], plan: &Plan, oids: &[u32]) -> Result<Vec<(Table, Digest)>> {
    let (major, hash) = (plan.source.major, plan.verify == Verify::Rows);
    // Each session looks up its share of the tables: there may be thousands.
    let found = sessions.iter().enumerate().map(|(first, session)| async move {
        let mut found = Vec::new();
        for oid in oids.iter().skip(first).step_by(sessions.len()) {
            found.push((*oid, Table::find(session, major, *oid, hash).await?));
        }
        Ok::<_, StepError>(found)
    });
    let mut tables: Vec<(u32, Table)> = try_join_all(found).await?.into_iter().flatten().collect();
    tables.sort_unstable_by_key(|(oid, _)| *oid);
    let ranges: Vec<(usize, Range<u64>)> =
        tables.iter().enumerate().flat_map(|(place, (_, table))| ranges(table).map(move |pages| (place, pages))).collect();
    let next = AtomicUsize::new(0);
    let parts = try_join_all(sessions.iter().map(|session| work(session, &tables, &ranges, &next))).await?;
    let mut digests = vec![Digest::default(); tables.len()];
    for (place, digest) in parts.into_iter().flatten() {
        if let Some(sum) = digests.get_mut(place) {
            *sum = sum.and(digest);
        }
    }
    Ok(tables.into_iter().map(|(_, table)| table).zip(digests).collect())
}

fn ranges(table: &Table) -> impl Iterator<Item = Range<u64>> + use<> {
    let (pages, at_once) = (table.pages, table.pages_at_once());
    (0..pages.div_ceil(at_once)).map(move |place| place * at_once..((place + 1) * at_once).min(pages))
}

/// Takes one range after another, until none is left.
async fn work(session: &Session, tables: &[(u32, Table)], ranges: &[(usize, Range<u64>)], next: &AtomicUsize) -> Result<Vec<(usize, Digest)>> {
    let mut read = Vec::new();
    while let Some((place, pages)) = ranges.get(next.fetch_add(1, Ordering::Relaxed)) {
        if let Some((_, table)) = tables.get(*place) {
            read.push((*place, table.read(session, None, pages.clone()).await?));
        }
    }
    Ok(read)
}
