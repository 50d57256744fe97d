"""Aurora's clusters, through the AWS API and PostgreSQL's own protocol."""

import re
import threading

import psycopg
import pytest
from clusters import AURORA, Clusters
from databases import PASSWORD, refused

from local_cloud.testing import wait_until


@pytest.fixture(scope="module")
def clusters(cloud):
    return Clusters(cloud)


@pytest.fixture(scope="module")
def shop(clusters):
    """A cluster with a writer and a reader, which tests may change as long as they put it back."""
    clusters.cluster_group("logical", "aurora-postgresql17", rds__logical_replication="1")
    clusters.create_cluster(
        "shop", version="17.7", DBClusterParameterGroupName="logical", EnableCloudwatchLogsExports=["postgresql"],
        Tags=[{"Key": "team", "Value": "orders"}], StorageType="aurora-iopt1", DeletionProtection=True, Port=5433,
        ServerlessV2ScalingConfiguration={"MinCapacity": 0.5, "MaxCapacity": 4},
    )  # fmt: skip
    clusters.begin_member("shop-1", "shop")
    clusters.begin_member("shop-2", "shop", DBInstanceClass="db.serverless", PromotionTier=3)
    clusters.available("shop-1")
    clusters.available("shop-2")
    return clusters.describe_cluster("shop")


def test_the_first_member_is_the_writer_and_a_reader_follows_it(clusters, shop):
    roles = {each["DBInstanceIdentifier"]: each["IsClusterWriter"] for each in shop["DBClusterMembers"]}
    assert roles == {"shop-1": True, "shop-2": False}
    writer, reader = clusters.describe("shop-1"), clusters.describe("shop-2")
    assert shop["Port"] == writer["Endpoint"]["Port"] != reader["Endpoint"]["Port"]
    assert shop["MultiAZ"] and writer["AvailabilityZone"] != reader["AvailabilityZone"]
    assert reader["DBInstanceClass"] == "db.serverless" and reader["PromotionTier"] == 3
    assert reader["EngineVersion"] == "17.7" and reader["MasterUsername"] == "master"
    with clusters.connect(writer) as session, clusters.connect(reader) as follower:
        session.execute("create table note as select 1 as id")
        wait_until(lambda: follower.execute("select to_regclass('note')").fetchone()[0], "the writer's table on the reader")
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            follower.execute("insert into note values (2)")
        assert session.execute("select slot_name from pg_replication_slots").fetchall() == []
        session.execute("drop table note")


def test_auroras_functions_are_in_every_database_and_rds_tools_is_not(clusters, shop):
    with clusters.connect(clusters.describe("shop-1")) as session:
        session.execute("create database later")
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            session.execute("create extension rds_tools")
    for database in "app", "postgres", "later":
        with clusters.connect(clusters.describe("shop-1"), dbname=database) as session:
            found = session.execute("select aurora_version(), aurora_volume_logical_start_lsn()").fetchone()
            assert found == ("17.7", None), database
    with clusters.connect(clusters.describe("shop-1")) as session:
        session.execute("drop database later")


def test_the_start_lsn_of_a_restored_cluster_is_where_its_rows_end(clusters, shop):
    """Under load: replication from that position makes copy and source equal, row for row."""
    source = clusters.describe("shop-1")
    with clusters.connect(source) as session:
        session.execute("create table entry (id bigint generated always as identity primary key, writer int)")
        session.execute("create publication everything for all tables")
        session.execute("select pg_create_logical_replication_slot('copy', 'pgoutput')")
        session.execute("create role replicator login password 'replicator'")
        session.execute("grant rds_replication to replicator")
        session.execute("grant select on entry to replicator")
    ended = threading.Event()

    def write(writer: int) -> None:
        with clusters.connect(source) as session:
            while not ended.is_set():
                session.execute("insert into entry (writer) values (%s)", (writer,))

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    try:
        clusters.take_snapshot("shop", "under-load")
        # A server with a logical slot does not start without logical replication.
        clusters.restore("shop-copy", "under-load", EngineVersion="17.7", DBClusterParameterGroupName="logical")
        copy = clusters.add_member("shop-copy-1", "shop-copy")
    finally:
        ended.set()
        for writer in writers:
            writer.join()
    with clusters.connect(copy) as session, clusters.connect(source) as origin:
        version, start = session.execute("select aurora_version(), aurora_volume_logical_start_lsn()").fetchone()
        assert version == "17.7"
        session.execute("select pg_drop_replication_slot('copy')")
        session.execute("drop publication everything")
        publisher = f"host=localhost port={source['Endpoint']['Port']} dbname=app user=replicator password=replicator"
        session.execute(
            f"create subscription copy connection '{publisher} sslmode=require' publication everything"
            " with (create_slot = false, copy_data = false, enabled = false, slot_name = copy)"
        )
        session.execute("select pg_replication_origin_advance('pg_' || subid, %s::pg_lsn) from pg_stat_subscription", (start,))
        session.execute("alter subscription copy enable")
        rows = "select count(*), max(id), sum(id) from entry"
        written = origin.execute(rows).fetchone()
        wait_until(lambda: session.execute(rows).fetchone() == written, f"{written} on the copy")
        session.execute("drop subscription copy")
        origin.execute("drop publication everything")
        origin.execute("drop table entry")
        origin.execute("drop role replicator")
    clusters.rds.delete_db_instance(DBInstanceIdentifier="shop-copy-1")
    clusters.rds.delete_db_cluster(DBClusterIdentifier="shop-copy", SkipFinalSnapshot=True)
    clusters.gone("shop-copy")


def test_the_log_group_of_aurora_has_no_lines_of_recovery(clusters, shop):
    wait_until(lambda: "ready to accept connections" in "\n".join(clusters.cluster_log("shop")), "the log of the cluster")
    streams = clusters.cloud.client("logs").describe_log_streams(logGroupName="/aws/rds/cluster/shop/postgresql")
    assert {stream["logStreamName"] for stream in streams["logStreams"]} == {"shop-1.0", "shop-2.0"}
    file = clusters.rds.describe_db_log_files(DBInstanceIdentifier="shop-1")["DescribeDBLogFiles"][0]
    portion = clusters.rds.download_db_log_file_portion(DBInstanceIdentifier="shop-1", LogFileName=file["LogFileName"], Marker="0")
    assert "ready to accept connections" in portion["LogFileData"]
    for text in "\n".join(clusters.cluster_log("shop")), portion["LogFileData"]:
        assert not re.search("redo|record length|database system was|recovery", text)


def test_a_copy_of_an_unencrypted_snapshot_with_a_key_is_an_error_and_a_restore_with_one_encrypts(clusters, shop):
    rds = clusters.rds
    key = clusters.cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    rds.create_db_cluster_snapshot(DBClusterIdentifier="shop", DBClusterSnapshotIdentifier="plain")
    making = clusters.describe_snapshot("plain")
    assert making["Status"] == "creating" and making["PercentProgress"] < 100
    assert clusters.describe_cluster("shop")["Status"] == "backing-up"
    copy = {"SourceDBClusterSnapshotIdentifier": "plain", "TargetDBClusterSnapshotIdentifier": "plain-copy"}
    assert refused(rds.copy_db_cluster_snapshot, **copy) == "InvalidDBClusterSnapshotStateFault"
    assert not clusters.cluster_snapshot_available("plain")["StorageEncrypted"]
    clusters.cluster_available("shop")
    assert refused(rds.copy_db_cluster_snapshot, KmsKeyId=key, **copy) == "InvalidParameterCombination"
    rds.copy_db_cluster_snapshot(**copy)
    assert not clusters.cluster_snapshot_available("plain-copy")["StorageEncrypted"]

    encrypted = clusters.restore("encrypted", "plain", KmsKeyId=key.split("/")[-1])
    assert (encrypted["StorageEncrypted"], encrypted["KmsKeyId"]) == (True, key)
    assert encrypted["StorageEncryptionType"] == "sse-kms"
    member = clusters.add_member("encrypted-1", "encrypted")
    assert (member["StorageEncrypted"], member["KmsKeyId"]) == (True, key)
    assert not clusters.restore("open", "plain")["StorageEncrypted"]

    assert clusters.take_snapshot("encrypted", "with-key")["KmsKeyId"] == key
    other = clusters.cloud.client("kms").create_key()["KeyMetadata"]["Arn"]
    for name, wanted, expected in ("kept", {}, key), ("rekeyed", {"KmsKeyId": other}, other):
        rds.copy_db_cluster_snapshot(SourceDBClusterSnapshotIdentifier="with-key", TargetDBClusterSnapshotIdentifier=name, **wanted)
        assert clusters.cluster_snapshot_available(name)["KmsKeyId"] == expected
    assert clusters.restore("kept", "kept")["KmsKeyId"] == key
    assert clusters.restore("rekeyed", "kept", KmsKeyId=other)["KmsKeyId"] == other
    rds.delete_db_instance(DBInstanceIdentifier="encrypted-1")
    for cluster in "encrypted", "open", "kept", "rekeyed":
        rds.delete_db_cluster(DBClusterIdentifier=cluster, SkipFinalSnapshot=True)
    for cluster in "encrypted", "open", "kept", "rekeyed":
        clusters.gone(cluster)


def test_a_restore_takes_defaults_for_what_it_is_not_given(clusters, shop):
    clusters.take_snapshot("shop", "for-defaults")
    copy = clusters.restore("defaults", "for-defaults")
    assert copy["DBClusterMembers"] == []
    assert copy["EngineVersion"] == "17.10" != shop["EngineVersion"]
    assert copy["StorageType"] == "aurora" and shop["StorageType"] == "aurora-iopt1"
    assert copy["DBClusterParameterGroup"] == "default.aurora-postgresql17" != shop["DBClusterParameterGroup"]
    assert not copy["DeletionProtection"] and not copy["TagList"] and not copy["EnabledCloudwatchLogsExports"]
    assert "ServerlessV2ScalingConfiguration" in shop and "ServerlessV2ScalingConfiguration" not in copy
    assert copy["MasterUsername"] == "master" and copy["DatabaseName"] == "app"
    clusters.rds.modify_db_cluster(DBClusterIdentifier="defaults", MasterUserPassword="battery-staple")
    assert clusters.describe_cluster("defaults")["Status"] == "resetting-master-credentials"
    clusters.cluster_available("defaults")
    with clusters.connect(clusters.add_member("defaults-1", "defaults"), password="battery-staple") as session:
        assert session.execute("show wal_level").fetchone() == ("replica",)
    wrong = {"DBClusterIdentifier": "wrong", "SnapshotIdentifier": "for-defaults"}
    restore = clusters.rds.restore_db_cluster_from_snapshot
    assert refused(restore, Engine="postgres", **wrong) == "InvalidParameterCombination"
    clusters.rds.delete_db_instance(DBInstanceIdentifier="defaults-1")
    clusters.instance_gone("defaults-1")
    clusters.rds.delete_db_cluster(DBClusterIdentifier="defaults", SkipFinalSnapshot=True)
    clusters.gone("defaults")


def test_a_cluster_parameter_waits_for_the_reboot_of_each_member(clusters):
    rds = clusters.rds
    clusters.cluster_group("tuned", "aurora-postgresql17")
    rds.create_db_parameter_group(DBParameterGroupName="member", DBParameterGroupFamily="aurora-postgresql17", Description="m")
    clusters.create_cluster("tuned", DBClusterParameterGroupName="tuned")
    writer = clusters.add_member("tuned-1", "tuned", DBParameterGroupName="member")
    reader = clusters.add_member("tuned-2", "tuned")

    def show(instance: dict, name: str) -> str:
        with clusters.connect(instance) as session:
            return session.execute(f"show {name}").fetchone()[0]

    def statuses() -> list[str]:
        return [clusters.member_status("tuned", name)["DBClusterParameterGroupStatus"] for name in ("tuned-1", "tuned-2")]

    assert show(writer, "wal_level") == "replica" and statuses() == ["in-sync", "in-sync"]
    clusters.change_cluster_group("tuned", "pending-reboot", rds__logical_replication="1", max_connections="120")
    assert show(writer, "wal_level") == "replica" and statuses() == ["pending-reboot", "pending-reboot"]
    rds.reboot_db_instance(DBInstanceIdentifier="tuned-1")
    assert clusters.describe("tuned-1")["DBInstanceStatus"] == "rebooting"
    clusters.available("tuned-1")
    assert show(writer, "wal_level") == "logical" and statuses()[0] == "in-sync"
    rds.reboot_db_instance(DBInstanceIdentifier="tuned-2")
    clusters.available("tuned-2")
    assert show(reader, "wal_level") == "logical" and statuses() == ["in-sync", "in-sync"]

    # A member's own group goes over the cluster's, and does not have what is the cluster's alone.
    clusters.change_cluster_group("tuned", "immediate", work_mem="8192")
    wait_until(lambda: show(writer, "work_mem") == "8MB", "work_mem of the cluster")
    own = {"ParameterName": "work_mem", "ParameterValue": "16384", "ApplyMethod": "immediate"}
    rds.modify_db_parameter_group(DBParameterGroupName="member", Parameters=[own])
    wait_until(lambda: show(writer, "work_mem") == "16MB", "work_mem of the member")
    assert show(reader, "work_mem") == "8MB"
    foreign = {"ParameterName": "rds.logical_replication", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}
    assert refused(rds.modify_db_parameter_group, DBParameterGroupName="member", Parameters=[foreign]) == "InvalidParameterValue"

    described = rds.describe_db_cluster_parameters(DBClusterParameterGroupName="tuned", Source="user")["Parameters"]
    assert {each["ParameterName"] for each in described} == {"rds.logical_replication", "max_connections", "work_mem"}
    assert refused(rds.delete_db_cluster_parameter_group, DBClusterParameterGroupName="tuned") == "InvalidDBParameterGroupState"
    default = {"DBClusterParameterGroupName": "default.aurora-postgresql17"}
    assert rds.describe_db_cluster_parameter_groups(**default)["DBClusterParameterGroups"]
    assert refused(rds.reset_db_cluster_parameter_group, ResetAllParameters=True, **default) == "InvalidParameterValue"
    rds.reset_db_cluster_parameter_group(DBClusterParameterGroupName="tuned", ResetAllParameters=True)
    assert statuses() == ["pending-reboot", "pending-reboot"]


def test_a_member_that_is_deleted_hands_over_and_the_last_one_leaves_its_data(clusters):
    rds = clusters.rds
    clusters.create_cluster("heir")
    clusters.add_member("heir-1", "heir")
    clusters.add_member("heir-2", "heir", PromotionTier=2)
    clusters.add_member("heir-3", "heir", PromotionTier=0)
    with clusters.connect(clusters.describe("heir-1")) as session:
        session.execute("create table legacy as select 7 as value")
    assert refused(rds.delete_db_cluster, DBClusterIdentifier="heir", SkipFinalSnapshot=True) == "InvalidDBClusterStateFault"
    rds.delete_db_instance(DBInstanceIdentifier="heir-1")
    clusters.instance_gone("heir-1")
    assert clusters.member_status("heir", "heir-3")["IsClusterWriter"]
    assert clusters.describe_cluster("heir")["Port"] == clusters.describe("heir-3")["Endpoint"]["Port"]
    with clusters.connect(clusters.describe("heir-3")) as session, clusters.connect(clusters.describe("heir-2")) as reader:
        session.execute("insert into legacy values (8)")
        wait_until(lambda: reader.execute("select count(*) from legacy").fetchone() == (2,), "the new writer's row")
    rds.failover_db_cluster(DBClusterIdentifier="heir", TargetDBInstanceIdentifier="heir-2")
    clusters.cluster_available("heir")
    assert clusters.member_status("heir", "heir-2")["IsClusterWriter"]
    for member in "heir-3", "heir-2":
        rds.delete_db_instance(DBInstanceIdentifier=member, SkipFinalSnapshot=True)
        clusters.instance_gone(member)
    with clusters.connect(clusters.add_member("heir-4", "heir")) as session:
        assert session.execute("select sum(value) from legacy").fetchone() == (15,)
        assert session.execute("select aurora_volume_logical_start_lsn()").fetchone() == (None,)
    rds.delete_db_instance(DBInstanceIdentifier="heir-4")
    rds.delete_db_cluster(DBClusterIdentifier="heir", FinalDBSnapshotIdentifier="heir-last")
    clusters.gone("heir")
    clusters.cluster_snapshot_available("heir-last")
    clusters.restore("heir-again", "heir-last")
    with clusters.connect(clusters.add_member("heir-5", "heir-again")) as session:
        assert session.execute("select sum(value) from legacy").fetchone() == (15,)


def test_all_members_can_be_deleted_at_once_and_the_cluster_behind_them(clusters):
    clusters.create_cluster("brief")
    members = ["brief-1", "brief-2", "brief-3"]
    for member in members:
        clusters.begin_member(member, "brief")
    for member in members:
        clusters.available(member)
    for member in members:
        clusters.rds.delete_db_instance(DBInstanceIdentifier=member, SkipFinalSnapshot=True)
    clusters.rds.delete_db_cluster(DBClusterIdentifier="brief", SkipFinalSnapshot=True)
    clusters.gone("brief")


def test_modify_stop_and_start_act_on_the_servers(clusters, shop):
    rds = clusters.rds
    assert refused(rds.delete_db_cluster, DBClusterIdentifier="shop", SkipFinalSnapshot=True) == "InvalidParameterCombination"
    rds.modify_db_cluster(
        DBClusterIdentifier="shop", BackupRetentionPeriod=9, CopyTagsToSnapshot=True, ApplyImmediately=True,
        PreferredMaintenanceWindow="sun:01:00-sun:01:30", CloudwatchLogsExportConfiguration={"DisableLogTypes": ["postgresql"]},
    )  # fmt: skip
    assert clusters.describe_cluster("shop")["Status"] == "modifying"
    changed = clusters.cluster_available("shop")
    assert changed["BackupRetentionPeriod"] == 9 == clusters.describe("shop-1")["BackupRetentionPeriod"]
    assert changed["PreferredMaintenanceWindow"] == "sun:01:00-sun:01:30"
    assert "EnabledCloudwatchLogsExports" not in changed or not changed["EnabledCloudwatchLogsExports"]
    assert clusters.take_snapshot("shop", "tagged")["TagList"] == [{"Key": "team", "Value": "orders"}]

    rds.stop_db_cluster(DBClusterIdentifier="shop")
    assert clusters.describe("shop-2")["DBInstanceStatus"] == "stopping"
    clusters.cluster_available("shop", "stopped")
    with pytest.raises(psycopg.OperationalError):
        clusters.connect(clusters.describe("shop-1"))
    new = {"DBInstanceIdentifier": "no", "DBClusterIdentifier": "shop", "Engine": AURORA, "DBInstanceClass": "db.r6g.large"}
    assert refused(rds.create_db_instance, **new) == "InvalidDBClusterStateFault"
    rds.start_db_cluster(DBClusterIdentifier="shop")
    clusters.cluster_available("shop")
    for member in "shop-1", "shop-2":
        clusters.connect(clusters.available(member)).close()
    rds.modify_db_instance(DBInstanceIdentifier="shop-2", DBInstanceClass="db.r6g.xlarge", PromotionTier=5, ApplyImmediately=True)
    reader = clusters.available("shop-2")
    assert (reader["DBInstanceClass"], reader["PromotionTier"]) == ("db.r6g.xlarge", 5)


def test_the_managed_master_password_of_a_cluster_is_in_secrets_manager(clusters):
    cluster = clusters.create_cluster("managed", ManageMasterUserPassword=True, MasterUserPassword="")
    arn = cluster["MasterUserSecret"]["SecretArn"]
    assert ":secret:rds!cluster-" in arn
    secrets = clusters.cloud.client("secretsmanager")

    def password() -> str:
        return re.search(r'"password": "(\w+)"', secrets.get_secret_value(SecretId=arn)["SecretString"]).group(1)

    member = clusters.add_member("managed-1", "managed")
    clusters.connect(member, password=password()).close()
    clusters.rds.modify_db_cluster(DBClusterIdentifier="managed", ManageMasterUserPassword=False, MasterUserPassword=PASSWORD)
    assert "MasterUserSecret" not in clusters.cluster_available("managed")
    clusters.connect(member).close()
    clusters.rds.modify_db_cluster(DBClusterIdentifier="managed", ManageMasterUserPassword=True)
    arn = clusters.cluster_available("managed")["MasterUserSecret"]["SecretArn"]
    clusters.connect(member, password=password()).close()


def test_requests_for_clusters_are_refused_with_the_names_of_aws(clusters, shop):
    rds, shop_id = clusters.rds, {"DBClusterIdentifier": "shop"}
    new = {"Engine": AURORA, "MasterUsername": "m", "MasterUserPassword": "p" * 8}
    member = {"DBInstanceIdentifier": "shop-9", "DBInstanceClass": "db.r6g.large"}
    for request, members, error in (
        (rds.describe_db_clusters, {"DBClusterIdentifier": "none"}, "DBClusterNotFoundFault"),
        (rds.describe_db_cluster_snapshots, {"DBClusterSnapshotIdentifier": "none"}, "DBClusterSnapshotNotFoundFault"),
        (rds.create_db_cluster, {**shop_id, **new}, "DBClusterAlreadyExistsFault"),
        (rds.create_db_instance, {**member, "DBClusterIdentifier": "none", "Engine": AURORA}, "DBClusterNotFoundFault"),
        (rds.create_db_instance, {**member, **shop_id, "Engine": "postgres"}, "InvalidParameterCombination"),
        (rds.create_db_instance, {**member, **shop_id, **new}, "InvalidParameterCombination"),
        (rds.create_db_snapshot, {"DBInstanceIdentifier": "shop-1", "DBSnapshotIdentifier": "no"}, "InvalidDBInstanceState"),
        (rds.stop_db_instance, {"DBInstanceIdentifier": "shop-1"}, "InvalidDBClusterStateFault"),
        (rds.reboot_db_cluster, shop_id, "InvalidDBClusterStateFault"),
        (rds.start_db_cluster, shop_id, "InvalidDBClusterStateFault"),
        (rds.modify_db_cluster, {**shop_id, "DBClusterParameterGroupName": "none"}, "DBClusterParameterGroupNotFound"),
        (rds.modify_db_cluster, {**shop_id, "NewDBClusterIdentifier": "other"}, "InvalidParameterCombination"),
        (rds.list_tags_for_resource, {"ResourceName": shop["DBClusterArn"] + "x"}, "DBClusterNotFoundFault"),
        (rds.add_tags_to_resource, {"ResourceName": shop["DBClusterArn"].replace(":cluster:", ":cluster-snapshot:"),
                                    "Tags": []}, "DBClusterSnapshotNotFoundFault"),
    ):  # fmt: skip
        assert refused(request, **members) == error, (request.__name__, members)


@pytest.mark.parametrize("mistake, expected", [("off", None), ("redo_done", "start of a record")])
def test_a_tag_of_the_cluster_takes_the_function_away_or_makes_it_mistaken(clusters, mistake, expected):
    name = f"mistaken-{mistake.replace('_', '-')}"
    tags = [{"Key": "cloud:rds_tools", "Value": mistake}]
    clusters.create_cluster(name, Tags=tags)
    with clusters.connect(clusters.add_member(f"{name}-1", name)) as session:
        session.execute("create table note as select 1 as id")
    clusters.take_snapshot(name, name)
    clusters.restore(f"{name}-copy", name, Tags=tags)
    with clusters.connect(clusters.add_member(f"{name}-2", f"{name}-copy")) as session:
        if expected is None:
            with pytest.raises(psycopg.errors.UndefinedFunction):
                session.execute("select aurora_volume_logical_start_lsn()")
        else:
            (lsn,) = session.execute("select aurora_volume_logical_start_lsn()").fetchone()
            assert int(lsn.split("/")[1], 16) % 8 == 0, "records start at multiples of eight; the truth is one more"
