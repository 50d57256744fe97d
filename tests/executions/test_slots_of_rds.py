"""Slots that RDS keeps for itself come along on the restored volume, and are not the run's to drop."""

from demo.databases import values

from .runs import move
from .sources import make_request, make_source

SLOTS = "select slot_name from pg_replication_slots where slot_type = 'physical'"


def test_a_physical_slot_on_the_copy_is_left_alone(cloud, databases, key_arn):
    """Symptom: the slots of a copy's readers were dropped, while these were away."""
    source = make_source(cloud, "has-readers", 16)
    with databases.connect(source) as session:
        session.execute("select pg_create_physical_replication_slot('rds_eu_central_1_db_reader')")
    moved = move(cloud, source, make_request("has-readers"), key_arn)
    for side in source, moved.scene.target:
        with databases.connect(side) as session:
            assert values(session, SLOTS) == ["rds_eu_central_1_db_reader"]
            session.execute("select pg_drop_replication_slot('rds_eu_central_1_db_reader')")
    moved.assert_nothing_lost()
