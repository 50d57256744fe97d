"""A function whose role lacks a permission: the execution fails by name, and says which one."""

import contextlib
import json

import pytest

from demo.executions import Execution

from .sources import LIMIT_SECONDS, make_request, make_source


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, "unprivileged", 16)


@contextlib.contextmanager
def without(cloud, function, action):
    """The function's role does not allow the action meanwhile."""
    assert cloud.api("GET", "refusals") == {}
    iam = cloud.client("iam")
    role = cloud.client("lambda").get_function_configuration(FunctionName=function)["Role"].split("/")[-1]
    (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
    policy = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
    text = json.dumps(policy)
    assert f'"{action}"' in text
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text.replace(f'"{action}"', '"sqs:ListQueues"'))
    try:
        yield
    finally:
        iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=text)
        cloud.api("DELETE", "actions")


@pytest.mark.parametrize(
    "function, action",
    [
        ("preflight", "rds:DescribeDBParameters"),
        ("preflight", "kms:DescribeKey"),
        ("inspect", "cloudwatch:GetMetricStatistics"),
    ],
)
def test_what_is_not_allowed_is_said_by_its_name(cloud, source, function, action):
    with without(cloud, function, action):
        execution = Execution(cloud, f"without-{action.replace(':', '-')}", make_request("unprivileged", plan_only=True))
        described = execution.wait(LIMIT_SECONDS)
        assert action in cloud.api("GET", "refusals")[function]
    assert described["status"] == "FAILED" and action in described["cause"], described
