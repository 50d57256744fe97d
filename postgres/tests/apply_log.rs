//! Logs of real servers, 12, 16 and 18, in each format: three subscriptions whose workers failed for a minute, because of an
//! existing row, a column of another type and a missing function. Every value in their rows begins with `secret`.

use postgres::apply_log::{Failure, failure, read};

const LOGS: [(&str, &str, [u32; 3]); 6] = [
    ("postgresql.log.2026-11-29-19", include_str!("apply_log/12.log"), [16_443, 16_446, 16_449]),
    ("postgresql.log.2026-11-29-19.csv", include_str!("apply_log/12.csv"), [16_443, 16_446, 16_449]),
    ("postgresql.log.2026-11-29-19", include_str!("apply_log/16.log"), [16_437, 16_440, 16_443]),
    ("postgresql.log.2026-11-29-19.csv", include_str!("apply_log/16.csv"), [16_437, 16_440, 16_443]),
    ("postgresql.log.2026-11-29-19", include_str!("apply_log/18.log"), [16_443, 16_446, 16_449]),
    ("postgresql.log.2026-11-29-19.json", include_str!("apply_log/18.json"), [16_443, 16_446, 16_449]),
];

fn of(log: &str) -> Option<Failure> {
    failure(&read("postgresql.log", log), "run_1", 16_400, false)
}

#[test]
fn every_format_and_version_gives_the_same_failure() {
    for (file, log, [row, column, function]) in LOGS {
        let said = read(file, log);
        let told = |subscription, oid| failure(&said, subscription, oid, false).unwrap();
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
            let told = failure(&read(file, &log[cut..]), "pw", function, false);
            assert!(told.is_none_or(|told| !told.to_string().contains("secret")), "{file}, from byte {cut}");
        }
    }
}

#[test]
fn the_worker_of_another_subscription_is_not_ours() {
    for (file, log, _) in LOGS {
        assert_eq!(failure(&read(file, log), "px", 1, false), None, "{file}");
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
    let told = failure(&read("a.csv", csv), "run_1", 16_400, false).unwrap();
    assert_eq!((told.sqlstate.as_deref(), told.message.as_str()), (Some("23505"), "an error whose words are not understood here"));
}

/// Workers that died at their start, on servers 13, 16 and 18, with RDS's prefix: their errors name no subscription. The postmaster's
/// line gives the process.
const AT_START: [(&str, &str, &str); 7] = [
    (
        "postgresql.log",
        "2026-12-01 08:39:01 UTC::@:[27244]:FATAL:  conversion between LATIN1 and LATIN9 is not supported\n\
         2026-12-01 08:39:01 UTC::@:[27117]:LOG:  background worker \"logical replication worker\" (PID 27244) exited with exit code 1\n",
        "conversion between LATIN1 and LATIN9 is not supported (SQLSTATE 0A000); at 2026-12-01T08:39:01Z",
    ),
    (
        "postgresql.log",
        "2026-12-01 08:39:06 UTC::@:[27278]:FATAL:  permission denied for database \"latin\"\n\
         2026-12-01 08:39:06 UTC::@:[27278]:DETAIL:  User does not have CONNECT privilege.\n\
         2026-12-01 08:39:06 UTC::@:[27100]:LOG:  background worker \"logical replication worker\" (PID 27278) exited with exit code 1\n",
        "permission denied for database \"latin\" (SQLSTATE 42501); at 2026-12-01T08:39:06Z",
    ),
    (
        "postgresql.log",
        "2026-12-01 08:36:22 UTC::@:[25992]:FATAL:  role \"sub\" is not permitted to log in\n\
         2026-12-01 08:36:22 UTC::@:[22737]:LOG:  background worker \"logical replication apply worker\" (PID 25992) exited with exit code 1\n",
        "role \"sub\" is not permitted to log in (SQLSTATE 28000); at 2026-12-01T08:36:22Z",
    ),
    (
        "postgresql.log",
        "2026-12-01 08:38:49 UTC::@:[27019]:FATAL:  database \"latin\" is not currently accepting connections\n\
         2026-12-01 08:38:50 UTC::@:[26885]:LOG:  background worker \"logical replication apply worker\" (PID 27019) exited with exit code 1\n",
        "database \"latin\" is not currently accepting connections (SQLSTATE 55000); at 2026-12-01T08:38:49Z",
    ),
    (
        "postgresql.csv",
        "2026-12-01 08:39:07.159 UTC,,,27333,,6b0e87ab.6ac5,1,,2026-12-01 08:39:07 UTC,3/86,0,FATAL,42501,\"permission denied for database \"\"latin\"\"\",\"User does not have CONNECT privilege.\",,,,,,,,\"\",\"logical replication worker\"\n\
         2026-12-01 08:39:07.160 UTC,,,27117,,6b0e87a1.69ed,11,,2026-12-01 08:38:57 UTC,,0,LOG,00000,\"background worker \"\"logical replication worker\"\" (PID 27333) exited with exit code 1\",,,,,,,,,\"\",\"postmaster\"\n",
        "permission denied for database \"latin\" (SQLSTATE 42501); at 2026-12-01T08:39:07Z",
    ),
    (
        "postgresql.json",
        "{\"timestamp\":\"2026-12-01 08:38:49.220 UTC\",\"pid\":27019,\"error_severity\":\"FATAL\",\"state_code\":\"55000\",\"message\":\"database \\\"latin\\\" is not currently accepting connections\",\"backend_type\":\"logical replication apply worker\"}\n\
         {\"timestamp\":\"2026-12-01 08:38:49.221 UTC\",\"pid\":26885,\"error_severity\":\"LOG\",\"message\":\"background worker \\\"logical replication apply worker\\\" (PID 27019) exited with exit code 1\",\"backend_type\":\"postmaster\"}\n",
        "database \"latin\" is not currently accepting connections (SQLSTATE 55000); at 2026-12-01T08:38:49Z",
    ),
    // Its start was longer ago than the part of the log that was read: an error like any other, so without values.
    (
        "postgresql.log",
        "2026-12-01 08:36:22 UTC::@:[25992]:ERROR:  invalid input syntax for type integer: \"secret\"\n\
         2026-12-01 08:36:22 UTC::@:[22737]:LOG:  background worker \"logical replication apply worker\" (PID 25992) exited with exit code 1\n",
        "invalid input syntax for type integer: …; at 2026-12-01T08:36:22Z",
    ),
];

#[test]
fn a_worker_that_dies_at_its_start_is_ours_where_there_is_no_other() {
    for (file, log, told) in AT_START {
        let said = read(file, log);
        assert_eq!(failure(&said, "run_1", 16_400, true).unwrap().to_string(), told, "{file}");
        assert_eq!(failure(&said, "run_1", 16_400, false), None, "{told}");
        let repeated = failure(&read(file, &log.repeat(3)), "run_1", 16_400, true).unwrap();
        assert_eq!((repeated.times, repeated.is_lasting), (3, true), "{repeated}");
    }
}

/// An error is counted once, although the postmaster reports the worker's end as well; and other processes end, too.
#[test]
fn an_end_adds_nothing_to_an_error_that_is_known() {
    let end = "2026-11-29 19:56:47 UTC::@:[3]:LOG:  background worker \"logical replication apply worker\" (PID 7) exited with exit code 1\n";
    let log = error("permission denied for table ledger", "") + end;
    assert_eq!(failure(&read("postgresql.log", &log), "run_1", 16_400, true).unwrap().times, 1);
    for other in ["logical replication launcher", "logical replication tablesync worker", "pg_cron launcher"] {
        let log = log.replace("has started", "has begun").replace("logical replication apply worker\" (PID", &format!("{other}\" (PID"));
        assert_eq!(failure(&read("postgresql.log", &log), "run_1", 16_400, true), None, "{other}");
    }
    let of_other = log.replace("has started", "has begun").replace("(PID 7)", "(PID 77)");
    assert_eq!(failure(&read("postgresql.log", &of_other), "run_1", 16_400, true), None);
}

/// 18 names the subscription first. A source that restarts is no lasting failure.
#[test]
fn a_connection_that_fails_is_told_alike_on_18() {
    let message = "could not connect to the publisher: connection to server at \"127.0.0.1\", port 1 failed: Connection refused";
    let failure = of(&error(&format!("apply worker for subscription \"run_1\" {message}"), "")).unwrap();
    assert_eq!((failure.message.as_str(), failure.sqlstate.as_deref(), failure.is_lasting), (message, Some("08006"), false));
}
