//! How the target logs in to the source: as a user of the run's own, with a password that only the subscription knows.

use std::net::IpAddr;

use futures_util::future::join_all;
use postgres::connect::Session;
use postgres::sql;
use postgres_protocol::password::scram_sha_256;
use shared::error::{Context, ErrorName, Result, StepError};

const ROLE_PASSWORD: &str = include_str!("sql/role_password.sql");

/// Gives the run's role a new random password and returns it. The server gets only the verifier, so no log and no catalog of the source
/// has the password.
///
/// Called twice, the second password is the one that holds.
pub(crate) async fn ensure_password(source: &Session, role: &str) -> Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| StepError::new(ErrorName::Internal, "the system gives no random bytes").with_source(error))?;
    let password = hex::encode(bytes);
    let verifier = scram_sha_256(password.as_bytes());
    sql::run_generated(source, ROLE_PASSWORD, &[&role, &verifier]).await.context(&format!("give role {role} a password"))?;
    Ok(password)
}

/// The connection string of one database's subscription, without the password: that goes to the target in [`SETTING`], where no
/// statement has it, and so no log and no view of statements. `require` rather than `verify-full`: where an RDS host keeps the
/// authorities' certificates is not documented. The address is that of a publicly accessible source, as the functions resolve it: RDS's
/// own hosts may get the public one.
pub(crate) fn connection_string((host, port): (&str, u16), address: Option<IpAddr>, database: &str, role: &str) -> String {
    let port = port.to_string();
    // Tried first; after a failover it belongs to another server, and the name still works.
    let (hosts, addresses) = match address {
        Some(address) => (format!("{host},{host}"), Some(format!("{address},"))),
        None => (host.to_owned(), None),
    };
    let pairs = [
        ("host", hosts.as_str()),
        ("port", &port),
        ("dbname", database),
        ("user", role),
        ("sslmode", "require"),
        ("connect_timeout", "10"),
        ("keepalives_idle", "30"),
    ];
    let addresses = addresses.as_deref().map(|addresses| ("hostaddr", addresses));
    pairs.into_iter().chain(addresses).map(|(key, value)| format!("{key}={}", quoted(value))).collect::<Vec<_>>().join(" ")
}

/// Quotes a value for libpq's connection strings.
fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The session setting that holds the password, as `-c` takes it. A password has digits and letters only.
pub(crate) fn setting(password: &str) -> String {
    format!("-c {SETTING}={password}")
}

const SETTING: &str = "rds_reencrypt.password";

/// The statement that subscribes is built inside another one, from the setting. Anything that records nested statements (pgaudit,
/// `pg_stat_statements` with `track = all`, `auto_explain`) would still have it. Not every master user may turn these off; the user is
/// gone after the run in any case.
pub(crate) async fn keep_statements_out_of_the_log(target: &Session) {
    let settings = [
        "log_statement = none",
        "log_min_duration_statement = -1",
        "log_min_error_statement = panic",
        "debug_print_parse = off",
        "debug_print_rewritten = off",
        "pgaudit.log = 'none'",
        "pg_stat_statements.track = 'none'",
        "auto_explain.log_min_duration = -1",
    ];
    let _refused = join_all(settings.iter().map(async |setting| target.batch_execute(&format!("set {setting}")).await)).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn a_public_source_is_looked_for_at_its_private_address_and_then_by_its_name() {
        let source = ("localhost", 5432);
        let found = connection_string(source, Some([10, 0, 0, 7].into()), "orders", "run");
        assert!(found.starts_with("host='localhost,localhost' port='5432'") && found.ends_with("hostaddr='10.0.0.7,'"), "{found}");
        assert!(connection_string(source, None, "orders", "run").starts_with("host='localhost' "));
    }

    #[test]
    fn odd_database_names_survive_a_connection_string() {
        assert_eq!(quoted(r"o'brien \ co"), r"'o\'brien \\ co'");
    }
}
