"""Read replicas of instances, through the AWS API and PostgreSQL's own protocol."""

import psycopg
import pytest
from databases import LIMIT_SECONDS, Databases, refused

from local_cloud.testing import wait_until


@pytest.fixture(scope="module")
def databases(cloud):
    return Databases(cloud)


def replicate(databases: Databases, source: str, replica: str, **members) -> dict:
    databases.rds.create_db_instance_read_replica(DBInstanceIdentifier=replica, SourceDBInstanceIdentifier=source, **members)
    return databases.available(replica)


def gone(databases: Databases, identifier: str) -> None:
    def identifiers() -> list[str]:
        return [each["DBInstanceIdentifier"] for each in databases.rds.describe_db_instances()["DBInstances"]]

    wait_until(lambda: identifier not in identifiers(), f"{identifier} to be gone", LIMIT_SECONDS)


@pytest.mark.parametrize("major", [12, 17])
def test_a_replica_follows_its_source_and_both_say_so(databases, major):
    name = f"primary{major}"
    source = databases.create(name, major, StorageEncrypted=True, DBParameterGroupName=databases.logical_group(major))
    with databases.connect(source) as session:
        session.execute("select pg_create_logical_replication_slot('kept', 'pgoutput')")
        session.execute("create table entry as select generate_series(1, 1000) as id")
    replica = replicate(databases, name, f"replica{major}")
    assert replica["ReadReplicaSourceDBInstanceIdentifier"] == name
    infos = [{"StatusType": "read replication", "Normal": True, "Status": "replicating"}]
    assert replica["StatusInfos"] == infos and not databases.describe(name).get("StatusInfos")
    assert databases.describe(name)["ReadReplicaDBInstanceIdentifiers"] == [f"replica{major}"]
    for member in "StorageEncrypted", "KmsKeyId", "DBInstanceClass", "EngineVersion", "MasterUsername":
        assert replica[member] == source[member], member
    assert replica["DBParameterGroups"][0]["DBParameterGroupName"] == f"logical{major}"
    assert replica["BackupRetentionPeriod"] == 0
    with databases.connect(source) as session, databases.connect(replica) as follower:
        session.execute("insert into entry values (1001)")
        wait_until(lambda: follower.execute("select count(*) from entry").fetchone() == (1001,), "the row on the replica")
        assert session.execute("select slot_name from pg_replication_slots").fetchall() == [("kept",)]
        assert follower.execute("select slot_name from pg_replication_slots").fetchall() == []
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            follower.execute("insert into entry values (1002)")
    stop = databases.rds.stop_db_instance
    assert refused(stop, DBInstanceIdentifier=name) == "InvalidDBInstanceState"
    assert refused(stop, DBInstanceIdentifier=f"replica{major}") == "InvalidDBInstanceState"
    databases.rds.reboot_db_instance(DBInstanceIdentifier=name)
    databases.available(name)
    with databases.connect(source) as session, databases.connect(replica) as follower:
        session.execute("insert into entry values (1002)")
        wait_until(lambda: follower.execute("select count(*) from entry").fetchone() == (1002,), "a row after the reboot")
    databases.rds.delete_db_instance(DBInstanceIdentifier=f"replica{major}", SkipFinalSnapshot=True)
    gone(databases, f"replica{major}")
    assert not databases.describe(name)["ReadReplicaDBInstanceIdentifiers"]


def test_replicas_of_a_source_that_is_deleted_are_instances_of_their_own(databases):
    source = databases.create("leaving", 16)
    with databases.connect(source) as session:
        session.execute("create table entry as select 1 as id")
    replicate(databases, "leaving", "staying")
    databases.rds.delete_db_instance(DBInstanceIdentifier="leaving", SkipFinalSnapshot=True)
    gone(databases, "leaving")
    staying = databases.describe("staying")
    assert "ReadReplicaSourceDBInstanceIdentifier" not in staying
    with databases.connect(staying) as session:
        session.execute("insert into entry values (2)")
    replicate_again = {"DBInstanceIdentifier": "again", "SourceDBInstanceIdentifier": "staying"}
    assert refused(databases.rds.create_db_instance_read_replica, **replicate_again) == "InvalidDBInstanceState"


def test_a_snapshot_of_a_replica_makes_an_instance_that_can_be_written(databases):
    databases.create("origin", 17)
    replicate(databases, "origin", "shadow")
    databases.rds.create_db_snapshot(DBInstanceIdentifier="shadow", DBSnapshotIdentifier="shadow")
    databases.snapshot_available("shadow")
    databases.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="lit", DBSnapshotIdentifier="shadow")
    with databases.connect(databases.available("lit")) as session:
        session.execute("create table entry (id int)")
    databases.available("shadow")
    databases.rds.promote_read_replica(DBInstanceIdentifier="shadow", BackupRetentionPeriod=3)
    promoted = databases.available("shadow")
    assert promoted["BackupRetentionPeriod"] == 3
    with databases.connect(promoted) as session:
        session.execute("create table entry (id int)")
