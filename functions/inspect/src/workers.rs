//! Resources that a run needs one of per database: slots and walsenders on the source, workers and origins on the target, whose
//! settings are the source's. Rows are those of `server.sql`.

use shared::error::Result;
use shared::finding::{Findings, Room, Verdict};
use tokio_postgres::Row;

/// How long a slot may have to live without a reader: snapshot, copy and restore of a very large source.
const UNREAD_SECONDS: i64 = 24 * 60 * 60;

pub(crate) fn check(server: &Row, databases: usize, findings: &mut Findings) -> Result<()> {
    let needed = i64::try_from(databases).unwrap_or(i64::MAX);
    let number = |column: &str| server.try_get::<_, i64>(column);
    let of = number("max_slots")?;
    let room = Room { free: of - number("slots")?, of };
    findings.room("ReplicationSlots", "replication slots", room, needed, "raise max_replication_slots and reboot");
    let of = number("max_senders")?;
    let room = Room { free: of - number("senders")?, of };
    findings.room("WalSenders", "walsenders", room, needed, "raise max_wal_senders and reboot");
    let of = number("max_workers")?;
    let room = Room { free: of, of };
    let remedy = "raise max_logical_replication_workers, and max_worker_processes with it, and reboot";
    findings.room("LogicalWorkers", "logical replication workers of the target", room, needed, remedy);
    let of = number("max_worker_processes")?;
    let room = Room { free: of - number("worker_processes")?, of };
    findings.room("WorkerProcesses", "worker processes of the target", room, needed, "raise max_worker_processes and reboot");
    let of = number("max_origins")?;
    let room = Room { free: of - number("origins")?, of };
    let parameter: &str = server.try_get("origins_parameter")?;
    findings.room("ReplicationOrigins", "replication origins of the target", room, needed, format!("raise {parameter} and reboot"));
    check_retention(server, findings)
}

/// Settings by which the server invalidates a slot.
fn check_retention(server: &Row, findings: &mut Findings) -> Result<()> {
    if let Some(kept_mb) = server.try_get::<_, Option<i64>>("max_slot_wal_keep_size_mb")?.filter(|kept_mb| *kept_mb >= 0) {
        let max_wal_mb: i64 = server.try_get("max_wal_size_mb")?;
        // That much WAL can lie between two checkpoints, and the run spans many.
        let verdict = if kept_mb < max_wal_mb { Verdict::Refuse } else { Verdict::Warn };
        findings.add(
            "SlotWalKeepSize",
            verdict,
            format!("max_slot_wal_keep_size is {kept_mb} MB: the run's slots are lost as soon as the target is that far behind"),
            format!("refused below max_wal_size, {max_wal_mb} MB"),
            "set max_slot_wal_keep_size to -1 for the time of the run (no reboot), or to more than is written until the target has caught up",
        );
    }
    if let Some(timeout_s) = server.try_get::<_, Option<i64>>("idle_slot_timeout_s")?.filter(|timeout_s| *timeout_s > 0) {
        let verdict = if timeout_s < UNREAD_SECONDS { Verdict::Refuse } else { Verdict::Warn };
        findings.add(
            "IdleSlotTimeout",
            verdict,
            format!("idle_replication_slot_timeout is {timeout_s} s: nobody reads the run's slots before the target is restored"),
            format!("refused below {UNREAD_SECONDS} s"),
            "set idle_replication_slot_timeout to 0 for the time of the run (no reboot)",
        );
    }
    Ok(())
}
