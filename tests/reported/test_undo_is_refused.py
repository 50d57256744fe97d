"""An undo that the source refuses: all else there is undone at once, and what is refused for a moment is waited for."""

import pytest

from demo.databases import MASTER, MASTER_PASSWORD
from demo.executions import Execution, entered_states, failures
from demo.footprint import footprint
from demo.waiting import wait_until
from executions.runs import undo_of
from executions.sources import LIMIT_SECONDS, make_request, make_source

NAMES = ["postgres", "app"]


@pytest.mark.long
@pytest.mark.parametrize("major", [14, 17])
def test_a_table_that_changes_hands_during_the_run_keeps_nothing_else_from_being_undone(outcome, databases, major):
    cloud, identifier = outcome.cloud, f"handed-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute("create table public.handed (n int); create table public.kept (n int)")
        session.execute("create role clerk; grant create on schema public to clerk")
    with databases.connect(source, "postgres") as session:
        session.execute("create table public.kept (n int)")
    before = footprint(cloud, source, NAMES)
    execution = Execution(cloud, identifier, make_request(identifier))
    execution.wait_for_state("WaitForSnapshot", LIMIT_SECONDS)
    with databases.connect(source, "app") as session:
        session.execute(f"grant clerk to {MASTER}; alter table public.handed owner to clerk; revoke clerk from {MASTER}")
        execution.stop()
        described = undo_of(cloud, execution).wait(LIMIT_SECONDS)
        grant = f"grant clerk to {MASTER}" + (" with inherit true, set true" if major >= 16 else "")
        assert described["error"] == "UndoFailed" and "must be owner of table handed" in described["cause"] and grant in described["cause"], described
        assert session.execute("select count(*) from pg_replication_slots").fetchone() == (0,)
        identities = "select relname, relreplident from pg_class where relname in ('handed', 'kept') and relkind = 'r' order by 1"
        assert session.execute(identities).fetchall() == [("handed", "f"), ("kept", "d")]
        with databases.connect(source, "postgres") as other:
            assert other.execute("select relreplident from pg_class where relname = 'kept'").fetchone() == ("d",)
            assert other.execute("select count(*) from pg_namespace where nspname ~ '^rds_reencrypt_[0-9a-f]{10}$'").fetchone() == (0,)
        session.execute(grant)
        again = Execution(cloud, f"undo-{identifier}", make_request(identifier) | {"undo": execution.arn})
        assert (again.wait(LIMIT_SECONDS)["status"], entered_states(again.events())[-1].state) == ("SUCCEEDED", "RolledBack")
        session.execute(f"alter table public.handed owner to {MASTER}; revoke clerk from {MASTER}")
    assert footprint(cloud, source, NAMES) == before
    outcome._tell("UndoFailed with the grant, all else on the source undone, given back by an undo")


@pytest.mark.parametrize("major", [16, pytest.param(12, marks=pytest.mark.long)])
def test_a_master_password_that_does_not_fit_for_a_moment_is_waited_for(outcome, databases, major):
    source = make_source(outcome.cloud, f"unfit-{major}", major)
    with outcome.given_back(source, "PostgresRefused", "28P01") as execution, databases.connect(source, "app") as session:
        execution.wait_for_state("WaitForSnapshot", LIMIT_SECONDS)
        session.execute(f"alter role {MASTER} password 'not in the secret yet'")
        execution.wait_for_state("WaitForUndo", LIMIT_SECONDS)
        session.execute(f"alter role {MASTER} password '{MASTER_PASSWORD}'")


def test_a_reader_that_is_in_the_way_is_named(outcome, databases):
    """It has no transaction id, and holds nothing but the weakest lock on a table without a key."""
    cloud = outcome.cloud
    source = make_source(cloud, "read", 15)
    with databases.connect(source, "app") as session:
        session.execute("create table public.heap (n int)")
        before = footprint(cloud, source, NAMES)
        execution = Execution(cloud, "read", make_request("read"))
        execution.wait_for_state("Inspect", LIMIT_SECONDS)
        session.execute("begin; select from public.heap")
        reader = session.info.backend_pid
        (seen, *_) = wait_until(lambda: failures(execution.events()), bool, "a lock that is not had", LIMIT_SECONDS)
        session.execute("rollback")
    assert seen.startswith("LockTimeout") and f"locks are held by: pid {reader} of {MASTER}" in seen, seen
    execution.stop()
    assert undo_of(cloud, execution).wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
    assert footprint(cloud, source, NAMES) == before
    outcome._tell("LockTimeout with the one who holds it, given back")
