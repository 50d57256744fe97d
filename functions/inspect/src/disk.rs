//! Whether the source's disk has room for the WAL that it keeps until the target has caught up.

use std::time::{Duration, Instant};

use aws::client::Aws;
use aws::storage::{Storage, check_headroom, read_storage};
use futures_util::future::try_join;
use postgres::connect::Session;
use postgres::replication::lsn;
use shared::contract::{Kind, Plan};
use shared::error::{Context, Result};
use shared::finding::{Finding, Findings, Verdict};
use shared::input::Guard;
use shared::lsn::Lsn;

const CURRENT_LSN: &str = include_str!("sql/current_lsn.sql");
const WAL_AVERAGE: &str = include_str!("sql/wal_average.sql");

/// How long WAL is sampled.
const SAMPLE: Duration = Duration::from_secs(1);
/// How long WAL is assumed to be kept: AWS publishes no speed of snapshots and copies. During the run the WAL that is actually kept
/// counts, on every poll.
const KEPT_HOURS: i64 = 2;
const GIB_COPIED_IN_AN_HOUR: i64 = 500;

/// Refuses a source that has less of its storage free than the operator asks for.
///
/// # Errors
/// `PostgresUnavailable`, `PostgresRefused`, `AwsUnavailable`, `AwsRefused`.
pub(crate) async fn check(aws: &Aws, session: &Session, plan: &Plan, findings: &mut Findings) -> Result<()> {
    if plan.source.kind == Kind::Aurora {
        let found = "the WAL that is kept takes space on the cluster volume, which grows and is billed";
        findings.add("FreeStorage", Verdict::Fine, found, "", "");
        return Ok(());
    }
    let (storage, now) = try_join(read_storage(aws, &plan.source), sample(session)).await?;
    let Some(storage) = storage else {
        let remedy =
            "check that the instance sends FreeStorageSpace (dedicated log volume: FreeStorageSpaceLogVolume); without it only slots are watched";
        findings.warn("FreeStorage", "CloudWatch has no measurement of the last ten minutes", "", remedy);
        return Ok(());
    };
    findings.check(check_headroom(&plan.source.identifier, storage, 0, plan.guard))?;
    let place = if storage.is_log_volume { " on the dedicated log volume" } else { "" };
    let free = format!("{} of {} MiB are free{place}", mib(storage.free_bytes), mib(storage.allocated_bytes));
    let floor = format!("the run rolls back below {} %", plan.guard.min_free_storage_percent);
    let average = if plan.source.major >= 14 { read_average(session).await? } else { None };
    findings.extend([Finding::new("FreeStorage", Verdict::Fine, free, floor, ""), forecast(now, average, storage, plan.guard)]);
    Ok(())
}

/// Bytes of WAL per second, at this moment.
async fn sample(session: &Session) -> Result<i64> {
    let began = Instant::now();
    let before = read_lsn(session).await?;
    tokio::time::sleep(SAMPLE).await;
    let written = read_lsn(session).await?.0.saturating_sub(before.0);
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
    Ok(i64::try_from(written.saturating_mul(1000) / milliseconds).unwrap_or(i64::MAX))
}

async fn read_lsn(session: &Session) -> Result<Lsn> {
    lsn(&session.query_one(CURRENT_LSN, &[]).await?, "lsn").context("read the source's position")
}

/// Bytes of WAL per second, on average since a date.
struct Average {
    bytes_per_second: i64,
    since: String,
}

async fn read_average(session: &Session) -> Result<Option<Average>> {
    let row = session.query_opt(WAL_AVERAGE, &[]).await?;
    row.map(|row| Ok(Average { bytes_per_second: row.try_get("bytes_per_second")?, since: row.try_get("since")? })).transpose()
}

/// How long the disk lasts, compared with how long WAL will be kept.
fn forecast(now: i64, average: Option<Average>, storage: Storage, guard: Guard) -> Finding {
    let an_hour = |bytes_per_second: i64| mib(bytes_per_second.saturating_mul(3600));
    let mut found = format!("{} MiB of WAL an hour at this moment", an_hour(now));
    let mut most = now;
    if let Some(Average { bytes_per_second, since }) = average {
        found = format!("{found}, {} on average since {since}", an_hour(bytes_per_second));
        most = most.max(bytes_per_second);
    }
    let floor_bytes = storage.allocated_bytes / 100 * i64::from(guard.min_free_storage_percent);
    // Kept WAL may take no more than what then stays free.
    let room_bytes = (storage.free_bytes - floor_bytes).min(storage.free_bytes / 2);
    let kept_hours = KEPT_HOURS + (storage.data_bytes >> 30) / GIB_COPIED_IN_AN_HOUR;
    let room_hours = room_bytes / most.max(1) / 3600;
    let limit = format!("there is room for {} MiB, that is {room_hours} h; {kept_hours} h are assumed", mib(room_bytes));
    if room_hours >= kept_hours {
        return Finding::new("WalGrowth", Verdict::Fine, found, limit, "");
    }
    let more = if storage.is_log_volume { "" } else { "add storage first, or " };
    Finding::new("WalGrowth", Verdict::Warn, found, limit, format!("{more}run at a time of fewer writes: the run rolls back before the disk is full"))
}

fn mib(bytes: i64) -> i64 {
    bytes >> 20
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: i64 = 1 << 30;
    const MIB: i64 = 1 << 20;

    fn of_disk(allocated_gib: i64, free_gib: i64) -> Storage {
        Storage { is_log_volume: false, allocated_bytes: allocated_gib * GIB, free_bytes: free_gib * GIB, data_bytes: allocated_gib * GIB }
    }

    #[test]
    fn a_log_volume_lasts_as_long_as_the_data_are_copied() {
        let guard = Guard { min_free_storage_percent: 10 };
        let storage = |data_gib| Storage { is_log_volume: true, data_bytes: data_gib * GIB, ..of_disk(1000, 900) };
        assert_eq!(forecast(40 * MIB, None, storage(100), guard).verdict, Verdict::Fine);
        let finding = forecast(40 * MIB, None, storage(9000), guard);
        assert!(finding.verdict == Verdict::Warn && !finding.remedy.contains("add storage"), "{}", finding.remedy);
    }

    #[test]
    fn a_disk_that_lasts_for_less_than_the_copy_takes_is_warned_of() {
        let guard = Guard { min_free_storage_percent: 10 };
        for (allocated_gib, free_gib, now, average, expected) in [
            (20, 15, 0, None, Verdict::Fine),
            (20, 15, 2, None, Verdict::Warn),
            (20, 15, 0, Some(2), Verdict::Warn),
            (100, 80, 1, Some(0), Verdict::Fine),
            (6000, 1200, 20, None, Verdict::Warn),
            (100, 10, 0, None, Verdict::Warn),
        ] {
            let storage = of_disk(allocated_gib, free_gib);
            let average = average.map(|average| Average { bytes_per_second: average * MIB, since: "2026-11-01".to_owned() });
            let finding = forecast(now * MIB, average, storage, guard);
            assert_eq!(finding.verdict, expected, "{allocated_gib} GiB, {free_gib} free: {} {}", finding.found, finding.limit);
        }
    }

    #[test]
    fn the_finding_has_the_numbers() {
        let average = Average { bytes_per_second: 2 * MIB, since: "2026-11-01".to_owned() };
        let storage = of_disk(100, 80);
        let finding = forecast(MIB, Some(average), storage, Guard { min_free_storage_percent: 10 });
        assert_eq!(finding.found, "3600 MiB of WAL an hour at this moment, 7200 on average since 2026-11-01");
        assert_eq!(finding.limit, "there is room for 40960 MiB, that is 5 h; 2 h are assumed");
    }
}
