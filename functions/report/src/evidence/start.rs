//! Which witness found the end of the target's data, and how late.

use aws::evidence::{Line, LogLook, StartLook};
use serde::Serialize;
use shared::lsn::Lsn;
use shared::recovery_log::{self, Found};

use super::{count, word};
use crate::event::Moment;
use crate::report::Start;

#[derive(Debug, Serialize)]
pub(crate) struct StartFound {
    pub(crate) looks: u64,
    /// Where replication started; null where no witness could tell.
    pub(crate) start_lsn: Option<String>,
    /// `function`, `log`, `log_file`.
    pub(crate) witnesses: Vec<String>,
    /// The first answer of RDS's, or Aurora's, function; it is not asked again after a restart.
    pub(crate) function_lsn: Option<Lsn>,
    /// The log as it is exported to CloudWatch Logs. Null where it was not read.
    pub(crate) log: Option<Way>,
    /// The log in files, which are read where the export does not have the recovery yet.
    pub(crate) log_file: Option<Way>,
}

/// One way to the log.
#[derive(Debug, Serialize)]
pub(crate) struct Way {
    pub(crate) looks: u64,
    /// At the last poll: `not_yet`, `no_position`, `recovery` or `doubtful`.
    pub(crate) told: String,
    /// The poll that had the first recovery. Null where none had.
    pub(crate) recovery_read_at: Option<Moment>,
    /// From the moment the target was first seen in a status in which it answers. Null where either is unknown.
    pub(crate) seconds_after_available: Option<u64>,
    /// The longest that a line took from the server to CloudWatch Logs.
    pub(crate) delivery_ms: Option<i64>,
    /// Starts that found the data as a crash leaves them.
    pub(crate) recoveries: u64,
    /// Every start in the lines, in order: after a restart there are more.
    pub(crate) starts: Vec<recovery_log::Start>,
}

pub(super) fn find(lines: &[Line], available_at: Option<Moment>, start: Option<&Start>) -> Option<StartFound> {
    let looks: Vec<&StartLook> = lines.iter().filter_map(|line| line.seen.start.as_ref()).collect();
    (!looks.is_empty()).then(|| StartFound {
        looks: count(looks.len()),
        start_lsn: start.map(|start| start.start_lsn.clone()),
        witnesses: start.map(|start| start.witnesses.clone()).unwrap_or_default(),
        function_lsn: looks.iter().find_map(|look| look.function_lsn),
        log: way(&looks.iter().filter_map(|look| look.log.as_ref()).collect::<Vec<_>>(), available_at),
        log_file: way(&looks.iter().filter_map(|look| look.log_file.as_ref()).collect::<Vec<_>>(), available_at),
    })
}

fn way(looks: &[&LogLook], available_at: Option<Moment>) -> Option<Way> {
    let last = *looks.last()?;
    let recovery_read_at = looks.iter().find(|look| look.told == "recovery").map(|look| Moment(look.at_ms));
    let needs_recovery = |start: &&recovery_log::Start| !matches!(start.found, Found::ShutDown);
    Some(Way {
        looks: count(looks.len()),
        told: word(&last.told),
        recovery_read_at,
        seconds_after_available: recovery_read_at.zip(available_at).map(|(read_at, available_at)| read_at.since(available_at) / 1_000),
        delivery_ms: looks.iter().filter_map(|look| look.delivery_ms).max(),
        recoveries: count(last.starts.iter().filter(needs_recovery).count()),
        starts: last.starts.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(second: i64, told: &str, delivery_ms: i64, found: &[Found]) -> LogLook {
        let starts = found.iter().map(|found| recovery_log::Start {
            found: *found,
            redo_done_at: None,
            no_record_at: None,
            nothing_to_redo: true,
            ready: true,
        });
        LogLook { at_ms: second * 1_000, told: told.to_owned(), starts: starts.collect(), delivery_ms: Some(delivery_ms) }
    }

    #[test]
    fn the_first_look_that_had_the_recovery_tells_how_late_it_came() {
        let crashed = Found::Crashed { last_known_up: None };
        let looks = [look(3, "not_yet", 40, &[]), look(8, "recovery", 20, &[crashed]), look(15, "recovery", 30, &[crashed, Found::ShutDown])];
        let way = way(&looks.iter().collect::<Vec<_>>(), Some(Moment(1_000))).unwrap();
        assert_eq!((way.looks, way.recovery_read_at, way.seconds_after_available), (3, Some(Moment(8_000)), Some(7)));
        assert_eq!((way.delivery_ms, way.recoveries, way.starts.len()), (Some(40), 1, 2));
    }

    #[test]
    fn a_log_that_was_never_read_is_told_as_that() {
        assert!(way(&[], None).is_none());
        assert!(way(&[&look(3, "not_yet", 0, &[])], None).unwrap().recovery_read_at.is_none());
    }
}
