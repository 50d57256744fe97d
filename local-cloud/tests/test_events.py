"""EventBridge on the cloud: events that start state machines and call functions, and those that could not."""

import datetime
import json
import uuid

import pytest
from machines import AWKWARD, ended, output, passing

from local_cloud.testing import wait_until


@pytest.fixture
def rule(cloud):
    """Creates rules with one state machine, or one function, as their target."""
    events = cloud.client("events")
    made = []

    def create(pattern, target_arn, **target):
        name = f"rule-{uuid.uuid4().hex[:8]}"
        arn = events.put_rule(Name=name, EventPattern=json.dumps(pattern))["RuleArn"]
        role = cloud.role_arn("events.amazonaws.com")
        events.put_targets(Rule=name, Targets=[{"Id": "only", "Arn": target_arn, "RoleArn": role} | target])
        made.append(name)
        return arn

    yield create
    for name in made:
        events.remove_targets(Rule=name, Ids=["only"])
        events.delete_rule(Name=name)


def compliance_change(**detail):
    return {
        "Source": "aws.config", "DetailType": "Config Rules Compliance Change", "Resources": ["arn:of:it"],
        "Detail": json.dumps({"newEvaluationResult": {"complianceType": "NON_COMPLIANT"}, "text": AWKWARD} | detail),
    }  # fmt: skip


PATTERN = {
    "source": ["aws.config"], "detail-type": ["Config Rules Compliance Change"],
    "detail": {"newEvaluationResult": {"complianceType": ["NON_COMPLIANT"]}},
}  # fmt: skip


def only_execution(client, machine_arn):
    def found():
        return client.list_executions(stateMachineArn=machine_arn)["executions"]

    (execution,) = wait_until(found, "an execution")
    return ended(client, execution["executionArn"])


def test_an_event_is_a_state_machines_whole_input(cloud, machine, rule):
    arn = machine(Give=passing("{% $states.input %}"))
    rule(PATTERN, arn)
    other = compliance_change(newEvaluationResult={"complianceType": "COMPLIANT"})
    sent = cloud.client("events").put_events(Entries=[compliance_change(resourceId="db-X"), other])["Entries"]
    event = output(only_execution(cloud.client("stepfunctions"), arn))
    detail = event.pop("detail")
    assert (detail["resourceId"], detail["text"]) == ("db-X", AWKWARD)
    assert event.pop("time").endswith("Z")
    assert event == {
        "version": "0", "id": sent[0]["EventId"], "detail-type": "Config Rules Compliance Change",
        "source": "aws.config", "account": "123456789012", "region": cloud.exports["AWS_REGION"],
        "resources": ["arn:of:it"],
    }  # fmt: skip


def test_an_event_is_a_functions_whole_payload(cloud, rule):
    name = f"told-{uuid.uuid4().hex[:8]}"
    rule(PATTERN, cloud.create_function(name))
    cloud.client("events").put_events(Entries=[compliance_change(resourceId="db-Z")])

    def told():
        logs = cloud.client("logs")
        try:
            events = logs.filter_log_events(logGroupName=f"/aws/lambda/{name}")["events"]
        except logs.exceptions.ResourceNotFoundException:
            return None
        return [json.loads(each["message"].removeprefix("event ")) for each in events if each["message"].startswith("event ")]

    (event,) = wait_until(told, "the function's call")
    assert (event["source"], event["detail"]["resourceId"], event["detail"]["text"]) == ("aws.config", "db-Z", AWKWARD)


def test_a_nested_executions_end_is_an_event_of_its_own(cloud, machine, rule):
    told = machine(Give=passing("{% $states.input.detail %}"))
    nested = machine(Fail={"Type": "Fail", "Error": "SlotLost"})
    rule({"source": ["aws.states"], "detail": {"stateMachineArn": [nested]}}, told)
    client = cloud.client("stepfunctions")
    arguments = {"StateMachineArn": nested, "Name": "inner"}
    resource = "arn:aws:states:::states:startExecution.sync:2"
    outer = machine(Start={"Type": "Task", "Resource": resource, "Arguments": arguments, "End": True})
    client.start_execution(stateMachineArn=outer)
    detail = output(only_execution(client, told))
    assert (detail["name"], detail["status"], detail["error"]) == ("inner", "FAILED", "SlotLost")


def test_an_event_whose_target_is_gone_is_a_dead_letter(cloud, machine, rule):
    queues = cloud.client("sqs")
    url = queues.create_queue(QueueName=f"letters-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    queue_arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    arn = machine(Give=passing(1))
    rule_arn = rule(PATTERN, arn, DeadLetterConfig={"Arn": queue_arn})
    cloud.client("stepfunctions").delete_state_machine(stateMachineArn=arn)
    cloud.client("events").put_events(Entries=[compliance_change(resourceId="db-Y")])

    def letters():
        return queues.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages")

    (letter,) = wait_until(letters, "a dead letter")
    assert json.loads(letter["Body"])["detail"]["resourceId"] == "db-Y"
    attributes = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert arn in attributes.pop("ERROR_MESSAGE")
    assert attributes == {"RULE_ARN": rule_arn, "TARGET_ARN": arn, "ERROR_CODE": "NO_RESOURCE"}


def test_entries_over_the_limit_are_refused(cloud):
    events = cloud.client("events")
    entry = compliance_change()
    size = sum(len(text.encode()) for text in [entry["Source"], entry["DetailType"], entry["Detail"], "arn:of:it"])
    just = entry | {"Detail": entry["Detail"][:-1] + " " * (262_144 - size) + "}"}
    assert events.put_events(Entries=[just])["FailedEntryCount"] == 0
    with pytest.raises(events.exceptions.ClientError, match="over the limit"):
        events.put_events(Entries=[just | {"Source": "aws.config2"}])


def test_a_topics_subscribers_read_a_line_of_the_event_and_a_log_group_has_all_of_it(cloud, rule):
    topic_arn = cloud.client("sns").create_topic(Name=f"topic-{uuid.uuid4().hex[:8]}")["TopicArn"]
    queues = cloud.client("sqs")
    url = queues.create_queue(QueueName=f"readers-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    queue_arn = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    cloud.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=queue_arn)
    group = f"/aws/events/{uuid.uuid4().hex[:8]}"
    cloud.client("logs").create_log_group(logGroupName=group)
    transformer = {"InputPathsMap": {"id": "$.detail.resourceId"}, "InputTemplate": '"<id> is found"'}
    rule_arn = rule(PATTERN, topic_arn, InputTransformer=transformer)
    name = rule_arn.split("/")[-1]
    log_group = {"Id": "journal", "Arn": f"arn:aws:logs:{cloud.exports['AWS_REGION']}:123456789012:log-group:{group}"}
    cloud.client("events").put_targets(Rule=name, Targets=[log_group])
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(minutes=1)
    cloud.client("events").put_events(Entries=[compliance_change(resourceId="db-Z")])
    (letter,) = wait_until(lambda: queues.receive_message(QueueUrl=url).get("Messages"), "a letter")
    assert json.loads(letter["Body"])["Message"] == "db-Z is found"
    (logged,) = cloud.client("logs").filter_log_events(logGroupName=group)["events"]
    detail = json.loads(logged["message"])["detail"]
    assert (detail["resourceId"], detail["text"]) == ("db-Z", AWKWARD)

    def triggered():
        answer = cloud.client("cloudwatch").get_metric_statistics(
            Namespace="AWS/Events", MetricName="TriggeredRules", Dimensions=[{"Name": "RuleName", "Value": name}], Statistics=["Sum"],
            Period=60, StartTime=before, EndTime=datetime.datetime.now(datetime.UTC),
        )  # fmt: skip
        return sum(point["Sum"] for point in answer["Datapoints"])

    wait_until(lambda: triggered() == 1, "the rule's metric")
    cloud.client("events").remove_targets(Rule=name, Ids=["journal"])
