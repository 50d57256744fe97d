//! Watches the source's disk, which the WAL kept for the target may fill.

use std::time::{Duration, SystemTime};

use aws_sdk_cloudwatch::types::{Dimension, Statistic};
use shared::contract::{Kind, Plan, Source};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::input::Guard;
use shared::metrics::{self, Metric};

use crate::client::Aws;
use crate::rds::source::source_writer;

const GIB: i64 = 1 << 30;
/// The size of every dedicated log volume. Source: RDS user guide, "Using a dedicated log volume (DLV)".
const LOG_VOLUME_GIB: i32 = 1000;
/// RDS sends the metric every minute; without one for this long, the free storage is unknown.
const NEWEST_WITHIN: Duration = Duration::from_mins(10);

/// The disk that has the WAL, as RDS and CloudWatch describe it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Storage {
    /// Whether WAL is on a volume of its own.
    pub is_log_volume: bool,
    pub allocated_bytes: i64,
    pub free_bytes: i64,
    /// The size of the data volume, which is copied.
    pub data_bytes: i64,
}

/// Reads the free storage of the disk with the source's WAL, in a cluster its writer's. None if CloudWatch has no measurement of
/// the last minutes, and for Aurora, whose volume grows by itself.
///
/// # Errors
/// `SourceNotFound`, `AwsUnavailable`, `AwsRefused`.
pub async fn read_storage(aws: &Aws, source: &Source) -> Result<Option<Storage>> {
    if source.kind == Kind::Aurora {
        return Ok(None);
    }
    let writer = source_writer(aws, source).await?;
    let instance = writer.db_instance_identifier().unwrap_or_default();
    let is_log_volume = writer.dedicated_log_volume().unwrap_or(false);
    let data_gib = writer.allocated_storage().unwrap_or(0);
    let (metric, allocated_gib) = if is_log_volume { ("FreeStorageSpaceLogVolume", LOG_VOLUME_GIB) } else { ("FreeStorageSpace", data_gib) };
    let now = SystemTime::now();
    let request = aws_sdk_cloudwatch::Client::new(&aws.config)
        .get_metric_statistics()
        .namespace("AWS/RDS")
        .metric_name(metric)
        .dimensions(Dimension::builder().name("DBInstanceIdentifier").value(instance).build())
        .start_time((now - NEWEST_WITHIN).into())
        .end_time(now.into())
        .period(60)
        .statistics(Statistic::Minimum);
    let measured = request.send().await.map_err(StepError::from).context(&format!("read the free storage of {instance}"))?;
    let newest = measured.datapoints().iter().max_by_key(|point| point.timestamp().map(aws_smithy_types::DateTime::secs));
    #[expect(clippy::cast_possible_truncation, reason = "bytes of a disk")]
    let free_bytes = newest.and_then(aws_sdk_cloudwatch::types::Datapoint::minimum).map(|bytes| bytes as i64);
    let bytes = |gib: i32| i64::from(gib) * GIB;
    Ok(free_bytes.map(|free_bytes| Storage { is_log_volume, allocated_bytes: bytes(allocated_gib), free_bytes, data_bytes: bytes(data_gib) }))
}

/// Emits metrics of the source's disk and of the WAL that the run's slots, all of them intact, keep on it; and checks that it can
/// keep more WAL for the target. Returns the free bytes, none if they are not known.
///
/// # Errors
/// `SourceStorageLow`, and as [`read_storage`].
pub async fn watch_headroom(aws: &Aws, plan: &Plan, retained_wal_bytes: i64) -> Result<Option<i64>> {
    let mut measured = vec![(Metric::SlotsLost, 0.into()), (Metric::RetainedWalBytes, retained_wal_bytes.into())];
    let storage = read_storage(aws, &plan.source).await?;
    if let Some(storage) = storage {
        let share = retained_wal_bytes.saturating_mul(100) / storage.free_bytes.max(1);
        measured.extend([(Metric::FreeStorageBytes, storage.free_bytes.into()), (Metric::WalToFreeStoragePercent, share.into())]);
    }
    metrics::emit(&plan.source.identifier, &measured);
    let Some(storage) = storage else { return Ok(None) };
    check_headroom(&plan.source.identifier, storage, retained_wal_bytes, plan.guard)?;
    Ok(Some(storage.free_bytes))
}

/// Checks that the source can keep more WAL for the target.
///
/// Why at every wait: a slot keeps WAL until the disk is full, and a full disk stops the source. Undo drops the slot first.
///
/// # Errors
/// `SourceStorageLow` below the share of free storage that the operator requires, or if the kept WAL is larger than the free
/// storage.
pub fn check_headroom(source: &str, storage: Storage, retained_wal_bytes: i64, guard: Guard) -> Result<()> {
    let percent = guard.min_free_storage_percent;
    let floor_bytes = storage.allocated_bytes / 100 * i64::from(percent);
    if storage.free_bytes >= floor_bytes && storage.free_bytes >= retained_wal_bytes {
        return Ok(());
    }
    let mib = |bytes: i64| bytes >> 20;
    Err(StepError::new(
        ErrorName::SourceStorageLow,
        format!(
            "{source} has {} MiB free of {} MiB{} and keeps {} MiB of WAL for this run; needed are {percent} % free, and more than is \
             kept: {}run when fewer writes come",
            mib(storage.free_bytes),
            mib(storage.allocated_bytes),
            if storage.is_log_volume { " on its dedicated log volume" } else { "" },
            mib(retained_wal_bytes),
            // A log volume cannot grow.
            if storage.is_log_volume { "" } else { "add storage, or " }
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_free_storage_or_too_much_wal_stops_the_run() {
        let guard = Guard { min_free_storage_percent: 10 };
        let storage = |free_gib| Storage { is_log_volume: false, allocated_bytes: 100 * GIB, free_bytes: free_gib * GIB, data_bytes: 100 * GIB };
        assert!(check_headroom("d", storage(10), 0, guard).is_ok());
        for (free_gib, retained_gib) in [(9, 0), (30, 31)] {
            let error = check_headroom("d", storage(free_gib), retained_gib * GIB, guard).unwrap_err();
            assert_eq!(error.name, ErrorName::SourceStorageLow);
            assert!(error.to_string().contains(&format!("{} MiB free", free_gib << 10)));
        }
    }
}
