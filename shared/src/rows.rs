//! The rows of one table, counted and hashed on the server, a range of pages at a time.

use std::ops::Range;

use tokio_postgres::SimpleQueryMessage;

use crate::contract::Digest;
use crate::error::{Context, ErrorName, Result, StepError};
use crate::pg::Session;
use crate::session_settings::local_text;
use crate::sql;

/// How much of a table one statement reads, TOAST included: about half a second. Then its locks go, and the time is looked at.
const BYTES_AT_ONCE: u64 = 64 << 20;
/// Before 14 a range of pages has to be given row by row, at three times the cost, in a list that the server keeps in memory.
const BYTES_AT_ONCE_BEFORE_14: u64 = 16 << 20;
/// `MaxHeapTuplesPerPage` (`htup_details.h`) of a page of 8 KiB.
const ROWS_PER_PAGE: u32 = 291;

/// The digits of the answer go unconverted, so that no byte of a text can be one that UTF-8 does not have.
const SETTINGS: &str = "set local statement_timeout = '4min'; set local max_parallel_workers_per_gather = 0; set local client_encoding = 'sql_ascii'";

/// A table as one session found it, and how to read it.
pub struct Table {
    pub name: String,
    /// The statement up to the condition on ctid, and behind it.
    head: String,
    tail: String,
    /// With their types.
    columns: Option<String>,
    /// There when it was found; those that came after a snapshot hold nothing that it sees.
    pub pages: u64,
    bytes: u64,
    major: u32,
}

impl Table {
    /// Looks a table up. `hash`: whether its rows are hashed, or only counted.
    ///
    /// # Errors
    /// `TablesChanged` where it is gone.
    pub async fn find(session: &Session, major: u32, oid: u32, hash: bool) -> Result<Self> {
        let gone = || StepError::new(ErrorName::TablesChanged, format!("the table with oid {oid} is gone"));
        let row = session.query_opt(sql::HASH_TABLE, &[&oid, &hash]).await.map_err(StepError::from).context("look at a table")?.ok_or_else(gone)?;
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

    /// Checks that the copy's table has the same columns: otherwise the sums do not mean the same. What it is called is none of them.
    ///
    /// # Errors
    /// `TablesChanged`.
    pub fn check_columns(&self, copy: &Self) -> Result<()> {
        if self.columns == copy.columns {
            return Ok(());
        }
        Err(StepError::new(ErrorName::TablesChanged, format!("table {} has other columns on the source than on the copy", self.name)))
    }

    /// How many pages one statement takes.
    #[must_use]
    pub fn pages_at_once(&self) -> u64 {
        pages_at_once(self.major, self.pages, self.bytes)
    }

    /// Reads a range of pages, in a snapshot that was exported, or as they are now. One round trip, one transaction.
    ///
    /// # Errors
    /// `PostgresUnavailable` where it takes more than four minutes.
    pub async fn read(&self, session: &Session, snapshot: Option<&str>, pages: Range<u64>) -> Result<Digest> {
        let snapshot = snapshot.map(|snapshot| format!("set transaction snapshot '{snapshot}';")).unwrap_or_default();
        let all = pages == (0..self.pages);
        let condition = if all { String::new() } else { condition(self.major, pages) };
        let (head, tail) = (&self.head, &self.tail);
        // Values look the same on both sides, whatever their roles and databases set.
        let settings = local_text();
        let text = format!("begin isolation level repeatable read read only; {snapshot} {SETTINGS}; {settings}; {head}{condition}{tail}; commit");
        let answers = session.simple_query(&text).await.map_err(StepError::from).context(&format!("read table {}", self.name))?;
        let row = answers.iter().find_map(|answer| if let SimpleQueryMessage::Row(row) = answer { Some(row) } else { None });
        let number = |column| row.and_then(|row| row.get(column)?.parse::<i128>().ok());
        match (number(0), number(1), number(2)) {
            (Some(rows), Some(first), Some(second)) => {
                Ok(Digest { rows: u64::try_from(rows).unwrap_or(0), sums: [first.cast_unsigned(), second.cast_unsigned()] })
            }
            _ => Err(StepError::new(ErrorName::Internal, "the server gave no sums")),
        }
    }
}

/// Checks that both sides hold the same rows, and returns their number. `when`: at which moment they were read.
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
        format!("table {table} has {} rows on the source and {} on the copy {when}{how}", source.rows, copy.rows),
    ))
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
