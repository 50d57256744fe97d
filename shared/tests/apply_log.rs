//! Logs of real servers, 12, 16 and 18, in each format: three subscriptions whose workers failed for a minute, because of an
//! existing row, a column of another type and a missing function. Every value in their rows begins with `secret`.

use shared::apply_log::{Failure, failure, read};

const LOGS: [(&str, &str, [u32; 3]); 6] = [
    ("postgresql.log.2026-11-29-19", include_str!("apply_log/12.log"), [16_443, 16_446, 16_449]),
    ("postgresql.log.2026-11-29-19.csv", include_str!("apply_log/12.csv"), [16_443, 16_446, 16_449]),
    ("postgresql.log.2026-11-29-19", include_str!("apply_log/16.log"), [16_437, 16_440, 16_443]),
    ("postgresql.log.2026-11-29-19.csv", include_str!("apply_log/16.csv"), [16_437, 16_440, 16_443]),
    ("postgresql.log.2026-11-29-19", include_str!("apply_log/18.log"), [16_443, 16_446, 16_449]),
    ("postgresql.log.2026-11-29-19.json", include_str!("apply_log/18.json"), [16_443, 16_446, 16_449]),
];

fn of(log: &str) -> Option<Failure> {
    failure(&read("postgresql.log", log), "run_1", 16_400)
}

#[test]
fn every_format_and_version_gives_the_same_failure() {
    for (file, log, [row, column, function]) in LOGS {
        let said = read(file, log);
        let told = |subscription, oid| failure(&said, subscription, oid).unwrap();
        let (row, column, function) = (told("pt", row), told("pu", column), told("pw", function));
        assert_eq!(row.sqlstate.as_deref(), Some("23505"), "{file}: {row}");
        let known =
            ["duplicate key value violates unique constraint \"t_pkey\"", "conflict detected on relation \"public.t\": conflict=insert_exists"];
        assert!(known.contains(&row.message.as_str()), "{file}: {row}");
        assert_eq!(column.message, "invalid input syntax for type integer: …", "{file}");
        assert!(column.to_string().contains("for table public.u, column c"), "{file}: {column}");
        assert_eq!((function.message.as_str(), function.sqlstate.as_deref()), ("function bare(text) does not exist", Some("42883")), "{file}");
        assert!(function.to_string().contains("in PL/pgSQL function public.valid(text) line 1 at RETURN"), "{file}: {function}");
        assert!(function.to_string().contains("hint: No function matches"), "{file}: {function}");
        for failure in [row, column, function] {
            assert!(failure.is_lasting && failure.times >= 2, "{file}: {failure}");
            assert!(failure.to_string().contains("2026-11-29T19:56:"), "{file}: {failure}");
            assert!(!failure.to_string().contains("secret"), "{file}: {failure}");
        }
    }
}

#[test]
fn a_log_that_begins_within_a_record_reports_no_values() {
    for (file, log, [_, _, function]) in LOGS {
        for cut in (0..log.len() / 2).step_by(97).filter(|cut| log.is_char_boundary(*cut)) {
            let told = failure(&read(file, &log[cut..]), "pw", function);
            assert!(told.is_none_or(|told| !told.to_string().contains("secret")), "{file}, from byte {cut}");
        }
    }
}

#[test]
fn the_worker_of_another_subscription_is_not_ours() {
    for (file, log, _) in LOGS {
        assert_eq!(failure(&read(file, log), "px", 1), None, "{file}");
    }
}

/// RDS's prefix, a custom one since 16 without a process, and an empty one.
#[test]
fn any_line_prefix_is_accepted() {
    for prefix in ["2026-11-29 19:56:47 UTC::@:[7]:", "%", "", "[app=psql] 2026-11-29 20:56:47 CET "] {
        let log = format!(
            "{prefix}ERROR:  permission denied for table ledger\n\
             {prefix}CONTEXT:  processing remote data for replication origin \"pg_16400\" during message type \"INSERT\" for replication target relation \"public.ledger\" in transaction 7, finished at 0/1\n"
        );
        let told = of(&log).unwrap();
        assert_eq!((told.message.as_str(), told.sqlstate.as_deref()), ("permission denied for table ledger", Some("42501")), "{prefix}");
        assert!(told.to_string().contains("during INSERT, for table public.ledger"), "{told}");
    }
}

fn error(message: &str, context: &str) -> String {
    let at = "2026-11-29 19:56:47 UTC::@:[7]:";
    format!(
        "{at}LOG:  logical replication apply worker for subscription \"run_1\" has started\n{at}ERROR:  {message}\n\
         {at}DETAIL:  Failing row contains (secret).\n{at}HINT:  It is secret.\n{at}CONTEXT:  {context}\n{at}STATEMENT:  secret\n"
    )
}

/// Values are in quotes, after a colon, in digits, or in an error that a function of the application raises.
#[test]
fn no_value_of_a_row_is_reported() {
    let context = "processing remote data for replication target relation \"public.t\"";
    for (message, context, told) in [
        ("invalid input syntax for type integer: \"secret\"", context, "invalid input syntax for type integer: …"),
        ("invalid input value for enum mood: \"secret\"", context, "invalid input value for enum mood: …"),
        ("value \"secret\" or secret, \"secret\" is out of range", context, "value \"…\" is out of range"),
        ("value \"secret\" is out of range for type integer", context, "value \"…\" is out of range for type integer"),
        ("invalid byte sequence for encoding \"UTF8\": 0x5ec3e7", context, "invalid byte sequence for encoding \"…\": …"),
        ("date/time field value out of range: \"secret\"", context, "date/time field value out of range: …"),
        ("customer 4711 has no credit", context, "customer … has no credit"),
        ("order of secret is closed", "PL/pgSQL function public.guard() line 3 at RAISE", "an error that a function of the application raises"),
        ("secret", "PL/Python function \"guard\"", "an error that a function of the application raises"),
        ("permission denied for secret", "PL/pgSQL function public.guard() line 3 at RAISE", "an error that a function of the application raises"),
    ] {
        let failure = of(&error(message, context)).unwrap();
        assert!(failure.message.starts_with(told), "{message}: {failure}");
        for value in ["secret", "4711", "5ec3e7"] {
            assert!(!failure.to_string().contains(value), "{message}: {failure}");
        }
    }
}

#[test]
fn passing_and_lasting_failures_are_distinguished() {
    for (message, is_lasting) in [
        ("could not connect to the publisher: connection to server at \"10.0.0.7\", port 5432 failed: Connection refused", false),
        ("could not receive data from WAL stream: server closed the connection unexpectedly", false),
        ("could not receive data from WAL stream: ERROR:  replication slot \"run_1\" is active for PID 7", false),
        ("could not start WAL streaming: ERROR:  replication slot \"run_1\" does not exist", true),
        ("could not receive data from WAL stream: ERROR:  publication \"run\" does not exist", true),
        ("canceling statement due to lock timeout", false),
        ("deadlock detected", false),
        ("terminating logical replication worker due to administrator command", false),
        ("terminating connection due to transaction timeout", false),
        ("out of shared memory", false),
        ("could not extend file \"base/1/2\": No space left on device", false),
        ("role \"boss\" cannot SET ROLE to \"app_owner\"", true),
        ("could not identify an equality operator for type json", true),
        ("new row for relation \"t\" violates check constraint \"t_check\"", true),
    ] {
        let failure = of(&error(message, "")).unwrap();
        assert_eq!(failure.is_lasting, is_lasting, "{failure}");
        assert!(!failure.message.contains('…'), "{failure}");
    }
}

/// The connection broke later, by a restart of the source; the apply fails because of the earlier error.
#[test]
fn the_lasting_error_is_reported_though_a_connection_broke_later() {
    let log = error("permission denied for table ledger", "") + &error("could not connect to the publisher: timeout", "");
    assert_eq!(of(&log).unwrap().message, "permission denied for table ledger");
}

#[test]
fn a_failure_repaired_long_ago_is_not_reported() {
    let log =
        error("permission denied for table ledger", "") + &error("could not connect to the publisher: timeout", "").replace("19:56:47", "20:56:47");
    assert_eq!(of(&log).unwrap().message, "could not connect to the publisher: timeout");
}

/// Nothing is understood or reported, except csvlog's SQLSTATE, which has no language.
#[test]
fn a_log_in_another_language_gives_no_words() {
    let german = error("doppelter Schlüsselwert", "").replace("ERROR:", "FEHLER:").replace("has started", "wurde gestartet");
    assert_eq!(of(&german), None);
    let csv = "2026-11-29 19:56:52.270 UTC,,,13025,,6b0c8384.32e1,2,,2026-11-29 19:56:52 UTC,5/14,509,FEHLER,23505,\"doppelter Schlüsselwert verletzt »secret«\",\"(secret)\",,,,\"beim Verarbeiten von Daten für Replication-Origin »pg_16400«\",,,,\"\"\n";
    let told = failure(&read("a.csv", csv), "run_1", 16_400).unwrap();
    assert_eq!((told.sqlstate.as_deref(), told.message.as_str()), (Some("23505"), "an error whose words are not understood here"));
}
