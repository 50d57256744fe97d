//! One table of every database's outcome in a campaign: for people, for programs, and as a message.

mod page;

use std::collections::BTreeMap;
use std::time::Duration;

use aws::client::Aws;
use aws_sdk_s3::primitives::ByteStream;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use shared::error::{Context, ErrorName, Result, StepError};
use shared::fleet::{Outcome, Row, SummarizeRequest, Summary};
use tokio::time::timeout;

/// Rows are small: reading them takes mostly latency.
const READ_AT_A_TIME: usize = 16;
const BODY_LIMIT: Duration = Duration::from_secs(10);
/// How many lines the message has. Source: Amazon SNS API reference, `Publish`: 256 KiB.
const LINES_TOLD: usize = 200;
/// How many characters of a reason a line has.
const WHY_CHARACTERS: usize = 300;

/// After it, `summary.html` and `summary.json` are in the campaign's folder. Calling it twice writes them twice.
///
/// # Errors
/// `AwsUnavailable`, `AwsRefused`, `Internal` where a row is not what the state machine writes.
pub async fn handle(aws: &Aws, request: SummarizeRequest) -> Result<Summary> {
    let store = Store { client: aws_sdk_s3::Client::from_conf(path_style(aws)), bucket: request.bucket };
    let plans = store.rows(&format!("{}plans/", request.folder)).await?;
    let mut migrations = store.rows(&format!("{}failed/", request.folder)).await?;
    migrations.extend(store.rows(&format!("{}done/", request.folder)).await?);
    let mut rows = one_of_each(plans, migrations, &request.planned, &request.begun, request.is_finding);
    rows.extend(request.skipped);
    rows.sort_by(|a, b| (a.outcome, &a.source).cmp(&(b.outcome, &b.source)));
    let (html, json) = (format!("{}summary.html", request.folder), format!("{}summary.json", request.folder));
    let outcomes = count(&rows);
    let table = serde_json::to_vec_pretty(&rows).map_err(|error| internal("write the summary", error))?;
    store.write(&json, "application/json", table).await?;
    let places = page::Places { region: aws.region(), report_bucket: &request.report_bucket };
    store.write(&html, "text/html; charset=utf-8", page::draw(&request.execution.name, &places, &outcomes, &rows).into_bytes()).await?;
    Ok(Summary {
        subject: subject(&outcomes),
        message: format!("{}\n\ns3://{}/{html}", message(&rows), store.bucket),
        is_news: !request.is_finding || rows.iter().any(is_news),
        outcomes,
        html,
        json,
    })
}

/// With the bucket in the path, it is found wherever the endpoint points.
fn path_style(aws: &Aws) -> aws_sdk_s3::Config {
    aws_sdk_s3::config::Builder::from(&aws.config).force_path_style(true).build()
}

struct Store {
    client: aws_sdk_s3::Client,
    bucket: String,
}

impl Store {
    async fn rows(&self, folder: &str) -> Result<Vec<Row>> {
        let mut pages = self.client.list_objects_v2().bucket(&self.bucket).prefix(folder).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(StepError::from).context("list the rows")?;
            keys.extend(page.contents().iter().filter_map(|object| object.key().map(str::to_owned)));
        }
        stream::iter(keys).map(async |key| self.row(&key).await).buffer_unordered(READ_AT_A_TIME).try_collect().await
    }

    async fn row(&self, key: &str) -> Result<Row> {
        let unavailable = || StepError::new(ErrorName::AwsUnavailable, format!("could not read {key}"));
        let object = self.client.get_object().bucket(&self.bucket).key(key).send().await;
        let object = object.map_err(StepError::from).context(&format!("read {key}"))?;
        // The SDK's time limits end with the response's head: a body that stops arriving would be waited for without end.
        let body = timeout(BODY_LIMIT, object.body.collect()).await.map_err(|error| unavailable().with_source(error))?;
        let body = body.map_err(|error| unavailable().with_source(error))?;
        serde_json::from_slice(&body.into_bytes()).map_err(|error| internal(&format!("parse {key}"), error))
    }

    async fn write(&self, key: &str, kind: &str, body: Vec<u8>) -> Result<()> {
        let request = self.client.put_object().bucket(&self.bucket).key(key).content_type(kind).body(ByteStream::from(body));
        request.send().await.map(drop).map_err(StepError::from).context(&format!("write {key}"))
    }
}

/// One row for each database: that of its migration, where one was started. A database without a row is reported as well: a map's child
/// that broke off writes nothing.
fn one_of_each(plans: Vec<Row>, migrations: Vec<Row>, planned: &[String], begun: &[String], is_finding: bool) -> Vec<Row> {
    let unknown = |source: &String| Row {
        source: source.clone(),
        outcome: Outcome::Unknown,
        why: "no result was recorded: see the campaign's map runs".to_owned(),
        execution: None,
        output: None,
    };
    let has_none = |rows: &BTreeMap<String, Row>, source: &str| {
        // A finding names its database by another name than the row does.
        if is_finding { rows.is_empty() } else { !rows.contains_key(source) }
    };
    let by_source = |rows: Vec<Row>| -> BTreeMap<String, Row> { rows.into_iter().map(|row| (row.source.clone(), row)).collect() };
    let mut rows = by_source(plans);
    for source in planned.iter().filter(|source| has_none(&rows, source)).map(unknown).collect::<Vec<_>>() {
        rows.insert(source.source.clone(), source);
    }
    let migrations = by_source(migrations);
    let lost: Vec<Row> = begun.iter().filter(|source| has_none(&migrations, source)).map(unknown).collect();
    rows.extend(migrations.into_iter().chain(lost.into_iter().map(|row| (row.source.clone(), row))));
    rows.into_values().collect()
}

fn internal(what: &str, error: serde_json::Error) -> StepError {
    StepError::new(ErrorName::Internal, format!("could not {what}")).with_source(error)
}

fn count(rows: &[Row]) -> BTreeMap<Outcome, u64> {
    rows.iter().fold(BTreeMap::new(), |mut counts, row| {
        *counts.entry(row.outcome).or_default() += 1;
        counts
    })
}

/// Events repeat: each result is reported once.
fn is_news(row: &Row) -> bool {
    !matches!(row.outcome, Outcome::Done | Outcome::Running | Outcome::Known | Outcome::Gone | Outcome::NotOurs)
}

/// At most 100 characters: twelve outcomes do not occur together.
fn subject(outcomes: &BTreeMap<Outcome, u64>) -> String {
    let described: Vec<String> = outcomes.iter().map(|(outcome, count)| format!("{count} {}", word(*outcome))).collect();
    let described = if described.is_empty() { "no database".to_owned() } else { described.join(", ") };
    format!("rds-reencrypt: {described}").chars().take(100).collect()
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Encrypted => "encrypted",
        Outcome::Planned => "planned",
        Outcome::Undone => "undone",
        Outcome::NeedsYou => "need attention",
        Outcome::Refused => "refused",
        Outcome::Done => "already done",
        Outcome::Running => "running",
        Outcome::Known => "known",
        Outcome::Gone => "gone",
        Outcome::Misconfigured => "misconfigured",
        Outcome::NotOurs => "not ours",
        Outcome::NotStarted => "not started",
        Outcome::Unknown => "unknown",
    }
}

fn message(rows: &[Row]) -> String {
    let mut lines: Vec<String> = rows.iter().take(LINES_TOLD).map(line).collect();
    if rows.len() > LINES_TOLD {
        lines.push(format!("and {} more", rows.len() - LINES_TOLD));
    }
    lines.join("\n")
}

fn line(row: &Row) -> String {
    let why: String = row.why.chars().take(WHY_CHARACTERS).collect();
    format!("{}: {}{}{why}", row.source, word(row.outcome), if why.is_empty() { "" } else { ": " })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(source: &str, outcome: Outcome, why: &str) -> Row {
        Row { source: source.to_owned(), outcome, why: why.to_owned(), execution: None, output: None }
    }

    #[test]
    fn each_database_has_the_row_of_its_migration_or_of_its_plan() {
        let names = |names: &[&str]| -> Vec<String> { names.iter().map(|name| (*name).to_owned()).collect() };
        let plans = ["a", "b", "c"].map(|source| row(source, Outcome::Planned, "")).to_vec();
        let migrations = vec![row("a", Outcome::Encrypted, "")];
        let rows = one_of_each(plans, migrations, &names(&["a", "b", "c", "d"]), &names(&["a", "b"]), false);
        let described: Vec<_> = rows.iter().map(|row| (row.source.as_str(), row.outcome)).collect();
        assert_eq!(described, [("a", Outcome::Encrypted), ("b", Outcome::Unknown), ("c", Outcome::Planned), ("d", Outcome::Unknown)]);
    }

    #[test]
    fn a_finding_has_one_row_under_the_name_of_its_database() {
        let finding = vec!["db-ABCDEFGHIJKLMNOPQRSTUVWXYZ".to_owned()];
        let rows = one_of_each(vec![row("orders", Outcome::Planned, "")], vec![], &finding, &[], true);
        assert_eq!(rows, [row("orders", Outcome::Planned, "")]);
        assert_eq!(one_of_each(vec![], vec![], &finding, &[], true)[0].outcome, Outcome::Unknown);
    }

    #[test]
    fn a_subject_says_how_many_had_which_outcome() {
        let rows = [row("a", Outcome::Encrypted, ""), row("b", Outcome::Undone, "DataDiffers"), row("c", Outcome::Encrypted, "")];
        assert_eq!(subject(&count(&rows)), "rds-reencrypt: 2 encrypted, 1 undone");
        assert_eq!(subject(&count(&[])), "rds-reencrypt: no database");
        assert_eq!(message(&rows), "a: encrypted\nb: undone: DataDiffers\nc: encrypted");
    }

    #[test]
    fn a_thousand_databases_fit_a_message() {
        let rows: Vec<Row> = (0..1_000).map(|at| row(&format!("{at}{}", "d".repeat(60)), Outcome::Undone, &"ß".repeat(30_000))).collect();
        let message = message(&rows);
        assert!(message.len() < 262_144 && message.ends_with("and 800 more"), "{} bytes", message.len());
    }

    #[test]
    fn an_event_that_repeats_another_one_is_no_news() {
        assert!(is_news(&row("a", Outcome::Planned, "")) && is_news(&row("a", Outcome::Misconfigured, "")));
        assert!(!is_news(&row("a", Outcome::Running, "")) && !is_news(&row("a", Outcome::Done, "")));
    }
}
