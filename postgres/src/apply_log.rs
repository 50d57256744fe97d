//! Finds in a server's log why the apply worker of a subscription fails.
//!
//! Supports the plain log with any `log_line_prefix`, csvlog and jsonlog. A worker's errors are recognized by their CONTEXT, which
//! names the replication origin since 15, or else by the process that announced itself as the subscription's worker. One that dies at
//! its start does neither: then the postmaster's line about its end has the process id, by which its error is found if the log has such
//! ids in a field or, as with RDS's prefix, in brackets. That line names no subscription, so it counts only where there is one.
//!
//! A log quotes rows: DETAIL always may, and messages often do (`invalid input syntax for type integer: "…"`). So DETAIL,
//! QUERY and STATEMENT are ignored. A known message whose variables are all names is reported in full; of any other message, only
//! the words up to the first colon, without quoted text and numbers. An application's own function may raise anything, so its
//! words are left out. Messages in a language other than English count as unknown.

use std::fmt;
use std::path::Path;

use shared::recovery_log::time_of;

/// A message in a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// In seconds since 1970, if the time is in UTC.
    at: Option<i64>,
    /// The text before the severity, or the process id if the log has a field for it.
    process: String,
    is_error: bool,
    sqlstate: Option<String>,
    message: String,
    hint: String,
    context: String,
}

/// Reads a log, or the end of one. The file's name gives the format.
#[must_use]
pub fn read(file: &str, text: &str) -> Vec<Said> {
    match Path::new(file).extension().and_then(|extension| extension.to_str()) {
        Some("csv") => read_csv(text),
        Some("json") => text.lines().filter_map(read_json).collect(),
        _ => read_text(text),
    }
}

/// Severities that begin a message, and those that begin a part of one. Source: `error_severity` and `send_message_to_server_log`.
const SEVERITIES: [&str; 7] = ["DEBUG", "LOG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL"];
const PARTS: [&str; 7] = ["DETAIL", "HINT", "QUERY", "CONTEXT", "LOCATION", "STATEMENT", "BACKTRACE"];

fn is_error(severity: &str) -> bool {
    matches!(severity, "ERROR" | "FATAL" | "PANIC")
}

fn read_text(text: &str) -> Vec<Said> {
    let mut all: Vec<Said> = Vec::new();
    let mut part = "";
    for line in text.lines() {
        if let Some(further) = line.strip_prefix('\t') {
            if part == "CONTEXT"
                && let Some(said) = all.last_mut()
            {
                said.context.push('\n');
                said.context.push_str(further);
            }
            continue;
        }
        let Some((prefix, severity, rest)) = split_at_severity(line) else { continue };
        part = severity;
        if !PARTS.contains(&severity) {
            let (at, process) = (time_of(line), prefix.to_owned());
            all.push(Said { at, process, is_error: is_error(severity), message: without_place(rest).to_owned(), ..Said::default() });
        } else if let Some(said) = all.last_mut() {
            match severity {
                "HINT" => rest.clone_into(&mut said.hint),
                "CONTEXT" => rest.clone_into(&mut said.context),
                _ => {}
            }
        }
    }
    all
}

/// The first severity of a line, followed by two blanks as the server writes them: a prefix seldom has that.
fn split_at_severity(line: &str) -> Option<(&str, &'static str, &str)> {
    let places = SEVERITIES.into_iter().chain(["PANIC"]).chain(PARTS).filter_map(|severity| {
        let at = line.find(&format!("{severity}:  "))?;
        Some((at, severity))
    });
    let (at, severity) = places.min()?;
    Some((line.get(..at)?, severity, line.get(at + severity.len() + 3..)?))
}

/// The plain log appends the position in the statement to a message.
fn without_place(message: &str) -> &str {
    match message.rsplit_once(" at character ") {
        Some((before, place)) if place.bytes().all(|byte| byte.is_ascii_digit()) => before,
        _ => message,
    }
}

/// Columns of csvlog. Source: PostgreSQL manual, "Using CSV-Format Log Output".
fn read_csv(text: &str) -> Vec<Said> {
    // The end of a log may begin within a record, whose fields may have line breaks: a record begins with a time.
    let begin: usize = text.split_inclusive('\n').take_while(|line| time_of(line).is_none()).map(str::len).sum();
    let whole = text.as_bytes().get(begin..).unwrap_or_default();
    let records = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(whole).into_records();
    records
        .filter_map(|record| {
            let record = record.ok()?;
            let field = |at: usize| record.get(at).unwrap_or_default().to_owned();
            let sqlstate = Some(field(12)).filter(|state| state.len() == 5)?;
            Some(Said {
                at: time_of(&field(0)),
                process: field(3),
                is_error: is_error(&field(11)) || severe(&sqlstate),
                sqlstate: Some(sqlstate),
                message: field(13),
                hint: field(15),
                context: field(18),
            })
        })
        .collect()
}

/// In a log in another language the severity is translated, the SQLSTATE is not; classes 00 to 02 are not errors.
fn severe(sqlstate: &str) -> bool {
    !["00", "01", "02"].iter().any(|class| sqlstate.starts_with(class))
}

fn read_json(line: &str) -> Option<Said> {
    let record: serde_json::Value = serde_json::from_str(line).ok()?;
    let text = |key: &str| record.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
    let sqlstate = record.get("state_code").and_then(serde_json::Value::as_str).map(str::to_owned);
    Some(Said {
        at: time_of(&text("timestamp")),
        process: record.get("pid").map(ToString::to_string).unwrap_or_default(),
        is_error: is_error(&text("error_severity")) || sqlstate.as_deref().is_some_and(severe),
        sqlstate,
        message: text("message"),
        hint: text("hint"),
        context: text("context"),
    })
}

/// Why the worker of a subscription fails, without values of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// PostgreSQL's words, without values.
    pub message: String,
    pub sqlstate: Option<String>,
    hint: String,
    /// What the worker was applying: kind of message, table, column, functions.
    place: String,
    /// Whether waiting does not help: neither a connection nor another session's lock was the cause.
    pub is_lasting: bool,
    /// How often the log has the same failure, and the first and last time.
    pub times: usize,
    first_at: Option<i64>,
    pub last_at: Option<i64>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(sqlstate) = &self.sqlstate {
            write!(f, " (SQLSTATE {sqlstate})")?;
        }
        if !self.place.is_empty() {
            write!(f, " {}", self.place)?;
        }
        if !self.hint.is_empty() {
            write!(f, "; hint: {}", self.hint)?;
        }
        let time =
            |at: Option<i64>| at.and_then(|at| aws_smithy_types::DateTime::from_secs(at).fmt(aws_smithy_types::date_time::Format::DateTime).ok());
        match (self.times, time(self.first_at), time(self.last_at)) {
            (2.., Some(first), Some(last)) => write!(f, "; {} times from {first} to {last}", self.times),
            (_, _, Some(last)) => write!(f, "; at {last}"),
            (2.., ..) => write!(f, "; {} times", self.times),
            _ => Ok(()),
        }
    }
}

/// Failures older than the last one by this many seconds are another problem: a failing worker fails every five seconds.
const SAME_TROUBLE_SECONDS: i64 = 600;

/// Why the worker of a subscription fails: the last error that waiting does not cure, if the last ten minutes have one, else the
/// last error. `is_only`: whether the server has no other subscription that is enabled, so every apply worker is ours.
#[must_use]
pub fn failure(log: &[Said], subscription: &str, oid: u32, is_only: bool) -> Option<Failure> {
    // In any language, with any quotes.
    let origin = format!("pg_{oid}");
    let is_ours = |context: &str| context.split_once(&origin).is_some_and(|(_, behind)| !behind.starts_with(|c: char| c.is_ascii_digit()));
    let started = format!("logical replication apply worker for subscription \"{subscription}\" has started");
    let mut workers: Vec<&str> = Vec::new();
    let mut errors: Vec<&Said> = Vec::new();
    for (at, said) in log.iter().enumerate() {
        if said.message == started {
            workers.push(&said.process);
        } else if said.is_error
            && (is_ours(&said.context) || !said.context.contains("replication origin \"pg_") && workers.contains(&said.process.as_str()))
        {
            errors.push(said);
        } else if is_only
            && let Some(last) = ended_worker(&said.message).and_then(|pid| last_words(log.get(..at)?, pid))
            && last.is_error
            && !last.context.contains("replication origin \"pg_")
            && !errors.iter().any(|counted| std::ptr::eq(*counted, last))
        {
            errors.push(last);
        }
    }
    let newest = errors.iter().filter_map(|said| said.at).max();
    errors.retain(|said| newest.zip(said.at).is_none_or(|(newest, at)| newest - at <= SAME_TROUBLE_SECONDS));
    let described: Vec<Failure> = errors.into_iter().map(tell).collect();
    let last = described.iter().rfind(|failure| failure.is_lasting).or(described.last())?;
    let same: Vec<&Failure> = described.iter().filter(|each| each.message == last.message && each.place == last.place).collect();
    Some(Failure { times: same.len(), first_at: same.iter().filter_map(|each| each.last_at).min(), ..last.clone() })
}

/// The process of an apply worker that ended, in the postmaster's words. Until 16 it calls all workers of logical replication the same;
/// those that copy tables a run does not have. Source: `LogChildExit` and `logicalrep_worker_launch`.
fn ended_worker(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("background worker \"logical replication ")?;
    let rest = rest.strip_prefix("apply ").unwrap_or(rest).strip_prefix("worker\" (PID ")?;
    rest.split_once(") exited with exit code ").map(|(pid, _)| pid)
}

/// What a process said last.
fn last_words<'a>(before: &'a [Said], pid: &str) -> Option<&'a Said> {
    let in_prefix = format!("[{pid}]");
    before.iter().rfind(|said| said.process == pid || said.process.contains(&in_prefix))
}

fn tell(said: &Said) -> Failure {
    let (message, known) = words(said);
    let sqlstate = said.sqlstate.clone().or_else(|| known.map(str::to_owned).filter(|state| !state.is_empty()));
    let is_lasting = !passes(without_subscription(&said.message), sqlstate.as_deref());
    let hint = if known.is_some() { said.hint.clone() } else { String::new() };
    Failure { message, sqlstate, hint, place: place(&said.context), is_lasting, times: 1, first_at: said.at, last_at: said.at }
}

/// Whether a failure ends by itself or when somebody else acts: connections, locks, a server that stops, a slot in use.
fn passes(message: &str, sqlstate: Option<&str>) -> bool {
    let passing = [
        "could not connect to ",
        "could not send data to WAL stream",
        "terminating ",
        "canceling statement due to ",
        "deadlock detected",
        "logical replication parallel apply worker exited due to error",
        "lost connection to the logical replication",
    ];
    // The source's own error is passed on verbatim, and may be a lasting one.
    let from_source = message.starts_with("could not receive data from WAL stream") || message.starts_with("could not start WAL streaming");
    if from_source {
        return !["does not exist", "has already been removed", "cannot read from", "invalidated"].iter().any(|text| message.contains(text));
    }
    passing.iter().any(|text| message.starts_with(text))
        || sqlstate.is_some_and(|state| {
            matches!(state, "55P03" | "55006" | "25P04") || ["08", "40", "53", "57"].iter().any(|class| state.starts_with(class))
        })
}

/// Messages in which every `%` is a name or a size: SQLSTATE and words. Source: PostgreSQL 12 to 18,
/// `execMain.c`, `execUtils.c`, `nbtinsert.c`, `ri_triggers.c`, `aclchk.c`, `parse_*.c`, `postinit.c`, `miscinit.c`, `relation.c` and `worker.c`
/// of logical replication.
const KNOWN: [(&str, &str); 67] = [
    ("23505", "duplicate key value violates unique constraint \"%\""),
    ("23505", "conflict detected on relation \"%\": conflict=%"),
    ("23502", "null value in column \"%\" of relation \"%\" violates not-null constraint"),
    ("23502", "null value in column \"%\" violates not-null constraint"),
    ("23502", "domain % does not allow null values"),
    ("23514", "new row for relation \"%\" violates check constraint \"%\""),
    ("23514", "new row for relation \"%\" violates partition constraint"),
    ("23514", "value for domain % violates check constraint \"%\""),
    ("23514", "no partition of relation \"%\" found for row"),
    ("23503", "insert or update on table \"%\" violates foreign key constraint \"%\""),
    ("23503", "update or delete on table \"%\" violates foreign key constraint \"%\" on table \"%\""),
    ("23P01", "conflicting key value violates exclusion constraint \"%\""),
    ("42501", "permission denied for %"),
    ("42501", "must be owner of %"),
    ("42501", "role \"%\" cannot SET ROLE to \"%\""),
    ("42501", "must be able to SET ROLE \"%\""),
    ("42501", "user \"%\" cannot replicate into relation with row-level security enabled: \"%\""),
    ("42501", "new row violates row-level security policy for table \"%\""),
    ("42883", "function % does not exist"),
    ("42883", "operator does not exist: %"),
    ("42883", "could not identify an equality operator for type %"),
    ("42883", "could not identify a hash function for type %"),
    ("42883", "could not identify a comparison function for type %"),
    ("42725", "function % is not unique"),
    ("42704", "type \"%\" does not exist"),
    ("42704", "text search configuration \"%\" does not exist"),
    ("42P01", "relation \"%\" does not exist"),
    ("42703", "column \"%\" of relation \"%\" does not exist"),
    ("42703", "column \"%\" does not exist"),
    ("3F000", "schema \"%\" does not exist"),
    ("55000", "logical replication target relation \"%\" does not exist"),
    ("55000", "logical replication target relation \"%\" is missing replicated column: %"),
    ("55000", "logical replication target relation \"%\" is missing replicated columns: %"),
    ("55000", "logical replication target relation \"%\" is missing some replicated columns"),
    ("55000", "logical replication target relation \"%\" uses system columns in REPLICA IDENTITY index"),
    (
        "55000",
        "logical replication target relation \"%\" has neither REPLICA IDENTITY index nor PRIMARY KEY column and published relation does not have REPLICA IDENTITY FULL",
    ),
    ("55000", "publisher did not send replica identity column expected by the logical replication target relation \"%\""),
    ("0A000", "cannot truncate a table referenced in a foreign key constraint"),
    ("22001", "value too long for type %"),
    ("22003", "integer out of range"),
    ("22003", "smallint out of range"),
    ("22003", "bigint out of range"),
    ("22003", "numeric field overflow"),
    ("22012", "division by zero"),
    ("25006", "cannot execute % in a read-only transaction"),
    ("54000", "index row size % exceeds btree version % maximum % for index \"%\""),
    ("54000", "index row requires % bytes, maximum size is %"),
    ("53100", "could not extend file \"%\": No space left on device"),
    ("53200", "out of shared memory"),
    ("53200", "out of memory"),
    ("55P03", "canceling statement due to lock timeout"),
    ("57014", "canceling statement due to statement timeout"),
    ("40P01", "deadlock detected"),
    ("25P04", "terminating connection due to transaction timeout"),
    ("25P03", "terminating connection due to idle-in-transaction timeout"),
    ("57P01", "terminating logical replication worker due to administrator command"),
    ("57P01", "terminating connection due to administrator command"),
    ("57P01", "terminating walsender process due to replication timeout"),
    ("58P01", "requested WAL segment % has already been removed"),
    ("42704", "publication \"%\" does not exist"),
    ("42704", "replication slot \"%\" does not exist"),
    ("55006", "replication slot \"%\" is active for PID %"),
    ("28000", "role \"%\" is not permitted to log in"),
    ("55000", "database \"%\" is not currently accepting connections"),
    ("53300", "too many connections for database \"%\""),
    ("53300", "too many connections for role \"%\""),
    ("0A000", "conversion between % and % is not supported"),
];

/// The source server's own error follows these.
const PASSED_ON: [&str; 3] = [
    "could not receive data from WAL stream: ERROR:  ",
    "could not start WAL streaming: ERROR:  ",
    "could not receive data from WAL stream: FATAL:  ",
];
/// In these only the server's names vary: address, user, database.
const ABOUT_CONNECTIONS: [&str; 3] =
    ["could not connect to the publisher: ", "could not receive data from WAL stream: server closed", "could not receive data from WAL stream: SSL"];

/// The part of a message that may be reported, and its SQLSTATE if the words are known.
fn words(said: &Said) -> (String, Option<&'static str>) {
    let raised =
        said.context.lines().next().is_some_and(|first| first.starts_with("PL/") && (first.ends_with(" at RAISE") || !first.starts_with("PL/pgSQL")));
    if raised || said.sqlstate.as_deref().is_some_and(|state| state.starts_with("P0")) {
        return ("an error that a function of the application raises (its words are left out, they may hold values of rows)".to_owned(), None);
    }
    known_words(without_subscription(&said.message))
}

/// 18 begins some messages with the worker's subscription.
fn without_subscription(message: &str) -> &str {
    let named = message.strip_prefix("apply worker for subscription \"").and_then(|rest| rest.split_once("\" "));
    named.map_or(message, |(_, rest)| rest)
}

fn known_words(message: &str) -> (String, Option<&'static str>) {
    if let Some((sqlstate, _)) = KNOWN.iter().find(|(_, template)| fits(template, message)) {
        return (message.to_owned(), Some(*sqlstate));
    }
    if let Some((lead, rest)) = PASSED_ON.iter().find_map(|lead| Some((lead, message.strip_prefix(lead)?))) {
        let (rest, sqlstate) = known_words(rest.lines().next().unwrap_or_default());
        return (format!("{lead}{rest}"), sqlstate);
    }
    if ABOUT_CONNECTIONS.iter().any(|lead| message.starts_with(lead)) {
        return (message.lines().collect::<Vec<_>>().join(" "), Some("08006"));
    }
    (without_values(message), None)
}

/// Whether a text matches a template, with something in place of each `%`.
fn fits(template: &str, text: &str) -> bool {
    let mut pieces = template.split('%');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let mut pieces = pieces.peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return rest.ends_with(piece) && rest.len() > piece.len();
        }
        let Some((_, behind)) = rest.split_once(piece) else { return false };
        rest = behind;
    }
    rest.is_empty()
}

/// The words before the first colon, without everything between the first quote and the last one, since a value may hold quotes,
/// and without words that have digits. Quotes of other languages are not known here.
fn without_values(message: &str) -> String {
    let quotes = message.find('"').zip(message.rfind('"'));
    let before = quotes.map_or(message, |(first, _)| message.get(..first).unwrap_or_default());
    let behind = quotes.and_then(|(_, last)| message.get(last + 1..)).unwrap_or_default();
    if !before.is_ascii() || !behind.is_ascii() {
        return "an error whose words are not understood here".to_owned();
    }
    match before.split_once(": ") {
        Some((words, _)) => format!("{}: …", without_digits(words)),
        None if quotes.is_none() => without_digits(before),
        None => match behind.split_once(": ") {
            Some((words, _)) => format!("{}\"…\"{}: …", without_digits(before), without_digits(words)),
            None => format!("{}\"…\"{}", without_digits(before), without_digits(behind)),
        },
    }
}

fn without_digits(words: &str) -> String {
    let words = words.split(' ').map(|word| if word.bytes().any(|byte| byte.is_ascii_digit()) { "…" } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// Taken from the lines of a CONTEXT that name objects and hold no values.
fn place(context: &str) -> String {
    let mut parts = Vec::new();
    for line in context.lines() {
        if line.starts_with("PL/pgSQL function ") || line.starts_with("SQL function ") {
            parts.push(format!("in {line}"));
        } else if line.starts_with("processing remote data for replication ") {
            let named = |lead: &str| Some(line.split_once(lead)?.1.split_once('"')?.0.to_owned());
            if let Some(kind) = named("during message type \"") {
                parts.push(format!("during {kind}"));
            }
            if let Some(relation) = named("replication target relation \"") {
                parts.push(format!("for table {relation}"));
            }
            if let Some(column) = named("column \"") {
                parts.push(format!("column {column}"));
            }
        }
    }
    parts.join(", ")
}
