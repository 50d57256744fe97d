"""Every kind of database that the method covers, moved under writes and given back."""

import pytest

from demo.executions import Execution
from demo.kinds import KINDS

from .runs import approve, finish, move, name_of, target_of, undone, writing
from .sources import LIMIT_SECONDS, make_request, make_source

ROLE = "arn:aws:iam::123456789012:role/s3-import"


@pytest.fixture(autouse=True)
def few_servers(cloud, databases):
    """Those of all tests would be more than the account's quota."""
    yield
    databases.remove_all()


@pytest.mark.parametrize("kind, major", [("aurora", 12), ("aurora", 17), ("cluster", 13), ("cluster", 18), ("rekey", 14)])
def test_a_database_moves_under_writes_and_nothing_is_lost(cloud, databases, key_arn, kind, major):
    identifier = f"{kind}-{major}"
    source = make_source(cloud, identifier, major, kind)
    moved = move(cloud, source, make_request(identifier, **KINDS[kind].request), key_arn)
    moved.assert_nothing_lost()
    target = moved.scene.target
    output = moved.execution.output
    assert output["target"]["identifier"] == name_of(target) and output["kms_key_arn"] == target["KmsKeyId"] == key_arn
    assert output["target"]["port"] == target["Endpoint"]["Port"]
    assert ("CopyEncrypted" in moved.states) == (not KINDS[kind].is_cluster)


def test_an_aurora_cluster_gets_members_like_its_own_and_is_approved_by_its_tag(cloud, databases, key_arn):
    rds = cloud.client("rds")
    options = {
        "StorageType": "aurora-iopt1", "DeletionProtection": True, "BackupRetentionPeriod": 5, "Tags": [{"Key": "team", "Value": "shop"}],
        "ServerlessV2ScalingConfiguration": {"MinCapacity": 0.5, "MaxCapacity": 4}, "EngineVersion": "16.9",
    }  # fmt: skip
    source = make_source(cloud, "like-me", 16, "aurora", **options)
    rds.create_db_instance(
        DBInstanceIdentifier="like-me-small", DBClusterIdentifier="like-me", Engine="aurora-postgresql", DBInstanceClass="db.serverless",
        PromotionTier=9,
    )  # fmt: skip
    databases.in_status("like-me-small", "available")
    rds.add_role_to_db_cluster(DBClusterIdentifier="like-me", RoleArn=ROLE, FeatureName="s3Import")
    with writing(cloud, "like-me") as application:
        # Who names a member means its cluster.
        execution = Execution(cloud, "like-me", make_request("like-me", source="like-me-2", cutover={"secrets": ["like-me/master"]}))
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        approve(cloud, "like-me", "like-me")
        moved = finish(cloud, databases, source, execution, application, key_arn)
    moved.assert_nothing_lost()
    old, new = (databases.describe_cluster(name) for name in ("like-me", moved.scene.target["DBClusterIdentifier"]))
    for member in "Engine", "EngineVersion", "StorageType", "DeletionProtection", "BackupRetentionPeriod", "ServerlessV2ScalingConfiguration":
        assert old[member] == new[member], member
    assert [role["RoleArn"] for role in new["AssociatedRoles"]] == [ROLE]
    assert [tag for tag in new["TagList"] if tag["Key"] == "team"] == options["Tags"]

    def members(cluster: dict) -> list:
        described = [databases.describe(each["DBInstanceIdentifier"]) for each in cluster["DBClusterMembers"]]
        return sorted((each["DBInstanceClass"], each["PromotionTier"]) for each in described)

    assert members(old) == members(new) and len(members(new)) == 3
    assert "is a member of cluster like-me" in str(moved.execution.output["report"]["warnings"])


def test_a_multi_az_cluster_keeps_its_monitoring_though_its_restore_takes_none(cloud, databases, key_arn):
    """Symptom: InvalidParameterCombination at the restore, whatever the values were, and all was undone."""
    options = {
        "MonitoringInterval": 30, "MonitoringRoleArn": "arn:aws:iam::123456789012:role/monitoring",
        "EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 31,
    }  # fmt: skip
    source = make_source(cloud, "monitored", 16, "cluster", **options)
    moved = move(cloud, source, make_request("monitored"), key_arn)
    moved.assert_nothing_lost()
    old, new = (databases.describe_cluster(name) for name in ("monitored", moved.scene.target["DBClusterIdentifier"]))
    for member in "MonitoringInterval", "MonitoringRoleArn", "PerformanceInsightsEnabled", "PerformanceInsightsRetentionPeriod":
        assert old[member] == new[member] is not None, member


@pytest.mark.parametrize("kind", ["aurora", "cluster"])
def test_a_cluster_is_given_back_with_nothing_left(cloud, databases, key_arn, kind):
    identifier = f"back-{kind}"
    source = make_source(cloud, identifier, 17, kind)
    with undone(cloud, source, identifier, "DataDiffers") as execution:
        execution.wait_for_state("Subscribe", LIMIT_SECONDS)
        with databases.connect(target_of(databases, identifier), "app") as session:
            session.execute("update public.thing set told = 'another' where id = 555")


def test_a_cluster_that_is_deleted_leaves_one_last_snapshot(cloud, databases, key_arn):
    source = make_source(cloud, "to-go", 15, "aurora", DeletionProtection=True)
    moved = move(cloud, source, make_request("to-go", after={"source": "delete"}), key_arn)
    assert "to-go" not in [each["DBClusterIdentifier"] for each in databases.clusters()]
    snapshots = cloud.client("rds").describe_db_cluster_snapshots(DBClusterIdentifier="to-go")["DBClusterSnapshots"]
    assert [each["Status"] for each in snapshots] == ["available"]
    assert snapshots[0]["DBClusterSnapshotIdentifier"] in str(moved.execution.output["report"])
    assert databases.describe_cluster(moved.scene.target["DBClusterIdentifier"])["DeletionProtection"]
