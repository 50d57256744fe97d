//! From the events of a history to the report. Nothing else is read: not RDS, and no database.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use shared::contract::{Compared, VerifiedByDatabase};
use shared::error::{ErrorName, Result, StepError};
use shared::finding::{Finding, read_refusal};
use shared::input::{How, When};
use shared::names::key;

use crate::answers::{Answer, Output, Plan, SourceKey};
use crate::event::{End, Event, Failure, Moment, What};
use crate::evidence::{Background, Replication, Wanted};
use crate::report::{
    Approval, Database, Execution, FailedCall, Keys, Outcome, Pause, Progress, Report, Sample, Settings, Source, Start, Target, Total,
};
use crate::steps::Steps;
use crate::{hand_over, proof};

/// How much of a failed call's cause is reported; the execution's own cause is reported in full.
const CAUSE_CHARACTERS: usize = 2_000;

/// The state after the events so far.
#[derive(Debug, Default)]
pub(crate) struct History {
    arn: String,
    began: Option<(Moment, Value)>,
    /// The end, or the last event.
    last_at: Option<Moment>,
    end: Option<End>,
    state: String,
    transitions: u64,
    steps: Steps,
    plan: Option<Plan>,
    findings: Vec<Finding>,
    published: BTreeMap<String, u64>,
    samples: Vec<Sample>,
    answered_calls: u64,
    replication: Replication,
    start: Option<Start>,
    asked_at: Option<Moment>,
    approved: Option<(Moment, Option<String>)>,
    verified: VerifiedByDatabase,
    compared: Vec<Compared>,
    settings: Option<Settings>,
    cutover: Option<Answer>,
    failed_calls: Vec<FailedCall>,
}

impl History {
    /// A history of the execution with this ARN, without an event yet.
    ///
    /// # Errors
    /// `InvalidInput`.
    pub(crate) fn of(arn: &str) -> Result<Self> {
        if name_of(arn).is_none() {
            return Err(StepError::new(ErrorName::InvalidInput, format!("{arn} is not the ARN of an execution")));
        }
        Ok(Self { arn: arn.to_owned(), ..Self::default() })
    }

    /// Adds the next event.
    ///
    /// # Errors
    /// `Internal` where an answer cannot be parsed.
    pub(crate) fn take(&mut self, event: Event) -> Result<()> {
        let Event { at, what } = event;
        self.last_at = Some(at);
        match what {
            What::Began(input) => self.began = Some((at, input)),
            What::Entered(state) => self.enter(state, at),
            What::Answered(answer) => {
                self.answered_calls += 1;
                self.steps.count_call(false);
                let unclear = |error| StepError::new(ErrorName::Internal, format!("an answer in {} cannot be parsed", self.state)).with_source(error);
                let answer = Answer::deserialize(answer).map_err(unclear)?;
                self.learn(answer, at);
            }
            What::Failed(Failure { error, cause }) => {
                self.steps.count_call(true);
                // Errors of Lambda and of Step Functions have a dot.
                self.answered_calls += u64::from(!error.contains('.'));
                let cause = cause.chars().take(CAUSE_CHARACTERS).collect();
                self.failed_calls.push(FailedCall { at, state: self.state.clone(), error, cause });
            }
            What::Ended(end) => {
                self.steps.end(at);
                self.end = Some(end);
            }
        }
        Ok(())
    }

    fn enter(&mut self, state: String, at: Moment) {
        self.steps.enter(&state, at);
        self.transitions += 1;
        if state == "AwaitApproval" {
            self.asked_at.get_or_insert(at);
        }
        self.state = state;
    }

    fn learn(&mut self, answer: Answer, at: Moment) {
        self.findings = answer.findings.clone().unwrap_or(std::mem::take(&mut self.findings));
        if let Some(retained_wal_bytes) = answer.retained_wal_bytes {
            let Answer { lag_bytes, free_storage_bytes, .. } = answer;
            self.samples.push(Sample { at, lag_bytes, retained_wal_bytes, free_storage_bytes });
        }
        if let Some(connected) = answer.connected {
            self.replication.looks += 1;
            self.replication.connected += u64::from(connected);
        }
        if answer.approved {
            self.approved.get_or_insert((at, answer.approved_by.clone()));
        }
        if let Some(tables) = answer.tables.as_ref().filter(|tables| !tables.is_empty()) {
            self.published.clone_from(tables);
        }
        if let Some(start_lsn) = answer.start_lsn.clone() {
            self.start = Some(Start { start_lsn, witnesses: answer.witnesses.clone() });
        }
        if let Some(verified) = answer.verified.clone() {
            self.verified = verified;
            self.compared.extend(answer.compared.iter().cloned());
        }
        if let Some(left) = answer.settings.clone() {
            self.settings = Some(Settings { equal: answer.equal, left });
        }
        if let Some(plan) = answer.plan.clone() {
            self.plan = Some(plan);
        }
        if answer.write_pause_ms.is_some() {
            self.cutover = Some(answer);
        }
    }

    pub(crate) fn is_running(&self) -> bool {
        self.end.is_none()
    }

    /// The lines that its functions have written: every call that answered has one, even if it answered with an error.
    pub(crate) fn wanted_lines(&self) -> Wanted {
        let last_at = self.last_at.unwrap_or(Moment(0));
        let undone = self.plan.iter().map(|plan| &plan.execution.id).filter(|id| !id.is_empty() && **id != self.arn);
        Wanted {
            keys: std::iter::once(&self.arn).chain(undone).map(|arn| key(arn)).collect(),
            from: self.began.as_ref().map_or(last_at, |(at, _)| *at),
            to: last_at,
            // A running execution is read as far as it has come.
            at_least: if self.is_running() { 0 } else { self.answered_calls },
        }
    }

    /// Facts for the evidence that no line has.
    pub(crate) fn background(&self) -> Background {
        Background {
            region: self.arn.split(':').nth(3).unwrap_or_default().to_owned(),
            plan: self.plan.clone(),
            answered_calls: self.answered_calls,
            replication: self.replication,
        }
    }

    /// The report on all events.
    pub(crate) fn report(mut self) -> Report {
        let outcome = self.outcome();
        let output = self.output();
        let failure = self.failure();
        if outcome == Outcome::Refused {
            self.add_refusals(&failure.cause);
        }
        let mut steps = std::mem::take(&mut self.steps);
        if let (None, Some(at)) = (&self.end, self.last_at) {
            steps.end(at);
        }
        self.findings.sort_by_key(|finding| finding.verdict as u8);
        let left = output.as_ref().map(left).unwrap_or_default();
        let described = |text: String| Some(text).filter(|text| !text.is_empty());
        let mut report = Report {
            version: env!("CARGO_PKG_VERSION"),
            execution: self.execution(),
            outcome,
            last_state: self.state.clone(),
            error: described(failure.error),
            cause: described(failure.cause),
            source: self.plan.as_ref().map(source),
            target: self.plan.as_ref().map(|plan| target(&plan.target, output.as_ref())),
            leads_application: self.plan.as_ref().and_then(|plan| plan.cutover.how).map(|how| how == How::Secret),
            keys: self.plan.as_ref().map(|plan| keys(plan, output.as_ref())).unwrap_or_default(),
            steps: steps.into_vec(),
            start: self.start.take(),
            approval: self.approval(),
            pause: self.pause(),
            databases: Vec::new(),
            total: Total::default(),
            progress: progress(std::mem::take(&mut self.samples)),
            settings: self.settings.take(),
            findings: std::mem::take(&mut self.findings),
            left,
            to_do: Vec::new(),
            proofs: Vec::new(),
            failed_calls: std::mem::take(&mut self.failed_calls),
            evidence: None,
        };
        report.databases = self.databases(report.start.as_ref());
        report.total = total(&report.databases);
        report.to_do = hand_over::tasks(&report, self.plan.as_ref());
        report.proofs = proof::proofs(&report);
        report
    }

    fn outcome(&self) -> Outcome {
        match (&self.end, self.state.as_str()) {
            (None, _) => Outcome::Running,
            (Some(End::Aborted(_) | End::TimedOut(_)), _) => Outcome::Stopped,
            (Some(End::Succeeded(_)), "Planned") => Outcome::Planned,
            (Some(End::Succeeded(_)), "RolledBack") => Outcome::RolledBack,
            (Some(End::Succeeded(_)), "GoneBack") => Outcome::GoneBack,
            (Some(End::Succeeded(_)), "GivenUp") => Outcome::GivenUp,
            (Some(End::Succeeded(_)), _) => Outcome::Encrypted,
            (Some(End::Failed(_)), "Refused") => Outcome::Refused,
            (Some(End::Failed(_)), "Undone") => Outcome::Undone,
            (Some(End::Failed(_)), _) => Outcome::NeedsYou,
        }
    }

    fn output(&self) -> Option<Output> {
        match &self.end {
            Some(End::Succeeded(output)) => Output::deserialize(output).ok(),
            _ => None,
        }
    }

    fn failure(&self) -> Failure {
        match &self.end {
            Some(End::Failed(failure) | End::Aborted(failure) | End::TimedOut(failure)) => failure.clone(),
            _ => Failure::default(),
        }
    }

    /// A refusal is an error, which has more than preflight's answer had.
    fn add_refusals(&mut self, cause: &str) {
        let described = read_refusal(cause);
        self.findings.retain(|finding| !described.iter().any(|other| other.name == finding.name));
        self.findings.splice(0..0, described);
    }

    fn execution(&self) -> Execution {
        let (started_at, input) = self.began.clone().unwrap_or((Moment(0), Value::Null));
        let last_at = self.last_at.unwrap_or(started_at);
        Execution {
            arn: self.arn.clone(),
            name: name_of(&self.arn).unwrap_or_default().to_owned(),
            status: match self.end {
                None => "RUNNING",
                Some(End::Succeeded(_)) => "SUCCEEDED",
                Some(End::Failed(_)) => "FAILED",
                Some(End::Aborted(_)) => "ABORTED",
                Some(End::TimedOut(_)) => "TIMED_OUT",
            },
            started_at,
            ended_at: self.end.as_ref().map(|_| last_at),
            duration_ms: last_at.since(started_at),
            state_transitions: self.transitions,
            input,
        }
    }

    fn approval(&mut self) -> Option<Approval> {
        let plan = self.plan.as_ref()?;
        self.asked_at?;
        let (first_seen_at, claimed_by) = self.approved.take().unzip();
        Some(Approval { needed: plan.cutover.when == When::Approved, asked_at: self.asked_at, first_seen_at, claimed_by: claimed_by.flatten() })
    }

    fn pause(&mut self) -> Option<Pause> {
        let (plan, cutover) = (self.plan.as_ref()?, self.cutover.take()?);
        Some(Pause {
            write_pause_ms: cutover.write_pause_ms?,
            max_write_pause_ms: u64::from(plan.cutover.max_write_pause_seconds) * 1_000,
            phases: cutover.pause_phases_ms,
            drained_lsn: cutover.drained_lsn,
            // Without it the fence does not close.
            verified: plan.cutover.verify_in_pause,
            switched_secrets: cutover.switched_secrets,
            drift: cutover.drift,
        })
    }

    fn databases(&mut self, start: Option<&Start>) -> Vec<Database> {
        let Some(plan) = &self.plan else { return Vec::new() };
        let mut compared: BTreeMap<String, Vec<Compared>> = BTreeMap::new();
        for table in std::mem::take(&mut self.compared) {
            compared.entry(table.database.clone()).or_default().push(table);
        }
        let databases = plan.databases.iter().map(|database| {
            let verified = self.verified.get(&database.name);
            let published = self.published.get(&database.name).copied().unwrap_or(0);
            let mut compared = compared.remove(&database.name).unwrap_or_default();
            compared.sort_by(|one, other| one.table.cmp(&other.table));
            Database {
                name: database.name.clone(),
                start_lsn: start.map(|start| start.start_lsn.clone()),
                verified: plan.verify,
                tables: verified.map_or(published, |verified| verified.tables),
                rows: verified.map(|verified| verified.rows),
                compared,
            }
        });
        databases.collect()
    }
}

/// `arn:aws:states:<Region>:<account>:execution:<machine>:<name>`.
fn name_of(arn: &str) -> Option<&str> {
    arn.strip_prefix("arn:")?.split_once(":execution:")?.1.split_once(':').map(|(_, name)| name)
}

fn source(plan: &Plan) -> Source {
    let source = &plan.source;
    Source { kind: source.kind, identifier: source.identifier.clone(), arn: source.arn.clone(), postgres_major: source.major }
}

fn target(identifier: &str, output: Option<&Output>) -> Target {
    Target {
        identifier: identifier.to_owned(),
        endpoint: output.and_then(|output| output.target.endpoint.clone()),
        port: output.and_then(|output| output.target.port),
    }
}

fn keys(plan: &Plan, output: Option<&Output>) -> Keys {
    let (encrypted_before, before) = match &plan.source.kms_key {
        SourceKey::NotSaid => (None, None),
        SourceKey::None => (Some(false), None),
        SourceKey::Of(key) => (Some(true), Some(key.clone())),
    };
    Keys {
        encrypted_before,
        before,
        encrypted_after: output.map(|output| output.encrypted),
        after: output.and_then(|output| output.kms_key_arn.clone()),
        asked_for: Some(plan.kms_key_arn.clone()).filter(|key| !key.is_empty()),
    }
}

fn progress(samples: Vec<Sample>) -> Progress {
    let lags = || samples.iter().filter_map(|sample| sample.lag_bytes);
    Progress {
        highest_lag_bytes: lags().max(),
        last_lag_bytes: lags().next_back(),
        highest_retained_wal_bytes: samples.iter().map(|sample| sample.retained_wal_bytes).max(),
        lowest_free_storage_bytes: samples.iter().filter_map(|sample| sample.free_storage_bytes).min(),
        samples,
    }
}

fn total(databases: &[Database]) -> Total {
    Total {
        databases: u64::try_from(databases.len()).unwrap_or(0),
        tables: databases.iter().map(|database| database.tables).sum(),
        rows: databases.iter().filter_map(|database| database.rows).sum(),
    }
}

fn left(output: &Output) -> Vec<String> {
    let report = &output.report;
    let replicas = report.replicas.iter().map(|replica| format!("replica {replica}: recreated"));
    let secret = report.master_secret.iter().map(|secret| format!("secret {secret}: has the target's master password"));
    let not_made = report.not_made.iter().map(|what| format!("not made: {what}"));
    report.left.iter().cloned().chain(replicas).chain(secret).chain(not_made).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use shared::contract::example;
    use shared::finding::Verdict;

    const ARN: &str = "arn:aws:states:eu-central-1:123456789012:execution:rds-reencrypt:example";

    /// Events a second apart.
    fn report(events: &[Value]) -> Report {
        let mut history = History::of(ARN).unwrap();
        for (second, what) in (0..).zip(events) {
            history.take(Event { at: Moment(second * 1_000), what: What::deserialize(what).unwrap() }).unwrap();
        }
        history.report()
    }

    fn began() -> Value {
        json!({"began": {"source": "orders-db", "secret": "orders/master"}})
    }

    fn inspected(plan: &Value) -> [Value; 3] {
        [json!({"entered": "IsRecovery"}), json!({"entered": "Inspect"}), json!({"answered": {"plan": plan, "findings": [], "steps": []}})]
    }

    #[test]
    fn a_refused_run_has_all_that_its_cause_tells_and_what_preflight_had_found() {
        let fine = json!({"name": "Quotas", "verdict": "fine", "found": "97 of 100 snapshots are free", "limit": "1 is needed", "remedy": ""});
        let doubled = json!({"name": "Storage", "verdict": "refuse", "found": "8 % are free", "limit": "10 % are needed", "remedy": "add storage"});
        let cause = "nothing was made and nothing changed; unmet: 1, warnings: 1\nrefused Storage: 8 % are free; 10 % are needed; add storage\n\
                     warning LargeObjects: 3 large objects";
        let report = report(&[
            began(),
            json!({"entered": "Preflight"}),
            json!({"answered": {"plan": example::plan(), "databases": null, "findings": [fine, doubled]}}),
            json!({"entered": "Inspect"}),
            json!({"failed": {"error": "PreconditionFailed", "cause": cause}}),
            json!({"entered": "Refused"}),
            json!({"ended": {"failed": {"error": "PreconditionFailed", "cause": cause}}}),
        ]);
        assert_eq!((report.outcome, report.error.as_deref(), report.cause.as_deref()), (Outcome::Refused, Some("PreconditionFailed"), Some(cause)));
        let described: Vec<_> = report.findings.iter().map(|finding| (&*finding.name, finding.verdict)).collect();
        assert_eq!(described, [("Storage", Verdict::Refuse), ("LargeObjects", Verdict::Warn), ("Quotas", Verdict::Fine)]);
        assert_eq!((report.execution.duration_ms, report.execution.state_transitions, report.pause.is_none()), (6_000, 3, true));
        assert!(report.to_do[0].commands.contains(r#"--input '{"secret":"orders/master","source":"orders-db"}'"#), "{}", report.to_do[0].commands);
    }

    #[test]
    fn a_run_that_waits_says_how_it_is_approved_and_one_that_was_approved_by_whom() {
        let seen = |approved: bool| json!({"answered": {"lag_bytes": 7, "retained_wal_bytes": 9, "approved": approved, "approved_by": approved.then_some("Eve")}});
        let mut events = vec![began()];
        events.extend(inspected(&example::plan()));
        events.extend([json!({"entered": "AwaitApproval"}), seen(false)]);
        let waiting = report(&events);
        assert_eq!(waiting.outcome, Outcome::Running);
        let command = &waiting.to_do[0].commands;
        assert!(command.contains("'arn:aws:rds:eu-central-1:123456789012:db:orders-db-enc-0123456789'"), "{command}");
        events.extend([json!({"entered": "AwaitApproval"}), seen(true), seen(true)]);
        let approval = report(&events).approval.unwrap();
        let described = (approval.needed, approval.asked_at, approval.first_seen_at, approval.claimed_by.as_deref());
        assert_eq!(described, (true, Some(Moment(4_000)), Some(Moment(7_000)), Some("Eve")));
    }

    #[test]
    fn an_application_that_nobody_leads_is_the_first_thing_to_do() {
        let plan = example::plan();
        assert_eq!(plan["cutover"]["how"], "none");
        let mut events = vec![began()];
        events.extend(inspected(&plan));
        events.extend([json!({"entered": "Encrypted"}), json!({"ended": {"succeeded": {}}})]);
        let nobody = report(&events);
        assert_eq!((nobody.outcome, nobody.leads_application), (Outcome::Encrypted, Some(false)));
        assert!(nobody.to_do[0].title.starts_with("Point the application"), "{}", nobody.to_do[0].title);
        let page = crate::page::draw(&nobody);
        assert!(page.contains("has to be pointed") && !page.contains("The application uses"), "{page}");
    }

    #[test]
    fn the_lines_of_a_run_that_is_undone_are_read_with_those_of_the_one_that_undoes_it() {
        let wanted = |plan: &Value, ended: bool| {
            let mut history = History::of(ARN).unwrap();
            let end = ended.then(|| json!({"ended": {"succeeded": {}}}));
            for (second, what) in (0..).zip([began()].into_iter().chain(inspected(plan)).chain(end)) {
                history.take(Event { at: Moment(second * 1_000), what: What::deserialize(what).unwrap() }).unwrap();
            }
            history.wanted_lines()
        };
        let mut plan = example::plan();
        let own = wanted(&plan, true);
        assert_eq!((own.keys, own.from, own.to, own.at_least), (vec![key(ARN)], Moment(0), Moment(4_000), 1));
        assert_eq!(wanted(&plan, false).at_least, 0);
        plan["execution"]["id"] = json!("arn:of:another");
        assert_eq!(wanted(&plan, true).keys, [key(ARN), key("arn:of:another")]);
    }

    #[test]
    fn a_plan_of_an_earlier_version_does_not_say_that_its_source_is_unencrypted() {
        let mut plan = example::plan();
        let keys_of = |plan: &Value| report(&inspected(plan)).keys;
        assert_eq!(keys_of(&plan).encrypted_before, None);
        plan["source"]["kms_key"] = Value::Null;
        assert_eq!(keys_of(&plan).encrypted_before, Some(false));
        plan["source"]["kms_key"] = json!("arn:of:key");
        assert_eq!((keys_of(&plan).encrypted_before, keys_of(&plan).before.as_deref()), (Some(true), Some("arn:of:key")));
    }

    #[test]
    fn what_comes_from_elsewhere_is_escaped_on_the_page() {
        const HOSTILE: &str = "<script>alert('x')</script>";
        let mut plan = example::plan();
        plan["source"]["identifier"] = json!(HOSTILE);
        plan["databases"] = json!([{"name": HOSTILE, "oid": 7}]);
        let compared = json!([{"database": HOSTILE, "table": HOSTILE, "rows": 1, "hash": HOSTILE}]);
        let mut events = vec![json!({"began": {"source": HOSTILE}})];
        events.extend(inspected(&plan));
        events.extend([
            json!({"entered": "Verify"}),
            json!({"answered": {"ready": true, "verified": {HOSTILE: {"tables": 1, "rows": 1}}, "compared": compared}}),
            json!({"failed": {"error": HOSTILE, "cause": HOSTILE}}),
            json!({"ended": {"failed": {"error": HOSTILE, "cause": HOSTILE}}}),
        ]);
        let page = crate::page::draw(&report(&events));
        assert!(!page.contains("<script") && page.matches("&lt;script&gt;").count() > 6, "{page}");
    }

    #[test]
    fn a_recorded_run_gives_the_figures_of_its_output() {
        #[derive(Deserialize)]
        struct Recorded {
            arn: String,
            events: Vec<Event>,
        }
        let Recorded { arn, events } = serde_json::from_str(include_str!("../tests/encrypted.json")).unwrap();
        let Some(What::Ended(End::Succeeded(output))) = events.last().map(|event| &event.what) else { panic!("it did not succeed") };
        let output = output.clone();
        let mut history = History::of(&arn).unwrap();
        for event in events {
            history.take(event).unwrap();
        }
        let report = history.report();
        assert_eq!(report.outcome, Outcome::Encrypted);
        let pause = report.pause.unwrap();
        assert_eq!(json!(pause.write_pause_ms), output["write_pause_ms"]);
        assert_eq!(pause.phases.iter().map(|phase| phase.ms).sum::<u64>(), pause.write_pause_ms);
        assert_eq!(json!(report.keys.after), output["kms_key_arn"]);
        for database in &report.databases {
            let described = &output["databases"][&database.name];
            let found = json!({"start_lsn": database.start_lsn, "tables": database.tables, "rows": database.rows, "verified": database.verified});
            assert_eq!(&found, described, "{}", database.name);
            assert_eq!(database.compared.iter().map(|table| table.rows).sum::<u64>(), database.rows.unwrap());
            assert!(database.compared.iter().all(|table| table.hash.as_ref().is_some_and(|hash| hash.len() == 64)));
        }
        let parts: Vec<&str> = report.steps.iter().map(|step| step.name).collect();
        let wanted = [
            "Checks",
            "Capacity",
            "Publication and slots",
            "Snapshot",
            "Encrypted snapshot",
            "Restore",
            "Subscription",
            "Start position",
            "Catching up",
        ];
        assert_eq!(parts[..wanted.len()], wanted);
        assert_eq!(
            report.steps.iter().map(|step| step.duration_ms).sum::<u64>(),
            report.execution.duration_ms - report.steps[0].began_at.since(report.execution.started_at)
        );
        assert!(report.progress.samples.len() > 3 && report.progress.highest_retained_wal_bytes.is_some());
        let titles: Vec<&str> = report.to_do.iter().map(|task| task.title.split(':').next().unwrap()).collect();
        assert_eq!(titles, ["Terraform", "CloudFormation", "Delete the source instance once nobody needs it"]);
        assert!(report.proofs.iter().any(|proof| proof.command.contains("AddTagsToResource")));
    }
}
