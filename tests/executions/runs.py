"""A small source, moved or given back while its application writes."""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from demo import verdict
from demo.application import Application
from demo.databases import Databases
from demo.executions import Execution, failures
from demo.footprint import footprint
from demo.local_cloud import LocalCloud
from demo.waiting import wait_until

from .sources import LIMIT_SECONDS, change_thing, make_request, secret_name, secret_value


@dataclass(frozen=True)
class Moved:
    """An execution that succeeded, and what it left."""

    execution: Execution
    scene: verdict.Scene

    @property
    def states(self) -> list[str]:
        return self.execution.follow()

    def assert_nothing_lost(self) -> None:
        """Everything that the demo's verdict asks for, from the databases."""
        failed = [f"{check.what}: {check.found}" for check in verdict.check_all(self.scene) if not check.holds]
        assert not failed, failed


# Often enough to fall into every moment of a cutover, and no more: several executions share the machine.
BETWEEN_WRITES_SECONDS = 0.015


@contextlib.contextmanager
def writing(cloud: LocalCloud, identifier: str, **options) -> Iterator[Application]:
    """An application that writes to a small source; `options` are its own."""
    options = {"between_writes_seconds": BETWEEN_WRITES_SECONDS} | options
    with Application(cloud, [(secret_name(identifier), "app")] * 2, change_thing, **options) as application:
        wait_until(lambda: application.count, lambda count: count > 50, "writes", 20)
        yield application


def move(cloud: LocalCloud, instance: dict, request: dict, key_arn: str) -> Moved:
    """Runs an execution to its success under writes, and until these have arrived on the target."""
    databases = Databases(cloud)
    identifier = name_of(instance)
    with writing(cloud, identifier) as application:
        execution = Execution(cloud, f"move-{identifier}", request)
        return finish(cloud, databases, instance, execution, application, key_arn)


def finish(cloud: LocalCloud, databases: Databases, instance: dict, execution: Execution, application: Application, key_arn: str) -> Moved:
    """Waits for the success of an execution that was started."""
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
    wait_until(lambda: application.has_moved, bool, "writes of every writer on the target", 20)
    application.stop()
    target = verdict.find_target(databases, application.writers[0].acknowledged[-1].server)
    before = {secret_name(name_of(instance)): secret_value(instance)}
    return Moved(execution, verdict.Scene(cloud, databases, instance, target, key_arn, before, application.writers))


@contextlib.contextmanager
def undone(cloud: LocalCloud, instance: dict, name: str, error: str, **members) -> Iterator[Execution]:
    """An execution under writes, for the block to spoil. It fails with this error, everything is as it was before, and
    the writers have noticed nothing."""
    identifier = name_of(instance)
    before = footprint(cloud, instance, ["postgres", "app"])
    with writing(cloud, identifier) as application:
        execution = Execution(cloud, f"undone-{name}", make_request(identifier, **members))
        yield execution
        described = execution.wait(LIMIT_SECONDS)
        seen = described.get("cause"), failures(execution.events())
        assert (described["status"], described.get("error")) == ("FAILED", error), seen
        assert execution.follow()[-1] == "Undone", seen
        count = application.count
        wait_until(lambda: application.count, lambda now: now > count, "writes to the source", 10)
    assert footprint(cloud, instance, ["postgres", "app"]) == before
    assert [writer.refused for writer in application.writers] == [[], []]


def undo_of(cloud: LocalCloud, execution: Execution) -> Execution:
    """The execution that EventBridge's rule has started because this one was stopped."""
    client = cloud.client("stepfunctions")

    def find() -> list[dict]:
        listed = client.list_executions(stateMachineArn=cloud.state_machine_arn)["executions"]
        described = [client.describe_execution(executionArn=each["executionArn"]) for each in listed]
        return [each for each in described if stopped_by(json.loads(each["input"])) == execution.arn]

    def stopped_by(request: object) -> str | None:
        return request["detail"]["executionArn"] if isinstance(request, dict) and "detail" in request else None

    (found,) = wait_until(find, bool, f"an execution that undoes {execution.name}", 20)
    return Execution(cloud, found["name"], arn=found["executionArn"])


def name_of(instance: dict) -> str:
    """Under which a request knows it: the cluster's, where it is a member of one."""
    return instance.get("DBClusterIdentifier") or instance["DBInstanceIdentifier"]


def target_of(databases: Databases, identifier: str) -> dict:
    """The new instance of the execution that runs on a source, or the new cluster's writer."""
    clusters = [each["DBClusterIdentifier"] for each in databases.clusters()]
    names = clusters if identifier in clusters else [each["DBInstanceIdentifier"] for each in databases.all()]
    (target,) = [name for name in names if name.startswith(f"{identifier}-enc-")]
    return databases.writer(target)


def subscribed_target(databases: Databases, identifier: str) -> dict | None:
    """As `target_of`, once it has the run's subscription."""
    try:
        target = target_of(databases, identifier)
        with databases.connect(target, "app") as session:
            (found,) = session.execute("select count(*) from pg_subscription").fetchone()
    except (ValueError, KeyError, psycopg.Error):
        return None
    return target if found else None


def approve(cloud: LocalCloud, identifier: str, value: str) -> None:
    """Tags the new instance, as who approves does: with the execution's name."""
    databases = Databases(cloud)
    target = target_of(databases, identifier)
    cluster = target.get("DBClusterIdentifier")
    arn = databases.describe_cluster(cluster)["DBClusterArn"] if cluster else target["DBInstanceArn"]
    cloud.client("rds").add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "rds-reencrypt:approve", "Value": value}])
