"""An undo counts its own looks, however many the run has used up before: RDS deletes in minutes.

In a cloud without servers, whose RDS has AWS's pace, many times faster: a run that nobody approves looks 660 times."""

import json

import pytest

from demo.executions import Execution
from demo.local_cloud import LocalCloud, binaries_directory
from demo.shop import make_key
from demo.waiting import wait_until

TIME_SCALE = 300
KEY_ALIAS = "alias/tests"


@pytest.fixture(scope="module")
def fast_cloud():
    with LocalCloud("--binaries", str(binaries_directory()), "--without-servers", "--time-scale", str(TIME_SCALE)) as running:
        make_key(running, KEY_ALIAS)
        yield running


def make_source(cloud: LocalCloud, identifier: str) -> None:
    rds = cloud.client("rds")
    cloud.client("secretsmanager").create_secret(Name=identifier, SecretString=json.dumps({"username": "master", "password": "secret99"}))
    rds.create_db_parameter_group(DBParameterGroupName=identifier, DBParameterGroupFamily="postgres17", Description="logical")
    parameter = {"ParameterName": "rds.logical_replication", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}
    rds.modify_db_parameter_group(DBParameterGroupName=identifier, Parameters=[parameter])
    rds.create_db_instance(
        DBInstanceIdentifier=identifier, Engine="postgres", EngineVersion="17", DBInstanceClass="db.m6g.large", AllocatedStorage=20,
        MasterUsername="master", MasterUserPassword="secret99", DBParameterGroupName=identifier,
    )  # fmt: skip
    wait_until(lambda: statuses(cloud), lambda found: found == {identifier: "available"}, "the source to be available", 60)


def statuses(cloud: LocalCloud) -> dict[str, str]:
    found = cloud.client("rds").describe_db_instances()["DBInstances"]
    return {each["DBInstanceIdentifier"]: each["DBInstanceStatus"] for each in found}


@pytest.mark.long
def test_a_run_that_nobody_approved_is_undone_while_deletions_take_minutes(fast_cloud, record_property):
    make_source(fast_cloud, "unapproved")
    request = {"source": "unapproved", "secret": "unapproved", "kms_key": KEY_ALIAS, "wait": {"max_seconds": 1}}
    described = Execution(fast_cloud, "unapproved", request).wait(300)
    assert (described["status"], described["error"]) == ("FAILED", "NotApproved"), described["cause"]
    assert "660 polls" in described["cause"]
    assert statuses(fast_cloud) == {"unapproved": "available"}
    assert fast_cloud.client("rds").describe_db_snapshots(SnapshotType="manual")["DBSnapshots"] == []
    record_property("outcome", "given back as NotApproved, nothing left")
