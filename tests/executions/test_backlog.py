"""A copy that has much to catch up, as after a restore of hours."""

import time

import pytest

from demo.databases import Databases, values
from demo.executions import Execution
from demo.waiting import wait_until

from .runs import approve, finish, subscribed_target, writing
from .sources import LIMIT_SECONDS, make_request, make_source, secret_name

# Longer than twenty looks, two seconds apart, after which a copy that does not apply is given up; a change of a row takes so long.
BEHIND_SECONDS, ROW_SECONDS = 65, 0.3
# More than all buffers between the two servers hold, so that the walsender has not decoded everything.
ROWS, ROW_BYTES = 300, 300_000
FILL = f"""
update public.thing set told = (select string_agg(md5(random()::text || i || id), '') from generate_series(1, {ROW_BYTES // 32}) i)
where id <= {ROWS}
"""
STATES = "select state from pg_stat_replication where application_name like 'rds_reencrypt_%'"


@pytest.mark.long
def test_a_copy_that_is_far_behind_is_not_taken_for_one_that_stands_still(cloud, databases, key_arn):
    """Symptom: ReplicationStopped after some minutes of catching up, though the apply worked all the time."""
    source = make_source(cloud, "behind", 16)
    request = make_request("behind", cutover={"secrets": [secret_name("behind")]}, wait={"max_seconds": 2, "calls_end_seconds": 3})
    with writing(cloud, "behind") as application:
        execution = Execution(cloud, "move-behind", request)
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        target = subscribed_target(databases, "behind")
        slow_down(databases, target)
        with databases.connect(source, "app") as session:
            session.execute(FILL)
            # From now on it begins anew, behind.
            session.execute("select pg_terminate_backend(pid) from pg_stat_replication where application_name like 'rds_reencrypt_%'")
            wait_until(lambda: "catchup" in values(session, STATES), bool, "a walsender that catches up", 30)
            until = time.monotonic() + BEHIND_SECONDS
            while time.monotonic() < until:
                assert execution.status == "RUNNING" and "NotifyUndoing" not in execution.follow(), execution.follow()[-4:]
                time.sleep(1)
            assert "catchup" in values(session, STATES)
        speed_up(databases, target)
        approve(cloud, "behind", execution.name)
        finish(cloud, databases, source, execution, application, key_arn).assert_nothing_lost()


def slow_down(databases: Databases, target: dict) -> None:
    with databases.connect(target, "app") as session:
        session.execute(f"create function public.slow() returns trigger language plpgsql as 'begin perform pg_sleep({ROW_SECONDS}); return new; end'")
        session.execute("create trigger slow before update on public.thing for each row execute function public.slow()")
        session.execute("alter table public.thing enable always trigger slow")


def speed_up(databases: Databases, target: dict) -> None:
    with databases.connect(target, "app") as session:
        session.execute("drop trigger slow on public.thing; drop function public.slow()")
