"""The fleet's state machine, as an operator and AWS Config start it, and what it tells afterwards."""

import datetime
import itertools
import json
import uuid

from demo.executions import Execution
from demo.local_cloud import LocalCloud
from demo.waiting import wait_until
from executions.sources import KEY_ALIAS, secret_name

LIMIT_SECONDS = 120
ACCOUNT, REGION = "123456789012", "eu-central-1"
# Of every run that a campaign starts here: without more looks than needed.
DEFAULTS = {"kms_key": KEY_ALIAS, "wait": {"max_seconds": 1, "calls_end_seconds": 3}}


def owned(identifier: str, **more: str) -> list[dict]:
    """The tags of a database whose owner says what every run on it needs, and no more unless told."""
    own = {"secret": secret_name(identifier), "consent": "replica-identity"}
    return [{"Key": f"encrypt:{name.replace('_', '-')}", "Value": value} for name, value in {**own, **more}.items()]


def window(opens_in_minutes: int, lasts_minutes: int = 60) -> str:
    """A window of the week by the distance of its opening from now, which may be behind us."""
    opens = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=opens_in_minutes)
    closes = opens + datetime.timedelta(minutes=lasts_minutes)
    return f"{opens:%a:%H:%M}-{closes:%a:%H:%M}".lower()


class Fleet:
    """The fleet of a running cloud, and a subscriber of its topic."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self._steps, self._s3, self._sqs = (cloud.client(name) for name in ("stepfunctions", "s3", "sqs"))
        self._days = itertools.count()
        self._queue = self._sqs.create_queue(QueueName="fleet-news")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        cloud.client("sns").subscribe(TopicArn=cloud.fleet_topic_arn, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def begin(self, request: object, name: str | None = None) -> Execution:
        """A new execution of the fleet with any input at all."""
        name = name or f"by-hand-{uuid.uuid4().hex[:12]}"
        arn = self._steps.start_execution(stateMachineArn=self._cloud.fleet_state_machine_arn, name=name, input=json.dumps(request))
        return Execution(self._cloud, name, arn=arn["executionArn"])

    def campaign(self, name: str | None, databases: list, **members) -> Execution:
        """A campaign of few looks over a list of databases."""
        return self.begin({"databases": databases, "defaults": DEFAULTS} | members, name)

    def rows(self, execution: Execution) -> list[dict]:
        """The summary of an execution that has succeeded, once it has."""
        described = execution.wait(LIMIT_SECONDS)
        assert described["status"] == "SUCCEEDED", described
        return self.written(f"campaigns/{execution.name}/summary.json")

    def outcomes(self, execution: Execution) -> dict[str, str]:
        """What became of each database."""
        return {row["source"]: row["outcome"] for row in self.rows(execution)}

    def written(self, key: str) -> object:
        return json.loads(self._s3.get_object(Bucket=self._cloud.fleet_bucket, Key=key)["Body"].read())

    def runs(self) -> list[str]:
        """Names of all executions of the encrypting machine, oldest first."""
        pages = self._steps.get_paginator("list_executions").paginate(stateMachineArn=self._cloud.state_machine_arn)
        listed = [execution for page in pages for execution in page["executions"]]
        return [each["name"] for each in sorted(listed, key=lambda each: each["startDate"])]

    def run(self, name: str) -> Execution:
        """The execution of the encrypting machine with this name, once it is there."""
        wait_until(self.runs, lambda names: name in names, f"the run {name}", LIMIT_SECONDS)
        return Execution(self._cloud, name, arn=self._cloud.state_machine_arn.replace(":stateMachine:", ":execution:") + f":{name}")

    def child(self, execution: Execution, label: str) -> Execution:
        """The only execution of one of its maps, once there is one."""

        def find() -> list[dict]:
            runs = self._steps.list_map_runs(executionArn=execution.arn)["mapRuns"]
            arns = [each["mapRunArn"] for each in runs if f"/{label}:" in each["mapRunArn"]]
            return [child for arn in arns for child in self._steps.list_executions(mapRunArn=arn)["executions"]]

        (found,) = wait_until(find, bool, f"a child of {execution.name}'s {label}", LIMIT_SECONDS)
        return Execution(self._cloud, found["name"], arn=found["executionArn"])

    def news(self, about: str = "") -> list[dict]:
        """The messages that have come since the last look, each with Subject and Message; of several campaigns at a time those that
        begin with this database."""
        received = []
        while messages := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            received += [json.loads(message["Body"]) for message in messages]
            for message in messages:
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [message for message in received if message["Message"].startswith(about)]

    def new_day(self) -> datetime.datetime:
        """A day of which no test has had a finding: those of one day and one database are one."""
        return datetime.datetime(2026, 1, 1, 18, tzinfo=datetime.UTC) + datetime.timedelta(days=next(self._days))

    def put(self, *details: dict, at: datetime.datetime) -> list[str]:
        """Puts one event for each of the details on the bus; their ids."""
        entries = [entry(json.dumps(detail, ensure_ascii=False), at) for detail in details]
        answers = self._cloud.client("events").put_events(Entries=entries)
        assert answers["FailedEntryCount"] == 0, answers
        return [answer["EventId"] for answer in answers["Entries"]]

    def started_by(self, event_id: str) -> Execution:
        """The execution to which an event has led."""
        found = wait_until(self.inputs, lambda inputs: event_id in inputs, f"an execution of event {event_id}", 20)
        return found[event_id]

    def inputs(self) -> dict[str, Execution]:
        """Executions of the fleet by the event that has started them."""
        pages = self._steps.get_paginator("list_executions").paginate(stateMachineArn=self._cloud.fleet_state_machine_arn)
        found = {}
        for each in (execution for page in pages for execution in page["executions"]):
            given = json.loads(self._steps.describe_execution(executionArn=each["executionArn"])["input"])
            if isinstance(given, dict) and isinstance(given.get("id"), str):
                found[given["id"]] = Execution(self._cloud, each["name"], arn=each["executionArn"])
        return found


def entry(detail: str, at: datetime.datetime) -> dict:
    return {"Source": "aws.config", "DetailType": "Config Rules Compliance Change", "Time": at, "Resources": [], "Detail": detail}


def detail_of(resource_id: object, resource_type: str = "AWS::RDS::DBInstance", **members) -> dict:
    """As AWS Config writes it: developer guide, "Monitoring AWS Config with Amazon EventBridge"."""
    rule = "rds-reencrypt-instances"
    qualifier = {"configRuleName": rule, "resourceType": resource_type, "resourceId": resource_id}
    return {
        "resourceId": resource_id,
        "awsRegion": REGION,
        "awsAccountId": ACCOUNT,
        "configRuleName": rule,
        "recordVersion": "1.0",
        "configRuleARN": f"arn:aws:config:{REGION}:{ACCOUNT}:config-rule/config-rule-abcdef",
        "messageType": "ComplianceChangeNotification",
        "newEvaluationResult": {
            "evaluationResultIdentifier": {"evaluationResultQualifier": qualifier, "orderingTimestamp": "2026-01-01T17:59:00.000Z"},
            "complianceType": "NON_COMPLIANT",
            "resultRecordedTime": "2026-01-01T17:59:30.000Z",
            "configRuleInvokedTime": "2026-01-01T17:59:29.000Z",
        },
        "notificationCreationTime": "2026-01-01T17:59:31.000Z",
        "resourceType": resource_type,
    } | members


def event_of(detail: object, at: datetime.datetime, **members) -> dict:
    """As EventBridge hands it to a target."""
    return {
        "version": "0", "id": str(uuid.uuid4()), "detail-type": "Config Rules Compliance Change", "source": "aws.config",
        "account": ACCOUNT, "time": f"{at:%Y-%m-%dT%H:%M:%SZ}", "region": REGION, "resources": [], "detail": detail,
    } | members  # fmt: skip
