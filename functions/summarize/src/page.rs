//! The table as a page: without external references, readable on a phone.

use std::collections::BTreeMap;

use maud::{DOCTYPE, Markup, html};
use serde_json::Value;
use shared::fleet::{Outcome, Row};

use crate::word;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:70rem;padding:0 1rem}\
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.3rem .6rem;border-bottom:1px solid #ccc;vertical-align:top;overflow-wrap:anywhere}\
td.number{text-align:right;font-variant-numeric:tabular-nums}.undone,.needs_you,.refused,.misconfigured{color:#a00}.encrypted{color:#060}\
@media(max-width:40rem){thead{display:none}tr,td{display:block}td.number{text-align:left}td[data-name]::before{content:attr(data-name) ': ';color:#555}}";

/// The page of a campaign. Text from elsewhere is escaped.
pub(crate) fn draw(campaign: &str, places: &Places, outcomes: &BTreeMap<Outcome, u64>, rows: &[Row]) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Campaign " (campaign) }
                style { (maud::PreEscaped(STYLE)) }
            }
            body {
                h1 { "Campaign " (campaign) }
                ul { @for (outcome, count) in outcomes { li { (count) " " (word(*outcome)) } } }
                table {
                    thead { tr { th { "Database" } th { "State" } th { "Target" } th { "Pause, ms" } th { "Rows" } th { "Key" } th { "Execution" } th { "Report" } } }
                    tbody { @for row in rows { (line(row, places)) } }
                }
            }
        }
    };
    page.into_string()
}

fn line(row: &Row, places: &Places) -> Markup {
    let output = row.output.as_ref().unwrap_or(&Value::Null);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    html! {
        tr {
            td { strong { (row.source) } }
            td class=(class(row.outcome)) data-name="State" { (word(row.outcome)) @if !row.why.is_empty() { br; small { (row.why) } } }
            td data-name="Target" { (text(&output["target"]["identifier"])) }
            td.number data-name="Pause, ms" { @if let Some(pause) = output["write_pause_ms"].as_u64() { (pause) } }
            td.number data-name="Rows" { @if let Some(rows) = rows(output) { (rows) } }
            td data-name="Key" { (text(&output["kms_key_arn"])) }
            @let name = row.execution.as_deref().map(|arn| arn.rsplit(':').next().unwrap_or(arn));
            td data-name="Execution" { @if let (Some(arn), Some(name)) = (&row.execution, name) { a href=(places.execution(arn)) { (name) } } }
            td data-name="Report" { @if let Some(name) = name { a href=(places.report(name)) { "report" } } }
        }
    }
}

/// The rows of all its databases; none where nothing was counted.
fn rows(output: &Value) -> Option<u64> {
    let databases = output["databases"].as_object()?;
    databases.values().map(|database| database["rows"].as_u64()).sum()
}

/// Where the console shows executions and their reports.
pub(crate) struct Places<'a> {
    pub(crate) region: &'a str,
    pub(crate) report_bucket: &'a str,
}

impl Places<'_> {
    fn execution(&self, arn: &str) -> String {
        let region = self.region;
        format!("https://{region}.console.aws.amazon.com/states/home?region={region}#/v2/executions/details/{arn}")
    }

    /// The report function writes one for every execution that has ended.
    fn report(&self, name: &str) -> String {
        let (region, bucket) = (self.region, self.report_bucket);
        format!("https://{region}.console.aws.amazon.com/s3/object/{bucket}?region={region}&prefix=executions/{name}/report.html")
    }
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Encrypted => "encrypted",
        Outcome::Undone => "undone",
        Outcome::NeedsYou => "needs_you",
        Outcome::Refused => "refused",
        Outcome::Misconfigured => "misconfigured",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const PLACES: Places = Places { region: "eu-central-1", report_bucket: "reports" };

    #[test]
    fn a_line_has_state_pause_rows_key_and_the_ways_to_execution_and_report() {
        let row = Row {
            source: "orders".to_owned(),
            outcome: Outcome::Encrypted,
            why: String::new(),
            execution: Some("arn:aws:states:eu-central-1:1:execution:rds-reencrypt:spring-encrypt-orders".to_owned()),
            output: Some(json!({
                "target": {"identifier": "orders-enc"},
                "write_pause_ms": 41,
                "kms_key_arn": "arn:aws:kms:eu-central-1:1:key/k",
                "databases": {"a": {"rows": 3}, "b": {"rows": 4}},
            })),
        };
        let line = line(&row, &PLACES).into_string();
        let report = "s3/object/reports?region=eu-central-1&amp;prefix=executions/spring-encrypt-orders/report.html";
        for described in ["orders-enc", ">41<", ">7<", "key/k", "executions/details/arn:aws:states", ">spring-encrypt-orders<", report] {
            assert!(line.contains(described), "{described} in {line}");
        }
    }

    #[test]
    fn what_comes_from_elsewhere_is_escaped() {
        let why = "<script>alert('x')</script>".to_owned();
        let row = Row { source: "a\"<b>".to_owned(), outcome: Outcome::NotOurs, why, execution: None, output: None };
        let page = draw("<i>", &PLACES, &BTreeMap::new(), &[row]);
        assert!(!page.contains("<script") && !page.contains("<b>") && !page.contains("<i>"));
    }
}
