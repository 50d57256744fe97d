"""Clusters that cannot be moved, or not without a word: refused by name before anything is made, or reported."""

import itertools
import json
import os

import pytest

from demo.databases import MASTER, MASTER_PASSWORD
from demo.executions import Execution
from demo.footprint import footprint
from demo.local_cloud import LocalCloud, binaries_directory

from .sources import LIMIT_SECONDS, make_request, make_source

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def cluster(cloud, key_arn):
    """The writer of an Aurora cluster."""
    return make_source(cloud, "whole", 16, "aurora")


def answer(cloud: LocalCloud, source: str, **members) -> dict:
    """How an execution ends that only plans."""
    request = make_request("whole", source=source, plan_only=True) | members
    execution = Execution(cloud, f"cluster-{next(NUMBERS)}", request)
    described = execution.wait(LIMIT_SECONDS)
    return described | {"states": execution.follow(), "output": described.get("output")}


def assert_refused(described: dict, error: str, *named: str) -> None:
    assert (described["status"], described.get("error")) == ("FAILED", error), described.get("cause")
    for word in named:
        assert word in described["cause"], described["cause"]


def make_other(cloud: LocalCloud, identifier: str, **members) -> None:
    cloud.client("rds").create_db_cluster(**{"DBClusterIdentifier": identifier, "Engine": "aurora-postgresql", "EngineVersion": "16"} | members)


def test_aurora_serverless_v1(cloud, cluster):
    make_other(cloud, "old-serverless", EngineMode="serverless", MasterUsername=MASTER, MasterUserPassword=MASTER_PASSWORD)
    before = footprint(cloud, cluster, ["app"])
    described = answer(cloud, "old-serverless")
    assert described["status"] == "FAILED" and "serverless v1" in described["cause"], described
    assert footprint(cloud, cluster, ["app"]) == before


def test_a_cluster_with_a_replica_and_its_replica(cloud, databases, cluster):
    make_other(cloud, "is-replica", ReplicationSourceIdentifier=databases.describe_cluster("whole")["DBClusterArn"])
    try:
        assert_refused(answer(cloud, "whole"), "SourceUnsupported", "cluster whole has 1 replicas of its own")
        described = answer(cloud, "is-replica")
        assert described["status"] == "FAILED" and "is-replica" in described["cause"], described
    finally:
        cloud.client("rds").delete_db_cluster(DBClusterIdentifier="is-replica", SkipFinalSnapshot=True)


def test_a_member_of_a_global_cluster(cloud, databases, cluster):
    rds = cloud.client("rds")
    arn = databases.describe_cluster("whole")["DBClusterArn"]
    rds.create_global_cluster(GlobalClusterIdentifier="everywhere", SourceDBClusterIdentifier=arn)
    try:
        assert_refused(answer(cloud, "whole"), "SourceUnsupported", "global cluster everywhere", "remove it from the global cluster")
    finally:
        rds.remove_from_global_cluster(GlobalClusterIdentifier="everywhere", DbClusterIdentifier=arn)
        rds.delete_global_cluster(GlobalClusterIdentifier="everywhere")


def test_a_proxy_in_front_is_reported(cloud, cluster):
    rds = cloud.client("rds")
    subnets = [each["SubnetId"] for each in cloud.client("ec2").describe_subnets()["Subnets"][:2]]
    rds.create_db_proxy(
        DBProxyName="in-front", EngineFamily="POSTGRESQL", RoleArn="arn:aws:iam::123456789012:role/proxy", VpcSubnetIds=subnets,
        Auth=[{"AuthScheme": "SECRETS", "SecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x", "IAMAuth": "DISABLED"}],
    )  # fmt: skip
    rds.register_db_proxy_targets(DBProxyName="in-front", DBClusterIdentifiers=["whole"])
    try:
        described = answer(cloud, "whole")
        assert described["status"] == "SUCCEEDED", described
        assert "1 proxies point at the source" in described["output"] and "in-front" in described["output"]
    finally:
        rds.delete_db_proxy(DBProxyName="in-front")


def test_a_key_of_another_account(cloud, cluster):
    key = "arn:aws:kms:eu-central-1:999999999999:key/00000000-0000-0000-0000-000000000000"
    assert_refused(answer(cloud, "whole", kms_key=key), "KmsKeyUnusable", key, "need kms:DescribeKey and kms:CreateGrant")


@pytest.mark.parametrize("source", ["whole-2", "DBClusterArn", "DbClusterResourceId"])
def test_every_name_of_a_cluster_and_those_of_its_members_lead_to_it(cloud, databases, cluster, source):
    described = answer(cloud, databases.describe_cluster("whole").get(source, source))
    assert described["status"] == "SUCCEEDED", described
    plan = json.loads(described["output"])["plan"]
    assert (plan["source"]["kind"], plan["source"]["identifier"]) == ("aurora", "whole")
    assert ("MemberOfCluster" in described["output"]) == (source == "whole-2")


def test_what_awss_own_way_would_do_is_said(cloud, cluster):
    assert "Blue/Green deployment with a target key may take this database" in answer(cloud, "whole")["output"]


def test_a_snapshot_quota_that_is_reached(key_arn):
    """A cloud of its own: the quota is the account's."""
    os.environ["MOTO_RDS_SNAPSHOT_LIMIT"] = "0"
    try:
        with LocalCloud("--binaries", str(binaries_directory())) as full:
            make_source(full, "no-room", 17)
            execution = Execution(full, "no-room", make_request("no-room", kms_key="alias/aws/rds"))
            assert_refused(execution.wait(LIMIT_SECONDS), "PreconditionFailed", "0 of 0 manual snapshots of the account's quota are free")
    finally:
        del os.environ["MOTO_RDS_SNAPSHOT_LIMIT"]
