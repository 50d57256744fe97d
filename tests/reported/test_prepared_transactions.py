"""A source whose application commits in two phases: what a snapshot brings along is ended on the copy, all else is carried."""

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest

from demo.databases import MASTER, Databases, values
from executions.runs import name_of, target_of
from executions.sources import make_source

TELLER = "teller"


@pytest.fixture(scope="module", params=[15, pytest.param(18, marks=pytest.mark.long), pytest.param(12, marks=pytest.mark.long)])
def source(cloud, databases, key_arn, request):
    major = request.param
    group = databases.parameter_group(f"phases-{major}", major, {"rds.logical_replication": 1, "max_prepared_transactions": 20})
    instance = make_source(cloud, f"phases-{major}", major, DBParameterGroupName=group)
    with databases.connect(instance, "app") as session:
        session.execute("create table public.transfer (told text)")
        session.execute(f"create role {TELLER} login password '{TELLER}'")
        session.execute(f"grant all on table public.thing, public.transfer to {TELLER}")
        session.execute(f"grant usage on sequence public.thing_id_seq to {TELLER}")
        session.execute(f"grant {TELLER} to {MASTER}")
    return instance


class Client(threading.Thread):
    """Prepares, holds, and commits or, each third time, rolls back, until it is told to stop or the source refuses its writes.
    It writes to a table with a key and to one without."""

    def __init__(self, databases: Databases, instance: dict, name: str, hold_seconds: float, user: dict) -> None:
        super().__init__(name=name, daemon=True)
        self._session = databases.connect(instance, "app", **user)
        self.hold_seconds = hold_seconds
        self.ended: list[str] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        for number in itertools.count():
            gid = f"{self.name}'s {number}"
            quoted = gid.replace("'", "''")
            try:
                self._session.execute("begin")
                self._session.execute("insert into public.thing (told) values (%s)", (gid,))
                self._session.execute("update public.thing set changed = changed + 1 where id = %s", (550 + hash(self.name) % 50,))
                self._session.execute("insert into public.transfer values (%s)", (gid,))
                self._session.execute(f"prepare transaction '{quoted}'")
            except psycopg.Error:
                return
            time.sleep(self.hold_seconds)
            verb = "rollback" if number % 3 == 2 else "commit"
            try:
                self._session.execute(f"{verb} prepared '{quoted}'")
            except psycopg.OperationalError:
                return
            if verb == "commit":
                self.ended.append(gid)
            if self.stopped.is_set():
                return


@contextlib.contextmanager
def clients(databases: Databases, instance: dict, hold_seconds: float) -> Iterator[list[Client]]:
    users = {}, {"user": TELLER, "password": TELLER}, {}
    started = [Client(databases, instance, f"client {number}", hold_seconds, user) for number, user in enumerate(users)]
    for client in started:
        client.start()
    try:
        yield started
    finally:
        for client in started:
            client.stopped.set()
            client.join(30)


def test_three_clients_that_prepare_all_the_time(cloud, outcome, databases, source):
    with clients(databases, source, hold_seconds=0.5) as running, outcome.carried(source) as execution:
        # The snapshot is sure to have some.
        execution.wait_for_state("Snapshot", 60)
        for client in running:
            client.hold_seconds = 3
        execution.wait_for_state("PollLag", 120)
        for client in running:
            client.hold_seconds = 0.5
    target = target_of(databases, name_of(source))
    committed = sorted(gid for client in running for gid in client.ended)
    assert len(committed) > 10
    for instance in source, target:
        with databases.connect(instance, "app") as session:
            assert values(session, "select gid from pg_prepared_xacts where gid like 'client%'") == []
    with databases.connect(target, "app") as session:
        for table in "thing", "transfer":
            arrived = sorted(values(session, f"select told from public.{table} where told like 'client%'"))
            assert arrived == committed, table


def test_one_that_nobody_ends_is_refused_by_name_after_a_while(cloud, outcome, databases, key_arn):
    group = databases.parameter_group("in-doubt", 16, {"rds.logical_replication": 1, "max_prepared_transactions": 5})
    instance = make_source(cloud, "in-doubt", 16, DBParameterGroupName=group)
    with databases.connect(instance, "app") as session:
        session.execute("create role stranger login password 'stranger'")
        session.execute("grant all on table public.thing to stranger")
    with databases.connect(instance, "app", "stranger", "stranger") as session:
        session.execute("begin")
        session.execute("update public.thing set changed = 1 where id = 1")
        session.execute("prepare transaction 'nobody''s'")
        outcome.refused(
            instance, "PreconditionFailed", "1 prepared transactions that do not end within 10 s", "nobody''s", f"grant stranger to {MASTER}"
        )
        session.execute("rollback prepared 'nobody''s'")
