"""Locks on all tables at once, while an application takes them in an order of its own."""

import threading

import pytest

from demo.application import Application
from demo.databases import Databases
from demo.executions import Execution, failures
from demo.waiting import wait_until

from .runs import finish, writing
from .sources import LIMIT_SECONDS, make_request, make_source, secret_name

TABLES = [f"step_{number}" for number in range(6)]
WRITERS = 6


def change_backwards(session, seq: int) -> None:
    """Takes the tables from the last made to the first, each update as slow as with a reader in between."""
    for table in reversed(TABLES):
        session.execute(f"update {table} set changed = changed + 1 where id = %s", (1 + seq % 50,))
        session.execute("select pg_sleep(0.002)")


@pytest.fixture
def backwards(cloud):
    instance = make_source(cloud, "backwards", 16)
    with Databases(cloud).connect(instance, "app") as session:
        for table in TABLES:
            session.execute(f"create table {table} (id int primary key, changed int not null default 0)")
            session.execute(f"insert into {table} select generate_series(1, 50)")
    return instance


def test_an_application_with_another_order_of_locks_is_neither_starved_nor_deadlocked(cloud, key_arn, backwards):
    """Symptom: minutes of LockTimeout in Verify and Cutover, `deadlock detected` in the application."""
    with Application(cloud, [(secret_name("backwards"), "app")] * WRITERS, change_backwards) as application:
        wait_until(lambda: application.count, lambda count: count > 50, "writes", 20)
        execution = Execution(cloud, "backwards", make_request("backwards"))
        described = execution.wait(LIMIT_SECONDS)
        assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
        wait_until(lambda: application.has_moved, bool, "writes of every writer on the target", 20)
    assert not failures(execution.events())
    # Two writers that update the same row in different transactions can deadlock without us, but not with this order.
    assert not [text for writer in application.writers for text in writer.refused if "deadlock" in text]


# It writes once its table has the fence's trigger, open still, and commits long after the copy could have drained.
STRADDLING = """
do $$
begin
  while not exists (select from pg_trigger where tgrelid = 'public.thing'::regclass and not tgisinternal) loop
    perform pg_sleep(0.001);
  end loop;
  insert into public.thing (told) values ('straddles the cutover');
  perform pg_sleep(3);
end $$"""


def test_a_transaction_that_writes_as_the_cutover_begins_is_waited_for_and_arrives(cloud, databases, key_arn):
    """Symptom: lag 0, the copy drained, and a write that was acknowledged afterwards is on the source only."""
    source = make_source(cloud, "straddled", 17)
    with databases.connect(source, "app") as session:
        # The fence is put on them after `thing`: meanwhile the transaction below writes.
        for number in range(300):
            session.execute(f"create table later_{number} (id int primary key)")
    with writing(cloud, "straddled") as application, databases.connect(source, "app") as session:
        straddler = threading.Thread(target=session.execute, args=(STRADDLING,))
        straddler.start()
        execution = Execution(cloud, "straddled", make_request("straddled"))
        moved = finish(cloud, databases, source, execution, application, key_arn)
        straddler.join()
    moved.assert_nothing_lost()
    with databases.connect(moved.scene.target, "app") as copy:
        arrived = copy.execute("select count(*) from public.thing where told = 'straddles the cutover'").fetchone()
    assert arrived == (1,)
