"""What a function's role allows, as the function sees it: here a client that has its access key."""

import json

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

FUNCTION = "asking"
ONCE = Config(retries={"total_max_attempts": 1})
ACCOUNT = "arn:aws:rds:eu-central-1:123456789012"
OTHER = {"Action": "sqs:ListQueues", "Resource": "*"}
REQUESTS = {
    "rds": ("describe_db_instances", {}, "AccessDenied", "rds:DescribeDBInstances because"),
    "secretsmanager": ("get_secret_value", {"SecretId": "s"}, "AccessDeniedException", "secretsmanager:GetSecretValue on resource: arn"),
    "logs": ("filter_log_events", {"logGroupName": "/g"}, "AccessDeniedException", "logs:FilterLogEvents on resource: arn"),
    "kms": ("describe_key", {"KeyId": "alias/a"}, "AccessDeniedException", "kms:DescribeKey on resource: arn"),
    "s3": ("list_objects_v2", {"Bucket": "b"}, "AccessDenied", "s3:ListBucket on resource: arn:aws:s3:::b because"),
    "cloudwatch": (
        "get_metric_statistics", {"Namespace": "n", "MetricName": "m", "StartTime": 0, "EndTime": 60, "Period": 60},
        "AccessDenied", "cloudwatch:GetMetricStatistics because",
    ),
    "stepfunctions": (
        "list_executions", {"stateMachineArn": "arn:aws:states:eu-central-1:123456789012:stateMachine:m"},
        "AccessDeniedException", "states:ListExecutions on resource: arn",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def function(cloud):
    return cloud.create_function(FUNCTION)


@pytest.fixture
def asking(cloud):
    """A client of the function whose role has these statements alone."""
    iam = cloud.client("iam")
    session = boto3.Session(f"function.{FUNCTION}", "secret", region_name=cloud.exports["AWS_REGION"])

    def client(service, *statements):
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in statements or [OTHER]]})
        iam.put_role_policy(RoleName="lambda", PolicyName="own", PolicyDocument=policy)
        return session.client(service, endpoint_url=cloud.exports["AWS_ENDPOINT_URL"], config=ONCE)

    yield client
    iam.delete_role_policy(RoleName="lambda", PolicyName="own")
    cloud.api("DELETE", "actions")


def refused(ask, **members):
    with pytest.raises(ClientError) as refusal:
        ask(**members)
    return refusal.value.response["Error"]


@pytest.mark.parametrize("service", REQUESTS)
def test_what_is_not_allowed_is_refused_in_the_services_own_words_and_written_down(cloud, asking, service):
    request, members, code, said = REQUESTS[service]
    error = refused(getattr(asking(service), request), **members)
    assert error["Code"] == code
    assert f"assumed-role/lambda/{FUNCTION} is not authorized to perform: {said}" in error["Message"]
    assert said.split()[0] in cloud.api("GET", "refusals")[FUNCTION] and cloud.api("GET", "actions") == {}


def test_what_is_allowed_is_answered_and_written_down_with_what_it_is_about(cloud, asking):
    cloud.client("secretsmanager").create_secret(Name="known", SecretString="value")
    secrets = asking("secretsmanager", {"Action": "secretsmanager:*", "Resource": "*"})
    assert secrets.get_secret_value(SecretId="known")["SecretString"] == "value"
    cloud.client("s3").create_bucket(Bucket="asked", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3 = asking("s3", {"Action": ["s3:PutObject", "s3:GetObject"], "Resource": "arn:aws:s3:::asked/mine/*"})
    s3.put_object(Bucket="asked", Key="mine/a", Body=b"body")
    assert s3.get_object(Bucket="asked", Key="mine/a")["Body"].read() == b"body"
    assert refused(s3.get_object, Bucket="asked", Key="other/a")["Code"] == "AccessDenied"
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:known-??????"
    assert cloud.api("GET", "actions")[FUNCTION] == {
        "secretsmanager:GetSecretValue": [arn], "s3:GetObject": ["arn:aws:s3:::asked/mine/a"], "s3:PutObject": ["arn:aws:s3:::asked/mine/a"],
    }  # fmt: skip
    assert cloud.api("GET", "refusals")[FUNCTION] == {"s3:GetObject": ["arn:aws:s3:::asked/other/a"]}


def test_every_resource_of_a_request_has_to_be_allowed(asking):
    copy = {"SourceDBSnapshotIdentifier": "theirs", "TargetDBSnapshotIdentifier": "ours-1"}
    rds = asking("rds", {"Action": "rds:CopyDBSnapshot", "Resource": f"{ACCOUNT}:snapshot:ours-*"})
    assert f"on resource: {ACCOUNT}:snapshot:theirs " in refused(rds.copy_db_snapshot, **copy)["Message"]
    rds = asking("rds", {"Action": "rds:CopyDBSnapshot", "Resource": [f"{ACCOUNT}:snapshot:{name}" for name in ("ours-*", "theirs")]})
    assert refused(rds.copy_db_snapshot, **copy)["Code"] == "DBSnapshotNotFound"


def test_a_condition_on_a_tag_is_one_on_what_the_thing_has(cloud, asking):
    has_tag = {"Null": {"aws:ResourceTag/mark": "false"}}
    rds = asking("rds", {"Action": "rds:DeleteDBParameterGroup", "Resource": f"{ACCOUNT}:pg:*", "Condition": has_tag})
    for name, tags in {"marked": [{"Key": "mark", "Value": "x"}], "plain": []}.items():
        cloud.client("rds").create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily="postgres17", Description=name, Tags=tags)
    assert refused(rds.delete_db_parameter_group, DBParameterGroupName="plain")["Code"] == "AccessDenied"
    rds.delete_db_parameter_group(DBParameterGroupName="marked")


@pytest.mark.parametrize(
    "request_name, members, implied",
    [
        (
            "create_db_snapshot", {"DBInstanceIdentifier": "d", "DBSnapshotIdentifier": "s", "Tags": [{"Key": "k", "Value": "v"}]},
            "rds:AddTagsToResource on resource: arn:aws:rds:eu-central-1:123456789012:snapshot:s ",
        ),
        (
            "copy_db_snapshot", {"SourceDBSnapshotIdentifier": "s", "TargetDBSnapshotIdentifier": "t", "KmsKeyId": "alias/a"},
            "kms:CreateGrant on resource: arn",
        ),
        ("add_role_to_db_instance", {"DBInstanceIdentifier": "d", "RoleArn": "arn:role", "FeatureName": "f"}, "iam:PassRole on resource: arn:role "),
        (
            "modify_db_instance", {"DBInstanceIdentifier": "d", "MonitoringInterval": 1, "MonitoringRoleArn": "arn:role"},
            "iam:PassRole on resource: arn:role ",
        ),
        ("modify_db_instance", {"DBInstanceIdentifier": "d", "ManageMasterUserPassword": True}, "secretsmanager:CreateSecret on resource: arn"),
        ("delete_db_instance", {"DBInstanceIdentifier": "d", "FinalDBSnapshotIdentifier": "l"}, "rds:CreateDBSnapshot on resource: arn"),
    ],
)  # fmt: skip
def test_what_aws_asks_for_besides_is_asked_for_here_too(asking, request_name, members, implied):
    own = "rds:" + "".join({"db": "DB"}.get(word, word.title()) for word in request_name.split("_"))
    allowed = {"Action": own, "Resource": "*"}
    assert implied in refused(getattr(asking("rds", allowed), request_name), **members)["Message"]
    # In the name of RDS, and of nobody else.
    action = implied.split()[0]
    services = {"kms:CreateGrant": {"kms:ViaService": "ec2.eu-central-1.amazonaws.com"}, "iam:PassRole": {"iam:PassedToService": "ec2.amazonaws.com"}}
    if action in services:
        elsewhere = {"Action": action, "Resource": "*", "Condition": {"StringEquals": services[action]}}
        assert implied in refused(getattr(asking("rds", allowed, elsewhere), request_name), **members)["Message"]
    everything = {"Action": [action, "kms:*", "secretsmanager:*"], "Resource": "*"}
    assert refused(getattr(asking("rds", allowed, everything), request_name), **members)["Code"] != "AccessDenied"


def test_a_secret_under_a_key_of_the_customers_needs_the_key(cloud, asking):
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    arn = cloud.client("secretsmanager").create_secret(Name="locked", SecretString="value", KmsKeyId=key)["ARN"]
    reading = {"Action": "secretsmanager:GetSecretValue", "Resource": arn}
    assert f"kms:Decrypt on resource: {key} " in refused(asking("secretsmanager", reading).get_secret_value, SecretId=arn)["Message"]
    via = {"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}}
    unlocking = {"Action": "kms:Decrypt", "Resource": key, "Condition": via}
    assert asking("secretsmanager", reading, unlocking).get_secret_value(SecretId=arn)["SecretString"] == "value"


def test_a_log_group_under_a_key_is_read_with_the_key(cloud, asking):
    key = cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    cloud.client("logs").create_log_group(logGroupName="locked", kmsKeyId=key)
    reading = {"Action": "logs:FilterLogEvents", "Resource": "arn:aws:logs:eu-central-1:123456789012:log-group:locked:*"}
    assert f"kms:Decrypt on resource: {key} " in refused(asking("logs", reading).filter_log_events, logGroupName="locked")["Message"]
    via = {"StringEquals": {"kms:ViaService": "logs.eu-central-1.amazonaws.com"}}
    unlocking = {"Action": "kms:Decrypt", "Resource": key, "Condition": via}
    assert asking("logs", reading, unlocking).filter_log_events(logGroupName="locked")["events"] == []


def test_a_policy_that_this_cloud_does_not_understand_is_not_passed_over(asking):
    rds = asking("rds", {"Action": "rds:*", "Resource": "*", "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}})
    with pytest.raises(Exception, match=r"500|closed|Connection"):
        rds.describe_db_instances()
