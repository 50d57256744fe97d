"""What happens to a run while it runs: before the fence the source is given back, and nothing is left."""

import pytest

from demo.shop import make_key
from demo.waiting import wait_until

from .runs import target_of, undone
from .sources import LIMIT_SECONDS, make_source

NAME = "undone"


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, NAME, 17)


def test_a_key_that_is_disabled_meanwhile(cloud, source):
    key = make_key(cloud, "alias/fleeting").split("/")[-1]
    with undone(cloud, source, "key", "AwsRefused", kms_key=key) as execution:
        execution.wait_for_state("Snapshot", LIMIT_SECONDS)
        cloud.client("kms").disable_key(KeyId=key)


def test_a_row_that_differs_stops_it_before_the_application_moves(cloud, databases, source):
    with undone(cloud, source, "row", "DataDiffers") as execution:
        execution.wait_for_state("Subscribe", LIMIT_SECONDS)
        with databases.connect(target_of(databases, NAME), "app") as session:
            session.execute("update public.thing set told = 'another' where id = 555")


def test_a_slot_that_somebody_drops(cloud, databases, source):
    with undone(cloud, source, "slot", "SlotLost", cutover={}) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(source) as session:
            wait_until(lambda: drop_slots(session), lambda left: left == 0, "the slots to be gone", 20)


def drop_slots(session) -> int:
    """Drops the slots that no walsender holds at the moment; the number of the others."""
    session.execute("select pg_terminate_backend(active_pid) from pg_replication_slots where active")
    session.execute("select pg_drop_replication_slot(slot_name) from pg_replication_slots where not active")
    return session.execute("select count(*) from pg_replication_slots").fetchone()[0]
