//! Large objects: whether a run can detect writes to them.

use postgres::connect::Session;
use postgres::large_objects::{WATCHED_BYTES, read_stock};
use shared::error::Result;
use shared::finding::Findings;

pub(crate) async fn check(session: &Session, database: &str, consent: bool, findings: &mut Findings) -> Result<()> {
    let stock = read_stock(session).await?;
    if stock.count == 0 {
        return Ok(());
    }
    let found = format!("database {database}: {} large objects stay as of the snapshot", stock.count);
    if consent {
        let remedy = "do not write to them during the run: the target would lack the changes, and only the report would show it";
        findings.warn("LargeObjects", found, "", remedy);
    } else if stock.unreadable > 0 {
        let found = format!("{found}; {} of them may not be read by us, so writes to them would go unnoticed", stock.unreadable);
        findings.refuse("LargeObjects", found, "0 are allowed", format!("{}; or set consent.large_objects", stock.grants));
    } else if stock.bytes > WATCHED_BYTES {
        let found = format!("{found}; they take {} MB, too much to be read before the cutover", stock.bytes >> 20);
        findings.refuse(
            "LargeObjects",
            found,
            format!("{} MB are allowed", WATCHED_BYTES >> 20),
            "set consent.large_objects, and do not write to them",
        );
    } else {
        findings.warn("LargeObjects", found, "", "do not write to them, and create or drop none during the run: it would hold the cutover");
    }
    Ok(())
}
