"""A cloud without servers: RDS's states at AWS's pace, many times faster, with waits to match."""

import time

import pytest
from databases import Databases
from machines import output

from local_cloud.testing import Cloud
from local_cloud.without_servers import AS_ON_AWS

SCALE = 600
# As little as that a status may have lasted: a part of it is over before one looks.
MOST = 0.8


@pytest.fixture(scope="module")
def cloud():
    running = Cloud("--without-servers", "--time-scale", str(SCALE))
    yield running
    assert running.stop() == 0


def test_a_database_is_encrypted_at_the_pace_of_aws(cloud):
    databases = Databases(cloud)
    gib = 1000
    databases.create("d", 17, AllocatedStorage=gib)
    began = time.monotonic()
    databases.rds.create_db_snapshot(DBInstanceIdentifier="d", DBSnapshotIdentifier="s")
    assert databases.describe("d")["DBInstanceStatus"] == "backing-up"
    databases.snapshot_available("s")
    made = time.monotonic()
    databases.rds.copy_db_snapshot(SourceDBSnapshotIdentifier="s", TargetDBSnapshotIdentifier="c", KmsKeyId="alias/aws/rds")
    databases.snapshot_available("c")
    copied = time.monotonic()
    databases.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="e", DBSnapshotIdentifier="c")
    restored = databases.available("e")
    assert restored["StorageEncrypted"] and "Port" in restored["Endpoint"]
    assert made - began > MOST * AS_ON_AWS.snapshot_of(gib) / SCALE
    assert copied - made > MOST * AS_ON_AWS.copy_of(gib) / SCALE
    assert time.monotonic() - copied > MOST * 2 * AS_ON_AWS.restoring_of(gib) / SCALE
    databases.rds.delete_db_instance(DBInstanceIdentifier="e", SkipFinalSnapshot=True)
    databases.rds.delete_db_snapshot(DBSnapshotIdentifier="c")


def test_a_share_of_requests_fails_again_and_again(cloud):
    rds = cloud.client("rds")
    cloud.api("POST", "faults", {"kind": "refuse", "request": "DescribeDBProxies", "error": "AccessDenied", "share": 0.5})
    refused = 0
    for _ in range(40):
        try:
            rds.describe_db_proxies()
        except rds.exceptions.ClientError:
            refused += 1
    (fault,) = cloud.api("GET", "faults")["faults"]
    cloud.api("DELETE", "faults")
    assert 10 < refused < 30
    assert (fault["seen"], fault["strikes"], fault["struck"]) == (40, refused, False)


def test_a_state_machine_waits_less_and_its_transitions_are_counted(cloud, run):
    began = time.monotonic()
    execution = run(
        Wait={"Type": "Wait", "Seconds": 2 * SCALE, "Assign": {"told": {"a": [1]}}, "Next": "Tell"},
        Tell={"Type": "Pass", "Output": {"all": "{% $told %}", "part": "{% $told.a %}"}, "End": True},
    )
    assert 2 <= time.monotonic() - began < 2 * SCALE
    assert output(execution) == {"all": {"a": [1]}, "part": [1]}
    (counted,) = cloud.api("GET", "executions")["state_machines"]
    assert (counted["executions"], counted["transitions"]) == (1, 2)
