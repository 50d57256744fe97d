"""Passwords that change while a run waits: the application's, the master user's, and rotations that are half done."""

import json

import pytest

from demo.databases import MASTER, MASTER_PASSWORD
from demo.executions import Execution
from demo.shop import make_secret
from demo.waiting import wait_until
from executions.denials import ONLY_THE_SWITCH, denied
from executions.runs import approve, target_of
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name

from .test_secrets import held, place

NAME = "rotating"


@pytest.fixture(scope="module")
def secrets(cloud):
    return cloud.client("secretsmanager")


def make_role(databases, source: dict, password: str) -> None:
    with databases.connect(source, "app") as session:
        session.execute(f"create role shop login password '{password}'")
        session.execute("grant select on public.thing to shop")


def login(databases, instance: dict, password: str) -> int:
    with databases.connect(instance, "app", "shop", password) as session:
        return session.execute("select count(*) from public.thing").fetchone()[0]


def wait_for_looks(execution: Execution, is_so, what: str) -> list[str]:
    return wait_until(lambda: held(execution), is_so, what, LIMIT_SECONDS)


@pytest.mark.long
@pytest.mark.parametrize("major", [17, 13])
def test_a_password_that_rotates_before_the_approval_opens_the_new_database(cloud, databases, outcome, secrets, major):
    name = f"{NAME}-{major}"
    source = make_source(cloud, name, major)
    make_role(databases, source, "first")
    own = make_secret(cloud, f"{name}/own", place(source) | {"username": "shop", "password": "first"})
    with outcome.carried(source, cutover={"secrets": [secret_name(name), own]}) as execution:
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        secrets.put_secret_value(SecretId=own, SecretString=json.dumps(place(source) | {"username": "shop", "password": "second"}))
        # A mistake is not carried: the source does not take it either.
        seen = wait_for_looks(execution, bool, "a secret that opens neither database")
        assert any(own in each and "so does the source" in each for each in seen), seen
        with databases.connect(source) as session:
            session.execute("alter role shop password 'second'")
        wait_for_looks(execution, lambda seen: not seen, "a secret that opens both")
        target = target_of(databases, name)
        assert login(databases, target, "second") == 600
        with databases.connect(source) as session:
            session.execute("alter role shop password 'third'")
        secrets.put_secret_value(SecretId=own, SecretString=json.dumps(place(source) | {"username": "shop", "password": "third"}))
        approve(cloud, name, execution.name)
    assert login(databases, target, "third") == 600
    assert json.loads(secrets.get_secret_value(SecretId=own)["SecretString"]) == place(target) | {"username": "shop", "password": "third"}


@pytest.mark.parametrize("major", [16, pytest.param(12, marks=pytest.mark.long)])
def test_a_rotation_that_is_half_done_holds_the_run_by_name_and_cannot_lead_back(cloud, databases, outcome, secrets, major):
    name = f"half-done-{major}"
    source = make_source(cloud, name, major)
    secret = secret_name(name)
    text = secrets.get_secret_value(SecretId=secret)["SecretString"]
    pending = secrets.put_secret_value(SecretId=secret, SecretString=text, VersionStages=["AWSPENDING"])["VersionId"]
    planned = Execution(cloud, f"plan-{name}", make_request(name, plan_only=True))
    planned.wait(LIMIT_SECONDS)
    warned = [finding for finding in planned.output["findings"] if finding["name"] == "SecretRotation"]
    assert [finding["verdict"] for finding in warned] == ["warn"] and pending in warned[0]["found"]
    with outcome.carried(source) as execution:
        seen = wait_for_looks(execution, bool, "a rotation that is seen")
        assert any(secret in each and pending in each and "AWSPENDING" in each for each in seen), seen
        secrets.update_secret_version_stage(SecretId=secret, VersionStage="AWSPENDING", RemoveFromVersionId=pending)


@pytest.mark.long
def test_a_rotation_that_begins_behind_the_fence_is_stopped_before_it_leads_back(cloud, outcome, secrets):
    name = "late"
    source = make_source(cloud, name, 16)
    secret = secret_name(name)
    text = secrets.get_secret_value(SecretId=secret)["SecretString"]
    with outcome.carried(source) as execution, denied(cloud, "Cutover", "secretsmanager:UpdateSecretVersionStage", ONLY_THE_SWITCH):
        execution.wait_for_state("WaitForward", LIMIT_SECONDS)
        secrets.put_secret_value(SecretId=secret, SecretString=text, VersionStages=["AWSPENDING"])
    assert [each for each in execution.output["report"]["drift"] if secret in each and "was stopped: rotate it again" in each]
    stages = secrets.describe_secret(SecretId=secret)["VersionIdsToStages"].values()
    assert not any("AWSPENDING" in labels for labels in stages), stages


def test_a_rotation_that_is_due_within_the_run_is_told_in_the_plan(cloud, secrets):
    name = "due"
    make_source(cloud, name, 17)
    secrets.rotate_secret(
        SecretId=secret_name(name), RotationLambdaARN="arn:aws:lambda:eu-central-1:123456789012:function:rotates",
        RotationRules={"AutomaticallyAfterDays": 3}, RotateImmediately=False,
    )  # fmt: skip
    planned = Execution(cloud, f"plan-{name}", make_request(name, plan_only=True))
    planned.wait(LIMIT_SECONDS)
    found = [finding["found"] for finding in planned.output["findings"] if finding["name"] == "SecretRotation"]
    assert len(found) == 1 and "within 72 hours" in found[0], found


def test_a_role_that_logs_in_by_iam_is_named_and_not_tried(cloud, databases, secrets):
    name = "by-iam"
    # Since 16 who did not make a role needs ADMIN on it, which this cloud does not give its master user.
    source = make_source(cloud, name, 15)
    make_role(databases, source, "none-of-it")
    with databases.connect(source) as session:
        session.execute("grant rds_iam to shop")
    own = make_secret(cloud, f"{name}/own", place(source) | {"username": "shop", "password": "a token"})
    host_only = make_secret(cloud, f"{name}/host", {key: place(source)[key] for key in ("host", "port")})
    planned = Execution(cloud, f"plan-{name}", make_request(name, plan_only=True, cutover={"when": "now", "secrets": [own, host_only]}))
    planned.wait(LIMIT_SECONDS)
    told = [finding["found"] for finding in planned.output["findings"] if finding["name"] == "SecretLogin"]
    assert len(told) == 2 and any(own in each and "rds_iam" in each for each in told) and any(host_only in each for each in told), told


@pytest.mark.parametrize("major", [16, pytest.param(12, marks=pytest.mark.long)])
def test_the_master_password_rotates_while_a_run_waits_and_the_copy_follows(cloud, databases, key_arn, secrets, major):
    name = f"master-{major}"
    source = make_source(cloud, name, major)
    secret, text = secret_name(name), secrets.get_secret_value(SecretId=secret_name(name))["SecretString"]
    execution = Execution(cloud, f"move-{name}", make_request(name, cutover={"secrets": [secret]}))
    execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
    with databases.connect(source) as session:
        session.execute(f"alter role {MASTER} password 'rotated'")
    secrets.put_secret_value(SecretId=secret, SecretString=text.replace(MASTER_PASSWORD, "rotated"))
    looks = len([state for state in execution.follow() if state == "AwaitApproval"])
    wait_until(lambda: execution.follow().count("AwaitApproval"), lambda now: now >= looks + 2, "two more looks", 60)
    approve(cloud, name, execution.name)
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", described
    target = target_of(databases, name)
    with databases.connect(target, "app", MASTER, "rotated") as session:
        assert session.execute("select count(*) from public.thing").fetchone()[0] == 600
    after = json.loads(secrets.get_secret_value(SecretId=secret)["SecretString"])
    assert (after["password"], after["port"]) == ("rotated", str(target["Endpoint"]["Port"]))


@pytest.mark.long
def test_a_master_password_that_no_version_of_the_secret_has_is_told_with_the_server(cloud, databases, outcome):
    name = "unknown"
    source = make_source(cloud, name, 17)
    with outcome.given_back(source, "SecretUnusable", "no login for 20 polls", "of the target", secret_name(name), "28P01", cutover={}) as execution:
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        with databases.connect(target_of(databases, name)) as session:
            session.execute(f"alter role {MASTER} password 'nobody-knows'")
