"""Every kind of database that the method covers, moved under writes and given back."""

import pytest
from demo.databases import values
from demo.executions import Execution
from demo.kinds import KINDS
from demo.waiting import wait_until

from .runs import approve, finish, move, name_of, target_of, undone, writing
from .sources import LIMIT_SECONDS, footprint, make_request, make_source, own_parameter_groups, parameter_group_of

ROLE = "arn:aws:iam::123456789012:role/s3-import"
WITH_REBOOT = {"consent": {"replica_identity": True, "reboot": True}}


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


# A source that is not ready.


def test_a_source_without_logical_replication_is_refused_with_what_would_be_done(cloud, databases, key_arn):
    source = make_source(cloud, "not-asked", 16, "unprepared")
    before = footprint(cloud, source, ["app"])
    execution = Execution(cloud, "not-asked", make_request("not-asked"))
    described = execution.wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "PreconditionFailed")
    for word in "consent.reboot", "default.postgres16 with rds.logical_replication = 1", "a reboot of not-asked at once":
        assert word in described["cause"], described["cause"]
    assert footprint(cloud, source, ["app"]) == before


@pytest.fixture(params=["default", "custom", "cluster"])
def unprepared(request, cloud, databases):
    """A source without logical replication; with a group of its own it has changed parameters, which have to stay."""
    identifier = f"unready-{request.param}"
    work_mem = {"work_mem": 8192}
    if request.param == "default":
        return make_source(cloud, identifier, 17, "unprepared")
    if request.param == "custom":
        return make_source(cloud, identifier, 13, DBParameterGroupName=databases.parameter_group("changed", 13, work_mem))
    group = databases.cluster_parameter_group("changed-cluster", "aurora-postgresql14", work_mem)
    return make_source(cloud, identifier, 14, "aurora", DBClusterParameterGroupName=group)


def test_a_source_without_logical_replication_is_prepared_and_has_its_group_again(cloud, databases, key_arn, unprepared):
    group = parameter_group_of(cloud, unprepared)
    moved = move(cloud, unprepared, make_request(name_of(unprepared), **WITH_REBOOT), key_arn)
    moved.assert_nothing_lost()
    assert "Prepare" in moved.states and "Regroup" in moved.states
    assert parameter_group_of(cloud, moved.scene.source) == parameter_group_of(cloud, moved.scene.target) == group
    assert own_parameter_groups(cloud) == []
    changed = "8MB" if group.startswith("changed") else "4MB"
    for side in moved.scene.source, moved.scene.target:
        with databases.connect(side, "app") as session:
            assert values(session, "show work_mem") == [changed]
    with databases.connect(moved.scene.target, "app") as session:
        assert values(session, "show wal_level") == ["replica"]


def test_a_prepared_source_that_is_given_back_has_its_group_again_and_can_be_tried_once_more(cloud, databases, key_arn):
    source = make_source(cloud, "once-more", 16, "unprepared")
    before = footprint(cloud, source, ["postgres", "app"])
    fault = {"function": "verify", "kind": "error-before", "action": "do"}
    for _ in range(4):
        cloud.api("POST", "faults", fault)
    try:
        execution = Execution(cloud, "once", make_request("once-more", **WITH_REBOOT))
        described = execution.wait(LIMIT_SECONDS)
    finally:
        cloud.api("DELETE", "faults")
    assert described["status"] == "FAILED" and execution.follow()[-1] == "Undone", described
    assert footprint(cloud, source, ["postgres", "app"]) == before
    # Its group takes effect with the next restart; until then the server replicates, and a copy's would not start.
    with databases.connect(source) as session:
        assert values(session, "show wal_level") == ["logical"]
    again = Execution(cloud, "without-consent", make_request("once-more"))
    assert "wal_level is logical until the next restart" in again.wait(LIMIT_SECONDS)["cause"]
    moved = move(cloud, source, make_request("once-more", **WITH_REBOOT), key_arn)
    moved.assert_nothing_lost()


def test_a_reboot_waits_for_the_maintenance_window(cloud, databases, key_arn):
    source = make_source(cloud, "patient", 17, "unprepared", PreferredMaintenanceWindow="sun:03:00-sun:03:30")
    before = footprint(cloud, source, ["postgres", "app"])
    request = make_request("patient", consent={"replica_identity": True, "reboot": True, "reboot_when": "maintenance_window"})
    execution = Execution(cloud, "patient", request)
    execution.wait_for_state("WaitForPreparation", LIMIT_SECONDS)
    wait_until(lambda: parameter_group_of(cloud, source), lambda group: group.startswith("rds-reencrypt-"), "the run's group", 30)
    wait_until(lambda: databases.describe("patient")["DBInstanceStatus"], lambda status: status == "available", "patient", 30)
    execution.stop()
    wait_until(lambda: footprint(cloud, source, ["postgres", "app"]), lambda now: now == before, "the source as it was", 60)
