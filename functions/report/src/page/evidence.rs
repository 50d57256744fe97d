//! "What AWS did here": the contents of `evidence.json`, for people.

use maud::{Markup, html};

use crate::evidence::{Evidence, Function, Requests, StartFound, StatusSeen, Way};
use crate::figure::{bytes, code, count, duration, moment, text};

/// None where no function has written a line.
pub(super) fn section(evidence: Option<&Evidence>) -> Option<Markup> {
    let evidence = evidence.filter(|evidence| evidence.lines.found > 0)?;
    Some(html! {
        p.soft {
            code { "evidence.json" } " next to this page has this and more, without names or addresses, and may be shared. It is based on the log lines of "
            (count("evidence.lines.found", evidence.lines.found)) " calls; the history has "
            (count("evidence.lines.answered_calls", evidence.lines.answered_calls)) " calls that answered"
            @if let Some(unread) = evidence.lines.unread { "; the log was not read to its end: " (text("evidence.lines.unread", unread)) }
            "."
        }
        (statuses(&evidence.statuses))
        (copy(evidence))
        (requests(&evidence.requests))
        (functions(&evidence.functions))
    })
}

fn statuses(statuses: &[StatusSeen]) -> Markup {
    html! {
        @if !statuses.is_empty() {
            h3 { "Observed statuses" }
            table {
                thead { tr { th { "What" } th { "Status" } th { "First seen" } th.number { "For" } } }
                tbody { @for (place, status) in statuses.iter().enumerate() {
                    @let at = |member: &str| format!("evidence.statuses.{place}.{member}");
                    tr {
                        td.label { (text(&at("what"), &status.what)) " " small { (text(&at("of"), status.of)) } }
                        td { (text(&at("status"), &status.status)) }
                        td data-name="first seen" { (moment(&at("first_seen_at"), status.first_seen_at)) }
                        td.number data-name="for" { (count(&at("seconds"), status.seconds)) " s" }
                    }
                } }
            }
        }
    }
}

/// Slots that came with the volume, and the end of its data.
fn copy(evidence: &Evidence) -> Markup {
    html! {
        @if evidence.slots.is_some() || evidence.start.is_some() {
            h3 { "The restored volume" }
            dl.list {
                @if let Some(slots) = evidence.slots {
                    dt { "Slots" } dd {
                        (count("evidence.slots.logical", slots.logical.unsigned_abs())) " logical, "
                        (count("evidence.slots.physical", slots.physical.unsigned_abs())) " physical"
                    }
                }
                @if let Some(start) = &evidence.start { (start_of(start)) }
                @if let Some(progress) = &evidence.origin_progress { dt { "Origin progress" } dd { (text("evidence.origin_progress", progress)) } }
            }
        }
    }
}

fn start_of(start: &StartFound) -> Markup {
    html! {
        dt { "Polls for the start LSN" } dd { (count("evidence.start.looks", start.looks)) }
        @if let Some(lsn) = start.function_lsn { dt { "From the function" } dd { (code("evidence.start.function_lsn", &lsn.to_string())) } }
        @if let Some(way) = &start.log { dt { "Exported log" } dd { (way_of("log", way)) } }
        @if let Some(way) = &start.log_file { dt { "Log files" } dd { (way_of("log_file", way)) } }
    }
}

fn way_of(name: &str, way: &Way) -> Markup {
    let at = |member: &str| format!("evidence.start.{name}.{member}");
    html! {
        (text(&at("told"), &way.told)) ", " (count(&at("recoveries"), way.recoveries)) " recoveries seen in " (count(&at("looks"), way.looks)) " polls"
        @if let Some(seconds) = way.seconds_after_available { "; read " (count(&at("seconds_after_available"), seconds)) " s after the target became available" }
        @if let Some(read_at) = way.recovery_read_at { ", at " (moment(&at("recovery_read_at"), read_at)) }
        @if let Some(ms) = way.delivery_ms { "; lines took at most " (duration(&at("delivery_ms"), ms.unsigned_abs())) }
    }
}

fn requests(requests: &[Requests]) -> Markup {
    html! {
        @if !requests.is_empty() {
            h3 { "Requests to AWS" }
            table {
                thead { tr { th { "Operation" } th.number { "Requests" } th.number { "Median" } th.number { "Longest" } th { "Errors" } } }
                tbody { @for (place, request) in requests.iter().enumerate() {
                    @let at = |member: &str| format!("evidence.requests.{place}.{member}");
                    tr {
                        td.label { (text(&at("operation"), &request.operation)) " " small { (text(&at("service"), &request.service)) } }
                        td.number data-name="requests" { (count(&at("count"), request.count)) }
                        td.number data-name="median" { (duration(&at("median_ms"), request.median_ms)) }
                        td.number data-name="longest" { (duration(&at("max_ms"), request.max_ms)) }
                        td { @for (code, count) in &request.errors { (code) ": " (count) br; } }
                    }
                } }
            }
        }
    }
}

fn functions(functions: &[Function]) -> Markup {
    html! {
        h3 { "Functions" }
        table {
            thead { tr { th { "Function" } th.number { "Calls" } th.number { "Total" } th.number { "Longest" } th.number { "Cold start" } th.number { "Memory" } } }
            tbody { @for (place, function) in functions.iter().enumerate() {
                @let at = |member: &str| format!("evidence.functions.{place}.{member}");
                tr {
                    td.label { (text(&at("name"), &function.name)) }
                    td.number data-name="calls" {
                        (count(&at("calls"), function.calls))
                        @if function.failed_calls > 0 { br; small.bad { (count(&at("failed_calls"), function.failed_calls)) " failed" } }
                    }
                    td.number data-name="total" { (duration(&at("total_ms"), function.total_ms)) }
                    td.number data-name="longest" { (duration(&at("longest_ms"), function.longest_ms)) }
                    td.number data-name="cold start" { @if let Some(ms) = function.longest_init_ms { (duration(&at("longest_init_ms"), ms)) } }
                    td.number data-name="memory" {
                        @if let Some(peak) = function.peak_memory_bytes { (bytes(&at("peak_memory_bytes"), peak.cast_signed())) }
                        @if let Some(size) = function.memory_size_mb { " of " (count(&at("memory_size_mb"), size)) " MB" }
                    }
                }
            } }
        }
    }
}
