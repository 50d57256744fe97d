"""What surrounds databases and is only described, or only refused: proxies, global clusters, quotas, foreign keys; and
faults of requests for clusters."""

import pytest
from clusters import AURORA, Clusters
from databases import refused


@pytest.fixture(scope="module")
def clusters(cloud):
    return Clusters(cloud)


@pytest.fixture(scope="module")
def cluster(clusters):
    made = clusters.create_cluster("around", Tags=[{"Key": "cloud:maintenance", "Value": "system-update"}])
    clusters.add_member("around-1", "around")
    return made


def test_a_proxy_shows_the_cluster_and_its_members(clusters, cluster):
    rds, ec2 = clusters.rds, clusters.cloud.client("ec2")
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]]
    rds.create_db_proxy(
        DBProxyName="front", EngineFamily="POSTGRESQL", Auth=[{"AuthScheme": "SECRETS"}], VpcSubnetIds=subnets,
        RoleArn="arn:aws:iam::123456789012:role/proxy",
    )  # fmt: skip
    assert refused(rds.register_db_proxy_targets, DBProxyName="front", DBClusterIdentifiers=["none"]) == "DBClusterNotFoundFault"
    assert refused(rds.describe_db_proxy_targets, DBProxyName="none") == "DBProxyNotFoundFault"
    rds.register_db_proxy_targets(DBProxyName="front", DBClusterIdentifiers=["around"])
    targets = rds.describe_db_proxy_targets(DBProxyName="front")["Targets"]
    found = [(each["Type"], each["RdsResourceId"], each.get("TrackedClusterId")) for each in targets]
    assert found == [("TRACKED_CLUSTER", "around", None), ("RDS_INSTANCE", "around-1", "around")]
    assert [each["DBProxyName"] for each in rds.describe_db_proxies()["DBProxies"]] == ["front"]
    rds.delete_db_proxy(DBProxyName="front")


def test_a_global_cluster_lists_its_member_which_cannot_be_deleted(clusters, cluster):
    rds, arn = clusters.rds, cluster["DBClusterArn"]
    rds.create_global_cluster(GlobalClusterIdentifier="world", SourceDBClusterIdentifier=arn)
    (found,) = rds.describe_global_clusters(GlobalClusterIdentifier="world")["GlobalClusters"]
    assert refused(rds.describe_global_clusters, GlobalClusterIdentifier="none") == "GlobalClusterNotFoundFault"
    assert [each["DBClusterArn"] for each in found["GlobalClusterMembers"]] == [arn]
    assert found["GlobalClusterMembers"][0]["IsWriter"]
    assert clusters.describe_cluster("around")["GlobalClusterIdentifier"] == "world"
    clusters.create_cluster("passing", GlobalClusterIdentifier="world")
    assert refused(rds.delete_db_cluster, DBClusterIdentifier="passing", SkipFinalSnapshot=True) == "InvalidDBClusterStateFault"
    for identifier in arn, clusters.describe_cluster("passing")["DBClusterArn"]:
        rds.remove_from_global_cluster(GlobalClusterIdentifier="world", DbClusterIdentifier=identifier)
    rds.delete_global_cluster(GlobalClusterIdentifier="world")
    rds.delete_db_cluster(DBClusterIdentifier="passing", SkipFinalSnapshot=True)
    clusters.gone("passing")


def test_serverless_v1_and_replicas_of_clusters_are_described_and_have_no_members(clusters, cluster):
    replica = {"DBClusterIdentifier": "echo", "Engine": AURORA, "ReplicationSourceIdentifier": cluster["DBClusterArn"]}
    clusters.rds.create_db_cluster(**replica)
    echo = clusters.cluster_available("echo")
    assert echo["ReplicationSourceIdentifier"] == cluster["DBClusterArn"]
    assert clusters.describe_cluster("around")["ReadReplicaIdentifiers"] == [echo["DBClusterArn"]]
    assert clusters.create_cluster("first", EngineMode="serverless")["EngineMode"] == "serverless"
    for identifier in "echo", "first":
        member = {"DBInstanceIdentifier": "no", "DBInstanceClass": "db.r6g.large", "Engine": AURORA}
        refusal = refused(clusters.rds.create_db_instance, DBClusterIdentifier=identifier, **member)
        assert refusal == "InvalidParameterValue"
        clusters.rds.delete_db_cluster(DBClusterIdentifier=identifier, SkipFinalSnapshot=True)
        clusters.gone(identifier)
    assert clusters.describe_cluster("around")["ReadReplicaIdentifiers"] == []


def test_quotas_maintenance_classes_and_metrics_know_clusters(clusters, cluster):
    quotas = {each["AccountQuotaName"]: each for each in clusters.rds.describe_account_attributes()["AccountQuotas"]}
    assert quotas["DBClusters"]["Used"] >= 1 and quotas["DBClusters"]["Max"] == 40
    assert quotas["ManualClusterSnapshots"]["Max"] == 100
    planned = clusters.rds.describe_pending_maintenance_actions(ResourceIdentifier=cluster["DBClusterArn"])
    details = planned["PendingMaintenanceActions"][0]["PendingMaintenanceActionDetails"]
    assert [each["Action"] for each in details] == ["system-update"]
    for options in {"DBInstanceClass": "db.serverless"}, {"DBInstanceClass": "db.r6g.large"}:
        found = clusters.rds.describe_orderable_db_instance_options(Engine=AURORA, **options)
        assert found["OrderableDBInstanceOptions"][0]["SupportsStorageEncryption"]
    metrics = clusters.cloud.client("cloudwatch").list_metrics(Namespace="AWS/RDS", MetricName="FreeStorageSpace")
    measured = [each["Value"] for metric in metrics["Metrics"] for each in metric["Dimensions"]]
    assert "around-1" not in measured


def test_a_key_of_another_account_is_not_accessible(clusters, cluster):
    kms, rds = clusters.cloud.client("kms"), clusters.rds
    own = kms.create_key()["KeyMetadata"]["Arn"]
    foreign = own.replace(":123456789012:", ":999999999999:")
    assert refused(kms.describe_key, KeyId=foreign) == "AccessDeniedException"
    new = {"DBClusterIdentifier": "keyed", "Engine": AURORA, "MasterUsername": "m", "MasterUserPassword": "p" * 8}
    assert refused(rds.create_db_cluster, KmsKeyId=foreign, **new) == "KMSKeyNotAccessibleFault"


def test_tags_of_clusters_and_their_snapshots_can_be_changed(clusters, cluster):
    rds = clusters.rds
    snapshot = clusters.take_snapshot("around", "around-tags", Tags=[{"Key": "a", "Value": "1"}])
    for arn in cluster["DBClusterArn"], snapshot["DBClusterSnapshotArn"]:
        rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": "b", "Value": "2"}])
        assert {"Key": "b", "Value": "2"} in rds.list_tags_for_resource(ResourceName=arn)["TagList"]
        rds.remove_tags_from_resource(ResourceName=arn, TagKeys=["b"])
        assert {"Key": "b", "Value": "2"} not in rds.list_tags_for_resource(ResourceName=arn)["TagList"]


def test_what_requests_for_clusters_make_fails_on_demand(clusters, cluster):
    def fail(request: str, about: str, outcome: str = "failed") -> None:
        fault = {"kind": "outcome", "request": request, "about": about, "outcome": outcome}
        clusters.cloud.api("POST", "faults", fault)

    rds = clusters.rds
    clusters.take_snapshot("around", "sound")
    fail("CreateDBClusterSnapshot", "broken")
    rds.create_db_cluster_snapshot(DBClusterIdentifier="around", DBClusterSnapshotIdentifier="broken")
    fail("CopyDBClusterSnapshot", "broken-copy")
    rds.copy_db_cluster_snapshot(SourceDBClusterSnapshotIdentifier="sound", TargetDBClusterSnapshotIdentifier="broken-copy")
    for snapshot in "broken", "broken-copy":
        clusters.cluster_snapshot_available(snapshot, "failed")
        rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=snapshot)
    fail("RestoreDBClusterFromSnapshot", "lost", "incompatible-restore")
    rds.restore_db_cluster_from_snapshot(DBClusterIdentifier="lost", SnapshotIdentifier="sound", Engine=AURORA)
    clusters.cluster_available("lost", "incompatible-restore")
    rds.delete_db_cluster(DBClusterIdentifier="lost", SkipFinalSnapshot=True)
    clusters.gone("lost")
    fail("CreateDBInstance", "around-2", "incompatible-parameters")
    clusters.begin_member("around-2", "around")
    clusters.available("around-2", "incompatible-parameters")
    rds.delete_db_instance(DBInstanceIdentifier="around-2")
    clusters.instance_gone("around-2")
    clusters.cloud.api("DELETE", "faults")
