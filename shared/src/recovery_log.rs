//! Finds in a restored server's log where its data end.
//!
//! Decoding skips a transaction if and only if its commit record starts before the requested LSN
//! (`SnapBuildXactNeedsSkip` in PostgreSQL's `snapbuild.c`), and `redo done at R` gives the start of the last record
//! that was replayed (`PerformWalRecovery` in `xlogrecovery.c`). So R + 1 is exact, always.
//!
//! Supports the plain log with any `log_line_prefix` that does not look like a severity, and csvlog. Nothing is taken
//! from jsonlog, or from messages in a language other than English.

use std::fmt;

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Deserialize, Serialize};

use crate::lsn::Lsn;

/// One recovery in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// The position at which replication must start.
    pub start_lsn: Lsn,
    /// Start of the last record that was replayed; none if nothing was replayed.
    pub redo_done_at: Option<Lsn>,
    /// The position at which the server found no further record: the exact end, if the log has such a message.
    pub no_record_at: Option<Lsn>,
}

impl Recovery {
    /// Whether a start LSN from another witness is possible: `R < start <= end`.
    #[must_use]
    pub fn agrees_with(self, start: Lsn) -> bool {
        self.redo_done_at.is_none_or(|redo| redo < start) && self.no_record_at.is_none_or(|end| start <= end)
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |lsn: Option<Lsn>| lsn.map_or_else(|| "nothing".to_owned(), |lsn| lsn.to_string());
        write!(f, "redo done at {}, no record at {}", text(self.redo_done_at), text(self.no_record_at))
    }
}

/// Facts about the target from outside its log. They distinguish the target's first start from those of other servers, whose lines
/// may be in the same log group or on the inherited volume, and from the target's own later ones.
#[derive(Clone, Copy, Debug, Default)]
pub struct Origin {
    /// A moment after the snapshot was taken and before the target was restored, in seconds since 1970.
    pub restored_after: Option<i64>,
    /// A position that the target has passed.
    pub passed: Option<Lsn>,
}

/// The evidence of a log about the first start of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogAnswer {
    /// None yet: its lines may still arrive.
    NotYet,
    /// The first start is missing, or printed no position (after a clean stop): the log never gives one.
    NoPosition,
    Recovery(Recovery),
    /// Lines contradict each other: some are missing, out of order, or from another server.
    Doubtful,
}

/// Reads the *first* start of the target from the lines of a log, in their order.
///
/// Nothing is taken from a start that has not ended yet (`ready to accept connections`), since its lines may still
/// arrive. A later recovery is about the target's own WAL, and must lie after the first: if it does not, the
/// order of the lines cannot be trusted.
#[derive(Debug)]
pub struct Log {
    origin: Origin,
    starts: Vec<Start>,
    /// A line of a recovery was outside any recovery, or came twice.
    disordered: bool,
}

/// When a line was logged, in seconds since 1970, if it begins with a time in UTC (`%t` and `%m` of `log_line_prefix`,
/// the first column of csvlog).
#[must_use]
pub fn time_of(line: &str) -> Option<i64> {
    let (date, time, rest) = (line.get(..10)?, line.get(11..19)?, line.get(19..)?);
    let zone = rest.strip_prefix('.').map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let is_utc = [" UTC", " GMT"].iter().any(|utc| zone.starts_with(utc)) && line.as_bytes().get(10) == Some(&b' ');
    let parsed = is_utc.then(|| DateTime::from_str(&format!("{date}T{time}Z"), Format::DateTime).ok());
    parsed.flatten().map(|time| time.secs())
}

/// The state of the data when a server started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// As after a crash; with the time of the control file in seconds since 1970, if it can be read.
    Crashed {
        last_known_up: Option<i64>,
    },
    /// In the middle of a recovery: an earlier attempt began it.
    InRecovery,
    ShutDown,
}

/// One start of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Start {
    pub found: Found,
    /// As in [`Recovery`].
    pub redo_done_at: Option<Lsn>,
    pub no_record_at: Option<Lsn>,
    pub nothing_to_redo: bool,
    /// Whether it became ready to accept connections.
    pub ready: bool,
}

impl Start {
    fn new(found: Found) -> Self {
        Self { found, redo_done_at: None, no_record_at: None, nothing_to_redo: false, ready: false }
    }

    fn has_ended(&self) -> bool {
        self.redo_done_at.is_some() || self.nothing_to_redo
    }

    /// The end of the WAL is the second choice: the next record would start at or after it, never before.
    fn recovery(&self) -> Option<Recovery> {
        let start_lsn = self.redo_done_at.map(Lsn::next).or(self.no_record_at.filter(|_| self.nothing_to_redo))?;
        Some(Recovery { start_lsn, redo_done_at: self.redo_done_at, no_record_at: self.no_record_at })
    }
}

impl Log {
    #[must_use]
    pub fn new(origin: Origin) -> Self {
        Self { origin, starts: Vec::new(), disordered: false }
    }

    /// Takes the next line, with any content. A line whose time is before the target's restore is from another server.
    pub fn read(&mut self, line: &str) {
        let of_another = self.origin.restored_after.is_some_and(|restored| time_of(line).is_some_and(|time| time < restored));
        let Some(message) = message(line).filter(|_| !of_another) else { return };
        if let Some(found) = found(message) {
            // An attempt that was interrupted before it had replayed everything begins again, over the same WAL.
            let goes_on = found == Found::InRecovery && self.open().is_some_and(|start| !start.has_ended());
            if !goes_on {
                self.starts.push(Start::new(found));
            }
        } else if let Some(redo) = redo_done_at(message) {
            self.note(|start| start.redo_done_at.replace(redo).is_some());
        } else if let Some(end) = exact_end(message) {
            self.note(|start| start.no_record_at.replace(end).is_some_and(|before| before != end));
        } else if message == "redo is not required" {
            self.note(|start| std::mem::replace(&mut start.nothing_to_redo, true));
        } else if message == "database system is ready to accept connections"
            && let Some(start) = self.open()
        {
            start.ready = true;
        }
    }

    /// The start in progress.
    fn open(&mut self) -> Option<&mut Start> {
        self.starts.last_mut().filter(|start| !start.ready)
    }

    fn note(&mut self, contradicts: impl FnOnce(&mut Start) -> bool) {
        self.disordered |= self.open().is_none_or(contradicts);
    }

    /// Every start in the lines read so far, in order.
    #[must_use]
    pub fn starts(&self) -> &[Start] {
        &self.starts
    }

    /// The evidence of the lines read so far.
    #[must_use]
    pub fn answer(&self) -> LogAnswer {
        if self.disordered {
            return LogAnswer::Doubtful;
        }
        let last = self.starts.len().saturating_sub(1);
        // A start before another one that neither replayed everything nor became ready has changed nothing.
        let counts = |(at, start): &(usize, &Start)| *at == last || start.ready || start.has_ended();
        let mut starts = self.starts.iter().enumerate().filter(counts).skip_while(|(_, start)| self.is_of_another(start));
        let Some((at, first)) = starts.next() else { return LogAnswer::NotYet };
        if at == last && !first.ready {
            return LogAnswer::NotYet;
        }
        if self.is_later_one(first) {
            return LogAnswer::NoPosition;
        }
        let Some(recovery) = first.recovery() else {
            return if first.nothing_to_redo { LogAnswer::NoPosition } else { LogAnswer::NotYet };
        };
        let lies_before = |(_, later): (usize, &Start)| later.redo_done_at.into_iter().chain(later.no_record_at).any(|lsn| lsn < recovery.start_lsn);
        if !recovery.agrees_with(recovery.start_lsn) || starts.any(lies_before) { LogAnswer::Doubtful } else { LogAnswer::Recovery(recovery) }
    }

    /// The target has passed a position that this server had not reached.
    fn is_of_another(&self, start: &Start) -> bool {
        start.recovery().zip(self.origin.passed).is_some_and(|(recovery, passed)| recovery.start_lsn < passed)
    }

    /// Whether the server had already run as the target, so that the target's first start is missing in the log; or was shut
    /// down cleanly, which leaves nothing to replay and no position.
    fn is_later_one(&self, start: &Start) -> bool {
        match start.found {
            Found::Crashed { last_known_up } => last_known_up.zip(self.origin.restored_after).is_some_and(|(up, restored)| up > restored),
            Found::InRecovery | Found::ShutDown => true,
        }
    }
}

/// The startup process's first message. Source: `InitWalRecovery` and `StartupXLOG`.
fn found(message: &str) -> Option<Found> {
    let crashed = ["database system was interrupted; last known up at ", "database system shutdown was interrupted; last known up at "];
    if let Some(time) = crashed.iter().find_map(|text| message.strip_prefix(text)) {
        return Some(Found::Crashed { last_known_up: time_of(time) });
    }
    let starts_with = |texts: [&str; 2]| texts.iter().any(|text| message.starts_with(text));
    if starts_with(["database system was interrupted while in recovery at ", "database system was shut down in recovery at "]) {
        return Some(Found::InRecovery);
    }
    message.starts_with("database system was shut down at ").then_some(Found::ShutDown)
}

/// Start of the last record that was replayed; since 14 the system usage follows.
fn redo_done_at(message: &str) -> Option<Lsn> {
    let rest = message.strip_prefix("redo done at ")?;
    rest.split_once(" system usage: ").map_or(rest, |(lsn, _)| lsn).parse().ok()
}

/// The position at which the server expected the next record and found none. All other
/// messages about an end name a page, an old address, or nothing. Source: `XLogReadRecord` and `ValidXLogRecordHeader`.
fn exact_end(message: &str) -> Option<Lsn> {
    if let Some(rest) = message.strip_prefix("invalid record length at ") {
        return rest.split_once(": ")?.0.parse().ok();
    }
    if let Some(rest) = message.strip_prefix("record length ") {
        return rest.strip_suffix(" too long")?.rsplit_once(" at ")?.1.parse().ok();
    }
    let bad = ["record with incorrect prev-link ", "incorrect resource manager data checksum in record at ", "invalid resource manager ID "];
    bad.iter().any(|text| message.starts_with(text)).then(|| message.rsplit_once(" at ")?.1.parse().ok()).flatten()
}

/// Severities of lines that may quote other text. Source: `error_severity` in `elog.c`.
const OTHERS: [&str; 12] =
    ["DEBUG", "INFO:", "NOTICE:", "WARNING:", "ERROR:", "FATAL:", "PANIC:", "DETAIL:", "HINT:", "QUERY:", "CONTEXT:", "STATEMENT:"];

/// The server's own message, with any prefix of the line.
fn message(line: &str) -> Option<&str> {
    let line = line.trim_end_matches(['\r', '\n']);
    if let Some((_, quoted)) = line.split_once(",LOG,00000,\"") {
        return quoted.split('"').next();
    }
    let (prefix, message) = line.split_once("LOG:")?;
    // Continued lines of a statement begin with a tab, and a statement may hold any text.
    let is_own = !line.starts_with('\t') && !OTHERS.iter().any(|other| prefix.contains(other));
    is_own.then(|| message.trim_start())
}
