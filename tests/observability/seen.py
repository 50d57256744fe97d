"""What somebody sees who has subscribed to the topic, reads the journal, and asks CloudWatch."""

import contextlib
import datetime
import json
import shlex
from collections.abc import Iterator

from demo.executions import Execution
from demo.local_cloud import LocalCloud
from demo.waiting import wait_until

JOURNAL = "/aws/events/rds-reencrypt"
# (seconds since the first of all, value)
Points = list[tuple[float, float]]


class Seen:
    """A subscriber of the topic of a running cloud, with access to its logs and metrics."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._sqs, self._logs, self._cloudwatch = (cloud.client(name) for name in ("sqs", "logs", "cloudwatch"))
        self._queue = self._sqs.create_queue(QueueName="notifications")["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]
        cloud.client("sns").subscribe(TopicArn=cloud.topic_arn, Protocol="sqs", Endpoint=attributes["QueueArn"])
        self._messages: list[str] = []
        self._spans: dict[str, tuple[datetime.datetime, datetime.datetime]] = {}

    @contextlib.contextmanager
    def during(self, what: str) -> Iterator[None]:
        """The block's metrics are `what`'s."""
        began = _now()
        yield
        # CloudWatch answers by the whole second, up to the one before the last.
        self._spans[what] = began, _now() + datetime.timedelta(seconds=1)
        wait_until(_now, lambda now: now > self._spans[what][1], "the next second", 5)

    def messages(self, about: str) -> list[str]:
        """What the topic's subscribers have read, as far as it has this text in it."""
        while received := self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            for message in received:
                self._messages.append(json.loads(message["Body"])["Message"])
                self._sqs.delete_message(QueueUrl=self._queue, ReceiptHandle=message["ReceiptHandle"])
        return [message for message in self._messages if about in message]

    def journal(self) -> list[dict]:
        """All events, in the order in which they came."""
        pages = self._logs.get_paginator("filter_log_events").paginate(logGroupName=JOURNAL)
        return [json.loads(event["message"]) for page in pages for event in page["events"]]

    def phases(self, execution: Execution) -> list[dict]:
        """Details of the phases that this execution has told, whichever run it speaks of."""
        events = [event for event in self.journal() if event["source"] == "rds-reencrypt" and execution.arn in event["resources"]]
        return [event["detail"] for event in events]

    def metrics(self) -> dict[str, set[tuple[str, ...]]]:
        """The product's metrics by name, with the names of the dimensions that each is known by."""
        found: dict[str, set[tuple[str, ...]]] = {}
        for page in self._cloudwatch.get_paginator("list_metrics").paginate(Namespace="rds-reencrypt"):
            for metric in page["Metrics"]:
                dimensions = tuple(sorted(each["Name"] for each in metric["Dimensions"]))
                found.setdefault(metric["MetricName"], set()).add(dimensions)
        return found

    def points(self, what: str, metric: dict, statistic: str = "Maximum") -> Points:
        """What was measured during something, from its first second on: one value for each second."""
        began, ended = self._spans[what]
        answer = self._cloudwatch.get_metric_statistics(
            StartTime=began, EndTime=ended, Period=1, Statistics=[statistic], **metric
        )  # fmt: skip
        return sorted(((each["Timestamp"] - began).total_seconds(), each[statistic]) for each in answer["Datapoints"])


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def carry_out(cloud: LocalCloud, command: str) -> None:
    """Does what `aws rds add-tags-to-resource` does when a notification's command is typed in."""
    aws, rds, action, resource_option, resource, tags_option, tag = shlex.split(command)
    assert (aws, rds, action, resource_option, tags_option) == ("aws", "rds", "add-tags-to-resource", "--resource-name", "--tags")
    key, value = (member.split("=", 1)[1] for member in tag.split(","))
    cloud.client("rds").add_tags_to_resource(ResourceName=resource, Tags=[{"Key": key, "Value": value}])
