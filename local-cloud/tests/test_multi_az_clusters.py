"""Multi-AZ DB clusters, through the AWS API and PostgreSQL's own protocol."""

import os
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest
from clusters import MULTI_AZ, Clusters
from databases import refused

from local_cloud.testing import Cloud, wait_until

MAJOR = "16"


@pytest.fixture(scope="module")
def clusters(cloud):
    return Clusters(cloud)


@pytest.fixture(scope="module")
def trio(clusters):
    clusters.cluster_group("trio", "postgres16", rds__logical_replication="1")
    return clusters.create_cluster("trio", "postgres", MAJOR, DBClusterParameterGroupName="trio", EnableCloudwatchLogsExports=["postgresql"])


def test_rds_makes_three_members_and_two_of_them_follow(clusters, trio):
    names = [f"trio-instance-{position}" for position in (1, 2, 3)]
    assert [each["DBInstanceIdentifier"] for each in trio["DBClusterMembers"]] == names
    assert [each["IsClusterWriter"] for each in trio["DBClusterMembers"]] == [True, False, False]
    members = [clusters.describe(name) for name in names]
    assert {each["DBInstanceStatus"] for each in members} == {"available"}
    assert len({each["Endpoint"]["Port"] for each in members}) == 3
    assert len({each["AvailabilityZone"] for each in members}) == 3 and trio["MultiAZ"]
    assert trio["Port"] == members[0]["Endpoint"]["Port"]
    assert {each["DBInstanceClass"] for each in members} == {MULTI_AZ["DBClusterInstanceClass"]}
    with clusters.connect(members[0]) as writer:
        writer.execute("create extension rds_tools")
        assert writer.execute("show wal_level").fetchone() == ("logical",)
        writer.execute("create table note as select 1 as id")
        for member in members[1:]:
            with clusters.connect(member) as reader:
                wait_until(lambda: reader.execute("select to_regclass('note')").fetchone()[0], "the table on a reader")
        with pytest.raises(psycopg.errors.UndefinedFunction):
            writer.execute("select aurora_version()")


def test_a_restore_makes_three_members_with_the_key_and_a_seed_lsn(clusters, trio):
    clusters.take_snapshot("trio", "trio-plain")
    copy = {"SourceDBClusterSnapshotIdentifier": "trio-plain", "TargetDBClusterSnapshotIdentifier": "no"}
    assert refused(clusters.rds.copy_db_cluster_snapshot, KmsKeyId="alias/aws/rds", **copy) == "InvalidParameterCombination"
    for member in {"MonitoringInterval": 0}, {"EnablePerformanceInsights": False}:
        of_limitless = {"DBClusterIdentifier": "no", "SnapshotIdentifier": "trio-plain", "Engine": "postgres", **member}
        assert refused(clusters.rds.restore_db_cluster_from_snapshot, **of_limitless) == "InvalidParameterCombination"
    restored = clusters.restore(
        "trio-copy", "trio-plain", "postgres", KmsKeyId="alias/aws/rds", EnableCloudwatchLogsExports=["postgresql"],
        DBClusterInstanceClass=MULTI_AZ["DBClusterInstanceClass"], StorageType="io1", Iops=1000,
    )  # fmt: skip
    assert restored["StorageEncrypted"] and ":key/" in restored["KmsKeyId"]
    assert restored["DBClusterParameterGroup"] == "default.postgres16"
    assert len(restored["DBClusterMembers"]) == 3
    writer = clusters.describe("trio-copy-instance-1")
    assert writer["KmsKeyId"] == restored["KmsKeyId"]
    with clusters.connect(writer) as session:
        session.execute("create extension if not exists rds_tools")
        (seed,) = session.execute("select rds_tools.logical_seed_lsn()::text").fetchone()
    wait_until(lambda: "redo" in "\n".join(clusters.cluster_log("trio-copy")), "the recovery in the exported log")
    assert seed
    assert refused(clusters.rds.delete_db_instance, DBInstanceIdentifier="trio-copy-instance-2", SkipFinalSnapshot=True) \
        == "InvalidDBClusterStateFault"  # fmt: skip
    clusters.rds.delete_db_cluster(DBClusterIdentifier="trio-copy", SkipFinalSnapshot=True)
    assert clusters.describe("trio-copy-instance-2")["DBInstanceStatus"] == "deleting"
    clusters.gone("trio-copy")
    clusters.instance_gone("trio-copy-instance-3")


def test_a_reboot_of_the_cluster_applies_its_group(clusters, trio):
    clusters.change_cluster_group("trio", "pending-reboot", max_connections="333")
    assert clusters.member_status("trio", "trio-instance-3")["DBClusterParameterGroupStatus"] == "pending-reboot"
    clusters.rds.reboot_db_cluster(DBClusterIdentifier="trio")
    assert clusters.describe_cluster("trio")["Status"] == "rebooting"
    assert {each["DBClusterParameterGroupStatus"] for each in clusters.cluster_available("trio")["DBClusterMembers"]} == {"in-sync"}
    for position in 1, 2, 3:
        with clusters.connect(clusters.available(f"trio-instance-{position}")) as session:
            assert session.execute("show max_connections").fetchone() == ("333",)
    assert refused(clusters.rds.stop_db_cluster, DBClusterIdentifier="trio") == "InvalidDBClusterStateFault"
    bare = {"DBClusterIdentifier": "bare", "Engine": "postgres", "MasterUsername": "m", "MasterUserPassword": "p" * 8}
    assert refused(clusters.rds.create_db_cluster, **bare) == "InvalidParameterCombination"


@pytest.fixture
def open_directory():
    """One that the servers' user may enter, and that goes even where a cloud could not remove it."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield directory


def test_no_server_of_a_cluster_outlives_a_cloud_that_is_killed(open_directory):
    """Nor does its segment of shared memory, of which the kernel has 4096 for all."""
    cloud = Cloud("--directory", open_directory)
    try:
        clusters = Clusters(cloud)
        clusters.create_cluster("doomed", "postgres")
        ports = [clusters.describe(f"doomed-instance-{position}")["Endpoint"]["Port"] for position in (1, 2, 3)]
        pid_files = Path(open_directory).glob("rds/*/data/postmaster.pid")
        segments = {file.read_text().splitlines()[6].split()[1] for file in pid_files}
        assert len(segments) == 3
    finally:
        cloud.process.kill()
        cloud.process.wait()

    def listening() -> list[int]:
        probe = "exec 3<>/dev/tcp/127.0.0.1/{}"
        return [port for port in ports if subprocess.run(["bash", "-c", probe.format(port)], stderr=subprocess.DEVNULL).returncode == 0]

    def left() -> set[str]:
        return segments & {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()}

    wait_until(lambda: not listening(), "the servers to end")
    wait_until(lambda: not left(), "their shared memory to go")
