//! Counts and hashes the rows of one table on the server, a range of pages at a time.

use std::ops::Range;

use shared::contract::Digest;
use shared::error::{Context, ErrorName, Result, StepError};
use tokio_postgres::SimpleQueryMessage;

use crate::connect::Session;
use crate::session_settings::local_text;
use crate::sql;

/// How much of a table one statement reads, TOAST included: about half a second. Then its locks end, and the deadline is checked.
const BYTES_AT_ONCE: u64 = 64 << 20;
/// Before 14 a range of pages must be listed row by row, at three times the cost, in a list that the server keeps in memory.
const BYTES_AT_ONCE_BEFORE_14: u64 = 16 << 20;
/// `MaxHeapTuplesPerPage` (`htup_details.h`) of a page of 8 KiB.
const ROWS_PER_PAGE: u32 = 291;

/// The answer's digits are not converted, so that a text with bytes that are not UTF-8 causes no error.
const SETTINGS: &str = "set local statement_timeout = '4min'; set local max_parallel_workers_per_gather = 0; set local client_encoding = 'sql_ascii'";

/// A table as one session sees it, and the statement that reads it.
pub struct Table {
    pub name: String,
    /// The statement before and after the condition on ctid.
    head: String,
    tail: String,
    /// With their types.
    columns: Option<String>,
    /// Their number when the table was found; pages added after a snapshot hold nothing that it sees.
    pub pages: u64,
    bytes: u64,
    major: u32,
}

impl Table {
    /// Finds a table. `hash`: whether its rows are hashed, or only counted.
    ///
    /// # Errors
    /// `TablesChanged` if it is gone.
    pub async fn find(session: &Session, major: u32, oid: u32, hash: bool) -> Result<Self> {
        let gone = || StepError::new(ErrorName::TablesChanged, format!("the table with oid {oid} is gone"));
        let row = session.query_opt(sql::HASH_TABLE, &[&oid, &hash]).await.map_err(StepError::from).context("find a table")?.ok_or_else(gone)?;
        let number = |column| Ok::<_, StepError>(u64::try_from(row.try_get::<_, i64>(column)?).unwrap_or(0));
        let (pages, bytes) = (number("pages")?, number("bytes")?);
        Ok(Self {
            name: row.try_get("name")?,
            head: row.try_get("head")?,
            tail: row.try_get("tail")?,
            columns: row.try_get("columns")?,
            pages,
            bytes,
            major,
        })
    }

    /// Checks that the target's table has the same columns: otherwise the sums are not comparable. The table's name does not matter.
    ///
    /// # Errors
    /// `TablesChanged`.
    pub fn check_columns(&self, copy: &Self) -> Result<()> {
        if self.columns == copy.columns {
            return Ok(());
        }
        Err(StepError::new(ErrorName::TablesChanged, format!("table {} has other columns on the source than on the target", self.name)))
    }

    /// How many pages one statement takes.
    #[must_use]
    pub fn pages_at_once(&self) -> u64 {
        pages_at_once(self.major, self.pages, self.bytes)
    }

    /// Reads a range of pages, in an exported snapshot or as they are now. One round trip, one transaction.
    ///
    /// # Errors
    /// `PostgresUnavailable` if it takes more than four minutes.
    pub async fn read(&self, session: &Session, snapshot: Option<&str>, pages: Range<u64>) -> Result<Digest> {
        let snapshot = snapshot.map(|snapshot| format!("set transaction snapshot '{snapshot}';")).unwrap_or_default();
        let all = pages == (0..self.pages);
        let condition = if all { String::new() } else { condition(self.major, pages) };
        let (head, tail) = (&self.head, &self.tail);
        // Values have the same text on both sides, whatever roles and databases set.
        let settings = local_text();
        let text = format!("begin isolation level repeatable read read only; {snapshot} {SETTINGS}; {settings}; {head}{condition}{tail}; commit");
        let answers = session.simple_query(&text).await.map_err(StepError::from).context(&format!("read table {}", self.name))?;
        let row = answers.iter().find_map(|answer| if let SimpleQueryMessage::Row(row) = answer { Some(row) } else { None });
        let number = |column| row.and_then(|row| row.get(column)?.parse::<i128>().ok());
        match (number(0), number(1), number(2)) {
            (Some(rows), Some(first), Some(second)) => {
                Ok(Digest { rows: u64::try_from(rows).unwrap_or(0), sums: [first.cast_unsigned(), second.cast_unsigned()] })
            }
            _ => Err(StepError::new(ErrorName::Internal, "the server returned no sums")),
        }
    }
}

/// Checks that both sides have the same rows, and returns their number. `when`: the moment at which they were read.
///
/// # Errors
/// `DataDiffers`.
pub fn check_equal(table: &str, source: Digest, copy: Digest, when: &str) -> Result<u64> {
    if source == copy {
        return Ok(source.rows);
    }
    let how = if source.rows == copy.rows { ", but not the same ones" } else { "" };
    Err(StepError::new(
        ErrorName::DataDiffers,
        format!("table {table} has {} rows on the source and {} on the target {when}{how}", source.rows, copy.rows),
    ))
}

/// TOAST is read with its rows, so that reading one page of the table can mean many times its size.
fn pages_at_once(major: u32, pages: u64, bytes: u64) -> u64 {
    let at_once = if major < 14 { BYTES_AT_ONCE_BEFORE_14 } else { BYTES_AT_ONCE };
    let share = u128::from(pages) * u128::from(at_once) / u128::from(bytes.max(1));
    u64::try_from(share).unwrap_or(u64::MAX).clamp(1, pages.max(1))
}

/// Since 14 PostgreSQL can scan a range of pages (release notes, "Allow the efficient heap-scanning of a range of TIDs"). Before,
/// it can find rows by ctid, and skips those that do not exist.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_as_many_bytes_with_toast_as_without() {
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
