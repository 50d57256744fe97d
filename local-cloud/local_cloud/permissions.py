"""What a request of a function needs by IAM: its action, the resources that it names, and what AWS asks for besides.

Actions are called as policies call them. Which types of resources an action knows is read from the service
authorization reference, as cfn-lint brings it along.
"""

import functools
import importlib.resources
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from moto.core import DEFAULT_ACCOUNT_ID
from moto.logs.models import logs_backends
from moto.rds.models import rds_backends
from moto.secretsmanager.models import secretsmanager_backends

# Signature Version 4 names the service that it is for; IAM calls one of them otherwise.
_CREDENTIAL = re.compile(r"Credential=function\.([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")
_PREFIXES = {"monitoring": "cloudwatch"}
_CBOR = re.compile(r"/service/\w+/operation/(\w+)$")
_OF_S3 = {("GET", True): "GetObject", ("HEAD", True): "GetObject", ("PUT", True): "PutObject", ("GET", False): "ListBucket"}


def access_key_id(function: str) -> str:
    """By this key a request says which function it comes from."""
    return f"function.{function}"


@dataclass(frozen=True)
class Request:
    """What a function asks for."""

    function: str
    region: str
    # As Signature Version 4 names it, and the action as in `rds:CopyDBSnapshot`.
    service: str
    action: str
    members: dict[str, object]

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{DEFAULT_ACCOUNT_ID}:{resource}"


@dataclass(frozen=True)
class Need:
    """An action that has to be allowed, on each of the resources."""

    action: str
    resources: list[str]
    # Condition keys of the request, and their values.
    context: dict[str, object] = field(default_factory=dict)


def read(environ: dict) -> Request | None:
    """The request, if a function makes it; its body can be read once more afterwards."""
    credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if not credential:
        return None
    function, region, service = credential.groups()
    name, members = _name_and_members(environ, service)
    return Request(function, region, service, f"{_PREFIXES.get(service, service)}:{name}", members)


def _name_and_members(environ: dict, service: str) -> tuple[str, dict]:
    if service == "s3":
        bucket, _, key = environ["PATH_INFO"].lstrip("/").partition("/")
        return _OF_S3.get((environ["REQUEST_METHOD"], bool(key)), environ["REQUEST_METHOD"]), {"Bucket": bucket, "Key": key}
    if operation := _CBOR.search(environ["PATH_INFO"]):
        return operation[1], {}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    if target := environ.get("HTTP_X_AMZ_TARGET"):
        return target.split(".")[-1], json.loads(body or b"{}")
    members = dict(parse_qsl(body.decode()))
    return members["Action"], members


def needs(request: Request) -> Iterator[Need]:
    """What has to be allowed, the action itself first."""
    yield Need(request.action, _named(request), _context(request))
    for implied in IMPLIED:
        if resources := implied.about(request):
            context = {key: value.format(region=request.region) for key, value in implied.context.items()}
            for action in implied.actions:
                yield Need(action, resources, _context(request) | context)


@functools.cache
def resource_types(action: str) -> frozenset[str]:
    """The types that the action knows; none where a policy can say nothing but `*`."""
    service, name = action.split(":")
    return frozenset(_reference()[service]["Actions"][name.lower()].get("Resources", ()))


def is_known(action: str) -> bool:
    service, _, name = action.partition(":")
    return name.lower() in _reference().get(service, {"Actions": {}})["Actions"]


@functools.cache
def _reference() -> dict:
    return json.loads((importlib.resources.files("cfnlint.data.AdditionalSpecs") / "Policies.json").read_text())


# --- The resources that a request names ------------------------------------------------------------------------------

# Members of requests to RDS, and the type of what they name.
_OF_RDS = {
    "DBInstanceIdentifier": "db", "SourceDBInstanceIdentifier": "db", "DBClusterIdentifier": "cluster",
    "DBSnapshotIdentifier": "snapshot", "SourceDBSnapshotIdentifier": "snapshot", "TargetDBSnapshotIdentifier": "snapshot",
    "DBClusterSnapshotIdentifier": "cluster-snapshot", "SnapshotIdentifier": "cluster-snapshot",
    "DBParameterGroupName": "pg", "SourceDBParameterGroupIdentifier": "pg", "TargetDBParameterGroupIdentifier": "pg",
    "DBClusterParameterGroupName": "cluster-pg", "SourceDBClusterParameterGroupIdentifier": "cluster-pg",
    "TargetDBClusterParameterGroupIdentifier": "cluster-pg", "DBSubnetGroupName": "subgrp", "OptionGroupName": "og",
}  # fmt: skip


def _named(request: Request) -> list[str]:
    members, service = request.members, request.action.split(":")[0]
    match service:
        case "rds":
            return _named_in_rds(request)
        case "secretsmanager":
            return [_secret_arn(request)]
        case "logs":
            # The ARN in CloudWatch Logs' own refusals, without a name where groups are listed.
            return [request.arn("logs", f"log-group:{members.get('logGroupName', '')}:log-stream:")]
        case "kms":
            return [_key_arn(request, members["KeyId"])]
        case "states":
            return [members.get("stateMachineArn") or members["executionArn"]]
        case "s3":
            return [f"arn:aws:s3:::{members['Bucket']}" + (f"/{members['Key']}" if members["Key"] else "")]
    return []


def _named_in_rds(request: Request) -> list[str]:
    types = resource_types(request.action) if is_known(request.action) else frozenset()
    found = [request.members[name] for name in ("ResourceName", "ResourceIdentifier") if name in request.members]
    for member, kind in _OF_RDS.items():
        if kind in types and (name := request.members.get(member)):
            found.append(_rds_arn(request, kind, name))
    if request.action == "rds:DeleteDBCluster" and (last := request.members.get("FinalDBSnapshotIdentifier")):
        found.append(_rds_arn(request, "cluster-snapshot", last))
    return found


def _rds_arn(request: Request, kind: str, name: str) -> str:
    return name if name.startswith("arn:") else request.arn("rds", f"{kind}:{name}")


def _secret_arn(request: Request) -> str:
    """Behind its name a secret's ARN has six characters of Secrets Manager's own."""
    name = request.members["SecretId"]
    return name if name.startswith("arn:") else request.arn("secretsmanager", f"secret:{name}-??????")


def _key_arn(request: Request, key: str) -> str:
    return key if key.startswith("arn:") else request.arn("kms", f"key/{key}")


def _context(request: Request) -> dict[str, object]:
    """The condition keys that requests bring along by their members."""
    return {"aws:TagKeys": _tag_keys(request), "secretsmanager:VersionStage": request.members.get("VersionStage")}


def _tag_keys(request: Request) -> list[str]:
    return [value for name, value in request.members.items() if name.startswith("Tags.") and name.endswith(".Key")]


# --- What no request shows -------------------------------------------------------------------------------------------

_MADE = {
    "rds:CreateDBSnapshot": ("snapshot", "DBSnapshotIdentifier"),
    "rds:CopyDBSnapshot": ("snapshot", "TargetDBSnapshotIdentifier"),
    "rds:CreateDBClusterSnapshot": ("cluster-snapshot", "DBClusterSnapshotIdentifier"),
    "rds:RestoreDBInstanceFromDBSnapshot": ("db", "DBInstanceIdentifier"),
    "rds:CreateDBInstance": ("db", "DBInstanceIdentifier"),
    "rds:CreateDBInstanceReadReplica": ("db", "DBInstanceIdentifier"),
    "rds:RestoreDBClusterFromSnapshot": ("cluster", "DBClusterIdentifier"),
    "rds:CreateDBParameterGroup": ("pg", "DBParameterGroupName"),
    "rds:CopyDBParameterGroup": ("pg", "TargetDBParameterGroupIdentifier"),
    "rds:CreateDBClusterParameterGroup": ("cluster-pg", "DBClusterParameterGroupName"),
    "rds:CopyDBClusterParameterGroup": ("cluster-pg", "TargetDBClusterParameterGroupIdentifier"),
}


def _made_with_tags(request: Request) -> list[str]:
    if request.action not in _MADE or not _tag_keys(request):
        return []
    kind, member = _MADE[request.action]
    return [_rds_arn(request, kind, request.members[member])]


def _members(request: Request, ending: str) -> list[str]:
    return [value for name, value in request.members.items() if name.endswith(ending) and value]


def _roles_of_features(request: Request) -> list[str]:
    return _members(request, "RoleArn") if request.action.startswith("rds:AddRoleTo") else _members(request, ".RoleArn")


def _keys_of_rds(request: Request) -> list[str]:
    """What has its key from a snapshot, a cluster or a primary does not name it."""
    if not request.action.startswith("rds:"):
        return []
    keys = [value for member in ("KmsKeyId", "PerformanceInsightsKMSKeyId") if (value := request.members.get(member))]
    if request.action in ("rds:RestoreDBInstanceFromDBSnapshot", "rds:CreateDBInstance", "rds:CreateDBInstanceReadReplica"):
        keys.append("that-it-has-already")
    return [_key_arn(request, key) for key in keys]


def _managed_secret(request: Request) -> list[str]:
    is_managed = request.members.get("ManageMasterUserPassword") == "true"
    return [request.arn("secretsmanager", "secret:rds!made-by-rds-??????")] if is_managed else []


def _key_of_managed_secret(request: Request) -> list[str]:
    return [_key_arn(request, key) for key in _members(request, "MasterUserSecretKmsKeyId")]


def _last_snapshot(request: Request, action: str, kind: str) -> list[str]:
    last = request.members.get("FinalDBSnapshotIdentifier")
    return [_rds_arn(request, kind, last)] if request.action == action and last else []


def _first_member_of_new_cluster(request: Request) -> list[str]:
    """RDS makes the members of a Multi-AZ DB cluster by itself."""
    is_multi_az = request.action == "rds:RestoreDBClusterFromSnapshot" and "DBClusterInstanceClass" in request.members
    return [_rds_arn(request, "db", f"{request.members['DBClusterIdentifier']}-instance-1")] if is_multi_az else []


def _members_of_cluster(request: Request) -> list[str]:
    if request.action != "rds:DeleteDBCluster":
        return []
    backend = rds_backends[DEFAULT_ACCOUNT_ID][request.region]
    cluster = backend.clusters.get(request.members["DBClusterIdentifier"])
    members = [member["DBInstanceIdentifier"] for member in cluster.db_cluster_members] if cluster else []
    return [_rds_arn(request, "db", member) for member in members]


def _key_of_secret(request: Request, action: str) -> list[str]:
    if request.action != action:
        return []
    secrets = secretsmanager_backends[DEFAULT_ACCOUNT_ID][request.region].secrets
    secret = secrets.get(request.members["SecretId"])
    key = secret.kms_key_id if secret else None
    return [_key_arn(request, key)] if key and not key.endswith("alias/aws/secretsmanager") else []


def _key_of_log_group(request: Request) -> list[str]:
    if request.action != "logs:FilterLogEvents":
        return []
    group = logs_backends[DEFAULT_ACCOUNT_ID][request.region].groups.get(request.members["logGroupName"])
    return [_key_arn(request, group.kms_key_id)] if group and group.kms_key_id else []


@dataclass(frozen=True)
class Implied:
    """Actions that AWS asks for beside the one of the request."""

    actions: tuple[str, ...]
    # The resources, for a request that needs it; none for all others.
    about: Callable[[Request], list[str]]
    why: str
    source: str
    context: dict[str, str] = field(default_factory=dict)


_DEPENDENT = "service authorization reference, Amazon RDS, dependent actions of "
IMPLIED = (
    Implied(
        ("rds:AddTagsToResource",), _made_with_tags,
        "tags are put on what is made in the caller's name", _DEPENDENT + "CreateDBSnapshot and all others that make something",
    ),
    Implied(
        ("iam:PassRole",), lambda request: _members(request, "MonitoringRoleArn"),
        "RDS takes on the role of enhanced monitoring", _DEPENDENT + "ModifyDBInstance",
        {"iam:PassedToService": "monitoring.rds.amazonaws.com"},
    ),
    Implied(
        ("iam:PassRole",), _roles_of_features,
        "RDS takes on the role of a feature", _DEPENDENT + "AddRoleToDBInstance, AddRoleToDBCluster, RestoreDBClusterFromSnapshot",
        {"iam:PassedToService": "rds.amazonaws.com"},
    ),
    Implied(
        ("kms:CreateGrant", "kms:DescribeKey"), _keys_of_rds,
        "RDS gives itself a grant on the key in the caller's name",
        "Amazon RDS user guide, \"AWS KMS key management\", \"Authorizing use of a customer managed key\"",
        {"kms:ViaService": "rds.{region}.amazonaws.com", "kms:GrantIsForAWSResource": "true"},
    ),
    Implied(
        ("secretsmanager:CreateSecret", "secretsmanager:TagResource"), _managed_secret,
        "RDS makes the master user's secret in the caller's name", _DEPENDENT + "ModifyDBInstance, ModifyDBCluster",
    ),
    Implied(
        ("kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"), _key_of_managed_secret,
        "that secret is under a key of the customer's", _DEPENDENT + "ModifyDBInstance, ModifyDBCluster",
        {"kms:ViaService": "secretsmanager.{region}.amazonaws.com", "kms:GrantIsForAWSResource": "true"},
    ),
    Implied(
        ("rds:CreateDBSnapshot",), lambda request: _last_snapshot(request, "rds:DeleteDBInstance", "snapshot"),
        "the last snapshot of what is deleted; the reference does not say so, and the source is not to stay for want of it",
        "in doubt allowed",
    ),
    Implied(
        ("rds:CreateDBClusterSnapshot",), lambda request: _last_snapshot(request, "rds:DeleteDBCluster", "cluster-snapshot"),
        "the last snapshot of what is deleted; the reference does not say so, and the source is not to stay for want of it",
        "in doubt allowed",
    ),
    Implied(
        ("rds:CreateDBInstance",), _first_member_of_new_cluster,
        "RDS makes the members of a Multi-AZ DB cluster", _DEPENDENT + "RestoreDBClusterFromSnapshot",
    ),
    Implied(
        ("rds:DeleteDBInstance",), _members_of_cluster,
        "RDS deletes the members of a Multi-AZ DB cluster", _DEPENDENT + "DeleteDBCluster",
    ),
    Implied(
        ("kms:Decrypt",), _key_of_log_group,
        "the log group is under a key", "CloudWatch Logs user guide, \"Encrypt log data in CloudWatch Logs using AWS Key Management "
        "Service\", which does not say whether who reads needs it: in doubt asked for",
        {"kms:ViaService": "logs.{region}.amazonaws.com"},
    ),
    Implied(
        ("kms:Decrypt",), lambda request: _key_of_secret(request, "secretsmanager:GetSecretValue"),
        "the secret is under a key of the customer's", "AWS Secrets Manager API reference, GetSecretValue",
        {"kms:ViaService": "secretsmanager.{region}.amazonaws.com"},
    ),
    Implied(
        ("kms:Decrypt", "kms:GenerateDataKey"), lambda request: _key_of_secret(request, "secretsmanager:PutSecretValue"),
        "the secret is under a key of the customer's", "AWS Secrets Manager user guide, \"Permissions for the KMS key\"",
        {"kms:ViaService": "secretsmanager.{region}.amazonaws.com"},
    ),
)  # fmt: skip
