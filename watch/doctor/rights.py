"""What the functions' roles may do to this source, its snapshots and its target, by IAM's simulation. That includes permissions
boundaries and the organization's policies, which no template shows. The key's own policy is read separately."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from botocore.exceptions import ClientError

from .check import Check, Verdict
from .stack import Stack

# Stands for the ten digits of an execution: all names of a run follow from its ARN.
RUN = "0123456789"


@dataclass(frozen=True)
class Right:
    """What one function does in one state, on resources with the names that a run gives them."""

    function: str
    step: str
    action: str
    resources: tuple[str, ...]
    # Condition keys of the request or the resource, and their values.
    context: dict[str, str] = field(default_factory=dict)


SNAPSHOT, COPY, TARGET = f"rds-reencrypt-{RUN}", f"rds-reencrypt-{RUN}-encrypted", "{source}-enc-" + RUN
TAGGING, MOVED = {"aws:TagKeys": "rds-reencrypt:execution"}, {"aws:TagKeys": "rds-reencrypt:moved-to"}
OURS = {"aws:ResourceTag/rds-reencrypt:execution": "example"}
OF_INSTANCES = (
    Right("snapshot", "Snapshot", "rds:CreateDBSnapshot", ("db:{source}", f"snapshot:{SNAPSHOT}"), TAGGING),
    Right("copy-encrypted", "CopyEncrypted", "rds:CopyDBSnapshot", (f"snapshot:{SNAPSHOT}", f"snapshot:{COPY}"), TAGGING),
    Right("restore", "Restore", "rds:RestoreDBInstanceFromDBSnapshot", (f"snapshot:{COPY}", f"db:{TARGET}"), TAGGING),
    Right("restore", "Restore", "rds:ModifyDBInstance", (f"db:{TARGET}",)),
    Right("restore", "UndoRestore", "rds:DeleteDBInstance", (f"db:{TARGET}",), OURS),
    Right("finish", "Finish", "rds:AddTagsToResource", ("db:{source}",), MOVED),
)
OF_CLUSTERS = (
    Right("snapshot", "Snapshot", "rds:CreateDBClusterSnapshot", ("cluster:{source}", f"cluster-snapshot:{SNAPSHOT}"), TAGGING),
    Right("restore", "Restore", "rds:RestoreDBClusterFromSnapshot", (f"cluster-snapshot:{SNAPSHOT}", f"cluster:{TARGET}"), TAGGING),
    Right("restore", "Restore", "rds:ModifyDBCluster", (f"cluster:{TARGET}",)),
    Right("restore", "UndoRestore", "rds:DeleteDBCluster", (f"cluster:{TARGET}",), OURS),
    Right("finish", "Finish", "rds:AddTagsToResource", ("cluster:{source}",), MOVED),
)


def simulate(stack: Stack, source: str, is_cluster: bool, key_arn: str, read_secrets: Callable[[], list[str]]) -> Iterator[Check]:
    """Checks the rights on the source, the key, and the secrets that the cutover switches, all from a plan."""
    for right in OF_CLUSTERS if is_cluster else OF_INSTANCES:
        yield _simulate(stack, right, [stack.arn("rds", each.format(source=source)) for each in right.resources])
    # A cluster gets its key from the restore.
    function, step = ("restore", "Restore") if is_cluster else ("copy-encrypted", "CopyEncrypted")
    through_rds = {"kms:ViaService": f"rds.{key_arn.split(':')[3]}.amazonaws.com", "kms:GrantIsForAWSResource": "true"}
    grant = Right(function, step, "kms:CreateGrant", (), through_rds)
    yield _simulate(stack, grant, [key_arn])
    yield _read_key_policy(stack, key_arn, grant)
    for secret in read_secrets():
        yield _simulate(stack, Right("cutover", "Cutover", "secretsmanager:PutSecretValue", ()), [secret])


def _entry(key: str, value: str) -> dict:
    kind = "stringList" if key == "aws:TagKeys" else "boolean" if value == "true" else "string"
    return {"ContextKeyName": key, "ContextKeyType": kind, "ContextKeyValues": [value]}


def _role(stack: Stack, function: str) -> str:
    """The role of the function that executions call under this name; CloudFormation may have added a prefix and a suffix."""
    wanted = function.replace("-", "").lower()
    arn = next(each.arn for each in stack.called if wanted in each.name.replace("-", "").lower())
    return stack.session.client("lambda").get_function_configuration(FunctionName=arn)["Role"]


def _simulate(stack: Stack, right: Right, arns: list[str]) -> Check:
    asked = f"{right.function} may {right.action} on {', '.join(arn.split(':', 5)[5] for arn in arns)}"
    context = [_entry(key, value) for key, value in right.context.items()]
    try:
        answer = stack.session.client("iam").simulate_principal_policy(
            PolicySourceArn=_role(stack, right.function), ActionNames=[right.action], ResourceArns=arns, ContextEntries=context
        )
    except ClientError as error:
        return Check(Verdict.WARNED, asked, f"unknown: {error}", right.step, "needs iam:SimulatePrincipalPolicy")
    refused = [each for each in answer["EvaluationResults"] if each["EvalDecision"] != "allowed"]
    if not refused:
        return Check(Verdict.FINE, asked, "allowed", right.step)
    remedy = "look for a Deny, a permissions boundary, or a policy of the organization"
    return Check(Verdict.FAILED, asked, f"{refused[0]['EvalDecision']} on {refused[0]['EvalResourceName']}", right.step, remedy)


def _read_key_policy(stack: Stack, key_arn: str, right: Right) -> Check:
    """IAM policies apply to a key only if the key's policy delegates to IAM, or names the role."""
    asked = f"the policy of key {key_arn.split('/')[-1]} lets the role of {right.function} use it"
    try:
        policy = json.loads(stack.session.client("kms").get_key_policy(KeyId=key_arn, PolicyName="default")["Policy"])
    except ClientError as error:
        return Check(Verdict.WARNED, asked, f"unknown: {error}", right.step, "needs kms:GetKeyPolicy")
    account = key_arn.split(":")[4]
    lets_in = {"*", account, f"arn:{key_arn.split(':')[1]}:iam::{account}:root", _role(stack, right.function)}
    statements = policy["Statement"] if isinstance(policy["Statement"], list) else [policy["Statement"]]
    if any(_is_for(each, lets_in) for each in statements):
        return Check(Verdict.FINE, asked, "allowed", right.step)
    remedy = "add a statement that allows kms:CreateGrant, kms:DescribeKey and what RDS needs to the account's root, or to the role"
    return Check(Verdict.FAILED, asked, "no statement is for the account or the role", right.step, remedy)


def _is_for(statement: dict, principals: set[str]) -> bool:
    named = statement.get("Principal", {})
    named = named if isinstance(named, str) else named.get("AWS", [])
    named = {named} if isinstance(named, str) else set(named)
    actions = statement.get("Action", [])
    actions = [actions] if isinstance(actions, str) else actions
    may_grant = any(each in ("*", "kms:*", "kms:CreateGrant", "kms:Create*") for each in actions)
    return statement["Effect"] == "Allow" and may_grant and bool(named & principals)
