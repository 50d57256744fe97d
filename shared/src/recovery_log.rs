//! Where a restored server's data end, as its log tells.
//!
//! Decoding skips a transaction if and only if its commit record starts before the requested LSN
//! (`SnapBuildXactNeedsSkip` in PostgreSQL's `snapbuild.c`), and `redo done at R` gives the start of the last record
//! that was replayed (`PerformWalRecovery` in `xlogrecovery.c`). So R + 1 is exact, always.

use std::fmt;

use crate::lsn::Lsn;

/// What the log says about one recovery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Start of the last record that was replayed.
    pub redo_done_at: Option<Lsn>,
    /// Where the server looked for a record and found none: the exact end, where this message is there.
    pub no_record_at: Option<Lsn>,
}

impl Recovery {
    /// Where replication must start, if the log tells.
    ///
    /// The end of the WAL is second choice: with it the next record would start at or behind it, never before.
    #[must_use]
    pub fn start_lsn(self) -> Option<Lsn> {
        self.redo_done_at.map(Lsn::next).or(self.no_record_at)
    }

    /// Whether a start LSN from elsewhere can be true: `R < start <= end`.
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

/// The *first* complete recovery in the lines: a later one speaks of the copy's own WAL.
///
/// Lines may have any prefix: only what follows `LOG:` is read. Nothing is taken from a recovery that has not ended
/// yet (`ready to accept connections`), since its lines may still be on their way.
pub fn first_recovery<'a>(lines: impl IntoIterator<Item = &'a str>) -> Option<Recovery> {
    let mut recovery = None;
    for message in lines.into_iter().filter_map(message) {
        if message.starts_with("database system was interrupted") || message.starts_with("database system was not properly shut down") {
            recovery.get_or_insert_with(Recovery::default);
        }
        let Some(found) = &mut recovery else { continue };
        if let Some(rest) = message.strip_prefix("redo done at ") {
            found.redo_done_at = leading_lsn(rest);
        } else if let Some(rest) = message.strip_prefix("invalid record length at ") {
            found.no_record_at = leading_lsn(rest);
        } else if message.starts_with("database system is ready to accept") {
            return recovery;
        }
    }
    None
}

/// What the server said, whatever stands before it in the line.
fn message(line: &str) -> Option<&str> {
    line.split_once("LOG:").map(|(_, message)| message.trim_start().trim_end_matches(['\r', '\n']))
}

/// The LSN with which a text begins; what follows it is a colon, a space or nothing.
fn leading_lsn(text: &str) -> Option<Lsn> {
    text.split([' ', ':', ',', ';']).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PREFIX: &str = "2026-11-24 02:49:51 UTC::@:[13237]:LOG:  ";

    fn recovery(messages: &[&str]) -> Option<Recovery> {
        let lines: Vec<String> = messages.iter().map(|message| format!("{PREFIX}{message}")).collect();
        first_recovery(lines.iter().map(String::as_str))
    }

    const START: &str = "database system was interrupted; last known up at 2026-11-24 02:49:49 UTC";
    const READY: &str = "database system is ready to accept connections";

    #[test]
    fn the_start_is_one_byte_behind_the_last_record_replayed() {
        let found = recovery(&[START, "redo done at 0/605168 system usage: CPU: user: 0.00 s", READY]).unwrap();
        assert_eq!(found.start_lsn().unwrap().to_string(), "0/605169");
    }

    #[test]
    fn page_addresses_and_checkpoints_are_never_taken() {
        let found = recovery(&[
            START,
            "redo starts at 0/500000",
            "consistent recovery state reached at 0/500100",
            "unexpected pageaddr 0/100000 in WAL segment 000000010000000000000006, LSN 0/608000, offset 32768",
            "invalid magic number 0000 in WAL segment 000000010000000000000006, LSN 0/608000, offset 32768",
            "redo done at 0/607F40",
            READY,
        ]);
        assert_eq!(found.unwrap().start_lsn().unwrap().to_string(), "0/607F41");
    }

    #[test]
    fn a_later_recovery_of_the_copy_itself_is_not_looked_at() {
        let found = recovery(&[START, "redo done at 0/10", READY, START, "redo done at 0/90", READY]);
        assert_eq!(found.unwrap().redo_done_at, Some(Lsn(0x10)));
    }

    #[test]
    fn nothing_replayed_leaves_the_end_of_the_wal() {
        let found = recovery(&[START, "invalid record length at 0/1634578: wanted 24, got 0", "redo is not required", READY]);
        assert_eq!(found.unwrap().start_lsn(), Some(Lsn(0x0163_4578)));
    }

    #[test]
    fn a_recovery_that_has_not_ended_or_a_clean_start_gives_nothing() {
        assert_eq!(recovery(&[START, "redo done at 0/10"]), None);
        assert_eq!(recovery(&["database system was shut down at 2026-11-24", READY]), None);
    }

    #[test]
    fn a_function_may_say_another_number_only_between_the_two() {
        let found = Recovery { redo_done_at: Some(Lsn(16)), no_record_at: Some(Lsn(64)) };
        assert!(!found.agrees_with(Lsn(16)) && found.agrees_with(Lsn(17)) && found.agrees_with(Lsn(64)) && !found.agrees_with(Lsn(65)));
    }
}
