//! The events of a history that the report uses.

use aws_sdk_sfn::types::HistoryEvent;
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use serde::{Serialize, Serializer};
use serde_json::Value;
use shared::error::{ErrorName, Result, StepError};

/// Milliseconds since 1970; written as `2026-11-24T22:21:17.123Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(test, derive(serde::Deserialize), serde(transparent))]
pub(crate) struct Moment(pub(crate) i64);

impl Moment {
    pub(crate) fn text(self) -> String {
        DateTime::from_millis(self.0).fmt(Format::DateTime).unwrap_or_default()
    }

    /// Milliseconds from that one to this one.
    pub(crate) fn since(self, earlier: Self) -> u64 {
        u64::try_from(self.0 - earlier.0).unwrap_or(0)
    }

    pub(crate) fn plus_minutes(self, minutes: i64) -> Self {
        Self(self.0 + minutes * 60_000)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

#[derive(Debug)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Event {
    pub(crate) at: Moment,
    pub(crate) what: What,
}

#[derive(Debug)]
#[cfg_attr(test, derive(serde::Deserialize), serde(rename_all = "snake_case"))]
pub(crate) enum What {
    /// The execution, with its input.
    Began(Value),
    /// A state, by its name.
    Entered(String),
    /// A function, with its answer.
    Answered(Value),
    /// A call; the state machine may retry it.
    Failed(Failure),
    /// The execution.
    Ended(End),
}

#[derive(Clone, Debug, Default)]
#[cfg_attr(test, derive(serde::Deserialize))]
pub(crate) struct Failure {
    pub(crate) error: String,
    pub(crate) cause: String,
}

#[derive(Clone, Debug)]
#[cfg_attr(test, derive(serde::Deserialize), serde(rename_all = "snake_case"))]
pub(crate) enum End {
    Succeeded(Value),
    Failed(Failure),
    Aborted(Failure),
    TimedOut(Failure),
}

impl Event {
    /// None where the report does not use it.
    ///
    /// # Errors
    /// `Internal` where its payload is not JSON.
    pub(crate) fn read(event: &HistoryEvent) -> Result<Option<Self>> {
        let at = Moment(event.timestamp().to_millis().unwrap_or(0));
        let what = if let Some(began) = event.execution_started_event_details() {
            Some(What::Began(json(began.input())?))
        } else if let Some(entered) = event.state_entered_event_details() {
            Some(What::Entered(entered.name().to_owned()))
        } else if let Some(succeeded) = event.task_succeeded_event_details() {
            answer(json(succeeded.output())?)
        } else if let Some(ended) = read_end(event)? {
            Some(What::Ended(ended))
        } else {
            read_failure(event).map(What::Failed)
        };
        Ok(what.map(|what| Self { at, what }))
    }
}

/// A function's answer; other integrations answer without a `Payload`.
fn answer(mut output: Value) -> Option<What> {
    output.get_mut("Payload").map(Value::take).map(What::Answered)
}

fn read_failure(event: &HistoryEvent) -> Option<Failure> {
    if let Some(failed) = event.task_failed_event_details() {
        return Some(failure(failed.error(), failed.cause()));
    }
    event.task_timed_out_event_details().map(|timed_out| failure(timed_out.error(), timed_out.cause()))
}

fn read_end(event: &HistoryEvent) -> Result<Option<End>> {
    Ok(if let Some(succeeded) = event.execution_succeeded_event_details() {
        Some(End::Succeeded(json(succeeded.output())?))
    } else if let Some(failed) = event.execution_failed_event_details() {
        Some(End::Failed(failure(failed.error(), failed.cause())))
    } else if let Some(aborted) = event.execution_aborted_event_details() {
        Some(End::Aborted(failure(aborted.error(), aborted.cause())))
    } else {
        event.execution_timed_out_event_details().map(|timed_out| End::TimedOut(failure(timed_out.error(), timed_out.cause())))
    })
}

/// A function's error comes as JSON, with its message in it.
fn failure(error: Option<&str>, cause: Option<&str>) -> Failure {
    let cause = cause.unwrap_or_default();
    let message = serde_json::from_str::<Value>(cause).ok().and_then(|cause| cause["errorMessage"].as_str().map(str::to_owned));
    Failure { error: error.unwrap_or_default().to_owned(), cause: message.unwrap_or_else(|| cause.to_owned()) }
}

fn json(text: Option<&str>) -> Result<Value> {
    let unreadable = |error| StepError::new(ErrorName::Internal, "a payload of the history is not JSON").with_source(error);
    text.map_or(Ok(Value::Null), |text| serde_json::from_str(text).map_err(unreadable))
}
