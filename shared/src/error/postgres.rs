//! The meaning of PostgreSQL's errors, by SQLSTATE, and of those of the connection.

use tokio_postgres::error::SqlState;

use super::{ErrorName, StepError, chain};

impl From<tokio_postgres::Error> for StepError {
    /// `DETAIL` is left out, since it can quote a row, and so is the `HINT` of an error about values or from a
    /// function; any other hint names a setting or a command.
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(db) = error.as_db_error() else {
            let (name, message) = without_answer(&error);
            return Self::new(name, message).with_source(error);
        };
        let code = db.code().code();
        let mut message = format!("{} (SQLSTATE {code})", db.message());
        if let Some(about) = about(code) {
            message = format!("{message}: {about}");
        }
        if let Some(hint) = db.hint().filter(|_| !["22", "P0", "XX"].iter().any(|class| code.starts_with(class))) {
            message = format!("{message}; hint: {hint}");
        }
        Self::new(name_of(db.code()), message).with_source(error)
    }
}

/// An error that the server did not report: of the connection, or our own.
fn without_answer(error: &tokio_postgres::Error) -> (ErrorName, String) {
    let text = chain(error);
    if let Some(why) = why_no_tls(&text) {
        return (ErrorName::PostgresRefused, format!("{why} ({text})"));
    }
    let name = if error.is_closed() || is_caused_by(error, is_io) {
        ErrorName::PostgresUnavailable
    } else if is_caused_by(error, <dyn std::error::Error>::is::<std::str::Utf8Error>) {
        ErrorName::PostgresRefused
    } else {
        ErrorName::Internal
    };
    (name, text)
}

/// TLS errors that waiting does not cure, by the texts of OpenSSL and tokio-postgres.
fn why_no_tls(text: &str) -> Option<&'static str> {
    let reasons = [
        ("server does not support TLS", "the server accepts no TLS connections, and the run makes no others"),
        ("certificate has expired", "the server's certificate, or that of its authority, has expired"),
        ("ostname mismatch", "the server's certificate is for another host"),
        ("certificate verify failed", "the server's certificate is from an authority that these functions do not know"),
        ("no protocols available", "the server does not support TLS 1.2"),
        ("unsupported protocol", "the server does not support TLS 1.2"),
    ];
    reasons.into_iter().find(|(says, _)| text.contains(says)).map(|(_, why)| why)
}

/// An explanation, if PostgreSQL's own message does not say what is affected.
fn about(code: &str) -> Option<&'static str> {
    match code {
        "53100" => Some("the disk of this server is full"),
        "53200" => Some("this server's shared memory is exhausted, most often by locks"),
        "53300" => Some("the connections of this server, or of this role or database, are exhausted"),
        "25006" => Some("this server accepts no writes at the moment: it is a standby, or was one a moment ago"),
        "57P05" => Some("idle_session_timeout ended our session"),
        "25P04" => Some("transaction_timeout ended our session"),
        _ => None,
    }
}

fn is_io(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.is::<std::io::Error>() || cause.is::<native_tls::Error>()
}

/// The cause is a source of an opaque error.
fn is_caused_by(error: &tokio_postgres::Error, is: impl Fn(&(dyn std::error::Error + 'static)) -> bool) -> bool {
    std::iter::successors(std::error::Error::source(error), |cause| cause.source()).any(is)
}

fn name_of(state: &SqlState) -> ErrorName {
    match state.code() {
        // lock_not_available, deadlock_detected
        "55P03" | "40P01" => ErrorName::LockTimeout,
        // insufficient_privilege, invalid_catalog_name, database_dropped; bytes that are not UTF-8, or have no equivalent in it
        "42501" | "3D000" | "57P04" | "22021" | "22P05" => ErrorName::PostgresRefused,
        // read_only_sql_transaction: a failover; idle_in_transaction_session_timeout and transaction_timeout end the session
        "25006" | "25P03" | "25P04" => ErrorName::PostgresUnavailable,
        code => match code.get(..2) {
            Some("28") => ErrorName::PostgresRefused,
            // connection exceptions, insufficient resources, operator intervention, a statement timeout included
            Some("08" | "53" | "57") => ErrorName::PostgresUnavailable,
            _ => ErrorName::Internal,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sqlstate_has_its_error_name() {
        use ErrorName::{Internal, LockTimeout, PostgresRefused, PostgresUnavailable};
        for (code, name) in [
            ("53100", PostgresUnavailable),
            ("53200", PostgresUnavailable),
            ("53300", PostgresUnavailable),
            ("57P01", PostgresUnavailable),
            ("57P03", PostgresUnavailable),
            ("57P05", PostgresUnavailable),
            ("57014", PostgresUnavailable),
            ("25006", PostgresUnavailable),
            ("25P04", PostgresUnavailable),
            ("57P04", PostgresRefused),
            ("28P01", PostgresRefused),
            ("28000", PostgresRefused),
            ("42501", PostgresRefused),
            ("55P03", LockTimeout),
            ("42P01", Internal),
        ] {
            assert_eq!(name_of(&SqlState::from_code(code)), name, "{code}");
        }
    }

    /// Texts of OpenSSL 3 and of tokio-postgres 0.7.
    #[test]
    fn a_tls_error_is_explained() {
        let failed = "error performing TLS handshake: error:0A000086:SSL routines:tls_post_process_server_certificate:certificate verify failed:../ssl/statem/statem_clnt.c:1889:";
        for (text, says) in [
            (format!("{failed} (unable to get local issuer certificate)"), Some("authority")),
            (format!("{failed} (certificate has expired)"), Some("expired")),
            (format!("{failed} (Hostname mismatch)"), Some("another host")),
            ("error performing TLS handshake: server does not support TLS".to_owned(), Some("no TLS connections")),
            ("error connecting to server: Connection refused (os error 111)".to_owned(), None),
        ] {
            let why = why_no_tls(&text);
            assert_eq!(why.is_some(), says.is_some(), "{text}");
            assert!(why.unwrap_or_default().contains(says.unwrap_or_default()), "{text}");
        }
    }
}
