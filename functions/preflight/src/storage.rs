//! Room on the source's disk for the WAL that it keeps until the copy has caught up.

use std::time::{Duration, Instant};

use futures_util::future::try_join;
use shared::aws::Aws;
use shared::contract::Source;
use shared::error::{Result, While};
use shared::input::Guard;
use shared::lsn::Lsn;
use shared::pg::{Server, Session};
use shared::replication::lsn;
use shared::sql;
use shared::storage::{Storage, check_headroom, read_storage};

use crate::findings::{Findings, Verdict};
use crate::server::connect_anywhere;

/// How long WAL is watched for.
const SAMPLE: Duration = Duration::from_secs(1);
/// How long WAL is kept, as it is reckoned: AWS names no speed of snapshots and copies. What counts in the run is what is
/// kept in fact, at each of its waits.
const KEPT_HOURS: i64 = 2;
const GIB_COPIED_IN_AN_HOUR: i64 = 500;

/// # Errors
/// `PostgresUnavailable`, `AwsUnavailable`, `AwsRefused`.
pub(crate) async fn check(aws: &Aws, server: &Server, source: &Source, guard: Guard, findings: &mut Findings) -> Result<()> {
    let session = connect_anywhere(server).await?;
    let (storage, now) = try_join(read_storage(aws, &source.identifier), sample(&session)).await?;
    let Some(storage) = storage else {
        let remedy = "look whether the instance sends FreeStorageSpace; without it only the slots are watched";
        findings.warn("FreeStorage", "CloudWatch has no measurement of the last ten minutes", "", remedy);
        return Ok(());
    };
    findings.check(check_headroom(&source.identifier, storage, 0, guard))?;
    let floor = format!("the run ends itself below {} %", guard.min_free_storage_percent);
    findings.add("FreeStorage", Verdict::Fine, format!("{} of {} MiB are free", storage.free_bytes >> 20, storage.allocated_bytes >> 20), floor, "");
    let average = if source.major >= 14 { session.query_opt(sql::WAL_AVERAGE, &[]).await? } else { None };
    let mut found = format!("{} MiB of WAL an hour at this moment", (now * 3600) >> 20);
    let mut most = now;
    if let Some(row) = average {
        let (average, since): (i64, &str) = (row.try_get("bytes_per_second")?, row.try_get("since")?);
        found = format!("{found}, {} on average since {since}", (average * 3600) >> 20);
        most = most.max(average);
    }
    forecast(found, most, storage, guard, findings);
    Ok(())
}

/// Bytes of WAL in a second, at this moment.
async fn sample(session: &Session) -> Result<i64> {
    let began = Instant::now();
    let before = read_lsn(session).await?;
    tokio::time::sleep(SAMPLE).await;
    let written = read_lsn(session).await?.0.saturating_sub(before.0);
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    Ok(i64::try_from(written.saturating_mul(1000) / milliseconds).unwrap_or(i64::MAX))
}

async fn read_lsn(session: &Session) -> Result<Lsn> {
    lsn(&session.query_one(sql::CURRENT_LSN, &[]).await?, "lsn").while_doing("read the source's position")
}

/// How long the disk lasts, against how long WAL will be kept.
fn forecast(found: String, bytes_per_second: i64, storage: Storage, guard: Guard, findings: &mut Findings) {
    let floor_bytes = storage.allocated_bytes / 100 * i64::from(guard.min_free_storage_percent);
    // What is kept may take no more than is left.
    let room_bytes = (storage.free_bytes - floor_bytes).min(storage.free_bytes / 2);
    let kept_hours = KEPT_HOURS + (storage.allocated_bytes >> 30) / GIB_COPIED_IN_AN_HOUR;
    let room_hours = room_bytes / bytes_per_second.max(1) / 3600;
    let limit = format!("there is room for {} MiB, that is {room_hours} h; {kept_hours} h are reckoned with", room_bytes >> 20);
    if room_hours < kept_hours {
        findings.warn("WalGrowth", found, limit, "add storage first, or run when fewer writes come: the run ends itself before the disk is full");
    } else {
        findings.add("WalGrowth", Verdict::Fine, found, limit, "");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: i64 = 1 << 30;

    #[test]
    fn a_disk_that_lasts_for_less_than_the_copy_takes_is_warned_of() {
        let guard = Guard { min_free_storage_percent: 10 };
        for (allocated_gib, free_gib, mib_per_second, expected) in [
            (20, 15, 0, Verdict::Fine),
            (20, 15, 2, Verdict::Warn),
            (100, 80, 1, Verdict::Fine),
            (6000, 1200, 20, Verdict::Warn),
            (100, 10, 0, Verdict::Warn),
        ] {
            let mut findings = Findings::default();
            let storage = Storage { allocated_bytes: allocated_gib * GIB, free_bytes: free_gib * GIB };
            forecast(String::new(), mib_per_second << 20, storage, guard, &mut findings);
            assert_eq!(findings.verdicts(), [expected], "{allocated_gib} GiB, {free_gib} free, {mib_per_second} MiB/s");
        }
    }
}
