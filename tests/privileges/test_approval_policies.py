"""The policies of infra/policies, as somebody meets them who has them: here by way of a function's role."""

import json
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from local_cloud.testing import Cloud

POLICIES = Path(__file__).resolve().parents[2] / "infra" / "policies"
FUNCTION = "somebody"
ONCE = Config(retries={"total_max_attempts": 1})
RDS = "arn:aws:rds:eu-central-1:123456789012"
NEW, SOURCE, NAMESAKE = "orders-enc-0123456789", "orders", "orders-enc-by-somebody"
MADE_BY_A_RUN = {"rds-reencrypt:execution": "first"}
APPROVAL = {"rds-reencrypt:approve": "first"}
STATES = "arn:aws:states:eu-central-1:123456789012"
EVERYTHING_OF_RDS = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "rds:*", "Resource": "*"}]}


@pytest.fixture(scope="module")
def cloud():
    running = Cloud()
    yield running
    assert running.stop() == 0


def tag_list(tags: dict) -> list[dict]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


@pytest.fixture(scope="module", autouse=True)
def databases_to_tag(cloud):
    """Clusters without members: it is their names and tags that count."""
    cloud.create_function(FUNCTION)
    rds = cloud.client("rds")
    for identifier, tags in {NEW: MADE_BY_A_RUN, SOURCE: {}, NAMESAKE: {}}.items():
        rds.create_db_cluster(
            DBClusterIdentifier=identifier, Engine="aurora-postgresql", MasterUsername="master", MasterUserPassword="correct-horse-battery",
            Tags=tag_list(tags),
        )  # fmt: skip
    yield
    for identifier in NEW, SOURCE, NAMESAKE:
        rds.delete_db_cluster(DBClusterIdentifier=identifier, SkipFinalSnapshot=True)
    cloud.api("DELETE", "actions")


@pytest.fixture
def somebody(cloud):
    """A client of somebody with these policies."""
    iam = cloud.client("iam")
    session = boto3.Session(f"function.{FUNCTION}", "secret", region_name=cloud.exports["AWS_REGION"])
    given = []

    def client(service: str, *policies: str | dict):
        for number, policy in enumerate(policies):
            document = (POLICIES / policy).read_text() if isinstance(policy, str) else json.dumps(policy)
            iam.put_role_policy(RoleName="lambda", PolicyName=f"given-{number}", PolicyDocument=document)
            given.append(f"given-{number}")
        return session.client(service, endpoint_url=cloud.exports["AWS_ENDPOINT_URL"], config=ONCE)

    yield client
    for name in set(given):
        iam.delete_role_policy(RoleName="lambda", PolicyName=name)


def is_allowed(ask, **members) -> bool:
    """Whether it was not refused; what is asked for need not exist."""
    try:
        ask(**members)
    except ClientError as error:
        return error.response["Error"]["Code"] not in ("AccessDenied", "AccessDeniedException")
    return True


@pytest.mark.parametrize(
    "kind, identifier, tags, allowed",
    [
        ("cluster", NEW, APPROVAL, True),
        ("cluster", NEW, APPROVAL | {"rds-reencrypt:approved-by": "Ada, after the rehearsal"}, True),
        ("cluster", NEW, APPROVAL | {"team": "mine"}, False),
        ("cluster", NEW, {"rds-reencrypt:execution": "first"}, False),
        ("cluster", NEW, {"encrypt:approval": "none"}, False),
        ("cluster", SOURCE, APPROVAL, False),
        ("cluster", NAMESAKE, APPROVAL, False),
        ("db", SOURCE, APPROVAL, False),
        ("snapshot", NEW, APPROVAL, False),
    ],
)
def test_who_approves_may_do_so_by_name_on_what_a_run_has_made_and_set_no_other_tag(somebody, kind, identifier, tags, allowed):
    rds = somebody("rds", "approve.json")
    assert is_allowed(rds.add_tags_to_resource, ResourceName=f"{RDS}:{kind}:{identifier}", Tags=tag_list(tags)) == allowed


def test_who_approves_may_see_and_nothing_else(cloud, somebody):
    rds, states = (somebody(service, "approve.json") for service in ("rds", "stepfunctions"))
    assert is_allowed(rds.describe_db_instances) and is_allowed(rds.describe_db_clusters)
    assert is_allowed(states.get_execution_history, executionArn=f"{STATES}:execution:rds-reencrypt:first")
    assert is_allowed(states.list_state_machines)
    assert not is_allowed(states.get_execution_history, executionArn=f"{STATES}:execution:another:first")
    assert not is_allowed(states.start_execution, stateMachineArn=f"{STATES}:stateMachine:rds-reencrypt")
    assert not is_allowed(states.stop_execution, executionArn=f"{STATES}:execution:rds-reencrypt:first")
    assert not is_allowed(rds.remove_tags_from_resource, ResourceName=f"{RDS}:cluster:{NEW}", TagKeys=["rds-reencrypt:approve"])
    assert not is_allowed(rds.delete_db_cluster, DBClusterIdentifier=NEW, SkipFinalSnapshot=True)


def test_who_starts_may_not_approve(somebody):
    rds, states = (somebody(service, "start.json") for service in ("rds", "stepfunctions"))
    assert is_allowed(states.start_execution, stateMachineArn=f"{STATES}:stateMachine:rds-reencrypt")
    assert is_allowed(states.stop_execution, executionArn=f"{STATES}:execution:rds-reencrypt:first")
    assert is_allowed(states.list_state_machines) and is_allowed(
        states.describe_state_machine, stateMachineArn=f"{STATES}:stateMachine:rds-reencrypt"
    )
    assert not is_allowed(states.start_execution, stateMachineArn=f"{STATES}:stateMachine:another")
    assert not is_allowed(rds.add_tags_to_resource, ResourceName=f"{RDS}:cluster:{NEW}", Tags=tag_list(APPROVAL))


def test_who_administers_rds_may_be_kept_from_approving(somebody):
    members = {"ResourceName": f"{RDS}:cluster:{NEW}", "Tags": tag_list(APPROVAL)}
    assert is_allowed(somebody("rds", EVERYTHING_OF_RDS).add_tags_to_resource, **members)
    rds = somebody("rds", EVERYTHING_OF_RDS, "not-approve.json")
    assert not is_allowed(rds.add_tags_to_resource, **members)
    assert is_allowed(rds.add_tags_to_resource, **members | {"Tags": tag_list({"team": "mine"})})
