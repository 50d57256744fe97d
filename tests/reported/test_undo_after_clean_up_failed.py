"""A run that an event trigger of the application's has kept from clearing up: the cause names it, and once it is gone, or with consent,
an execution that is asked to brings what was begun to its end, on both sides."""

import pytest

from demo.executions import Execution, entered_states
from demo.footprint import footprint
from demo.waiting import wait_until
from executions.runs import approve, finish, target_of, undo_of, writing
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name

from .test_event_triggers import CONSENT, KEPT, event_trigger

NAMES = ["postgres", "app"]
GUARD = event_trigger("keep", "sql_drop", KEPT)
DOOR = event_trigger("door", "login", "begin raise exception 'closed for today'; end")


def last_state(execution: Execution) -> str:
    return entered_states(execution.events())[-1].state


def undo_by_hand(cloud, execution: Execution, identifier: str, name: str, **members) -> Execution:
    return Execution(cloud, name, make_request(identifier, **members) | {"undo": execution.arn})


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, "guarded-late", 17)


@pytest.mark.long
@pytest.mark.parametrize("by_consent", [False, True])
def test_a_guard_against_drops_that_comes_during_the_run(outcome, databases, source, by_consent):
    """It came too late to be refused: the cutover does not go past it, and the undo has to wait until it is gone."""
    cloud = outcome.cloud
    before = footprint(cloud, source, NAMES)
    with writing(cloud, "guarded-late") as application:
        execution = Execution(cloud, f"guarded-late-{by_consent}", make_request("guarded-late", cutover={"secrets": [secret_name("guarded-late")]}))
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        # On both sides, so that it is no drift.
        for instance in source, target_of(databases, "guarded-late"):
            with databases.connect(instance, "app") as session:
                session.execute(GUARD)
        approve(cloud, "guarded-late", execution.name)
        described = execution.wait(LIMIT_SECONDS)
        assert (described["error"], last_state(execution)) == ("UndoFailed", "UndoFailed"), described
        assert "nothing is dropped here" in described["cause"] and "keep()" in described["cause"], described
        with databases.connect(source, "app") as session:
            # What keeps WAL went first.
            wait_until(lambda: session.execute("select count(*) from pg_replication_slots").fetchone(), lambda row: row == (0,), "no slots", 10)
            if not by_consent:
                session.execute("drop event trigger keep")
        undo = undo_by_hand(cloud, execution, "guarded-late", f"undo-guarded-late-{by_consent}", **(CONSENT if by_consent else {}))
        described = undo.wait(LIMIT_SECONDS)
        assert (described["status"], last_state(undo)) == ("SUCCEEDED", "RolledBack"), described
    assert [writer.refused for writer in application.writers] == [[], []]
    with databases.connect(source, "app") as session:
        session.execute("drop event trigger if exists keep; drop function public.keep()")
    assert footprint(cloud, source, NAMES) == before
    outcome._tell("UndoFailed by name of the event trigger, given back by an undo")


@pytest.mark.long
@pytest.mark.parametrize("by_consent", [False, True])
def test_a_closed_door_that_comes_during_the_run(outcome, databases, source, by_consent):
    cloud = outcome.cloud
    before = footprint(cloud, source, NAMES)
    with writing(cloud, "guarded-late") as application:
        execution = Execution(cloud, f"shut-{by_consent}", make_request("guarded-late", cutover={}))
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(source, "app") as session:
            session.execute(DOOR)
            described = execution.wait(LIMIT_SECONDS)
            assert (described["error"], last_state(execution)) == ("UndoFailed", "UndoFailed"), described
            assert "closed for today" in described["cause"] and "door()" in described["cause"], described
            if not by_consent:
                session.execute("drop event trigger door")
            undo = undo_by_hand(cloud, execution, "guarded-late", f"undo-shut-{by_consent}", **(CONSENT if by_consent else {}))
            described = undo.wait(LIMIT_SECONDS)
            assert (described["status"], last_state(undo)) == ("SUCCEEDED", "RolledBack"), described
            session.execute("drop event trigger if exists door; drop function public.door()")
    assert [writer.refused for writer in application.writers] == [[], []]
    assert footprint(cloud, source, NAMES) == before
    outcome._tell("UndoFailed by name of the event trigger, given back by an undo")


@pytest.mark.long
@pytest.mark.parametrize("where", ["target", "source"])
def test_a_guard_against_drops_that_comes_behind_the_fence(outcome, databases, key_arn, strike, where):
    cloud = outcome.cloud
    identifier = f"guarded-behind-{where}"
    moved = make_source(cloud, identifier, 16)
    with databases.connect(moved, "app") as session:
        session.execute(GUARD + "alter event trigger keep disable")
    with writing(cloud, identifier) as application:
        execution = Execution(cloud, f"move-{identifier}", make_request(identifier, cutover={"secrets": [secret_name(identifier)]}))
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        target = target_of(databases, identifier)
        # Retried for some seconds, so that there is time between the fence and the clearing up.
        strike("subscribe", "error-before", action="undo", times=3)
        approve(cloud, identifier, execution.name)
        execution.wait_for_state("CleanUpSubscription", LIMIT_SECONDS)
        with databases.connect(target if where == "target" else moved, "app") as session:
            session.execute("alter event trigger keep enable")
        described = execution.wait(LIMIT_SECONDS)
        assert (described["error"], last_state(execution)) == ("CleanUpFailed", "CleanUpFailed"), described
        assert "nothing is dropped here" in described["cause"] and "keep()" in described["cause"], described
        with databases.connect(target if where == "target" else moved, "app") as session:
            session.execute("alter event trigger keep disable")
        undo = undo_by_hand(cloud, execution, identifier, f"undo-{identifier}", cutover={"secrets": [secret_name(identifier)]})
        finish(cloud, databases, moved, undo, application, key_arn).assert_nothing_lost()
    outcome._tell("CleanUpFailed by name of the event trigger, finished by an undo")


@pytest.mark.long
def test_an_execution_that_is_stopped_under_a_guard(outcome, databases, source):
    """What EventBridge starts cannot undo it either, and says why."""
    cloud = outcome.cloud
    before = footprint(cloud, source, NAMES)
    execution = Execution(cloud, "stopped-under-a-guard", make_request("guarded-late", cutover={}))
    execution.wait_for_state("WaitForSnapshot", LIMIT_SECONDS)
    with databases.connect(source, "app") as session:
        session.execute(GUARD)
        execution.stop()
        undo = undo_of(cloud, execution)
        assert undo.wait(LIMIT_SECONDS)["error"] == "UndoFailed" and "keep()" in undo.describe()["cause"]
        session.execute("drop event trigger keep; drop function public.keep()")
    again = undo_by_hand(cloud, execution, "guarded-late", "undo-stopped-under-a-guard")
    assert (again.wait(LIMIT_SECONDS)["status"], last_state(again)) == ("SUCCEEDED", "RolledBack")
    assert footprint(cloud, source, NAMES) == before
    outcome._tell("UndoFailed by name of the event trigger, given back by an undo")
