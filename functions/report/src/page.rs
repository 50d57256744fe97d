//! The report as people read it: one page without external references, for a wide screen, a phone, and paper.

mod evidence;

use aws_smithy_types::base64;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};
use shared::contract::Kind;
use shared::finding::Verdict;
use shared::input::Verify;

use crate::chart;
use crate::event::Moment;
use crate::figure::{bytes, code, count, duration, in_bytes, in_time, moment, text};
use crate::report::{self, Database, Keys, Outcome, Progress, Report, Sample, Step};

const STYLE: &str = include_str!("page.css");
/// A longer list of tables is collapsed.
const TABLES_SHOWN: usize = 30;

/// The whole page. Text from elsewhere is escaped, and even unescaped none of it could be loaded or run.
pub(crate) fn draw(report: &Report) -> String {
    let name = report.source.as_ref().map_or(report.execution.name.as_str(), |source| source.identifier.as_str());
    let sections = sections(report);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (name) ": " (word(report.outcome)) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    span class={ "badge " (tone(report.outcome)) } data-figure="outcome" data-value=(json_word(report.outcome)) { (word(report.outcome)) }
                    h1 { @if report.source.is_some() { (text("source.identifier", name)) } @else { (name) } }
                    p.lead { (sentence(report)) }
                    (facts(report))
                    nav { @for section in &sections { a href={ "#" (section.id) } { (section.title) } } }
                }
                main { @for section in &sections { section id=(section.id) { h2 { (section.title) } (section.body) } } }
                footer {
                    "Written by rds-reencrypt " (text("version", report.version)) " from the execution's history and its functions' log lines. "
                    code { "report.json" } " next to this page has the same data for programs. All times are UTC."
                }
            }
        }
    };
    page.into_string()
}

/// Nothing is loaded, nothing runs, and this one style sheet applies.
fn policy() -> String {
    format!("default-src 'none'; style-src 'sha256-{}'", base64::encode(Sha256::digest(STYLE)))
}

struct Section {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

/// The sections that have content.
fn sections(report: &Report) -> Vec<Section> {
    let all = [
        ("cause", "What happened", cause(report)),
        ("to-do", "What is left to do", to_do(report)),
        ("timeline", "Timeline", timeline(report)),
        ("lag", "Lag, and WAL kept by the source", progress(&report.progress)),
        ("pause", "Write pause", pause(report)),
        ("rows", "Rows and hashes", rows(report)),
        ("settings", "Settings", settings(report)),
        ("findings", "Findings", findings(report)),
        ("aws", "What AWS did here", evidence::section(report.evidence.as_ref())),
        ("audit", "For auditors", Some(audit(report))),
        ("failed-calls", "Failed calls", failed_calls(report)),
    ];
    all.into_iter().filter_map(|(id, title, body)| Some(Section { id, title, body: body? })).collect()
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Encrypted => "Encrypted",
        Outcome::Planned => "Planned",
        Outcome::Refused => "Refused",
        Outcome::Undone => "Undone",
        Outcome::RolledBack => "Rolled back",
        Outcome::GoneBack => "Gone back",
        Outcome::GivenUp => "Way back given up",
        Outcome::NeedsYou => "Needs you",
        Outcome::Stopped => "Stopped",
        Outcome::Running => "Running",
    }
}

fn json_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Encrypted => "encrypted",
        Outcome::Planned => "planned",
        Outcome::Refused => "refused",
        Outcome::Undone => "undone",
        Outcome::RolledBack => "given_back",
        Outcome::GoneBack => "gone_back",
        Outcome::GivenUp => "given_up",
        Outcome::NeedsYou => "needs_you",
        Outcome::Stopped => "stopped",
        Outcome::Running => "running",
    }
}

fn tone(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Encrypted => "good",
        Outcome::Refused | Outcome::Undone | Outcome::Stopped | Outcome::GoneBack => "hold",
        Outcome::NeedsYou => "bad",
        Outcome::Planned | Outcome::RolledBack | Outcome::GivenUp | Outcome::Running => "plain",
    }
}

fn sentence(report: &Report) -> Markup {
    match report.outcome {
        Outcome::Encrypted => html! {
            @let target = report.target.as_ref().map_or("", |target| &target.identifier);
            @if report.leads_application == Some(false) {
                "All data are on " strong { (text("target.identifier", target)) } ", encrypted, and the source refuses writes. "
                strong { "The application still has to be pointed at the new database." }
            } @else { "The application uses " strong { (text("target.identifier", target)) } ", which is encrypted." }
            @if let Some(pause) = &report.pause { " Writes were paused for " (duration("pause.write_pause_ms", pause.write_pause_ms)) "." }
            @if report.databases.iter().any(|database| database.rows.is_some()) {
                " Before that, " (count("total.rows", report.total.rows)) " rows in " (count("total.tables", report.total.tables)) " tables were "
                @if report.databases.iter().all(|database| database.verified == Verify::Rows) { "compared" } @else { "counted" }
                " on both sides, and are equal."
            }
        },
        Outcome::Planned => html! { "This is the plan. Nothing was created or changed." },
        Outcome::Refused => html! { "The checks rejected the run. Nothing was created or changed." },
        Outcome::Undone => {
            html! { "The run failed, and removed everything that it had made. The source is as it was, and the application still uses it." }
        }
        Outcome::RolledBack => {
            html! { "Nothing is left of the run that was rolled back. The source is as it was, and the application still uses it." }
        }
        Outcome::GoneBack => html! {
            @let target = report.target.as_ref().map_or("", |target| &target.identifier);
            "The application is on " strong { (text("target.identifier", target)) } " again, the database from before the encryption or change of the key; "
            "the database that it has left refuses writes."
            @if let Some(pause) = &report.pause { " Writes were paused for " (duration("pause.write_pause_ms", pause.write_pause_ms)) "." }
        },
        Outcome::GivenUp => html! { "Nothing is left of the way back, and the application stays where it is." },
        Outcome::NeedsYou => html! { strong { "Something is left that only a person can do." } " The cause below names it." },
        Outcome::Stopped => {
            html! { "The run was stopped or timed out. Another execution rolls it back, or completes it if its source is already fenced." }
        }
        Outcome::Running => html! { "The run is in progress. This is its state so far." },
    }
}

fn facts(report: &Report) -> Markup {
    let execution = &report.execution;
    html! {
        dl.facts {
            div { dt { "Duration" } dd { (duration("execution.duration_ms", execution.duration_ms)) } }
            @if let Some(pause) = &report.pause { div { dt { "Write pause" } dd { (duration("pause.write_pause_ms", pause.write_pause_ms)) } } }
            @if report.databases.iter().any(|database| database.rows.is_some()) {
                div { dt { "Rows compared" } dd { (count("total.rows", report.total.rows)) } }
                div { dt { "Tables" } dd { (count("total.tables", report.total.tables)) } }
            }
            @if !report.databases.is_empty() { div { dt { "Databases" } dd { (count("total.databases", report.total.databases)) } } }
            @if let Some(lag) = report.progress.highest_lag_bytes { div { dt { "Highest lag" } dd { (bytes("progress.highest_lag_bytes", lag)) } } }
        }
        dl.list {
            dt { "Execution" } dd { (code("execution.name", &execution.name)) " " small { (text("execution.status", execution.status)) } }
            dt { "Started" } dd { (moment("execution.started_at", execution.started_at)) }
            @if let Some(ended_at) = execution.ended_at { dt { "Ended" } dd { (moment("execution.ended_at", ended_at)) } }
            @if let Some(after) = &report.keys.after { dt { "Key" } dd { (code("keys.after", after)) } }
            @if let (Some(target), Some(label)) = (&report.target, new_database(report.outcome)) {
                dt { (label) } dd {
                    (code("target.identifier", &target.identifier))
                    @if let Some(endpoint) = &target.endpoint {
                        br; small { (text("target.endpoint", endpoint)) @if let Some(port) = target.port { ":" (text("target.port", &port.to_string())) } }
                    }
                }
            }
        }
    }
}

/// None where no target exists in the end.
fn new_database(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Encrypted | Outcome::NeedsYou | Outcome::Stopped | Outcome::Running => Some("Target (new database)"),
        Outcome::Planned => Some("Target, as planned"),
        Outcome::GoneBack => Some("Target (the old database)"),
        Outcome::Refused | Outcome::Undone | Outcome::RolledBack | Outcome::GivenUp => None,
    }
}

fn cause(report: &Report) -> Option<Markup> {
    let (error, cause) = (report.error.as_ref(), report.cause.as_ref());
    (error.is_some() || cause.is_some()).then(|| {
        html! {
            @if let Some(error) = error { p { strong { (text("error", error)) } small { ": see the runbook's paragraph of that name. Last state: " (text("last_state", &report.last_state)) "." } } }
            @if let Some(cause) = cause { pre.cause data-figure="cause" { (cause) } }
        }
    })
}

fn to_do(report: &Report) -> Option<Markup> {
    (!report.left.is_empty() || !report.to_do.is_empty()).then(|| {
        html! {
            @if !report.left.is_empty() {
                ul { @for (place, left) in report.left.iter().enumerate() { li { (text(&format!("left.{place}"), left)) } } }
            }
            @for (place, task) in report.to_do.iter().enumerate() {
                details open[place == 0] {
                    summary { h3 { (text(&format!("to_do.{place}.title"), &task.title)) } }
                    p { (text(&format!("to_do.{place}.why"), &task.why)) }
                    pre data-figure=(format!("to_do.{place}.commands")) { (task.commands) }
                }
            }
        }
    })
}

fn timeline(report: &Report) -> Option<Markup> {
    (!report.steps.is_empty()).then(|| {
        html! {
            p.soft { (count("execution.state_transitions", report.execution.state_transitions)) " state transitions." }
            table {
                thead { tr { th { "Step" } th { "Started" } th.number { "Duration" } th {} th.number { "Calls" } } }
                tbody { @for (place, step) in report.steps.iter().enumerate() { (timeline_row(report, place, step)) } }
            }
        }
    })
}

fn timeline_row(report: &Report, place: usize, step: &Step) -> Markup {
    let at = |member: &str| format!("steps.{place}.{member}");
    let label = format!("{}: {}", step.name, in_time(step.duration_ms));
    html! {
        tr.failed[step.failed_calls > 0 && step.failed_calls == step.calls] {
            td.label { strong { (text(&at("name"), step.name)) } }
            td data-name="started" { (moment(&at("began_at"), step.began_at)) }
            td.number data-name="duration" { (duration(&at("duration_ms"), step.duration_ms)) }
            td.bar { (chart::bar(&label, step.began_at.since(report.execution.started_at), step.duration_ms, report.execution.duration_ms)) }
            td.number data-name="calls" {
                (count(&at("calls"), step.calls))
                @if step.failed_calls > 0 { br; small.bad { (count(&at("failed_calls"), step.failed_calls)) " failed" } }
            }
        }
    }
}

fn progress(progress: &Progress) -> Option<Markup> {
    let series = |value: &dyn Fn(&Sample) -> Option<i64>| -> Vec<(Moment, i64)> {
        progress.samples.iter().filter_map(|sample| Some((sample.at, value(sample)?))).collect()
    };
    let (lag, wal) = (series(&|sample| sample.lag_bytes), series(&|sample| Some(sample.retained_wal_bytes)));
    (!progress.samples.is_empty()).then(|| {
        html! {
            @if let (Some(highest), Some(last)) = (progress.highest_lag_bytes, progress.last_lag_bytes) {
                (line_of("lag_bytes", "Lag of the target", &lag, highest, &html! {
                    "highest " (bytes("progress.highest_lag_bytes", highest)) ", at the last poll " (bytes("progress.last_lag_bytes", last))
                }))
            }
            @if let Some(highest) = progress.highest_retained_wal_bytes {
                (line_of("retained_wal_bytes", "WAL kept by the source", &wal, highest, &html! { "highest " (bytes("progress.highest_retained_wal_bytes", highest)) }))
            }
            @if let Some(lowest) = progress.lowest_free_storage_bytes {
                p { "The source's free storage never fell below " (bytes("progress.lowest_free_storage_bytes", lowest)) "." }
            }
        }
    })
}

fn line_of(series: &str, title: &str, points: &[(Moment, i64)], highest: i64, described: &Markup) -> Markup {
    let end = |point: Option<&(Moment, i64)>| point.map(|(at, _)| at.text().get(..19).unwrap_or_default().replace('T', " "));
    html! {
        figure {
            figcaption { strong { (title) } ": " (described) }
            (chart::line(series, &format!("{title}, at most {}", in_bytes(highest)), points))
            div.ends { span { (end(points.first()).unwrap_or_default()) } span { (end(points.last()).unwrap_or_default()) } }
        }
    }
}

fn pause(report: &Report) -> Option<Markup> {
    let pause = report.pause.as_ref()?;
    let mut from = 0;
    let phases: Vec<(usize, &str, u64, u64)> = (pause.phases.iter().enumerate())
        .map(|(place, phase)| {
            from += phase.ms;
            (place, phase.phase.as_str(), from - phase.ms, phase.ms)
        })
        .collect();
    Some(html! {
        p {
            "Writers waited for " strong { (duration("pause.write_pause_ms", pause.write_pause_ms)) } ", from the first lock to the switch of the last secret. The limit was "
            (duration("pause.max_write_pause_ms", pause.max_write_pause_ms)) "."
        }
        @if phases.is_empty() { p.soft { "The pause began in an earlier call of the cutover, so its phases are not known." } }
        @else {
            table { tbody { @for (place, name, from, ms) in phases {
                tr {
                    td { (text(&format!("pause.phases.{place}.phase"), name)) " " small { (phase_meaning(name)) } }
                    td.bar { (chart::bar(name, from, ms, pause.write_pause_ms)) }
                    td.number { (duration(&format!("pause.phases.{place}.ms"), ms)) }
                }
            } } }
        }
        dl.list {
            @if let Some(lsn) = &pause.drained_lsn { dt { "Target drained to" } dd { (code("pause.drained_lsn", lsn)) } }
            dt { "Rows compared in the pause" } dd data-figure="pause.verified" data-value=(pause.verified) { (yes(pause.verified)) }
            @for (place, secret) in pause.switched_secrets.iter().enumerate() {
                dt { "Secret switched" } dd { (code(&format!("pause.switched_secrets.{place}"), secret)) }
            }
            @for (place, drift) in pause.drift.iter().enumerate() { dt.bad { "Changed during the cutover" } dd { (text(&format!("pause.drift.{place}"), drift)) } }
        }
    })
}

fn phase_meaning(phase: &str) -> &'static str {
    match phase {
        "locks" => "all tables are locked against writes",
        "drain" => "the target applies the last changes",
        "sequences" => "all sequences are set on the target",
        "rows" => "all rows are compared again",
        "fence" => "the source refuses writes for good",
        "switch" => "the secrets are pointed at the target",
        _ => "",
    }
}

fn rows(report: &Report) -> Option<Markup> {
    (!report.databases.is_empty()).then(|| {
        html! {
            @for (place, database) in report.databases.iter().enumerate() { (rows_of(place, database)) }
            @if report.databases.iter().any(|database| !database.compared.is_empty()) {
                p.soft {
                    "Both sides had these row counts at the same position in the source's WAL, while writes went on."
                    @if report.databases.iter().flat_map(|database| &database.compared).any(|table| table.hash.is_some()) { " The hash covers all rows of a table, in any order." }
                }
            }
        }
    })
}

fn rows_of(place: usize, database: &Database) -> Markup {
    let at = |member: &str| format!("databases.{place}.{member}");
    let has_hashes = database.compared.iter().any(|table| table.hash.is_some());
    html! {
        h3 { (text(&at("name"), &database.name)) }
        p {
            (count(&at("tables"), database.tables)) " tables"
            @if let Some(rows) = database.rows { ", " (count(&at("rows"), rows)) " rows" }
            " (" span data-figure=(at("verified")) data-value=(verify_word(database.verified)) { (verified(database)) } ")"
            @if let Some(lsn) = &database.start_lsn { ", replicated from " (code(&at("start_lsn"), lsn)) " on" }
        }
        @if !database.compared.is_empty() {
            details open[database.compared.len() <= TABLES_SHOWN] {
                summary { "Tables" }
                table {
                    thead { tr { th { "Table" } th.number { "Rows" } @if has_hashes { th { "Hash" } } } }
                    tbody { @for (table, compared) in database.compared.iter().enumerate() {
                        @let at = |member: &str| format!("databases.{place}.compared.{table}.{member}");
                        tr {
                            td { (text(&at("table"), &compared.table)) }
                            td.number data-name="rows" { (count(&at("rows"), compared.rows)) }
                            @if let Some(hash) = &compared.hash { td { (code(&at("hash"), hash)) } }
                        }
                    } }
                }
            }
        }
    }
}

fn verify_word(verify: Verify) -> &'static str {
    match verify {
        Verify::Rows => "rows",
        Verify::Counts => "counts",
        Verify::Off => "off",
    }
}

fn verified(database: &Database) -> &'static str {
    match (database.verified, &database.rows) {
        (Verify::Off, _) => "not compared: verify is off",
        (_, None) => "not compared",
        (Verify::Counts, _) => "counted on both sides",
        (Verify::Rows, _) => "all rows compared",
    }
}

fn settings(report: &Report) -> Option<Markup> {
    let settings = report.settings.as_ref()?;
    Some(html! {
        @if let Some(equal) = settings.equal { p { (count("settings.equal", equal)) " settings were compared, and are equal on both databases." } }
        @if settings.left.is_empty() { p { "No setting had to stay behind." } }
        @else {
            table {
                thead { tr { th { "Setting" } th { "Source" } th { "Target" } th { "Reason" } } }
                tbody { @for (place, setting) in settings.left.iter().enumerate() {
                    @let at = |member: &str| format!("settings.left.{place}.{member}");
                    tr {
                        td { strong { (text(&at("member"), &setting.member)) } }
                        td data-name="source" { (text(&at("source"), &setting.source)) }
                        td data-name="target" { (text(&at("target"), &setting.target)) }
                        td data-name="reason" { @if let Some(because) = &setting.because { (text(&at("because"), because)) } }
                    }
                } }
            }
        }
    })
}

fn findings(report: &Report) -> Option<Markup> {
    // A refusal has its text in one piece.
    let has_parts = report.findings.iter().any(|finding| !finding.limit.is_empty() || !finding.remedy.is_empty());
    (!report.findings.is_empty()).then(|| {
        html! {
            table {
                thead { tr { th { "Finding" } th { "Found" } @if has_parts { th { "Limit" } th { "What to do" } } } }
                tbody { @for (place, finding) in report.findings.iter().enumerate() {
                    @let at = |member: &str| format!("findings.{place}.{member}");
                    @let (verdict, tone) = verdict(finding.verdict);
                    tr {
                        td.label { strong { (text(&at("name"), &finding.name)) } br; span.(tone) data-figure=(at("verdict")) { (verdict) } }
                        td { (text(&at("found"), &finding.found)) }
                        @if has_parts {
                            td { @if !finding.limit.is_empty() { (text(&at("limit"), &finding.limit)) } }
                            td { @if !finding.remedy.is_empty() { (text(&at("remedy"), &finding.remedy)) } }
                        }
                    }
                } }
            }
        }
    })
}

fn verdict(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::Refuse => ("refuse", "bad"),
        Verdict::Warn => ("warn", "hold"),
        Verdict::Fine => ("fine", "good"),
    }
}

fn audit(report: &Report) -> Markup {
    html! {
        dl.list {
            dt { "Execution" } dd { (code("execution.arn", &report.execution.arn)) }
            @if let Some(source) = &report.source {
                dt { "Source" } dd {
                    (code("source.arn", &source.arn)) br;
                    small { span data-figure="source.kind" data-value=(kind_word(source.kind)) { (kind(source.kind)) } ", PostgreSQL " (text("source.postgres_major", &source.postgres_major.to_string())) }
                }
            }
            (keys(&report.keys))
            @if let Some(leads) = report.leads_application {
                dt { "Application switched by" } dd { span data-figure="leads_application" data-value=(leads) { @if leads { "the run, through its secrets" } @else { "an operator, by hand" } } }
            }
            @if let Some(start) = &report.start {
                dt { "Replication started at" } dd {
                    (code("start.start_lsn", &start.start_lsn)) " "
                    small { @for (place, witness) in start.witnesses.iter().enumerate() { @if place == 0 { "reported by " } @else { " and " } (text(&format!("start.witnesses.{place}"), witness)) } }
                }
            }
            @if let Some(lsn) = report.pause.as_ref().and_then(|pause| pause.drained_lsn.as_ref()) { dt { "Fenced after" } dd { (code("pause.drained_lsn", lsn)) } }
            @if let Some(pause) = &report.pause { dt { "Writes paused for" } dd { (duration("pause.write_pause_ms", pause.write_pause_ms)) } }
            @if let Some(approval) = &report.approval { (approved(approval)) }
        }
        @for (place, proof) in report.proofs.iter().enumerate() {
            h3 { (text(&format!("proofs.{place}.question"), &proof.question)) }
            pre data-figure=(format!("proofs.{place}.command")) { (proof.command) }
        }
        h3 { "Execution input" }
        pre data-figure="execution.input" data-unit="json" { (serde_json::to_string_pretty(&report.execution.input).unwrap_or_default()) }
    }
}

fn keys(keys: &Keys) -> Markup {
    let key = |place: &str, encrypted_place: &str, encrypted: Option<bool>, key: Option<&String>| {
        html! {
            span data-figure=(encrypted_place) data-value=(encrypted.map_or("null", |encrypted| if encrypted { "true" } else { "false" })) {
                @match encrypted { Some(true) => "encrypted", Some(false) => "not encrypted", None => "unknown" }
            }
            @if let Some(key) = key { br; (code(place, key)) }
        }
    };
    html! {
        dt { "Source key" } dd { (key("keys.before", "keys.encrypted_before", keys.encrypted_before, keys.before.as_ref())) }
        @if keys.encrypted_after.is_some() { dt { "Target key" } dd { (key("keys.after", "keys.encrypted_after", keys.encrypted_after, keys.after.as_ref())) } }
        @if let Some(asked_for) = &keys.asked_for { dt { "Requested key" } dd { (code("keys.asked_for", asked_for)) } }
    }
}

fn approved(approval: &report::Approval) -> Markup {
    html! {
        dt { "Approval" } dd {
            span data-figure="approval.needed" data-value=(approval.needed) { @if approval.needed { "by tag, as the input requires" } @else { "not needed: the input has cutover.when now" } }
            @if let Some(asked_at) = approval.asked_at { br; "requested at " (moment("approval.asked_at", asked_at)) }
            @if let Some(seen_at) = approval.first_seen_at { br; "first seen at " (moment("approval.first_seen_at", seen_at)) }
            @if let Some(by) = &approval.claimed_by { br; "by " strong { (text("approval.claimed_by", by)) } " " small { "as the tag claims; CloudTrail has the proof" } }
        }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Instance => "DB instance",
        Kind::MultiAzCluster => "Multi-AZ DB cluster",
        Kind::Aurora => "Aurora cluster",
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Instance => "instance",
        Kind::MultiAzCluster => "multi_az_cluster",
        Kind::Aurora => "aurora",
    }
}

fn yes(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

fn failed_calls(report: &Report) -> Option<Markup> {
    (!report.failed_calls.is_empty()).then(|| {
        html! {
            p.soft { "The state machine retries errors that may pass. An error that did not pass is reported above." }
            table { tbody { @for (place, call) in report.failed_calls.iter().enumerate() {
                @let at = |member: &str| format!("failed_calls.{place}.{member}");
                tr {
                    td { (moment(&at("at"), call.at)) br; (text(&at("state"), &call.state)) }
                    td { strong { (text(&at("error"), &call.error)) } br; span data-figure=(at("cause")) { (call.cause) } }
                }
            } } }
        }
    })
}
