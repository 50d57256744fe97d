"""Settings that end sessions: neither walsender nor apply has them, whoever set them, and a copy that comes no further is given up by name."""

import pytest

from demo.databases import MASTER
from executions.runs import target_of
from executions.sources import LIMIT_SECONDS, make_source

pytestmark = pytest.mark.long


@pytest.mark.parametrize("major", [17, 18])
def test_a_transaction_longer_than_its_timeout_is_applied(cloud, databases, outcome, major):
    identifier = f"guarded-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute("create table public.heap (n int, told text)")
        session.execute("insert into public.heap select n, md5(n::text) from generate_series(1, 15000) n")
        session.execute("alter database app set transaction_timeout = '2s'")
        session.execute(f"alter role {MASTER} set transaction_timeout = '2s'")
        session.execute(f"alter role {MASTER} in database app set transaction_timeout = '2s'")
    with outcome.carried(source) as execution:
        execution.wait_for_state("Subscribe", LIMIT_SECONDS)
        with databases.connect(source, "app") as session:
            session.execute("update public.heap set told = told || 'x'")


@pytest.mark.parametrize("major", [14])
def test_a_copy_that_begins_anew_for_ever_is_given_up(cloud, databases, outcome, major):
    """Somebody's job ends the worker again and again, in the midst of a long transaction."""
    identifier = f"interrupted-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute("create table public.heap (n int, told text)")
        session.execute("insert into public.heap select n, md5(n::text) from generate_series(1, 60000) n")
    with outcome.given_back(source, "ReplicationStopped", "20 consecutive polls") as execution:
        execution.wait_for_state("Subscribe", LIMIT_SECONDS)
        with databases.connect(source, "app") as session:
            session.execute("update public.heap set told = told || 'x'")
        execution.wait_for_state("PollLag", LIMIT_SECONDS)
        target = target_of(databases, identifier)
        while execution.follow()[-1] in ("PollLag", "HasCaughtUp", "WaitForLag"):
            with databases.connect(target, "postgres") as session:
                session.execute("select pg_terminate_backend(pid), pg_sleep(0.3) from pg_stat_subscription where pid is not null")
