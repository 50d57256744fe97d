"""The apply on the copy stops: the cause says why, in PostgreSQL's words and without a value of any row."""

import contextlib

import psycopg
import pytest

from demo.databases import MASTER, Databases
from demo.waiting import wait_until
from executions.runs import name_of, subscribed_target, target_of
from executions.sources import make_source

SECRET = "told-to-nobody"
AWAITING = {"when": "approved"}


@pytest.fixture(scope="module", params=[17, pytest.param(13, marks=pytest.mark.long)])
def source(cloud, key_arn, request):
    return make_source(cloud, f"halts-{request.param}", request.param)


def copy_of(databases: Databases, instance: dict) -> psycopg.Connection:
    return databases.connect(target_of(databases, name_of(instance)), "app")


def test_a_row_that_somebody_wrote_to_the_copy(outcome, databases, source):
    named = ["database app: its apply fails", 'unique constraint "thing_pkey"', "SQLSTATE 23505", "times from"]
    if name_of(source).endswith("17"):
        named += ["during INSERT, for table public.thing", "failures since the target exists"]
    with outcome.given_back(source, "ReplicationStopped", *named, cutover=AWAITING) as execution:
        execution.wait_for_state("AwaitApproval", 120)
        with copy_of(databases, source) as copy:
            copy.execute("insert into thing (id, told) values (7001, %s)", (SECRET,))
        with databases.connect(source, "app") as session:
            session.execute("insert into thing (id, told) values (7001, %s)", (SECRET,))
            try:
                execution.wait(300)
            finally:
                session.execute("delete from thing where id = 7001")
    cause = execution.describe()["cause"]
    assert SECRET not in cause and "7001" not in cause, cause


@pytest.mark.long
def test_a_check_that_the_row_does_not_pass_on_the_copy_found_by_the_verification(outcome, databases, source):
    with outcome.given_back(
        source, "ReplicationStopped", "database app: its apply fails", 'violates check constraint "only_here"', "SQLSTATE 23514"
    ) as execution:
        target = wait_until(lambda: subscribed_target(databases, name_of(source)), bool, "a target with a subscription", 120)
        with databases.connect(target, "app") as copy:
            copy.execute("alter table thing add constraint only_here check (changed < 0) not valid")
    assert "Failing row" not in execution.describe()["cause"]


@pytest.mark.long
def test_an_apply_that_waits_for_a_lock_says_who_holds_it(outcome, databases, source):
    named = "its apply waits for a lock (relation)", f"user {MASTER}", "application holder", "idle in transaction"
    with outcome.given_back(source, "ReplicationStopped", *named, cutover=AWAITING) as execution:
        execution.wait_for_state("AwaitApproval", 120)
        # The copy is deleted under it. After wal_sender_timeout the source gives the worker up, which waits on.
        with contextlib.suppress(psycopg.OperationalError), copy_of(databases, source) as copy:
            copy.execute("set application_name = 'holder'")
            copy.execute("begin")
            copy.execute("lock table thing in access exclusive mode")
            wait_until(lambda: execution.status, lambda status: status != "RUNNING" or "NotifyUndoing" in execution.follow(), "the undo", 280)
