//! Identities, which CloudTrail knows and Step Functions does not.

use shared::names::APPROVE_TAG;

use crate::event::Moment;
use crate::hand_over::quoted;
use crate::report::{Approval, Proof, Report};

/// How far clocks, and the times of events, may be apart.
const MINUTES_AROUND: i64 = 5;

/// A command for each question, for an auditor who is signed in to the account.
pub(crate) fn proofs(report: &Report) -> Vec<Proof> {
    let execution = &report.execution;
    let (from, to) = (execution.started_at.plus_minutes(-MINUTES_AROUND), execution.started_at.plus_minutes(MINUTES_AROUND));
    let mut proofs = vec![
        Proof {
            question: "Who started the execution?".to_owned(),
            command: lookup(region_of(&execution.arn), "StartExecution", from, to, &execution.name),
        },
        Proof {
            question: "Does this match the history in Step Functions?".to_owned(),
            command: format!("aws stepfunctions get-execution-history --execution-arn {}", quoted(&execution.arn)),
        },
    ];
    if let Some(Approval { needed: true, first_seen_at: Some(seen_at), .. }) = &report.approval {
        // The tag may exist before it is requested.
        let to = seen_at.plus_minutes(MINUTES_AROUND);
        let command = lookup(region_of(&execution.arn), "AddTagsToResource", execution.started_at, to, APPROVE_TAG);
        proofs.insert(1, Proof { question: "Who approved the cutover?".to_owned(), command });
    }
    proofs
}

/// CloudTrail keeps ninety days of events there; older ones are in the trail's bucket.
/// Source: AWS CLI reference, `cloudtrail lookup-events`.
fn lookup(region: &str, event: &str, from: Moment, to: Moment, text: &str) -> String {
    // A string of JMESPath within one of the shell.
    let query = format!("Events[?contains(CloudTrailEvent, '{}')].[EventTime, Username, CloudTrailEvent]", text.replace('\'', r"\'"));
    format!(
        "aws cloudtrail lookup-events --region {} \\\n    --lookup-attributes AttributeKey=EventName,AttributeValue={event} \\\n    \
         --start-time {} --end-time {} \\\n    --query {} --output text",
        quoted(region),
        from.text(),
        to.text(),
        quoted(&query)
    )
}

/// `arn:aws:states:<Region>:…`
fn region_of(arn: &str) -> &str {
    arn.split(':').nth(3).unwrap_or_default()
}
