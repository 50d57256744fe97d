//! Finds out from the target's server why it does not apply changes: the session that holds a lock for which the apply waits, or
//! the error with which its worker fails, from the server's log. Read before the target is deleted, and its log with it.
//!
//! The log is read from RDS's log files: they exist whether the log is exported or not, and without delay.

use std::time::{SystemTime, UNIX_EPOCH};

use aws::client::Aws;
use aws::rds::target::target_writer;
use aws_sdk_rds::types::DescribeDbLogFilesDetails;
use postgres::apply_log::{self, Failure, Said};
use postgres::replication::find_subscription;
use postgres::sql;
use shared::contract::{Database, Plan};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::names::Names;
use tokio_postgres::GenericClient;

/// How far back log files are read, in seconds.
const LOOK_BACK_SECONDS: u64 = 900;
/// Lines of the end of each file; RDS cuts a portion off at 1 MB. Source: RDS API reference, `DownloadDBLogFilePortion`.
const LAST_LINES: i32 = 3000;
/// A new file begins every hour, so the last errors may be in two; and with csvlog there are two kinds.
const FILES: usize = 4;
/// From this number on a failure is not accidental: a failing worker is started again every five seconds.
const TIMES: usize = 3;
/// A failure longer ago than this, in seconds, may have been repaired.
const FRESH_SECONDS: i64 = 20;

/// The reasons why databases do not apply changes.
#[derive(Debug, Default)]
pub struct Why {
    /// For the operator; no values of rows.
    pub reason: String,
    /// Whether a worker fails repeatedly, at the moment, with an error that waiting does not cure.
    pub is_lasting: bool,
}

/// Finds out why these databases of the target do not apply changes. A reason that cannot be found is reported, not an error.
pub async fn why(aws: &Aws, plan: &Plan, target: &impl GenericClient, databases: &[&Database]) -> Why {
    let log = Box::pin(read_log(aws, plan)).await;
    let mut why = Why::default();
    for database in databases {
        let (reason, is_lasting) = match ask(target, &plan.names, database, &log).await {
            Ok(reason) => reason,
            Err(error) => (format!("the target does not report why ({error})"), false),
        };
        let separator = if why.reason.is_empty() { "" } else { "; " };
        why.reason = format!("{}{separator}database {}: {reason}", why.reason, database.name);
        why.is_lasting |= is_lasting;
    }
    why
}

/// The same as an error.
pub async fn error(aws: &Aws, plan: &Plan, target: &impl GenericClient, database: &Database) -> StepError {
    StepError::new(ErrorName::ReplicationStopped, format!("the target applies no changes: {}", why(aws, plan, target, &[database]).await.reason))
}

async fn ask(target: &impl GenericClient, names: &Names, database: &Database, log: &Result<Vec<Said>>) -> Result<(String, bool)> {
    let name = names.slot(database.oid);
    let Some(subscription) = find_subscription(target, &name).await? else {
        return Ok((format!("subscription {name} does not exist on the target any more"), true));
    };
    if !subscription.enabled {
        return Ok((format!("subscription {name} is disabled on the target"), true));
    }
    let waits = sql::column::<String>(target, sql::APPLY_WAITS, &[&name]).await?;
    if !waits.is_empty() {
        return Ok((format!("its apply waits for {}", waits.join("; ")), false));
    }
    let counted = count(target, subscription.oid).await?;
    let is_only: bool = sql::value(target, "select pg_catalog.count(*) = 1 from pg_catalog.pg_subscription where subenabled", &[]).await?;
    let failure = log.as_ref().ok().and_then(|log| apply_log::failure(log, &name, subscription.oid, is_only));
    let is_lasting = failure.as_ref().is_some_and(|failure| failure.is_lasting && failure.times >= TIMES && is_fresh(failure));
    let reason = match (&failure, log) {
        (Some(failure), _) => format!("its apply fails: {failure}"),
        (None, Err(error)) => format!("the target's log cannot be read ({error})"),
        (None, Ok(_)) if subscription.working => "its apply works at the moment".to_owned(),
        (None, Ok(_)) => silent(target).await?,
    };
    Ok((format!("{reason}{counted}"), is_lasting))
}

fn is_fresh(failure: &Failure) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    failure.last_at.is_none_or(|at| i64::try_from(now).is_ok_and(|now| now - at <= FRESH_SECONDS))
}

/// A log in another language has the error, but in words that are not understood here.
async fn silent(target: &impl GenericClient) -> Result<String> {
    let language: String = sql::value(target, "select pg_catalog.current_setting('lc_messages')", &[]).await?;
    let english = language.is_empty() || ["C", "POSIX", "en"].iter().any(|start| language.starts_with(start));
    let why = if english { String::new() } else { format!("; lc_messages is {language}, and the worker's messages are only understood in English") };
    Ok(format!("its apply worker does not run, and the target's log of the last minutes has no error of it{why}"))
}

/// The server's counters: failures since 15, conflicts by their kind since 18.
async fn count(target: &impl GenericClient, subscription: u32) -> Result<String> {
    let Some(query) = sql::statements(target, sql::APPLY_FAILURES, &[&subscription]).await?.into_iter().next() else { return Ok(String::new()) };
    let Some(row) = target.query_opt(&query, &[]).await? else { return Ok(String::new()) };
    let (failures, conflicts): (i64, Option<String>) = (row.try_get("failures")?, row.try_get("conflicts")?);
    let failures = if failures > 0 { format!("; {failures} failures since the target exists") } else { String::new() };
    Ok(format!("{failures}{}", conflicts.map(|kinds| format!("; conflicts: {kinds}")).unwrap_or_default()))
}

/// The last lines of the target's log.
async fn read_log(aws: &Aws, plan: &Plan) -> Result<Vec<Said>> {
    // In a cluster, the writer applies.
    let writer = target_writer(aws, plan).await?.db_instance_identifier.unwrap_or_default();
    let mut said = Vec::new();
    for name in last_files(aws, &writer).await? {
        let request = aws.rds.download_db_log_file_portion().db_instance_identifier(&writer).log_file_name(&name).number_of_lines(LAST_LINES);
        let portion = request.send().await.map_err(StepError::from).context(&format!("read log file {name} of {writer}"))?;
        said.extend(apply_log::read(&name, &portion.log_file_data.unwrap_or_default()));
    }
    Ok(said)
}

/// The files that were last written, oldest first.
async fn last_files(aws: &Aws, instance: &str) -> Result<Vec<String>> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs().saturating_sub(LOOK_BACK_SECONDS));
    let request = aws.rds.describe_db_log_files().db_instance_identifier(instance).file_last_written(i64::try_from(since).unwrap_or(0) * 1000);
    let listed = request.send().await.map_err(StepError::from).context(&format!("list the log files of {instance}"))?;
    let mut files = listed.describe_db_log_files.unwrap_or_default();
    files.retain(|file| file.log_file_name().is_some_and(|name| name.contains("postgresql.")));
    files.sort_by_key(|file: &DescribeDbLogFilesDetails| (file.last_written, file.log_file_name.clone()));
    let older = files.len().saturating_sub(FILES);
    Ok(files.into_iter().skip(older).filter_map(|file| file.log_file_name).collect())
}
