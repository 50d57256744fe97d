"""There and back: the application goes to the new database and returns, and no write is lost in either direction."""

import collections
import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from demo.application import Application
from demo.databases import Databases
from demo.executions import Execution, failures
from demo.reports import read_report
from demo.waiting import wait_until

from .runs import name_of, target_of, undo_of, writing
from .sources import LIMIT_SECONDS, make_request, make_source

AGAIN = {"cutover": {"when": "now"}, "wait": {"max_seconds": 1, "calls_end_seconds": 3}}
LEFT = """
select 'slot ' || slot_name from pg_replication_slots where slot_name ~ '^rds_reencrypt'
union all select 'publication ' || pubname from pg_publication where pubname ~ '^rds_reencrypt'
union all select 'subscription ' || subname from pg_subscription where subname ~ '^rds_reencrypt'
union all select 'role ' || rolname from pg_roles where rolname ~ '^rds_reencrypt'
union all select 'schema ' || nspname from pg_namespace where nspname ~ '^rds_reencrypt'
"""


@dataclass(frozen=True)
class There:
    """An application that has moved, and can go back."""

    databases: Databases
    execution: Execution
    source: dict
    target: dict
    application: Application

    def back(self, cloud, name: str, **members) -> Execution:
        return Execution(cloud, name, {"way_back": self.execution.name} | AGAIN | members)

    def is_followed(self) -> bool:
        """Whether the old source has what is on the target now."""
        now = counted(self.databases, self.target)
        return counted(self.databases, self.source).keys() >= now.keys()

    def left(self, instance: dict) -> list[str]:
        with self.databases.connect(instance, "app") as session:
            return sorted(each for (each,) in session.execute(LEFT).fetchall())


@contextlib.contextmanager
def there(cloud, identifier: str, major: int = 17, kind: str = "instance", **members) -> Iterator[There]:
    databases = Databases(cloud)
    source = make_source(cloud, identifier, major, kind)
    with writing(cloud, name_of(source)) as application:
        execution = Execution(cloud, f"there-{identifier}", make_request(name_of(source), way_back={"hours": 1}, **members))
        succeed(execution)
        assert failures(execution.events()) == []
        wait_until(lambda: application.has_moved, bool, "writes on the target", 20)
        yield There(databases, execution, source, target_of(databases, name_of(source)), application)


def succeed(execution: Execution) -> dict:
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
    return json.loads(described["output"])


def refused(execution: Execution) -> tuple[str, str]:
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "FAILED", described
    return described["error"], described["cause"]


def counted(databases: Databases, instance: dict) -> collections.Counter:
    """How often each write is in the ledger."""
    with databases.connect(instance, "app") as session:
        return collections.Counter(session.execute("select writer, seq from journal.ledger").fetchall())


def assert_nothing_lost(application: Application, arrived: collections.Counter) -> None:
    acknowledged = {(writer.number, write.seq) for writer in application.writers for write in writer.acknowledged}
    unknown = {(writer.number, seq) for writer in application.writers for seq in writer.unknown}
    assert acknowledged - arrived.keys() == set(), "lost"
    assert {write for write, count in arrived.items() if count > 1} == set(), "doubled"
    assert arrived.keys() - acknowledged - unknown == set(), "made up"


def watching(cloud, execution: Execution) -> Execution:
    """The execution that keeps the way back of a run."""
    arn = f"{cloud.way_back_state_machine_arn.replace(':stateMachine:', ':execution:')}:{execution.name}"
    return Execution(cloud, execution.name, arn=arn)


@pytest.mark.parametrize("kind, major", [("instance", 12), ("cluster", 15), ("aurora", 17), ("instance", 18)])
def test_there_and_back_under_writes_loses_none(cloud, key_arn, kind, major):
    with there(cloud, f"and-back-{major}", major, kind) as moved:
        with moved.databases.connect(moved.source, "app") as session, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            session.execute("set session_replication_role = replica; truncate journal.event")
        with moved.databases.connect(moved.target, "app") as session:
            session.execute("truncate public.thing restart identity")
            session.execute("insert into public.thing (told) select 'again ' || n from generate_series(1, 600) n")
        time.sleep(2)
        back = moved.back(cloud, f"back-{major}")
        assert "which is not encrypted" in succeed(back)["message"]
        report = read_report(cloud, back.name)
        assert report.json["outcome"] == "gone_back" and "Gone back" in report.html.decode()
        count = moved.application.count
        wait_until(lambda: moved.application.count, lambda now: now > count + 50, "writes to the old source", 20)
        moved.application.stop()
    assert_nothing_lost(moved.application, counted(moved.databases, moved.source))
    with moved.databases.connect(moved.target, "app") as session, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute("insert into public.thing (told) values ('late')")
    assert [each for each in moved.left(moved.target) if not each.endswith("_back_fence")] == []
    assert moved.left(moved.source) == []
    with moved.databases.connect(moved.source, "app") as session:
        assert session.execute("select count(*) from public.thing where told like 'again%'").fetchone() == (600,)
        assert session.execute("select count(*) from pg_trigger where not tgisinternal").fetchone() == (0,)
    assert succeed(watching(cloud, moved.execution))["state"] == "closed"
    error, cause = refused(moved.back(cloud, f"twice-{major}"))
    assert error == "InvalidInput" and "is closed: it was gone already" in cause


def test_what_is_changed_since_is_named_and_holds_the_way_back_until_it_is_undone(cloud, key_arn):
    with there(cloud, "changed") as moved:
        with moved.databases.connect(moved.target, "app") as session:
            session.execute("alter table public.thing add column since int")
        error, cause = refused(moved.back(cloud, "back-changed"))
        assert error == "CatalogsDiffer" and "column public.thing.since" in cause
        watched = watching(cloud, moved.execution)
        told = wait_until(lambda: [event for event in events_of(watched) if event["way_back"] == "degraded"], bool, "the event", 60)
        assert "column public.thing.since" in told[0]["message"]
        with moved.databases.connect(moved.target, "app") as session:
            session.execute("alter table public.thing drop column since")
        succeed(moved.back(cloud, "back-unchanged"))
        count = moved.application.count
        wait_until(lambda: moved.application.count, lambda now: now > count + 50, "writes to the old source", 20)
        moved.application.stop()
    assert_nothing_lost(moved.application, counted(moved.databases, moved.source))


def events_of(execution: Execution) -> list[dict]:
    """The details of the events that it has sent."""
    sent = [event["taskScheduledEventDetails"] for event in execution.events() if "taskScheduledEventDetails" in event]
    entries = [json.loads(each["parameters"])["Entries"][0] for each in sent if each["resourceType"] == "events"]
    return [entry["Detail"] if isinstance(entry["Detail"], dict) else json.loads(entry["Detail"]) for entry in entries]


def test_what_was_given_up_leaves_nothing_and_the_source_fenced(cloud, key_arn):
    with there(cloud, "given-up") as moved:
        output = succeed(moved.back(cloud, "give-up", give_up=True))
        assert output["message"] == "the way back is given up"
        assert moved.left(moved.target) == []
        assert [each for each in moved.left(moved.source) if not each.endswith("_fence")] == []
        with moved.databases.connect(moved.source, "app") as session, pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            session.execute("insert into public.thing (told) values ('late')")
        error, cause = refused(moved.back(cloud, "back-given-up"))
        assert error == "InvalidInput" and "given up" in cause


def test_it_ends_when_its_time_is_over(cloud, key_arn):
    with there(cloud, "over") as moved:
        watched = watching(cloud, moved.execution)
        request = json.loads(watched.describe()["input"])
        request["plan"]["way_back"]["hours"] = 0
        watched.stop()
        output = succeed(Execution(cloud, "over-now", request, machine_arn=cloud.way_back_state_machine_arn))
        assert output == {"state": "closed", "reason": "its time is over"}
        assert moved.left(moved.target) == []
        assert [each for each in moved.left(moved.source) if not each.endswith("_fence")] == []


def test_an_execution_that_has_none_is_refused_by_name(cloud, key_arn):
    source = make_source(cloud, "without", 16)
    execution = Execution(cloud, "without-way-back", make_request(name_of(source), plan_only=True))
    succeed(execution)
    for way_back, why in [("nobody", "there is no execution"), (execution.name, "has opened no way back")]:
        error, cause = refused(Execution(cloud, f"back-{way_back}", {"way_back": way_back} | AGAIN))
        assert error == "InvalidInput" and why in cause


def test_one_that_is_stopped_while_it_goes_back_leaves_the_way_open(cloud, key_arn):
    with there(cloud, "stopped-back") as moved:
        waiting = moved.back(cloud, "back-stopped", cutover={"when": "approved"})
        wait_until(waiting.follow, lambda states: "WaitForApproval" in states, "the approval", 60)
        error, cause = refused(moved.back(cloud, "back-second"))
        assert error == "AlreadyRunning" and "back-stopped" in cause
        waiting.stop()
        assert undo_of(cloud, waiting).wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
        succeed(moved.back(cloud, "back-third"))
        count = moved.application.count
        wait_until(lambda: moved.application.count, lambda now: now > count + 50, "writes to the old source", 20)
        moved.application.stop()
    assert_nothing_lost(moved.application, counted(moved.databases, moved.source))


@pytest.mark.parametrize("after_ms", [0, 60, 200])
def test_one_that_is_stopped_in_its_cutover_is_back_or_where_it_was(cloud, key_arn, after_ms):
    with there(cloud, f"stopped-{after_ms}") as moved:
        going = moved.back(cloud, f"back-cut-{after_ms}")
        wait_until(going.follow, lambda states: "Cutover" in states, "the cutover", 60)
        time.sleep(after_ms / 1000)
        going.stop()
        undo = undo_of(cloud, going)
        described = undo.wait(LIMIT_SECONDS)
        assert described["status"] == "SUCCEEDED", (undo.follow()[-8:], described.get("error"), described.get("cause"), failures(undo.events()))
        count = moved.application.count
        wait_until(lambda: moved.application.count, lambda now: now > count + 50, "writes wherever it is", 30)
        if undo.follow()[-1] == "RolledBack":
            succeed(moved.back(cloud, f"back-again-{after_ms}"))
            count = moved.application.count
            wait_until(lambda: moved.application.count, lambda now: now > count + 50, "writes to the old source", 30)
        moved.application.stop()
        assert moved.left(moved.source) == []
    assert_nothing_lost(moved.application, counted(moved.databases, moved.source))
