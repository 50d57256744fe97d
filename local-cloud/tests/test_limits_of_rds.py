"""Limits and failures of RDS that a run meets: tags, storage that may grow, versions of long ago, answers that get lost."""

import time

import pytest
from botocore.config import Config
from databases import Databases, refused

from local_cloud.testing import wait_until


@pytest.fixture(scope="module")
def databases(cloud):
    return Databases(cloud)


@pytest.fixture(scope="module")
def plain(databases):
    return databases.create("plain", 17)


@pytest.fixture(autouse=True)
def no_faults_left(cloud):
    yield
    cloud.api("DELETE", "faults")


def tags(count: int, value: str = "x") -> list[dict[str, str]]:
    return [{"Key": f"team-{n}", "Value": value} for n in range(count)]


def test_a_resource_has_fifty_tags_at_most(databases, plain):
    add = databases.rds.add_tags_to_resource
    add(ResourceName=plain["DBInstanceArn"], Tags=tags(50))
    add(ResourceName=plain["DBInstanceArn"], Tags=tags(50, "y"))
    assert refused(add, ResourceName=plain["DBInstanceArn"], Tags=[{"Key": "one-more", "Value": "x"}]) == "InvalidParameterValue"
    make = databases.rds.create_db_snapshot
    assert refused(make, DBInstanceIdentifier="plain", DBSnapshotIdentifier="tagged", Tags=tags(51)) == "InvalidParameterValue"
    databases.rds.remove_tags_from_resource(ResourceName=plain["DBInstanceArn"], TagKeys=[each["Key"] for each in tags(50)])


@pytest.mark.parametrize("value", ["orders(2)", "it's", "now!", "a,b", "10€"])
def test_a_tag_has_letters_digits_and_few_signs(databases, plain, value):
    tag = [{"Key": "execution", "Value": value}]
    assert refused(databases.rds.add_tags_to_resource, ResourceName=plain["DBInstanceArn"], Tags=tag) == "InvalidParameterValue"
    allowed = [{"Key": "execution", "Value": "Größe 1_2.3:4/5=6+7-8@9"}]
    databases.rds.add_tags_to_resource(ResourceName=plain["DBInstanceArn"], Tags=allowed)


def test_a_limit_of_storage_leaves_a_tenth_for_growth(databases, plain):
    modify = databases.rds.modify_db_instance
    allocated = plain["AllocatedStorage"]
    assert refused(modify, DBInstanceIdentifier="plain", MaxAllocatedStorage=allocated + allocated // 10 - 1) == "InvalidParameterCombination"
    modify(DBInstanceIdentifier="plain", MaxAllocatedStorage=allocated + allocated // 10)
    databases.available("plain")


def test_of_a_version_of_long_ago_nothing_can_be_had(databases):
    def offered(version: str) -> int:
        return len(databases.rds.describe_orderable_db_instance_options(Engine="postgres", EngineVersion=version)["OrderableDBInstanceOptions"])

    assert (offered("13.7"), offered("13.20"), offered("17.4")) == (0, 1, 1)
    databases.create("old", 13, EngineVersion="13.7")
    databases.rds.create_db_snapshot(DBInstanceIdentifier="old", DBSnapshotIdentifier="old")
    databases.snapshot_available("old")
    restore = databases.rds.restore_db_instance_from_db_snapshot
    assert refused(restore, DBInstanceIdentifier="new", DBSnapshotIdentifier="old") == "InvalidParameterCombination"


def test_what_was_asked_for_is_made_though_its_answer_is_lost(cloud, databases, plain):
    """A client that asks again is told that it exists."""
    rds = databases.rds
    rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="whole")
    databases.snapshot_available("whole")
    cloud.api("POST", "faults", {"kind": "lose", "request": "CopyDBSnapshot"})
    copy = {"SourceDBSnapshotIdentifier": "whole", "TargetDBSnapshotIdentifier": "lost"}
    assert refused(rds.copy_db_snapshot, **copy) == "DBSnapshotAlreadyExists"
    databases.snapshot_available("lost")


@pytest.mark.parametrize("status, error", [(500, "InternalServiceError"), (503, "")])
def test_a_service_fails_with_a_code_or_with_none(cloud, status, error):
    cloud.api("POST", "faults", {"kind": "fail", "request": "DescribeDBInstances", "status": status, "error": error})
    once = cloud.session.client("rds", endpoint_url=cloud.exports["AWS_ENDPOINT_URL"], config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(once.exceptions.ClientError) as failure:
        once.describe_db_instances()
    assert failure.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert failure.value.response["Error"]["Code"] in (error, str(status))


def test_a_status_can_pass_by_itself(cloud, databases, plain):
    databases.available("plain")
    fault = {"kind": "outcome", "request": "ModifyDBInstance", "outcome": "storage-optimization", "after_ms": 2000}
    cloud.api("POST", "faults", fault)
    databases.rds.modify_db_instance(DBInstanceIdentifier="plain", AllocatedStorage=30, ApplyImmediately=True)
    status = lambda: databases.describe("plain")["DBInstanceStatus"]
    wait_until(lambda: status() == "storage-optimization", "storage-optimization", 10)
    began = time.monotonic()
    assert refused(databases.rds.create_db_snapshot, DBInstanceIdentifier="plain", DBSnapshotIdentifier="early") == "InvalidDBInstanceState"
    databases.rds.modify_db_instance(DBInstanceIdentifier="plain", BackupRetentionPeriod=3, ApplyImmediately=True)
    wait_until(lambda: status() == "available", "available", 20)
    assert time.monotonic() - began > 1
