//! The target's log: as RDS ships it to CloudWatch Logs, or as RDS keeps it in files.

use std::path::Path;

use aws::client::Aws;
use aws::evidence::{LogLook, StartLook, now_ms};
use aws::rds::log_groups::log_group;
use aws::rds::snapshots;
use aws::rds::target::target_writer;
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_rds::types::DescribeDbLogFilesDetails;
use shared::contract::{Kind, Plan};
use shared::error::aws::code;
use shared::error::{Result, StepError};
use shared::lsn::Lsn;
use shared::recovery_log::{Log, LogAnswer, Origin, Start, time_of};

/// A portion of a log file is cut off at 1 MB without a warning, so less is requested.
/// Source: RDS API reference, `DownloadDBLogFilePortion`.
const LINES_AT_A_TIME: i32 = 2000;
/// Portions that one call reads: more would outlast the function.
const PORTIONS: usize = 200;

/// What the log shows about the target's first start, and where the log was read: `log` or `log_file`.
///
/// For an instance, the encrypted snapshot was made after the source's snapshot was complete and before the instance, so anything older
/// was written by another server. The instance's own creation time would not do: RDS sets it when the server is up.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`.
pub(crate) async fn read(aws: &Aws, plan: &Plan, passed: Lsn) -> Result<(LogAnswer, &'static str)> {
    if plan.source.kind == Kind::Aurora {
        return Ok((LogAnswer::NoPosition, "log"));
    }
    let origin = Origin { restored_after: restored_after(aws, plan).await?, passed: Some(passed) };
    // A cluster's readers log recoveries of their own.
    let writer = target_writer(aws, plan).await?.db_instance_identifier.unwrap_or_default();
    let shipped = read_log_group(aws, plan, &writer, origin).await?;
    note(aws, |look| &mut look.log, &shipped);
    let shipped = shipped.answer;
    if matches!(shipped, LogAnswer::Recovery(_)) {
        return Ok((shipped, "log"));
    }
    // The export may be off, slow or out of order; the files always exist, and are in order.
    let kept = read_log_files(aws, &writer, origin).await?;
    note(aws, |look| &mut look.log_file, &kept);
    match kept.answer {
        LogAnswer::NotYet => Ok((shipped, "log")),
        answer => Ok((answer, "log_file")),
    }
}

/// What one way to the log found.
struct Read {
    answer: LogAnswer,
    starts: Vec<Start>,
    /// The longest time that a line took to CloudWatch Logs.
    delivery_ms: Option<i64>,
}

impl Read {
    const NOTHING: Self = Self { answer: LogAnswer::NotYet, starts: Vec::new(), delivery_ms: None };

    fn all_of(log: &Log, delivery_ms: Option<i64>) -> Self {
        Self { answer: log.answer(), starts: log.starts().to_vec(), delivery_ms }
    }
}

fn note(aws: &Aws, place: impl FnOnce(&mut StartLook) -> &mut Option<LogLook>, read: &Read) {
    let told = match read.answer {
        LogAnswer::NotYet => "not_yet",
        LogAnswer::NoPosition => "no_position",
        LogAnswer::Recovery(_) => "recovery",
        LogAnswer::Doubtful => "doubtful",
    };
    let look = LogLook { at_ms: now_ms(), told: told.to_owned(), starts: read.starts.clone(), delivery_ms: read.delivery_ms };
    aws.evidence.note(|seen| *place(seen.start.get_or_insert_default()) = Some(look));
}

/// Seconds since 1970.
async fn restored_after(aws: &Aws, plan: &Plan) -> Result<Option<i64>> {
    // A cluster is restored from the snapshot itself.
    let snapshot = if plan.source.kind == Kind::Instance { &plan.names.copy } else { &plan.names.snapshot };
    let time = snapshots::find(aws, plan.source.kind, snapshot).await?.and_then(|snapshot| snapshot.created_at);
    Ok(time.map(|time| time.secs()))
}

async fn read_log_group(aws: &Aws, plan: &Plan, writer: &str, origin: Origin) -> Result<Read> {
    let client = Client::new(&aws.config);
    let group = log_group(plan.source.kind, &plan.target);
    let since_ms = origin.restored_after.map(|seconds| seconds * 1000);
    let mut log = Log::new(origin);
    let (mut next, mut delivery_ms) = (None, None);
    loop {
        let request = client.filter_log_events().log_group_name(&group).set_start_time(since_ms).set_next_token(next);
        let request = if plan.source.kind.is_cluster() { request.log_stream_name_prefix(format!("{writer}.")) } else { request };
        let page = match request.send().await {
            Ok(page) => page,
            Err(error) if code(&error) == Some("ResourceNotFoundException") => return Ok(Read::NOTHING),
            Err(error) => return Err(StepError::from(error).context(&format!("read log group {group}"))),
        };
        for event in page.events.unwrap_or_default() {
            delivery_ms = delivery_ms.max(event.ingestion_time.zip(event.timestamp).map(|(ingested, logged)| ingested - logged));
            event.message.unwrap_or_default().lines().for_each(|line| log.read(line));
        }
        next = page.next_token;
        if matches!(log.answer(), LogAnswer::Recovery(_)) || next.is_none() {
            return Ok(Read::all_of(&log, delivery_ms));
        }
    }
}

/// Plain files first: with csvlog on, both exist.
async fn read_log_files(aws: &Aws, instance: &str, origin: Origin) -> Result<Read> {
    let Some(restored_after) = origin.restored_after else { return Ok(Read::NOTHING) };
    let names = list_files(aws, instance, restored_after).await?;
    let is = |name: &String, format: &str| Path::new(name).extension().is_some_and(|extension| extension == format);
    let (csv_files, text_files): (Vec<&String>, Vec<&String>) = names.iter().filter(|name| !is(name, "json")).partition(|name| is(name, "csv"));
    for files in [text_files, csv_files] {
        let read = read_files(aws, instance, files.into_iter(), origin).await?;
        if read.answer != LogAnswer::NotYet {
            return Ok(read);
        }
    }
    Ok(Read::NOTHING)
}

/// The names of the PostgreSQL log files written to since then, in the order of their last lines.
async fn list_files(aws: &Aws, instance: &str, since: i64) -> Result<Vec<String>> {
    let mut files = Vec::new();
    let mut next = None;
    loop {
        let request = aws.rds.describe_db_log_files().db_instance_identifier(instance).file_last_written(since * 1000);
        let page = request.set_marker(next).send().await;
        let page = page.map_err(|error| StepError::from(error).context(&format!("list the log files of {instance}")))?;
        files.extend(page.describe_db_log_files.unwrap_or_default());
        next = page.marker.filter(|marker| !marker.is_empty());
        if next.is_none() {
            break;
        }
    }
    files.sort_by_key(|file: &DescribeDbLogFilesDetails| (file.last_written, file.log_file_name.clone()));
    Ok(files.into_iter().filter_map(|file| file.log_file_name).filter(|name| name.contains("postgresql.log")).collect())
}

/// A recovery may continue in the next file, so files are read as one.
async fn read_files(aws: &Aws, instance: &str, names: impl Iterator<Item = &String>, origin: Origin) -> Result<Read> {
    let mut log = Log::new(origin);
    let mut portions = 0;
    for name in names {
        let mut line = String::new();
        let mut marker = Some("0".to_owned());
        while let Some(from) = marker {
            let request = aws.rds.download_db_log_file_portion().db_instance_identifier(instance).log_file_name(name);
            let portion = match request.marker(from).number_of_lines(LINES_AT_A_TIME).send().await {
                Ok(portion) => portion,
                Err(error) if code(&error) == Some("DBLogFileNotFoundFault") => break,
                Err(error) => return Err(StepError::from(error).context(&format!("read log file {name} of {instance}"))),
            };
            for piece in portion.log_file_data.unwrap_or_default().split_inclusive('\n') {
                line.push_str(piece);
                if line.ends_with('\n') {
                    read_dated(&mut log, &std::mem::take(&mut line));
                }
            }
            portions += 1;
            if matches!(log.answer(), LogAnswer::Recovery(_)) || portions == PORTIONS {
                return Ok(Read::all_of(&log, None));
            }
            marker = portion.marker.filter(|_| portion.additional_data_pending == Some(true));
        }
    }
    Ok(Read::all_of(&log, None))
}

/// Files of the source may have come along on the volume and continue with the target's lines: a line without a readable time could be
/// either's.
fn read_dated(log: &mut Log, line: &str) {
    if time_of(line).is_some() {
        log.read(line);
    }
}
