"""The runbook's commands, on runs that were stopped and that nobody undoes: what is left is seen, and taken away."""

from collections.abc import Iterator

import pytest
from demo.databases import MASTER, MASTER_PASSWORD, Databases
from demo.executions import Execution
from demo.footprint import footprint
from demo.shop import make_key
from executions.sources import KEY_ALIAS, LIMIT_SECONDS, make_request, make_source, secret_name

from .blocks import read_blocks
from .conftest import REPOSITORY

WATCH, LEFT_IN_POSTGRES, LEFT_IN_RDS, UNDO, BY_HAND_IN_POSTGRES, BY_HAND_IN_RDS = (
    block.commands for block in read_blocks((REPOSITORY / "infra" / "runbook.md").read_text()) if block.only_for is None
)
SOURCE = "stranded"


@pytest.fixture(scope="module")
def source(cloud) -> dict:
    make_key(cloud, KEY_ALIAS)
    return make_source(cloud, SOURCE, 17)


@pytest.fixture(scope="module")
def before(cloud, source) -> dict:
    return footprint(cloud, source, ["postgres", "app"])


@pytest.fixture
def stranded(cloud, source, before, request) -> Iterator[Execution]:
    """An execution that waited for its approval, was stopped, and is not undone: the rule that would is off."""
    events = cloud.client("events")
    (rule,) = [each["Name"] for each in events.list_rules()["Rules"] if "UndoStopped" in each["Name"]]
    events.disable_rule(Name=rule)
    execution = Execution(cloud, f"{SOURCE}-{request.node.name.replace('_', '-')}"[:80], make_request(SOURCE, cutover={}))
    execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
    execution.stop()
    yield execution
    events.enable_rule(Name=rule)


@pytest.fixture
def typed(shell, source, stranded):
    """What a reader has set before he types the runbook's commands: his, and the master user's on the source."""
    endpoint = source["Endpoint"]
    variables = {
        "EXECUTION": stranded.arn, "SOURCE": SOURCE, "SECRET": secret_name(SOURCE), "PGHOST": endpoint["Address"], "PGPORT": str(endpoint["Port"]),
        "PGUSER": MASTER, "PGPASSWORD": MASTER_PASSWORD, "PGSSLMODE": "require",
    }  # fmt: skip

    def run(commands: str, **more: str) -> str:
        ended = shell(commands, **variables | more)
        assert ended.returncode == 0, f"{commands}\nended with {ended.returncode}:\n{ended.stdout}"
        return ended.stdout

    return run


def role_of(databases: Databases, source: dict) -> str:
    with databases.connect(source) as session:
        ((role,),) = session.execute("select rolname from pg_roles where rolname like 'rds\\_reencrypt\\_%'").fetchall()
    return role


def test_by_hand(cloud, source, before, stranded, typed):
    run = role_of(Databases(cloud), source)
    left = typed(LEFT_IN_POSTGRES)
    assert f"slot|{run}_" in left and f"role|{run}|{stranded.name}" in left and "fence" not in left
    left = typed(LEFT_IN_RDS)
    assert f"{SOURCE}-enc-" in left and "-encrypted" in left
    typed(BY_HAND_IN_POSTGRES, RUN=run)
    typed(BY_HAND_IN_RDS, RUN=run)
    assert footprint(cloud, source, ["postgres", "app"]) == before


def test_by_another_execution(cloud, source, before, stranded, typed):
    assert f"ABORTED  {stranded.name}" in typed(f"{WATCH.strip()} || true")
    typed(UNDO)
    undo = Execution(cloud, "", arn=stranded.arn.replace(stranded.name, f"undo-{stranded.name}"))
    assert undo.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED", undo.describe()
    assert footprint(cloud, source, ["postgres", "app"]) == before
