"""S3 and SNS from a state machine on the cloud: what is sent, what comes back, how errors are named."""

import json
import uuid

import pytest
from machines import AWKWARD, calling, output, then

NO_TOPIC = {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:none", "Message": "m"}


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@pytest.fixture
def bucket(cloud):
    name = f"bucket-{uuid.uuid4().hex[:8]}"
    region = cloud.exports["AWS_REGION"]
    cloud.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})
    return name


def put(bucket, key, body, **more):
    return calling("aws-sdk:s3:putObject", {"Bucket": bucket, "Key": key, "Body": body}, **more)


@pytest.mark.parametrize(
    "body, stored",
    [
        ("{% $states.input %}", compact({"text": AWKWARD, "list": [1]})),
        ({"text": "{% $states.input.text %}"}, compact({"text": AWKWARD})),
        ("{% $states.input.list %}", "[1]"),
        # Of a string, on AWS as well, the JSON is stored: with its quotes.
        ("{% $states.input.text %}", compact(AWKWARD)),
    ],
)
def test_an_object_is_written_and_read(cloud, run, bucket, body, stored):
    execution = run(
        {"text": AWKWARD, "list": [1]},
        Put=then("Get", put(bucket, "a/b.json", body)),
        Get=calling("aws-sdk:s3:getObject", {"Bucket": bucket, "Key": "a/b.json"}, Output="{% $states.result.Body %}"),
    )
    assert output(execution) == stored
    assert cloud.client("s3").get_object(Bucket=bucket, Key="a/b.json")["Body"].read().decode() == stored


def test_objects_are_counted(run, cloud, bucket):
    for number in range(5):
        cloud.client("s3").put_object(Bucket=bucket, Key=f"failed/{number}", Body=b"")

    def listed(**more):
        return output(run(List=calling("aws-sdk:s3:listObjectsV2", {"Bucket": bucket, **more})))

    assert listed(Prefix="failed/")["KeyCount"] == 5
    few = listed(Prefix="failed/", MaxKeys=3)
    assert (few["KeyCount"], few["IsTruncated"], few["Contents"][0]["Key"]) == (3, True, "failed/0")
    assert few["Contents"][0]["LastModified"].endswith("Z")
    none = listed(Prefix="done/", MaxKeys="{% 1 %}")
    assert (none["KeyCount"], "Contents" in none) == (0, False)


@pytest.mark.parametrize(
    "integration, arguments, name",
    [
        ("aws-sdk:s3:getObject", {"Bucket": "BUCKET", "Key": "none"}, "S3.NoSuchKeyException"),
        ("aws-sdk:s3:getObject", {"Bucket": "no-bucket", "Key": "none"}, "S3.NoSuchBucketException"),
        ("aws-sdk:s3:putObject", {"Bucket": "no-bucket", "Key": "k", "Body": "b"}, "S3.NoSuchBucketException"),
        ("aws-sdk:s3:listObjectsV2", {"Bucket": "no-bucket"}, "S3.NoSuchBucketException"),
        ("sns:publish", NO_TOPIC, "SNS.NotFoundException"),
        ("aws-sdk:sns:publish", NO_TOPIC, "Sns.NotFoundException"),
    ],
)
def test_errors_have_the_names_of_the_java_sdk(run, bucket, integration, arguments, name):
    arguments = {member: bucket if value == "BUCKET" else value for member, value in arguments.items()}
    execution = run(Call=calling(integration, arguments))
    assert (execution["status"], execution["error"]) == ("FAILED", name)


@pytest.mark.parametrize("message, sent", [("{% $states.input.text %}", AWKWARD), ({"a": "{% $states.input.list %}"}, '{"a":[1]}')])
def test_a_message_is_published(cloud, run, message, sent):
    sns, sqs = cloud.client("sns"), cloud.client("sqs")
    topic = sns.create_topic(Name=f"topic-{uuid.uuid4().hex[:8]}")["TopicArn"]
    url = sqs.create_queue(QueueName=f"queue-{uuid.uuid4().hex[:8]}")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    arguments = {"TopicArn": topic, "Subject": "{% 'Fleet: ' & $string(1) %}", "Message": message}
    execution = run({"text": AWKWARD, "list": [1]}, Publish=calling("sns:publish", arguments))
    assert output(execution)["MessageId"]
    (received,) = sqs.receive_message(QueueUrl=url)["Messages"]
    notification = json.loads(received["Body"])
    assert (notification["Subject"], notification["Message"]) == ("Fleet: 1", sent)
