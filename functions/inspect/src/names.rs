//! Names that are not in UTF-8: names go from the server to us, and back in our statements.

use postgres::connect::Session;
use postgres::sql;
use shared::error::{Context, ErrorName, Result, StepError};
use shared::finding::{Findings, list};

const NAMES_BEYOND_ASCII: &str = include_str!("sql/names_beyond_ascii.sql");

/// How many are read one by one, at most.
const LOOKED_AT_MAX: usize = 2_000;

/// As ASCII.
fn escape(name: &[u8]) -> String {
    name.iter().map(|byte| if byte.is_ascii() { char::from(*byte).to_string() } else { format!("\\x{byte:02x}") }).collect()
}

/// Whether all can be read.
pub(crate) async fn check(session: &Session, database: &str, findings: &mut Findings) -> Result<bool> {
    if !database.is_ascii() {
        let encoding: String = sql::value(session, "select pg_catalog.getdatabaseencoding()", &[]).await?;
        if !["UTF8", "SQL_ASCII"].contains(&encoding.as_str()) {
            let found = format!("database {database}: its name is not in ASCII, and its encoding is {encoding}: the target would ask for another");
            findings.refuse("Names", found, "", "alter database ... rename to a name in ASCII");
        }
    }
    match sql::column::<String>(session, NAMES_BEYOND_ASCII, &[]).await {
        Err(error) if error.name == ErrorName::PostgresRefused => {}
        answer => return answer.map(|_| true).context("read the names of tables"),
    }
    let bytes = format!("select pg_catalog.convert_to(name, 'sql_ascii') as bytes from ({NAMES_BEYOND_ASCII}) n");
    let mut unreadable = Vec::new();
    for name in sql::column::<Vec<u8>>(session, &bytes, &[]).await?.into_iter().take(LOOKED_AT_MAX) {
        let read = session.query_one("select pg_catalog.convert_from($1::bytea, pg_catalog.getdatabaseencoding())", &[&name]).await;
        match read.map_err(StepError::from).and_then(|row| Ok(row.try_get::<_, String>(0)?)) {
            Ok(_) => {}
            Err(error) if error.name == ErrorName::PostgresRefused => unreadable.push(escape(&name)),
            Err(error) => return Err(error.context("read a name")),
        }
    }
    let found = format!("database {database}: {} names are not in UTF-8, and cannot be converted to it: {}", unreadable.len(), list(&unreadable));
    findings.refuse("Names", found, "0 are allowed", "alter table ... rename to ..., in a session whose client_encoding is sql_ascii");
    Ok(false)
}
