//! The lines that the functions have written about a run, from the stack's own log group.

use std::collections::BTreeMap;
use std::time::Duration;

use aws::client::Aws;
use aws::evidence::{Line, message};
use aws_sdk_cloudwatchlogs::Client;
use serde::Deserialize;
use serde_json::Value;
use shared::error::StepError;
use tokio::time::{sleep, timeout};

use crate::event::Moment;

/// A report without evidence is better than none: the function has five minutes, and the rest of its work takes seconds.
const READ_LIMIT: Duration = Duration::from_mins(2);
/// The last lines arrive a few seconds after the end of their execution.
const LATE_LIMIT: Duration = Duration::from_secs(20);
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);
/// How long before the end another poll starts to read.
const LATE_MINUTES: i64 = 5;

/// The lines to read.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// Keys of the run, and of the one that it undoes.
    pub(crate) keys: Vec<String>,
    pub(crate) from: Moment,
    pub(crate) to: Moment,
    /// The least number of lines; fewer are worth another poll.
    pub(crate) at_least: u64,
}

/// In the order in which their calls began.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) lines: Vec<Line>,
    /// Why these are not all lines, if they are not.
    pub(crate) unread: Option<&'static str>,
}

impl Found {
    /// Reads them from a log group. Lines that cannot be read are left out.
    pub(crate) async fn read(aws: &Aws, group: &str, wanted: &Wanted) -> Self {
        let mut events = BTreeMap::new();
        let unread = match timeout(READ_LIMIT, read_until_enough(aws, group, wanted, &mut events)).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "the log could not be read for evidence");
                Some(error.name.into())
            }
            Err(_) => Some("TimeIsUp"),
        };
        let mut lines: Vec<Line> = events.into_values().collect();
        super::sort(&mut lines);
        Self { lines, unread }
    }
}

/// By the ids of their events: a line that is read twice counts once.
type Events = BTreeMap<String, Line>;

async fn read_until_enough(aws: &Aws, group: &str, wanted: &Wanted, events: &mut Events) -> Result<(), StepError> {
    read_once(aws, group, wanted, wanted.from, events).await?;
    let mut slept = Duration::ZERO;
    while super::count(events.len()) < wanted.at_least && slept < LATE_LIMIT {
        sleep(BETWEEN_LOOKS).await;
        slept += BETWEEN_LOOKS;
        read_once(aws, group, wanted, wanted.from.max(wanted.to.plus_minutes(-LATE_MINUTES)), events).await?;
    }
    Ok(())
}

async fn read_once(aws: &Aws, group: &str, wanted: &Wanted, from: Moment, events: &mut Events) -> Result<(), StepError> {
    let messages: Vec<String> = wanted.keys.iter().map(|key| message(key)).collect();
    let request = Client::new(&aws.config).filter_log_events().log_group_name(group).filter_pattern(pattern(&messages));
    // CloudWatch Logs sets the time of a line itself.
    let request = request.start_time(from.0).end_time(wanted.to.plus_minutes(1).0);
    let mut next = None;
    loop {
        let page = request.clone().set_next_token(next).send().await.map_err(StepError::from)?;
        for event in page.events.unwrap_or_default() {
            let line = event.message.and_then(|text| serde_json::from_str::<Value>(&text).ok()).and_then(|line| Line::deserialize(line).ok());
            if let (Some(id), Some(line)) = (event.event_id, line.filter(|line| messages.contains(&line.message))) {
                events.insert(id, line);
            }
        }
        next = page.next_token;
        if next.is_none() {
            return Ok(());
        }
    }
}

/// Source: CloudWatch Logs user guide, "Filter pattern syntax": phrases in quotation marks, a question mark for "any of these".
fn pattern(messages: &[String]) -> String {
    match messages {
        [one] => format!("\"{one}\""),
        all => all.iter().map(|each| format!("?\"{each}\"")).collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_run_are_asked_for_or_of_either_of_two() {
        let messages = [message("0123456789"), message("abcdef0123")];
        assert_eq!(pattern(&messages[..1]), r#""evidence of 0123456789""#);
        assert_eq!(pattern(&messages), r#"?"evidence of 0123456789" ?"evidence of abcdef0123""#);
    }
}
