//! Reads real recovery logs (`tests/recovery_logs/`, made by `make sweep`), and logs whose lines were damaged
//! in every way that delivery may damage them.

#![expect(clippy::unwrap_used, reason = "a file that is not as expected fails the test")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde::Deserialize;
use shared::lsn::Lsn;
use shared::recovery_log::{Log, LogAnswer, Origin, Recovery};

/// The facts about the recovered server.
#[derive(Debug, Deserialize)]
struct Truth {
    postgres: u32,
    ending: String,
    last_kept_commit: Option<Lsn>,
    first_lost_commit: Option<Lsn>,
    /// The position of a slot that the source had since before the load.
    confirmed_flush_lsn: Lsn,
    /// The target's position, right after its recovery.
    copy_current_wal_lsn: Lsn,
}

impl Truth {
    /// Whether replication from there brings everything that the target lacks, and nothing that it has.
    fn is_start(&self, start: Lsn) -> bool {
        self.last_kept_commit.is_none_or(|kept| kept < start) && self.first_lost_commit.is_none_or(|lost| start <= lost)
    }
}

static GOLDEN: LazyLock<Vec<(String, Truth)>> = LazyLock::new(|| {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/recovery_logs");
    let truths = std::fs::read_to_string(directory.join("truth.json")).unwrap();
    let truths: BTreeMap<String, Truth> = serde_json::from_str(&truths).unwrap();
    truths.into_iter().map(|(name, truth)| (std::fs::read_to_string(directory.join(name)).unwrap(), truth)).collect()
});

fn answer_of(text: &str, origin: Origin) -> LogAnswer {
    let mut log = Log::new(origin);
    text.lines().for_each(|line| log.read(line));
    log.answer()
}

fn answer(text: &str) -> LogAnswer {
    answer_of(text, Origin::default())
}

fn start(answer: LogAnswer) -> Option<Lsn> {
    if let LogAnswer::Recovery(recovery) = answer { Some(recovery.start_lsn) } else { None }
}

fn recovery(text: &str) -> Recovery {
    let answer = answer(text);
    if let LogAnswer::Recovery(recovery) = answer { recovery } else { panic!("{answer:?} of\n{text}") }
}

const SECOND: &str = "2026-11-24 02:49:51 UTC";
const PREFIX: &str = "::@:[13237]:LOG:  ";

fn lines(messages: &[&str]) -> String {
    let lines: Vec<String> = messages.iter().map(|message| format!("{SECOND}{PREFIX}{message}\n")).collect();
    lines.concat()
}

/// The log of one start after a crash.
fn crash(last_known_up: &str, redo: u64, end: Option<u64>) -> String {
    let end = end.map(|end| format!("invalid record length at {}: expected at least 24, got 0", Lsn(end)));
    let (up, starts, done) = (
        format!("database system was interrupted; last known up at {last_known_up}"),
        format!("redo starts at {}", Lsn(redo / 2)),
        format!("redo done at {} system usage: CPU: user: 0.00 s, system: 0.00 s, elapsed: 0.00 s", Lsn(redo)),
    );
    let messages = [
        "starting PostgreSQL 17.10 on x86_64-pc-linux-gnu",
        up.as_str(),
        "database system was not properly shut down; automatic recovery in progress",
        starts.as_str(),
        end.as_deref().unwrap_or("invalid magic number 0000 in WAL segment 000000010000000000000006, LSN 0/608000, offset 32768"),
        done.as_str(),
        READY,
    ];
    lines(&messages)
}

const BEFORE: &str = "2026-11-24 02:40:00 UTC";
const READY: &str = "database system is ready to accept connections";
const CLEAN: &str = "database system was shut down at 2026-11-24 02:49:50 UTC";

// Real recoveries.

#[test]
fn the_start_lsn_of_every_golden_log_is_exact() {
    for (text, truth) in GOLDEN.iter() {
        let found = recovery(text);
        assert!(truth.is_start(found.start_lsn), "{found} of {truth:?}");
        assert!(found.no_record_at.is_none_or(|end| truth.is_start(end)), "{found} of {truth:?}");
    }
}

#[test]
fn the_golden_logs_have_every_version_and_many_endings() {
    let of = |part: fn(&Truth) -> String| GOLDEN.iter().map(|(_, truth)| part(truth)).collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(of(|truth| truth.postgres.to_string()), 6);
    assert!(of(|truth| truth.ending.clone()) >= 6);
}

#[test]
fn a_log_that_is_cut_off_at_any_byte_gives_the_same_answer_or_none() {
    for (text, _) in GOLDEN.iter() {
        let whole = start(answer(text));
        for end in (0..text.len()).filter(|end| text.is_char_boundary(*end)) {
            let cut = start(answer(&text[..end]));
            assert!(cut.is_none() || cut == whole, "{cut:?} of\n{}", &text[..end]);
        }
    }
}

#[test]
fn csvlog_gives_the_same_as_the_plain_log() {
    for (text, truth) in GOLDEN.iter() {
        let quoted = |line: &str| {
            let (_, message) = line.split_once("LOG:  ")?;
            let message = message.replace('"', "\"\"");
            Some(format!("{SECOND},,,13237,,6743.1,3,,{SECOND},,0,LOG,00000,\"{message}\",,,,,,,,,\"\",\"startup\",,0\n"))
        };
        let csv: String = text.lines().filter_map(quoted).collect();
        assert!(truth.is_start(recovery(&csv).start_lsn), "{csv}");
        assert_eq!(answer(&csv), answer(text));
    }
}

// Mistakes of public tools, each of them wrong for at least one of the golden logs.

fn wrong_for(naive: impl Fn(&str, &Truth) -> Option<Lsn>) -> Vec<(Recovery, Lsn)> {
    let wrong = |(text, truth): &(String, Truth)| {
        let naive = naive(text, truth).filter(|naive| !truth.is_start(*naive))?;
        Some((recovery(text), naive))
    };
    GOLDEN.iter().filter_map(wrong).collect()
}

#[test]
fn the_slots_confirmed_flush_lsn_is_no_start_and_contradicts_the_log() {
    let wrong = wrong_for(|_, truth| Some(truth.confirmed_flush_lsn));
    assert!(!wrong.is_empty() && wrong.iter().all(|(found, naive)| !found.agrees_with(*naive)));
}

#[test]
fn the_copys_pg_current_wal_lsn_is_no_start_and_contradicts_an_exact_end() {
    let wrong = wrong_for(|_, truth| Some(truth.copy_current_wal_lsn));
    assert!(!wrong.is_empty() && wrong.iter().all(|(found, naive)| found.no_record_at.is_none() || !found.agrees_with(*naive)));
}

#[test]
fn redo_done_at_without_one_more_is_no_start_and_contradicts_the_log() {
    let wrong = wrong_for(|text, _| recovery(text).redo_done_at);
    assert!(!wrong.is_empty() && wrong.iter().all(|(found, naive)| !found.agrees_with(*naive)));
}

#[test]
fn the_first_lsn_on_any_line_is_no_start() {
    let first = |text: &str, _: &Truth| text.split([' ', ':', ',']).find_map(|word| word.trim_end().parse().ok());
    assert!(!wrong_for(first).is_empty());
}

// Which recovery.

fn restored_at(text: &str) -> Origin {
    Origin { restored_after: shared::recovery_log::time_of(text), passed: None }
}

#[test]
fn an_earlier_instances_recovery_in_the_same_log_is_not_taken() {
    let text = crash("2026-11-23 02:00:00 UTC", 0x10, None).replace(SECOND, BEFORE) + &crash(BEFORE, 0x500, None);
    assert_eq!(start(answer_of(&text, restored_at("2026-11-24 02:45:00 UTC"))), Some(Lsn(0x501)));
    // Even if the lines have no readable time: the target has passed the slot.
    let undated = text.replace(SECOND, "").replace(BEFORE, "");
    assert_eq!(start(answer_of(&undated, Origin { restored_after: None, passed: Some(Lsn(0x100)) })), Some(Lsn(0x501)));
}

#[test]
fn a_later_recovery_of_the_copy_is_not_taken_where_the_first_one_is_missing() {
    let text = crash(SECOND, 0x900, Some(0x940));
    assert_eq!(answer_of(&text, restored_at("2026-11-24 02:45:00 UTC")), LogAnswer::NoPosition);
}

#[test]
fn a_clean_stop_prints_no_position_and_a_crash_after_it_is_the_copys_own() {
    assert_eq!(answer(&lines(&[CLEAN, READY])), LogAnswer::NoPosition);
    assert_eq!(answer(&(lines(&[CLEAN, READY]) + &crash(SECOND, 0x900, None))), LogAnswer::NoPosition);
}

#[test]
fn an_interrupted_recovery_is_followed_to_its_end() {
    let attempt = |messages: &[&str]| lines(messages);
    let again = "database system was interrupted while in recovery at 2026-11-24 02:49:51 UTC";
    let up = "database system was interrupted; last known up at 2026-11-24 02:40:00 UTC";
    let second = attempt(&[again, "redo starts at 0/100", "redo done at 0/500", READY]);
    // Interrupted before it had replayed everything: the second attempt replays the same.
    assert_eq!(start(answer(&(attempt(&[up, "redo starts at 0/100"]) + &second))), Some(Lsn(0x501)));
    // Interrupted after that: the second attempt may replay what the first one wrote.
    assert_eq!(start(answer(&(attempt(&[up, "redo starts at 0/100", "redo done at 0/400"]) + &second))), Some(Lsn(0x401)));
    // The first attempt is not in the log.
    assert_eq!(answer(&second), LogAnswer::NoPosition);
}

#[test]
fn nothing_replayed_leaves_the_end_of_the_wal() {
    let up = "database system was interrupted; last known up at 2026-11-24 02:40:00 UTC";
    let not_required = "redo is not required";
    let with_end = lines(&[up, "invalid record length at 0/1634578: wanted 24, got 0", not_required, READY]);
    assert_eq!(start(answer(&with_end)), Some(Lsn(0x0163_4578)));
    assert_eq!(answer(&lines(&[up, not_required, READY])), LogAnswer::NoPosition);
}

#[test]
fn messages_in_another_language_give_nothing() {
    let text = crash(BEFORE, 0x500, None)
        .replace("LOG:  database system was interrupted; last known up at", "LOG:  Datenbanksystem wurde unterbrochen; letzte bekannte Aktion am");
    assert_eq!(start(answer(&text)), None);
    assert_eq!(start(answer(&text.replace("LOG:", "PROTOKOLL:"))), None);
}

// Damage to lines in delivery.

/// Lines of other processes, and lines that are not about the end of the data.
fn noise() -> impl Strategy<Value = String> {
    let lsn = any::<u64>().prop_map(|lsn| Lsn(lsn).to_string());
    let texts = select(vec![
        "LOG:  redo starts at {}",
        "LOG:  consistent recovery state reached at {}",
        "LOG:  unexpected pageaddr {} in WAL segment 000000010000000000000006, LSN {}, offset 32768",
        "LOG:  unexpected pageaddr {} in log segment 000000010000000000000007, offset 73728",
        "LOG:  invalid magic number 0000 in WAL segment 000000010000000000000006, LSN {}, offset 32768",
        "LOG:  invalid contrecord length 1000 (expected 1100) at {}",
        "LOG:  contrecord is requested by {}",
        "LOG:  there is no contrecord flag at {}",
        "LOG:  checkpoint complete: wrote 3 buffers (0.0%); lsn={}, redo lsn={}",
        "LOG:  statement: select 'LOG:  redo done at {}'",
        "LOG:  received fast shutdown request",
        "STATEMENT:  select 'LOG:  redo done at {}",
        "ERROR:  syntax error at or near \"LOG:  redo done at {}\"",
        "FATAL:  the database system is starting up",
        "DETAIL:  LOG:  invalid record length at {}: wanted 24, got 0",
    ]);
    let logged = (texts, lsn.clone()).prop_map(|(text, lsn)| format!("{SECOND}::@:[4711]:{}", text.replace("{}", &lsn)));
    let continued = lsn.prop_map(|lsn| format!("\tLOG:  redo done at {lsn}"));
    prop_oneof![logged, continued, "[^\n]{0,80}".prop_filter("a severity", |text| !text.contains("LOG"))]
}

fn golden_text() -> impl Strategy<Value = &'static str> {
    any::<Index>().prop_map(|index| index.get(&GOLDEN).0.as_str())
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn lines_of_others_in_between_change_nothing(text in golden_text(), noise in prop::collection::vec((any::<Index>(), noise()), 0..20)) {
        let mut mixed: Vec<String> = text.lines().map(str::to_owned).collect();
        for (place, line) in noise {
            mixed.insert(place.index(mixed.len() + 1), line);
        }
        prop_assert_eq!(answer(&mixed.join("\n")), answer(text));
    }

    #[test]
    fn a_later_recovery_changes_nothing_and_one_that_lies_before_takes_the_answer_away(text in golden_text(), redo in 1..u64::MAX) {
        let first = start(answer(text)).unwrap();
        let both = answer(&(text.to_owned() + &crash(SECOND, redo, None)));
        if Lsn(redo) >= first {
            prop_assert_eq!(both, answer(text));
        } else {
            prop_assert_eq!(both, LogAnswer::Doubtful);
        }
    }

    #[test]
    fn lines_of_one_second_in_any_order_give_the_same_answer_or_none(
        text in golden_text(), redo in 1..1u64 << 40, end in prop::option::of(1..1u64 << 20), keys in prop::collection::vec(any::<u64>(), 40)
    ) {
        let first = start(answer(text)).unwrap();
        let redo = first.0 + redo;
        let later = crash(SECOND, redo, end.map(|end| redo + end));
        let mut shuffled: Vec<(u64, &str)> = keys.into_iter().chain(std::iter::repeat(u64::MAX)).zip(text.lines().chain(later.lines())).collect();
        shuffled.sort_by_key(|(key, _)| *key);
        let shuffled: Vec<&str> = shuffled.into_iter().map(|(_, line)| line).collect();
        let found = start(answer(&shuffled.join("\n")));
        prop_assert!(found.is_none() || found == Some(first), "{:?} instead of {} of\n{}", found, first, shuffled.join("\n"));
    }

    #[test]
    fn lines_that_are_missing_give_the_same_answer_or_none(text in golden_text(), kept in prop::collection::vec(any::<bool>(), 40)) {
        let some: Vec<&str> = text.lines().zip(kept).filter(|(_, kept)| *kept).map(|(line, _)| line).collect();
        let found = start(answer(&some.join("\n")));
        prop_assert!(found.is_none() || found == start(answer(text)));
    }

    #[test]
    fn any_text_at_all_is_read_without_panic(text in any::<String>(), origin in (any::<Option<i64>>(), any::<Option<u64>>())) {
        answer_of(&text, Origin { restored_after: origin.0, passed: origin.1.map(Lsn) });
    }

    /// Bytes changed, inserted, removed: no panic, and no LSN except one that a line has for the last record or, if
    /// nothing was replayed, for the end.
    #[test]
    fn damaged_logs_give_no_lsn_that_is_not_in_them(
        text in golden_text(), damage in prop::collection::vec((any::<Index>(), 0..3u8, any::<u8>()), 1..12), restored_after in any::<Option<i64>>()
    ) {
        let mut bytes = text.as_bytes().to_vec();
        for (place, kind, byte) in damage {
            let at = place.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => { bytes.remove(at); }
            }
        }
        let damaged = String::from_utf8_lossy(&bytes);
        if let LogAnswer::Recovery(found) = answer_of(&damaged, Origin { restored_after, passed: None }) {
            let lsns = |text: &str| damaged.split(text).skip(1).filter_map(|rest| rest.split([' ', '\n', ':', '\r']).next()?.parse().ok()).collect::<Vec<Lsn>>();
            let done: Vec<Lsn> = lsns("redo done at ").into_iter().map(Lsn::next).collect();
            prop_assert!(done.contains(&found.start_lsn) || lsns(" at ").contains(&found.start_lsn), "{found} of\n{damaged}");
        }
    }
}
