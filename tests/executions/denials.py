"""Takes an action away from the role of a function for a while, as somebody's policy would."""

import contextlib
import json
from collections.abc import Iterator

from demo.local_cloud import LocalCloud

# What is tried before the fence moves the run's own label: the switch alone moves AWSCURRENT.
ONLY_THE_SWITCH = {"StringEquals": {"secretsmanager:VersionStage": "AWSCURRENT"}}


@contextlib.contextmanager
def denied(cloud: LocalCloud, function: str, action: str, condition: dict | None = None) -> Iterator[None]:
    """`function` is a part of the name of the role, as in `PollLag`. The block is expected to be refused: a module that asserts
    that nothing was refused is not told of it."""
    iam = cloud.client("iam")
    (role,) = [each["RoleName"] for each in iam.list_roles()["Roles"] if f"{function}FunctionRole" in each["RoleName"]]
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"} | ({"Condition": condition} if condition else {})
    policy = {"RoleName": role, "PolicyName": "denied"}
    iam.put_role_policy(**policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    try:
        yield
    finally:
        iam.delete_role_policy(**policy)
        cloud.api("DELETE", "actions")
