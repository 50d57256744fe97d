"""The runbook's commands, on runs that were stopped and that nobody undoes: what is left is seen, and taken away."""

import contextlib
import json
from collections.abc import Callable, Iterator

import psycopg
import pytest

from demo.databases import MASTER, MASTER_PASSWORD, Databases
from demo.executions import Execution
from demo.footprint import footprint
from demo.shop import make_key
from executions.runs import target_of
from executions.sources import KEY_ALIAS, LIMIT_SECONDS, make_request, make_source, secret_name, secret_value

from .blocks import read_blocks
from .conftest import REPOSITORY

WATCH, LEFT_IN_POSTGRES, LEFT_IN_RDS, UNDO, BY_HAND_IN_POSTGRES, BY_HAND_IN_RDS = (
    block.commands for block in read_blocks((REPOSITORY / "infra" / "runbook.md").read_text()) if block.only_for is None
)
SOURCE = "stranded"


@pytest.fixture(scope="module", autouse=True)
def key(cloud):
    make_key(cloud, KEY_ALIAS)


@pytest.fixture(scope="module")
def source(cloud, key) -> dict:
    return make_source(cloud, SOURCE, 17)


@pytest.fixture(scope="module")
def before(cloud, source) -> dict:
    return footprint(cloud, source, ["postgres", "app"])


@contextlib.contextmanager
def stopped(cloud, name: str, request: dict, state: str) -> Iterator[Execution]:
    """An execution that got as far as this state, was stopped, and is not undone: the rule that would is off."""
    events = cloud.client("events")
    (rule,) = [each["Name"] for each in events.list_rules()["Rules"] if "UndoStopped" in each["Name"]]
    events.disable_rule(Name=rule)
    try:
        execution = Execution(cloud, name, request)
        execution.wait_for_state(state, LIMIT_SECONDS)
        execution.stop()
        yield execution
    finally:
        events.enable_rule(Name=rule)


@pytest.fixture
def stranded(cloud, source, before, request) -> Iterator[Execution]:
    """Before its fence, with all that it makes."""
    name = f"{SOURCE}-{request.node.name.replace('_', '-')}"[:80]
    with stopped(cloud, name, make_request(SOURCE, cutover={}), "AwaitApproval") as execution:
        yield execution


def login(source: dict) -> dict[str, str]:
    """How the source's master user logs in, as psql reads it."""
    endpoint = source["Endpoint"]
    server = {"PGHOST": endpoint["Address"], "PGPORT": str(endpoint["Port"]), "PGSSLMODE": "require"}
    return server | {"PGUSER": MASTER, "PGPASSWORD": MASTER_PASSWORD}


@pytest.fixture
def type_in(shell) -> Callable[..., str]:
    """What a reader has set before he types the runbook's commands: the execution, and how the source's master user logs in."""

    def run(commands: str, source: dict, execution: Execution, **more: str) -> str:
        ended = shell(commands, EXECUTION=execution.arn, **login(source), **more)
        assert ended.returncode == 0, f"{commands}\nended with {ended.returncode}:\n{ended.stdout}"
        return ended.stdout

    return run


def role_of(cloud, source: dict) -> str:
    with Databases(cloud).connect(source) as session:
        ((role,),) = session.execute("select rolname from pg_roles where rolname like 'rds\\_reencrypt\\_%'").fetchall()
    return role


def undo_by(cloud, printed: str) -> Execution:
    arn = printed.strip()
    return Execution(cloud, arn.split(":")[-1], arn=arn)


def test_by_hand(cloud, source, before, stranded, type_in):
    run = role_of(cloud, source)
    left = type_in(LEFT_IN_POSTGRES, source, stranded)
    assert f"slot|{run}_" in left and f"role|{run}|{stranded.name}" in left and "fence" not in left
    left = type_in(LEFT_IN_RDS, source, stranded)
    assert f"{SOURCE}-enc-" in left and "-encrypted" in left
    type_in(BY_HAND_IN_POSTGRES, source, stranded, RUN=run)
    type_in(BY_HAND_IN_RDS, source, stranded, RUN=run)
    assert footprint(cloud, source, ["postgres", "app"]) == before


def test_by_another_execution(cloud, source, before, stranded, type_in):
    assert f"ABORTED  {stranded.name}" in type_in(f"{WATCH.strip()} || true", source, stranded)
    undo = undo_by(cloud, type_in(UNDO, source, stranded))
    assert undo.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED", undo.describe()
    assert footprint(cloud, source, ["postgres", "app"]) == before


@pytest.mark.parametrize("commands", [BY_HAND_IN_POSTGRES, BY_HAND_IN_RDS])
def test_who_has_not_said_which_run_has_nothing_of_anybody_taken_away(shell, source, cloud, commands):
    with Databases(cloud).connect(source) as session:
        session.execute("select pg_create_physical_replication_slot('of_somebody')")
        before = footprint(cloud, source, ["postgres", "app"])
        assert "the role of the run" in shell(commands, RUN="", **login(source)).stdout
        assert footprint(cloud, source, ["postgres", "app"]) == before
        session.execute("select pg_drop_replication_slot('of_somebody')")


def port_in(cloud, secret: str) -> int:
    return int(json.loads(cloud.client("secretsmanager").get_secret_value(SecretId=secret)["SecretString"])["port"])


def test_behind_the_fence_another_execution_switches_the_secrets_of_the_first_ones_input(cloud, type_in):
    source, secret = make_source(cloud, "passed", 16), secret_name("passed")
    with stopped(cloud, "passed", make_request("passed"), "CleanUpSubscription") as execution:
        # As if it had ended between its fence and its switch.
        cloud.client("secretsmanager").put_secret_value(SecretId=secret, SecretString=json.dumps(secret_value(source)))
        undo = undo_by(cloud, type_in(UNDO, source, execution))
        assert undo.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED", undo.describe()
        assert port_in(cloud, secret) == target_of(Databases(cloud), "passed")["Endpoint"]["Port"]


def test_behind_the_fence_by_hand_the_fence_stays(cloud, type_in):
    source = make_source(cloud, "fenced", 17)
    with stopped(cloud, "fenced", make_request("fenced"), "CleanUpSubscription") as execution:
        run = role_of(cloud, source)
        type_in(BY_HAND_IN_POSTGRES, source, execution, RUN=run)
        left = type_in(LEFT_IN_POSTGRES, source, execution)
        assert "slot|" not in left and "role|" not in left and f"fence|app|{run}_fence\n" in left, left
    with Databases(cloud).connect(source, "app") as session:
        for refused in "update public.thing set changed = 0", "drop table public.thing":
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                session.execute(refused)
