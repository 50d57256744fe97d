"""The new database is the old one in all but its key."""

import json
from types import SimpleNamespace

import pytest

from demo.databases import Databases
from demo.executions import Execution, failures
from demo.local_cloud import LocalCloud
from demo.waiting import wait_until
from settings.test_service_model import read_tables

from .runs import move, target_of, undone
from .sources import KEY_ALIAS, LIMIT_SECONDS, make_request, make_source

ROLE = "arn:aws:iam::123456789012:role/s3-import"
# As far from the defaults of RDS as this cloud can hold.
CHOSEN = {
    "DBInstanceClass": "db.r6g.large", "StorageType": "io1", "Iops": 3000, "AllocatedStorage": 100, "MaxAllocatedStorage": 500,
    "BackupRetentionPeriod": 9, "PreferredBackupWindow": "03:10-03:40", "PreferredMaintenanceWindow": "sat:05:00-sat:05:30",
    "PubliclyAccessible": True, "AutoMinorVersionUpgrade": False, "CopyTagsToSnapshot": True,
    "MonitoringInterval": 15, "MonitoringRoleArn": "arn:aws:iam::123456789012:role/monitoring",
    "EnableIAMDatabaseAuthentication": True, "EnableCloudwatchLogsExports": ["upgrade"], "DeletionProtection": True,
    "EnablePerformanceInsights": True, "PerformanceInsightsRetentionPeriod": 465, "DatabaseInsightsMode": "advanced",
    "NetworkType": "DUAL", "CACertificateIdentifier": "rds-ca-rsa4096-g1", "DedicatedLogVolume": True,
    "EngineLifecycleSupport": "open-source-rds-extended-support-disabled",
    "Tags": [{"Key": "team", "Value": "orders"}, {"Key": "cost", "Value": "12"}],
}  # fmt: skip
# How two values of a member are the same, where plain equality is not it.
READ = {
    "DBParameterGroups": lambda groups: [group["DBParameterGroupName"] for group in groups],
    "DBSubnetGroup": lambda group: group["DBSubnetGroupName"],
    "EnabledCloudwatchLogsExports": lambda exports: sorted(exports or []),
    "MasterUserSecret": lambda secret: secret and secret["KmsKeyId"],
    "ReadReplicaDBInstanceIdentifiers": lambda replicas: len(replicas or []),
    "TagList": lambda tags: sorted((tag["Key"], tag["Value"]) for tag in tags or [] if not tag["Key"].startswith("rds-reencrypt:")),
    "VpcSecurityGroups": lambda groups: sorted(group["VpcSecurityGroupId"] for group in groups),
}  # fmt: skip


def carried_members() -> list[str]:
    return [member for member, (what, _) in read_tables()["DBInstance"].items() if what.startswith("carried")]


def make_chosen_source(cloud: LocalCloud, identifier: str, key_arn: str) -> dict:
    ec2, rds = cloud.client("ec2"), cloud.client("rds")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    groups = [ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"] for name in (f"{identifier}-a", f"{identifier}-b")]
    for group in groups:
        permission = {"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": groups[0]}]}
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    subnets = [subnet["SubnetId"] for subnet in ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]]
    rds.create_db_subnet_group(DBSubnetGroupName=f"{identifier}-net", DBSubnetGroupDescription="chosen", SubnetIds=subnets)
    zone = ec2.describe_availability_zones()["AvailabilityZones"][1]["ZoneName"]
    source = make_source(
        cloud, identifier, 17, **CHOSEN, VpcSecurityGroupIds=groups, DBSubnetGroupName=f"{identifier}-net", AvailabilityZone=zone,
        PerformanceInsightsKMSKeyId=key_arn,
    )  # fmt: skip
    rds.add_role_to_db_instance(DBInstanceIdentifier=identifier, RoleArn=ROLE, FeatureName="s3Import")
    return source


@pytest.fixture(scope="module")
def moved(cloud, databases, key_arn):
    """A source with settings of its own and two readers, one behind the other, moved under writes."""
    identifier = "chosen"
    source = make_chosen_source(cloud, identifier, key_arn)
    rds = cloud.client("rds")
    make_reader(cloud, "reader", identifier, DBInstanceClass="db.r6g.xlarge", DeletionProtection=True, MonitoringInterval=0)
    rds.modify_db_instance(
        DBInstanceIdentifier="reader", BackupRetentionPeriod=3, PreferredMaintenanceWindow="mon:01:00-mon:01:30", ApplyImmediately=True
    )
    databases.in_status("reader", "available")
    make_reader(cloud, "far-reader", "reader", StorageType="gp3")
    moved = move(cloud, source, make_request(identifier), key_arn)
    before, after = databases.describe(identifier), databases.describe(moved.scene.target["DBInstanceIdentifier"])
    yield SimpleNamespace(moved=moved, before=before, after=after, output=moved.execution.output, databases=databases)
    drop_readers(cloud, databases)


def drop_readers(cloud: LocalCloud, databases: Databases) -> None:
    """Those first that nobody follows: one whose primary goes becomes an instance of its own."""
    rds = cloud.client("rds")

    def readers() -> list[dict]:
        return [each for each in databases.all() if each.get("ReadReplicaSourceDBInstanceIdentifier")]

    while left := readers():
        for reader in [each["DBInstanceIdentifier"] for each in left if not each["ReadReplicaDBInstanceIdentifiers"]]:
            rds.modify_db_instance(DBInstanceIdentifier=reader, DeletionProtection=False, ApplyImmediately=True)
            databases.in_status(reader, "available")
            rds.delete_db_instance(DBInstanceIdentifier=reader, SkipFinalSnapshot=True)
            wait_until(databases.all, lambda seen, gone=reader: gone not in [each["DBInstanceIdentifier"] for each in seen], f"{reader} to go", 60)


def make_reader(cloud: LocalCloud, identifier: str, primary: str, **members) -> dict:
    cloud.client("rds").create_db_instance_read_replica(DBInstanceIdentifier=identifier, SourceDBInstanceIdentifier=primary, **members)
    return Databases(cloud).in_status(identifier, "available")


def test_nothing_is_lost(moved):
    moved.moved.assert_nothing_lost()


@pytest.mark.parametrize("member", carried_members())
def test_a_carried_setting_is_the_same(moved, member):
    read = READ.get(member, lambda value: value)
    assert read(moved.after.get(member)) == read(moved.before.get(member))


def test_the_source_had_settings_of_its_own(moved):
    """The test above would hold of two databases with all defaults."""
    fresh = moved.databases.create("fresh", 17)
    carried = set(carried_members())
    same = {member for member in carried if READ.get(member, str)(fresh.get(member)) == READ.get(member, str)(moved.before.get(member))}
    assert len(carried - same) >= 25, sorted(same)


def test_replicas_are_made_anew_as_the_old_ones_are(moved):
    replicas = moved.output["report"]["replicas"]
    assert moved.output["report"]["not_made"] == []
    assert moved.after["ReadReplicaDBInstanceIdentifiers"] == [name for name in replicas if name.startswith("reader-enc-")]
    for old in "reader", "far-reader":
        (new,) = [name for name in replicas if name.startswith(f"{old}-enc-")]
        before, after = moved.databases.describe(old), moved.databases.describe(new)
        assert after["StorageEncrypted"] and after["KmsKeyId"] == moved.after["KmsKeyId"] and not before["StorageEncrypted"]
        for member in carried_members():
            read = READ.get(member, lambda value: value)
            assert read(after.get(member)) == read(before.get(member)), (old, member)


def test_a_managed_password_is_managed_again_and_the_report_names_its_secret(cloud, databases, key_arn):
    rds, secrets = cloud.client("rds"), cloud.client("secretsmanager")
    make_source(cloud, "managed", 17)
    rds.modify_db_instance(DBInstanceIdentifier="managed", ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=key_arn, ApplyImmediately=True)
    old = databases.in_status("managed", "available")["MasterUserSecret"]
    request = {"source": "managed", "kms_key": KEY_ALIAS, "cutover": {"when": "now"}, "consent": {"replica_identity": True}}
    execution = Execution(cloud, "managed", request | {"wait": {"max_seconds": 1, "calls_end_seconds": 3}})
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
    target = databases.describe(execution.output["target"]["identifier"])
    new = target["MasterUserSecret"]
    assert new["SecretArn"] == execution.output["report"]["master_secret"] != old["SecretArn"]
    assert new["KmsKeyId"] == old["KmsKeyId"] == key_arn
    password = json.loads(secrets.get_secret_value(SecretId=new["SecretArn"])["SecretString"])["password"]
    with databases.connect(target, "app", password=password) as session:
        assert session.execute("select count(*) from public.thing").fetchone() == (600,)


def test_a_setting_that_was_lost_undoes_the_run(cloud, databases):
    source = make_source(cloud, "lossy", 17)
    # Verification in several calls leaves time for somebody to change the target.
    with undone(cloud, source, "lossy", "SettingsDiffer", wait={"max_seconds": 1, "calls_end_seconds": 3, "verify_call_seconds": 0}) as execution:
        execution.wait_for_state("Verify", LIMIT_SECONDS)
        target = target_of(databases, "lossy")["DBInstanceIdentifier"]
        cloud.client("rds").modify_db_instance(
            DBInstanceIdentifier=target, DBInstanceClass="db.t3.large", CopyTagsToSnapshot=True, ApplyImmediately=True
        )
    cause = execution.describe()["cause"]
    assert "DBInstanceClass: db.t3.medium on the source, db.t3.large on the target" in cause
    assert "CopyTagsToSnapshot: not set on the source, true on the target" in cause and "2 settings of lossy" in cause


def test_it_is_compared_without_verification_too(cloud, databases, key_arn):
    source = make_source(cloud, "unverified", 17)
    moved = move(cloud, source, make_request("unverified", verify="off"), key_arn)
    assert "CompareSettings" in moved.states and "Verify" not in moved.states
    assert moved.execution.output["report"]["settings"] == []
