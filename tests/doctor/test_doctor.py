"""`make doctor` on a healthy cloud, and with one defect planted at a time: that one is named, with its remedy, and nothing else fails."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from demo.databases import Databases
from demo.local_cloud import LocalCloud, binaries_directory
from demo.shop import make_key, make_secret
from executions.sources import KEY_ALIAS, make_source, secret_name, secret_value
from watch.doctor.check import Verdict

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCE = "patient"


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud("--binaries", str(binaries_directory())) as running:
        key = make_key(running, KEY_ALIAS)
        source = make_source(running, SOURCE, 17)
        yield SimpleNamespace(cloud=running, source=source, key=key, databases=Databases(running))


def request(**members) -> dict:
    secret = secret_name(SOURCE)
    return {
        "source": SOURCE, "secret": secret, "kms_key": KEY_ALIAS, "consent": {"replica_identity": True}, "cutover": {"secrets": [secret]},
    } | members  # fmt: skip


def doctor(cloud: LocalCloud, *arguments: str) -> tuple[int, str, list[list[str]]]:
    """Exit status, the last line, and the rows of the table, each of five cells."""
    environment = os.environ | cloud.exports | {"PYTHONPATH": str(REPOSITORY), "COLUMNS": "40"}
    ran = subprocess.run([sys.executable, "-m", "watch.doctor", *arguments], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in ran.stdout.splitlines() if "│" in line]
    return ran.returncode, ran.stdout.splitlines()[-1], rows


def failed(rows: list[list[str]]) -> list[list[str]]:
    return [row for row in rows if row[0] == Verdict.FAILED.value]


def test_all_is_well_on_a_healthy_cloud_without_a_source_and_with_one(cloud):
    status, last, rows = doctor(cloud.cloud)
    assert (status, failed(rows)) == (0, []) and last.endswith("0 notes, 0 failed")
    status, last, rows = doctor(cloud.cloud, "--input", json.dumps(request()))
    assert (status, failed(rows)) == (0, []), failed(rows)
    asked = " ".join(row[1] for row in rows)
    for each in "function cutover runs", "reach monitoring", "log in to patient", "NetworkPath", "kms:CreateGrant", "secretsmanager:PutSecretValue":
        assert each in asked, asked
    # It has looked, and nothing else.
    assert cloud.cloud.api("GET", "refusals") == {}
    assert [each["DBInstanceIdentifier"] for each in cloud.databases.all()] == [SOURCE]


@dataclass(frozen=True)
class Defect:
    """What is wrong, and what has to stand in the row that names it: asked or came, the state, the remedy."""

    name: str
    plant: Callable
    told: str
    step: str
    remedy: str
    request: dict | None = None


@contextlib.contextmanager
def fault(scene, **members) -> Iterator[None]:
    scene.cloud.api("POST", "faults", {"share": 1} | members)
    try:
        yield
    finally:
        scene.cloud.api("DELETE", "faults")


@contextlib.contextmanager
def denial(scene, function: str, action: str) -> Iterator[None]:
    iam, role = scene.cloud.client("iam"), role_name(scene, function)
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": action, "Resource": "*"}]}
    iam.put_role_policy(RoleName=role, PolicyName="denied", PolicyDocument=json.dumps(document))
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName="denied")


def role_name(scene, function: str) -> str:
    return scene.cloud.client("lambda").get_function_configuration(FunctionName=function)["Role"].split("/")[-1]


@contextlib.contextmanager
def secret_of(scene, value: str) -> Iterator[None]:
    client = scene.cloud.client("secretsmanager")
    client.put_secret_value(SecretId=secret_name(SOURCE), SecretString=value)
    try:
        yield
    finally:
        client.put_secret_value(SecretId=secret_name(SOURCE), SecretString=json.dumps(secret_value(scene.source)))


@contextlib.contextmanager
def key_disabled(scene) -> Iterator[None]:
    kms = scene.cloud.client("kms")
    kms.disable_key(KeyId=scene.key.split("/")[-1])
    try:
        yield
    finally:
        kms.enable_key(KeyId=scene.key.split("/")[-1])


@contextlib.contextmanager
def key_for_somebody_else(scene) -> Iterator[None]:
    kms = scene.cloud.client("kms")
    before = kms.get_key_policy(KeyId=scene.key, PolicyName="default")["Policy"]
    somebody = {"AWS": "arn:aws:iam::123456789012:role/somebody"}
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": somebody, "Action": "kms:*", "Resource": "*"}]}
    kms.put_key_policy(KeyId=scene.key, PolicyName="default", Policy=json.dumps(policy))
    try:
        yield
    finally:
        kms.put_key_policy(KeyId=scene.key, PolicyName="default", Policy=before)


@contextlib.contextmanager
def closed_groups(scene) -> Iterator[None]:
    ec2, (group,) = scene.cloud.client("ec2"), [each["VpcSecurityGroupId"] for each in scene.source["VpcSecurityGroups"]]
    permissions = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["IpPermissions"]
    ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=permissions)
    try:
        yield
    finally:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=permissions)


@contextlib.contextmanager
def poor_user(scene) -> Iterator[None]:
    """One that was given nothing by which it may use an origin."""
    with scene.databases.connect(scene.source) as session:
        session.execute("create role poor login password 'poor'")
    make_secret(scene.cloud, "poor", secret_value(scene.source) | {"username": "poor", "password": "poor"})
    try:
        yield
    finally:
        with scene.databases.connect(scene.source) as session:
            session.execute("drop role poor")


@contextlib.contextmanager
def other_source(scene, identifier: str, major: int, kind: str = "instance", **members) -> Iterator[None]:
    make_source(scene.cloud, identifier, major, kind, **members)
    try:
        yield
    finally:
        scene.databases.remove(identifier)


@contextlib.contextmanager
def dead_finding(scene) -> Iterator[None]:
    sqs = scene.cloud.client("sqs")
    queue = scene.cloud.client("cloudformation").describe_stacks(StackName="rds-reencrypt")["Stacks"][0]["Outputs"]
    url = next(each["OutputValue"] for each in queue if each["OutputKey"] == "DeadFindingsUrl")
    sqs.send_message(QueueUrl=url, MessageBody="{}")
    try:
        yield
    finally:
        sqs.purge_queue(QueueUrl=url)


DEFECTS = [
    Defect("sleeping function", lambda scene: fault(scene, kind="not-ready", function="cutover", error="ResourceNotReadyException"), "function cutover runs", "Cutover", "in a minute or two"),
    Defect("function that does not run", lambda scene: fault(scene, kind="error-before", function="restore"), "function restore runs", "Restore", "log group"),
    Defect(
        "missing endpoint", lambda scene: fault(scene, kind="unreachable", function="doctor", service="logs"),
        "the functions reach logs", "AdvanceLsn", "interface endpoint of com.amazonaws.eu-central-1.logs",
    ),
    Defect("no path", closed_groups, "NetworkPath", "Subscribe", "aws ec2 authorize-security-group-ingress", request()),
    Defect("key disabled", key_disabled, "KmsKeyUnusable", "CopyEncrypted", "", request()),
    Defect("key of somebody else", key_for_somebody_else, "no statement is for the account", "CopyEncrypted", "add a statement", request()),
    Defect(
        "key not allowed", lambda scene: denial(scene, "copy-encrypted", "kms:CreateGrant"), "copy-encrypted may kms:CreateGrant", "CopyEncrypted", "a Deny",
        request(),
    ),
    Defect(
        "snapshot not allowed", lambda scene: denial(scene, "snapshot", "rds:CreateDBSnapshot"), "snapshot may rds:CreateDBSnapshot", "Snapshot", "a Deny",
        request(),
    ),
    Defect(
        "secret not allowed", lambda scene: denial(scene, "cutover", "secretsmanager:PutSecretValue"), "cutover may secretsmanager:PutSecretValue",
        "Cutover", "a Deny", request(),
    ),
    Defect("origin function withheld", poor_user, "pg_replication_origin_advance", "CreatePublication", "grant execute", request(secret="poor")),
    Defect("secret of another form", lambda scene: secret_of(scene, "postgres://master@host/app"), "is not a JSON object", "Inspect", "JSON object", request()),
    Defect(
        "password that does not fit", lambda scene: secret_of(scene, json.dumps(secret_value(scene.source) | {"password": "former"})),
        "the functions log in to patient", "Inspect", "master user's password", request(),
    ),
    Defect(
        "no logical replication", lambda scene: other_source(scene, "unready", 16, "unprepared"), "WalLevel", "CreatePublication", "consent.reboot",
        request(source="unready", secret="unready/master", cutover={}),
    ),
    Defect(
        "version that cannot be had any more", lambda scene: other_source(scene, "former", 13, EngineVersion="13.10"), "EngineVersion", "Restore", "upgrade",
        request(source="former", secret="former/master", cutover={}),
    ),
    Defect("no such source", lambda scene: contextlib.nullcontext(), "RDS knows nobody", "Inspect", "name an instance", request(source="nobody", cutover={})),
    Defect("finding that nobody took", dead_finding, "handed over", "Discover", "purge"),
]  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: defect.name)
def test_a_defect_is_named_with_its_remedy(cloud, defect):
    with defect.plant(cloud):
        arguments = ["--input", json.dumps(defect.request)] if defect.request else []
        status, _, rows = doctor(cloud.cloud, *arguments)
    assert status == 1
    naming = [row for row in failed(rows) if defect.told in " ".join(row)]
    assert naming, failed(rows)
    assert any(row[3] == defect.step and defect.remedy in " ".join(row) for row in naming), naming
