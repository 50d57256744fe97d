"""Secrets that cannot be switched, or would lead the application to the old database again: found before anything is made."""

import json

import boto3
import pytest

from demo.databases import MASTER, MASTER_PASSWORD
from demo.shop import make_key, make_secret
from demo.waiting import wait_until
from executions.denials import denied
from executions.runs import approve, target_of
from executions.sources import LIMIT_SECONDS, make_source, secret_name, secret_value

NAME = "has-secrets"


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, NAME, 16)


@pytest.fixture(scope="module")
def secrets(cloud):
    return cloud.client("secretsmanager")


def switched(*names: str) -> dict:
    return {"cutover": {"when": "now", "secrets": list(names)}}


def place(source: dict) -> dict:
    return {"username": MASTER, "password": MASTER_PASSWORD, "host": source["Endpoint"]["Address"], "port": source["Endpoint"]["Port"]}


def test_a_secret_that_is_replicated_from_another_region_could_not_be_written_behind_the_fence(cloud, outcome, source):
    session = boto3.Session("local", "local", region_name="eu-west-1")
    primary = session.client("secretsmanager", endpoint_url=cloud.exports["AWS_ENDPOINT_URL"])
    primary.create_secret(Name="far/app", SecretString=json.dumps(place(source)), AddReplicaRegions=[{"Region": "eu-central-1"}])
    outcome.refused(source, "SecretUnusable", "far/app", "replica", "eu-west-1", "stop-replication-to-replica", **switched("far/app"))


def test_a_secret_that_a_service_manages_takes_no_writes_of_ours(outcome, source, secrets):
    tags = [{"Key": "aws:secretsmanager:owningService", "Value": "rds"}]
    secrets.create_secret(Name="rds!db-other", SecretString=json.dumps(place(source)), Tags=tags)
    outcome.refused(source, "SecretUnusable", "rds!db-other", "managed by rds", **switched("rds!db-other"))


def url(source: dict, scheme: str = "postgres") -> str:
    return "{}://{}:{}@{Address}:{Port}/app".format(scheme, MASTER, MASTER_PASSWORD, **source["Endpoint"])


def case(make, named: list[str], name: str, *marks):
    return pytest.param(make, named, id=name, marks=marks)


@pytest.mark.parametrize(
    ("more", "paths"),
    [
        case(lambda source: {"url": url(source)}, ["url"], "url"),
        case(lambda source: {"jdbc": "jdbc:postgresql://{Address}:{Port}/app".format(**source["Endpoint"])}, ["jdbc"], "jdbc", pytest.mark.long),
        case(lambda source: {"readerHost": source["Endpoint"]["Address"].upper() + "."}, ["readerHost"], "reader", pytest.mark.long),
        case(lambda source: {"pools": [{"size": 3}, {"dsn": url(source, "postgresql")}]}, ["pools[1].dsn"], "nested", pytest.mark.long),
        case(lambda source: {"spring": json.dumps({"url": url(source)}), "x": [url(source)]}, ["spring", "x[0]"], "json-in-json"),
    ],
)
def test_a_secret_that_says_the_address_once_more_would_lead_back_to_the_fenced_source(cloud, outcome, source, request, more, paths):
    name = f"twice/{request.node.callspec.id}"
    make_secret(cloud, name, place(source) | more(source))
    outcome.refused(source, "SecretUnusable", name, *paths, "host, port", **switched(name))


@pytest.mark.parametrize(
    ("value", "named"),
    [
        case(lambda source: {"DATABASE_URL": url(source)}, ["no key host", "DATABASE_URL"], "url"),
        case(
            lambda source: {"DB_HOST": source["Endpoint"]["Address"], "DB_PORT": 1}, ["no key host", "DB_HOST, DB_PORT"], "db-host", pytest.mark.long
        ),
        pytest.param(
            lambda source: {"host": "{Address}:{Port}".format(**source["Endpoint"])}, ["the source's address is in host"], id="both-in-host"
        ),
        case(lambda source: {"host": "elsewhere", "port": 5432}, ["is different"], "elsewhere", pytest.mark.long),
        case(lambda source: place(source) | {"port": "x"}, ["is different"], "no-port", pytest.mark.long),
    ],
)
def test_a_secret_of_another_layout_is_told_what_was_looked_for(cloud, outcome, source, request, value, named):
    name = f"layout/{request.node.callspec.id}"
    make_secret(cloud, name, value(source))
    outcome.refused(source, "SecretUnusable", name, "keys host and port", *named, **switched(name))


def test_no_value_of_a_secret_is_ever_told(cloud, source):
    """The refusals above have been told: none has the password, which stands in their secrets."""
    client = cloud.client("stepfunctions")
    causes = [
        client.describe_execution(executionArn=each["executionArn"]).get("cause") or ""
        for each in client.list_executions(stateMachineArn=cloud.state_machine_arn)["executions"]
    ]
    assert causes and not any(MASTER_PASSWORD in cause for cause in causes)


def test_a_secret_whose_key_lets_nobody_in_is_refused_in_the_words_of_aws(cloud, outcome, source, secrets):
    key = make_key(cloud, "alias/closed")
    secrets.create_secret(Name="closed/app", SecretString=json.dumps(place(source)), KmsKeyId=key)
    cloud.client("kms").disable_key(KeyId=key.split("/")[-1])
    outcome.refused(source, "SecretUnusable", "closed/app", "AccessDeniedException: Access to KMS is not allowed", **switched("closed/app"))


def test_a_secret_that_is_marked_for_deletion_is_refused_in_the_words_of_aws(cloud, outcome, source, secrets):
    make_secret(cloud, "leaving/app", place(source))
    secrets.delete_secret(SecretId="leaving/app")
    outcome.refused(source, "SecretUnusable", "leaving/app", "InvalidRequestException", "marked deleted", **switched("leaving/app"))


def test_a_secret_of_binary_data_is_refused(outcome, source, secrets):
    secrets.create_secret(Name="binary/app", SecretBinary=json.dumps(place(source)).encode())
    outcome.refused(source, "SecretUnusable", "binary/app", "binary", **switched("binary/app"))


def test_a_secret_that_does_not_open_the_source_is_refused(cloud, outcome, source):
    make_secret(cloud, "wrong/app", place(source) | {"password": "another"})
    outcome.refused(source, "SecretUnusable", "wrong/app", "does not open the source", "28P01", **switched("wrong/app"))


ODD = (
    '{ "z" : 1,\t"account":123456789012345678901234, "rate": 0.1000000000000000055511151231257827, "\\u0061": "\\/",\n'
    '  "username":"%s", "password" : "%s", "port" :\t%d ,"host":"%s","dup": 1, "dup": 2, "a": -0.0E+1, "dbname":"app" }\n'
)


@pytest.mark.parametrize("major", [16, pytest.param(13, marks=pytest.mark.long)])
def test_a_secret_that_somebody_writes_during_the_switch_keeps_what_he_wrote_to_the_byte(cloud, databases, outcome, secrets, major):
    name = f"written-{major}"
    source = make_source(cloud, name, major)
    endpoint = source["Endpoint"]

    def text(place: dict, more: str = "") -> str:
        return ODD.replace('"z" : 1', f'"z" : 1{more}') % (MASTER, MASTER_PASSWORD, place["Port"], place["Address"])

    odd = f"{name}/odd"
    first = secrets.create_secret(Name=odd, SecretString=text(endpoint))["VersionId"]
    with databases.connect(source, "app") as blocker, outcome.carried(source, **switched(secret_name(name), odd)) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        # As a transaction does that has locked a row: the fence can be prepared, and its locks cannot be had.
        blocker.execute("begin; lock table public.thing in row share mode")
        execution.wait_for_state("Cutover", LIMIT_SECONDS)
        waits = "select count(*) from pg_stat_activity where application_name like '%_cutover' and wait_event_type = 'Lock'"
        with databases.connect(source) as session:
            wait_until(lambda: session.execute(waits).fetchone()[0], bool, "a cutover that waits for a lock", 60)
        second = secrets.put_secret_value(SecretId=odd, SecretString=text(endpoint, ', "more": 1e400'))["VersionId"]
        blocker.execute("rollback")
        target = target_of(databases, name)
    now = secrets.get_secret_value(SecretId=odd)
    assert now["SecretString"] == text(target["Endpoint"], ', "more": 1e400')
    assert now["VersionId"] not in (first, second) and now["VersionStages"] == ["AWSCURRENT"]
    assert secrets.get_secret_value(SecretId=odd, VersionStage="AWSPREVIOUS")["VersionId"] == second
    assert secrets.describe_secret(SecretId=odd)["VersionIdsToStages"].keys() == {now["VersionId"], second}
    assert json.loads(secrets.get_secret_value(SecretId=secret_name(name))["SecretString"]).keys() == secret_value(source).keys()


@pytest.mark.long
def test_a_secret_that_is_put_back_to_an_earlier_version_is_switched_from_there(cloud, outcome, secrets):
    """The version that was staged first is there still, without its label."""
    name = "put-back"
    source = make_source(cloud, name, 15)
    secret = secret_name(name)
    first = secrets.get_secret_value(SecretId=secret)
    with outcome.carried(source, cutover={"secrets": [secret]}) as execution:
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        second = secrets.put_secret_value(SecretId=secret, SecretString=first["SecretString"] + " ")["VersionId"]
        wait_for_looks(execution, 2)
        move = {"RemoveFromVersionId": second, "MoveToVersionId": first["VersionId"]}
        secrets.update_secret_version_stage(SecretId=secret, VersionStage="AWSCURRENT", **move)
        wait_for_looks(execution, 2)
        approve(cloud, name, execution.name)


@pytest.mark.long
@pytest.mark.parametrize("action", ["PutSecretValue", "UpdateSecretVersionStage"])
def test_a_secret_that_may_not_be_written_holds_the_run_before_its_fence(cloud, outcome, action):
    name = f"without-{action.lower()}"
    source = make_source(cloud, name, 17)
    with outcome.carried(source) as execution, denied(cloud, "PollLag", f"secretsmanager:{action}"):
        seen = wait_until(lambda: held(execution), bool, "a run that is held", LIMIT_SECONDS)
        assert any(f"secretsmanager:{action}" in each for each in seen), seen


def wait_for_looks(execution, more: int) -> None:
    wanted = execution.follow().count("AwaitApproval") + more
    wait_until(lambda: execution.follow().count("AwaitApproval"), lambda seen: seen >= wanted, "another look", LIMIT_SECONDS)


def held(execution) -> list[str]:
    """What the last look for the approval found in the way."""
    succeeded = [event["taskSucceededEventDetails"] for event in execution.events() if "taskSucceededEventDetails" in event]
    answers = [json.loads(details["output"]).get("Payload") for details in succeeded]
    looks = [answer["drift"] for answer in answers if isinstance(answer, dict) and "drift_as" in answer]
    return looks[-1] if looks else []
