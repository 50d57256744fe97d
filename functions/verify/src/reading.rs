//! One table on one side, read by several sessions in one snapshot, a range of pages at a time.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::future::try_join_all;
use shared::contract::{Digest, Reading};
use shared::error::{ErrorName, Result, StepError, While};
use shared::pg::Session;
use shared::sql;
use tokio_postgres::SimpleQueryMessage;

use crate::Call;
use crate::snapshots::Side;

/// How much of a table one statement reads, TOAST included: about half a second. Then its locks go, and the time is looked at.
const BYTES_AT_ONCE: u64 = 64 << 20;
/// Before 14 a range of pages has to be given row by row, at three times the cost, in a list that the server keeps in memory.
const BYTES_AT_ONCE_BEFORE_14: u64 = 16 << 20;
/// `MaxHeapTuplesPerPage` (`htup_details.h`) of a page of 8 KiB.
const ROWS_PER_PAGE: u32 = 291;

/// Values look the same on both sides, whatever their roles and databases set; and the digits of the answer go
/// unconverted, so that no byte of a text can be one that UTF-8 does not have.
const SETTINGS: &str = "set local statement_timeout = '4min'; set local max_parallel_workers_per_gather = 0; set local client_encoding = 'sql_ascii'; \
    set local datestyle = 'iso'; set local intervalstyle = 'postgres'; set local timezone = 'utc'; set local extra_float_digits = 3";

/// A table, and how to read it.
pub(crate) struct Table {
    pub(crate) name: String,
    /// The statement up to the condition on ctid, and behind it.
    pub(crate) head: String,
    tail: String,
    /// There now; those that came after the snapshot hold nothing that it sees.
    pages: u64,
    bytes: u64,
}

/// What is read already.
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

pub(crate) async fn find_table(side: &Side, oid: u32, hash: bool) -> Result<Table> {
    let gone = || StepError::new(ErrorName::TablesChanged, format!("the table with oid {oid} is gone"));
    let session = side.workers.first().ok_or_else(|| StepError::new(ErrorName::Internal, "no worker"))?;
    let row = session.query_opt(sql::HASH_TABLE, &[&oid, &hash]).await.map_err(StepError::from).while_doing("look at a table")?.ok_or_else(gone)?;
    let number = |column| Ok::<_, StepError>(u64::try_from(row.try_get::<_, i64>(column)?).unwrap_or(0));
    Ok(Table { name: row.try_get("name")?, head: row.try_get("head")?, tail: row.try_get("tail")?, pages: number("pages")?, bytes: number("bytes")? })
}

/// Reads on from where `so_far` ends, until the table or the call's time is at its end.
pub(crate) async fn read_pages(call: &Call<'_>, side: &Side, table: &Table, so_far: Progress) -> Result<Progress> {
    let next = AtomicU64::new(so_far.next_page);
    let workers = side.workers.iter().map(|session| work(call, session, &side.snapshot, table, &next));
    let parts = try_join_all(workers).await.while_doing(&format!("read table {}", table.name))?;
    let next_page = next.into_inner().min(table.pages);
    Ok(Progress { next_page, digest: parts.into_iter().fold(so_far.digest, Digest::and), complete: next_page == table.pages })
}

/// Takes one range after another, and at least one: every call comes further. Whatever was taken is read, so that all pages
/// before the next one always are.
async fn work(call: &Call<'_>, session: &Session, snapshot: &str, table: &Table, next: &AtomicU64) -> Result<Digest> {
    let major = call.plan.source.major;
    let at_once = pages_at_once(major, table.pages, table.bytes);
    let mut digest = Digest::default();
    loop {
        let from = next.fetch_add(at_once, Ordering::Relaxed);
        if from >= table.pages {
            return Ok(digest);
        }
        let pages = from..(from + at_once).min(table.pages);
        let all = pages == (0..table.pages);
        let condition = if all { String::new() } else { condition(major, pages) };
        let began = Instant::now();
        digest = digest.and(read_rows(session, snapshot, &format!("{}{condition}{}", table.head, table.tail)).await?);
        if Instant::now() >= call.deadline {
            return Ok(digest);
        }
        tokio::time::sleep(call.load.rest_after(began.elapsed())).await;
    }
}

/// TOAST is read with the rows that it belongs to, so that a page of the table can stand for many times its size.
fn pages_at_once(major: u32, pages: u64, bytes: u64) -> u64 {
    let at_once = if major < 14 { BYTES_AT_ONCE_BEFORE_14 } else { BYTES_AT_ONCE };
    let share = u128::from(pages) * u128::from(at_once) / u128::from(bytes.max(1));
    u64::try_from(share).unwrap_or(u64::MAX).clamp(1, pages.max(1))
}

/// 14 learned to scan a range of pages (release notes, "Allow the efficient heap-scanning of a range of TIDs"). Before, it
/// can look rows up by ctid, and passes over those that are not there.
fn condition(major: u32, pages: Range<u64>) -> String {
    let Range { start, end } = pages;
    match major {
        14.. => format!(" where ctid >= '({start},0)'::tid and ctid < '({end},0)'::tid"),
        _ => format!(
            " where ctid = any (array(select format('(%s,%s)', page, line)::tid \
             from generate_series({start}, {end} - 1) page, generate_series(1, {ROWS_PER_PAGE}) line))"
        ),
    }
}

/// One round trip, one transaction.
async fn read_rows(session: &Session, snapshot: &str, statement: &str) -> Result<Digest> {
    let text = format!("begin isolation level repeatable read read only; set transaction snapshot '{snapshot}'; {SETTINGS}; {statement}; commit");
    let answers = session.simple_query(&text).await?;
    let row = answers.iter().find_map(|answer| if let SimpleQueryMessage::Row(row) = answer { Some(row) } else { None });
    let number = |column| row.and_then(|row| row.get(column)?.parse::<i128>().ok());
    match (number(0), number(1), number(2)) {
        (Some(rows), Some(first), Some(second)) => {
            Ok(Digest { rows: u64::try_from(rows).unwrap_or(0), sums: [first.cast_unsigned(), second.cast_unsigned()] })
        }
        _ => Err(StepError::new(ErrorName::Internal, "the server gave no sums")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_stands_for_as_many_bytes_with_toast_as_without() {
        const PAGE: u64 = 8192;
        let cases = [
            ("empty", 17, 0, 0, 1),
            ("small", 17, 10, 10 * PAGE, 10),
            ("plain", 17, 1 << 20, PAGE << 20, 8192),
            ("a hundred times as much TOAST", 17, 1 << 20, 100 * (PAGE << 20), 81),
            ("more than a range in each page", 17, 10, 1 << 40, 1),
            ("plain, before 14", 13, 1 << 20, PAGE << 20, 2048),
        ];
        for (case, major, pages, bytes, expected) in cases {
            assert_eq!(pages_at_once(major, pages, bytes), expected, "{case}");
        }
    }
}
