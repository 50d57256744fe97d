//! Compares the contents of large objects. These are in no publication and fire no trigger, so the target has them as the
//! snapshot does.
//!
//! Nothing changes them on the target before the application moves, so the comparison needs no common position: any difference
//! was written on the source. They are read part by part, in order of their oids, until the deadline.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join;
use shared::error::{Context, ErrorName, Result, StepError};
use tokio_postgres::GenericClient;

use crate::sql;

/// Their largest total size at which a run reads all of them, as it does before its pause and after it.
pub const WATCHED_BYTES: i64 = 4 << 30;
/// Their largest total size at which they are also read on each poll.
const READ_AT_EACH_LOOK_BYTES: i64 = 256 << 20;
/// How long they may be read on a poll.
pub const LOOK_MAX: Duration = Duration::from_secs(15);

/// How many are listed at once.
const OBJECTS_AT_ONCE: i64 = 2_000;
/// How much of one is read at once, in bytes.
const PART: i64 = 1 << 20;
/// How many parts one statement reads.
const PARTS_AT_ONCE: usize = 64;
/// The least that an object counts, in bytes: reading one costs about as much as 16 KiB of one.
const SMALL: i64 = PART / 64;
/// How many are named at most.
const NAMED_MAX: usize = 10;

/// A database's large objects, and those of them that we may read.
pub struct Stock {
    pub count: i64,
    pub unreadable: i64,
    /// The statements that would let us read all.
    pub grants: String,
    pub bytes: i64,
}

/// Counts them, without reading any.
pub async fn read_stock(source: &impl GenericClient) -> Result<Stock> {
    let row = source.query_one(sql::LARGE_OBJECTS, &[]).await.map_err(StepError::from).context("count large objects")?;
    Ok(Stock {
        count: row.try_get("large_objects")?,
        unreadable: row.try_get("unreadable")?,
        grants: row.try_get::<_, Option<String>>("grants")?.unwrap_or_default(),
        bytes: row.try_get("bytes")?,
    })
}

/// As [`compare`], if they are small enough for each poll, and as far as the time allows: the cutover reads all of them.
///
/// # Errors
/// `PostgresUnavailable`.
pub async fn compare_at_look(source: &impl GenericClient, target: &impl GenericClient, database: &str, deadline: Instant) -> Result<Vec<String>> {
    let stock = read_stock(source).await?;
    if stock.count == 0 || stock.bytes > READ_AT_EACH_LOOK_BYTES {
        return Ok(Vec::new());
    }
    Ok(compare_until(source, target, database, deadline).await?.differences)
}

/// The large objects of a database that differ on the target, or could not be compared before the deadline.
///
/// # Errors
/// `PostgresUnavailable`. An object that cannot be read is a difference, not an error.
pub async fn compare(source: &impl GenericClient, target: &impl GenericClient, database: &str, deadline: Instant) -> Result<Vec<String>> {
    let Compared { mut differences, is_complete } = compare_until(source, target, database, deadline).await?;
    if !is_complete {
        differences.push(format!("database {database}: not all large objects could be compared in time"));
    }
    Ok(differences)
}

struct Compared {
    differences: Vec<String>,
    is_complete: bool,
}

async fn compare_until(source: &impl GenericClient, target: &impl GenericClient, database: &str, deadline: Instant) -> Result<Compared> {
    let mut differing = Differing::default();
    let (is_complete, failed) = match differing.find(source, target, deadline).await {
        Ok(is_complete) => (is_complete, None),
        // An object was dropped, or a right revoked, during the read.
        Err(error) if matches!(error.name, ErrorName::Internal | ErrorName::PostgresRefused) => {
            (true, Some(format!("large objects could not be compared: {error}")))
        }
        Err(error) => return Err(error.context(&format!("compare the large objects of {database}"))),
    };
    let described = differing.described().into_iter().chain(failed);
    Ok(Compared { differences: described.map(|described| format!("database {database}: {described}")).collect(), is_complete })
}

#[derive(Default)]
struct Differing {
    oids: Vec<u32>,
    unreadable: usize,
}

impl Differing {
    /// Whether all objects were compared.
    async fn find(&mut self, source: &impl GenericClient, target: &impl GenericClient, deadline: Instant) -> Result<bool> {
        let mut before = 0;
        loop {
            let (ours, theirs) = try_join(read_sizes(source, before), read_sizes(target, before)).await?;
            // The two sides may have been read up to different oids: the next batch begins after the nearer one.
            let Some(last) = ours.1.into_iter().chain(theirs.1).min() else {
                return self.compare_all(source, target, &ours.0, &theirs.0, deadline).await;
            };
            let until = |sizes: &Sizes| sizes.range(..=last).map(|(oid, size)| (*oid, *size)).collect::<Sizes>();
            if !self.compare_all(source, target, &until(&ours.0), &until(&theirs.0), deadline).await? {
                return Ok(false);
            }
            before = last;
        }
    }

    async fn compare_all(
        &mut self,
        source: &impl GenericClient,
        target: &impl GenericClient,
        ours: &Sizes,
        theirs: &Sizes,
        deadline: Instant,
    ) -> Result<bool> {
        let mut parts = Parts::default();
        for (oid, size) in ours {
            match (size, theirs.get(oid)) {
                (Some(size), Some(Some(their_size))) if size == their_size => {
                    for begin in (0..*size).step_by(usize::try_from(PART).unwrap_or(usize::MAX)) {
                        if parts.are_enough() && !self.compare_parts(source, target, std::mem::take(&mut parts), deadline).await? {
                            return Ok(false);
                        }
                        parts.add(*oid, begin, (size - begin).min(PART));
                    }
                }
                (Some(_), Some(Some(_)) | None) => self.oids.push(*oid),
                (None, _) | (_, Some(None)) => self.unreadable += 1,
            }
        }
        self.oids.extend(theirs.keys().filter(|oid| !ours.contains_key(oid)));
        self.compare_parts(source, target, parts, deadline).await
    }

    async fn compare_parts(&mut self, source: &impl GenericClient, target: &impl GenericClient, parts: Parts, deadline: Instant) -> Result<bool> {
        if parts.oids.is_empty() {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        let (ours, theirs) = try_join(parts.read(source), parts.read(target)).await?;
        let differing = parts.oids.iter().zip(ours.iter().zip(&theirs)).filter(|(_, (ours, theirs))| ours != theirs);
        self.oids.extend(differing.map(|(oid, _)| *oid));
        self.oids.dedup();
        Ok(true)
    }

    fn described(&self) -> Vec<String> {
        let mut described = Vec::new();
        if !self.oids.is_empty() {
            let named: Vec<String> = self.oids.iter().take(NAMED_MAX).map(u32::to_string).collect();
            let more = if self.oids.len() > NAMED_MAX { ", ..." } else { "" };
            described.push(format!("{} large objects differ: {}{more}", self.oids.len(), named.join(", ")));
        }
        if self.unreadable > 0 {
            described.push(format!("{} large objects are not readable by the run", self.unreadable));
        }
        described
    }
}

/// The length of each, by oid; none for those that we may not read.
type Sizes = BTreeMap<u32, Option<i64>>;

/// The next ones, and the last oid if there may be more.
async fn read_sizes(client: &impl GenericClient, before: u32) -> Result<(Sizes, Option<u32>)> {
    let rows = client.query(sql::LARGE_OBJECT_SIZES, &[&before, &OBJECTS_AT_ONCE]).await?;
    let sizes = rows.iter().map(|row| Ok((row.try_get("oid")?, row.try_get("size")?))).collect::<Result<Sizes>>()?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|count| count == OBJECTS_AT_ONCE);
    let last = sizes.last_key_value().filter(|_| is_full).map(|(oid, _)| *oid);
    Ok((sizes, last))
}

/// The parts that one statement reads.
#[derive(Default)]
struct Parts {
    oids: Vec<u32>,
    begins: Vec<i64>,
    weight: i64,
}

impl Parts {
    fn add(&mut self, oid: u32, begin: i64, length: i64) {
        self.oids.push(oid);
        self.begins.push(begin);
        self.weight += length.max(SMALL);
    }

    fn are_enough(&self) -> bool {
        usize::try_from(self.weight / PART).is_ok_and(|parts| parts >= PARTS_AT_ONCE)
    }

    async fn read(&self, client: &impl GenericClient) -> Result<Vec<i64>> {
        let length = i32::try_from(PART).unwrap_or(i32::MAX);
        sql::value(client, sql::LARGE_OBJECT_HASHES, &[&self.oids, &self.begins, &length]).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_bounded_by_bytes_and_by_objects() {
        let mut parts = Parts::default();
        for number in 0..PARTS_AT_ONCE {
            assert!(!parts.are_enough(), "{number}");
            parts.add(1, PART * i64::try_from(number).unwrap(), PART);
        }
        assert!(parts.are_enough());
        let mut parts = Parts::default();
        for oid in 0..4_095 {
            parts.add(oid, 0, 1);
        }
        assert!(!parts.are_enough());
        parts.add(4_096, 0, 1);
        assert!(parts.are_enough());
    }

    #[test]
    fn many_differences_are_named_in_part_and_counted_in_full() {
        let differing = Differing { oids: (1..=12).collect(), unreadable: 2 };
        assert_eq!(
            differing.described(),
            ["12 large objects differ: 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...", "2 large objects are not readable by the run"]
        );
    }
}
