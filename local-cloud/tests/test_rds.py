"""The control plane of RDS and the servers behind it, through the AWS API and PostgreSQL's own protocol."""

import os
import re
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from databases import Databases, refused

from local_cloud.testing import wait_until

MAJORS = [13, 17]


@pytest.fixture(scope="module")
def databases(cloud):
    return Databases(cloud)


@pytest.fixture(scope="module")
def plain(databases):
    """An instance that tests may change as long as they put it back."""
    return databases.create("plain", 17)


@pytest.mark.parametrize("major", MAJORS)
def test_an_encrypted_copy_of_a_snapshot_under_load_is_where_the_seed_lsn_says(databases, major):
    rds, source_id, target_id = databases.rds, f"source{major}", f"target{major}"
    group = databases.logical_group(major)
    exports = {"DBParameterGroupName": group, "EnableCloudwatchLogsExports": ["postgresql"]}
    source = databases.create(source_id, major, **exports)
    assert not source["StorageEncrypted"]
    with databases.connect(source) as session:
        session.execute("create table entry (id bigint generated always as identity primary key, writer int)")
        session.execute("create publication everything for all tables")
        session.execute("select pg_create_logical_replication_slot('copy', 'pgoutput')")
        session.execute("create role replicator login password 'replicator'")
        session.execute("grant rds_replication to replicator")

    ended = threading.Event()

    def write(writer: int) -> None:
        with databases.connect(source) as session:
            while not ended.is_set():
                session.execute("insert into entry (writer) values (%s)", (writer,))

    writers = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for writer in writers:
        writer.start()
    try:
        rds.create_db_snapshot(DBInstanceIdentifier=source_id, DBSnapshotIdentifier=f"plain{major}")
        assert databases.describe(source_id)["DBInstanceStatus"] == "backing-up"
        assert not databases.snapshot_available(f"plain{major}")["Encrypted"]
        rds.copy_db_snapshot(
            SourceDBSnapshotIdentifier=f"plain{major}",
            TargetDBSnapshotIdentifier=f"encrypted{major}",
            KmsKeyId="alias/aws/rds",
        )
        copy = databases.snapshot_available(f"encrypted{major}")
        assert copy["Encrypted"] and ":key/" in copy["KmsKeyId"]
        rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier=target_id, DBSnapshotIdentifier=f"encrypted{major}", **exports)
        target = databases.available(target_id)
        assert target["KmsKeyId"] == copy["KmsKeyId"]
    finally:
        ended.set()
        for writer in writers:
            writer.join()

    def redo_done() -> re.Match | None:
        return re.search(r"redo done at ([0-9A-F]+)/([0-9A-F]+)", "\n".join(databases.log(target_id)))

    high, low = (int(part, 16) for part in wait_until(redo_done, "the recovery in the exported log").groups())
    with databases.connect(target) as session:
        session.execute("create extension rds_tools")
        seed = session.execute("select rds_tools.logical_seed_lsn()").fetchone()[0]
        assert seed == f"{high:X}/{low + 1:X}"
        assert session.execute("select slot_name from pg_replication_slots").fetchall() == [("copy",)]
        session.execute("select pg_drop_replication_slot('copy')")
        session.execute("drop publication everything")
        publisher = f"host=localhost port={source['Endpoint']['Port']} dbname=app user=replicator password=replicator"
        session.execute(
            f"create subscription copy connection '{publisher} sslmode=require' publication everything"
            " with (create_slot = false, copy_data = false, enabled = false, slot_name = copy)"
        )
        session.execute("select pg_replication_origin_advance('pg_' || subid, %s::pg_lsn) from pg_stat_subscription", (seed,))
        session.execute("alter subscription copy enable")
        with databases.connect(source) as origin:
            rows = "select count(*), max(id), sum(writer) from entry"
            written = origin.execute(rows).fetchone()
        wait_until(lambda: session.execute(rows).fetchone() == written, f"{written} on the copy")
    with databases.connect(source) as session:
        session.execute("create extension rds_tools")
        assert session.execute("select rds_tools.logical_seed_lsn()").fetchone()[0] is None


def test_the_master_user_is_no_superuser(databases, plain):
    with databases.connect(plain) as session:
        assert session.execute("select rolsuper from pg_roles where rolname = current_user").fetchone() == (False,)
        session.execute("create function note() returns event_trigger language plpgsql as 'begin end'")
        session.execute("create event trigger note on ddl_command_end execute function note()")
        session.execute("drop event trigger note")
        session.execute("set session_replication_role = replica")
        for forbidden in (
            "copy (select 1) to '/tmp/never'",
            "alter system set work_mem = '1MB'",
            "create role too superuser",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden)
    with pytest.raises(psycopg.OperationalError, match="rejects"):
        databases.connect(plain, dbname="rdsadmin")


def test_a_publication_of_another_owners_table_is_refused(databases, plain):
    with databases.connect(plain) as session:
        session.execute("create role owner login password 'owner'")
        session.execute("grant create on database app to owner")
    with databases.connect(plain, user="owner", password="owner") as session:
        session.execute("create schema owner")
        session.execute("create table owner.theirs (id int)")
    with databases.connect(plain) as session, pytest.raises(psycopg.errors.InsufficientPrivilege):
        session.execute("create publication theirs for table owner.theirs")


@pytest.mark.parametrize("major, forced", [(13, False), (17, True)])
def test_tls_is_forced_since_15(databases, plain, major, forced):
    instance = plain if major == 17 else databases.create("open", major)
    if forced:
        with pytest.raises(psycopg.OperationalError, match="no encryption"):
            databases.connect(instance, sslmode="disable")
    else:
        databases.connect(instance, sslmode="disable").close()


def test_a_static_parameter_waits_for_a_reboot_and_a_dynamic_one_does_not(databases):
    rds = databases.rds
    rds.create_db_parameter_group(DBParameterGroupName="own", DBParameterGroupFamily="postgres17", Description="own")
    instance = databases.create("tuned", 17, DBParameterGroupName="own")

    def change(name: str, value: str, method: str) -> None:
        parameter = {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}
        rds.modify_db_parameter_group(DBParameterGroupName="own", Parameters=[parameter])

    def show(name: str) -> str:
        with databases.connect(instance) as session:
            return session.execute(f"show {name}").fetchone()[0]

    change("work_mem", "8192", "immediate")
    wait_until(lambda: show("work_mem") == "8MB", "work_mem")
    assert databases.describe("tuned")["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    change("rds.logical_replication", "1", "pending-reboot")
    assert databases.describe("tuned")["DBParameterGroups"][0]["ParameterApplyStatus"] == "pending-reboot"
    assert show("wal_level") == "replica"
    rds.reboot_db_instance(DBInstanceIdentifier="tuned")
    assert databases.available("tuned")["DBParameterGroups"][0]["ParameterApplyStatus"] == "in-sync"
    assert show("wal_level") == "logical" and show("rds.logical_replication") == "on"

    static = {"ParameterName": "max_connections", "ParameterValue": "50", "ApplyMethod": "immediate"}
    assert refused(rds.modify_db_parameter_group, DBParameterGroupName="own", Parameters=[static]) == "InvalidParameterCombination"
    unknown = {"ParameterName": "no_such", "ParameterValue": "1", "ApplyMethod": "immediate"}
    assert refused(rds.modify_db_parameter_group, DBParameterGroupName="own", Parameters=[unknown]) == "InvalidParameterValue"


def test_rename_stop_start_and_delete_act_on_the_server(databases):
    rds = databases.rds
    instance = databases.create("before", 17, DeletionProtection=True, Tags=[{"Key": "team", "Value": "orders"}])
    session = databases.connect(instance)
    rds.modify_db_instance(DBInstanceIdentifier="before", NewDBInstanceIdentifier="after", ApplyImmediately=True)
    databases_found = lambda: {each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]}
    wait_until(lambda: "after" in databases_found(), "the new name")
    before, instance = instance, databases.available("after")
    with pytest.raises(psycopg.OperationalError):
        session.execute("select 1")
    assert instance["DbiResourceId"] == before["DbiResourceId"]
    with pytest.raises(psycopg.OperationalError):
        databases.connect(before)
    assert instance["TagList"] == [{"Key": "team", "Value": "orders"}]

    rds.stop_db_instance(DBInstanceIdentifier="after")
    databases.available("after", "stopped")
    with pytest.raises(psycopg.OperationalError):
        databases.connect(instance)
    assert refused(rds.create_db_snapshot, DBInstanceIdentifier="after", DBSnapshotIdentifier="no") == "InvalidDBInstanceState"
    rds.start_db_instance(DBInstanceIdentifier="after")
    databases.connect(databases.available("after")).close()

    assert refused(rds.delete_db_instance, DBInstanceIdentifier="after", SkipFinalSnapshot=True) == "InvalidParameterCombination"
    rds.modify_db_instance(DBInstanceIdentifier="after", DeletionProtection=False, ApplyImmediately=True)
    databases.available("after")
    rds.delete_db_instance(DBInstanceIdentifier="after", FinalDBSnapshotIdentifier="last")
    wait_until(lambda: "after" not in databases_found(), "the instance to be gone")
    assert databases.snapshot_available("last")["PercentProgress"] == 100


def test_the_managed_master_password_is_in_secrets_manager(databases):
    instance = databases.create("managed", 17, ManageMasterUserPassword=True, MasterUserPassword="")
    arn = instance["MasterUserSecret"]["SecretArn"]
    assert ":secret:rds!db-" in arn
    secrets = databases.cloud.client("secretsmanager")
    password = re.search(r'"password": "(\w+)"', secrets.get_secret_value(SecretId=arn)["SecretString"]).group(1)
    databases.connect(instance, password=password).close()


def test_without_rds_tools_a_restore_cannot_make_the_extension(databases):
    databases.create("old-minor", 17, Tags=[{"Key": "cloud:rds_tools", "Value": "off"}])
    databases.rds.create_db_snapshot(DBInstanceIdentifier="old-minor", DBSnapshotIdentifier="old-minor")
    databases.snapshot_available("old-minor")
    databases.rds.restore_db_instance_from_db_snapshot(DBInstanceIdentifier="old-copy", DBSnapshotIdentifier="old-minor")
    with databases.connect(databases.available("old-copy")) as session, pytest.raises(psycopg.errors.FeatureNotSupported):
        session.execute("create extension rds_tools")


def test_requests_in_the_wrong_state_are_refused_with_the_names_of_aws(databases, plain):
    rds = databases.rds
    new = {
        "DBInstanceClass": "db.t3.medium",
        "Engine": "postgres",
        "MasterUsername": "m",
        "MasterUserPassword": "p" * 8,
    }
    assert refused(rds.create_db_instance, DBInstanceIdentifier="plain", AllocatedStorage=20, **new) == "DBInstanceAlreadyExists"
    rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="first")
    assert refused(rds.create_db_snapshot, DBInstanceIdentifier="plain", DBSnapshotIdentifier="second") == "InvalidDBInstanceState"
    assert refused(rds.reboot_db_instance, DBInstanceIdentifier="plain") == "InvalidDBInstanceState"
    unfinished = {"SourceDBSnapshotIdentifier": "first", "TargetDBSnapshotIdentifier": "copy"}
    assert refused(rds.copy_db_snapshot, **unfinished) == "InvalidDBSnapshotState"
    databases.snapshot_available("first")
    databases.available("plain")
    assert refused(rds.create_db_snapshot, DBInstanceIdentifier="plain", DBSnapshotIdentifier="first") == "DBSnapshotAlreadyExists"
    assert refused(rds.describe_db_snapshots, DBSnapshotIdentifier="none") == "DBSnapshotNotFound"
    assert refused(rds.describe_db_instances, DBInstanceIdentifier="none") == "DBInstanceNotFound"
    small = {"DBInstanceIdentifier": "small", "DBSnapshotIdentifier": "first", "StorageType": "gp3", "Iops": 3000}
    assert refused(rds.restore_db_instance_from_db_snapshot, **small) == "InvalidParameterCombination"


def test_a_key_that_cannot_encrypt_is_refused(databases, plain):
    kms, rds = databases.cloud.client("kms"), databases.rds
    disabled = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.disable_key(KeyId=disabled)
    asymmetric = kms.create_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")["KeyMetadata"]["Arn"]
    databases.rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="for-keys")
    databases.snapshot_available("for-keys")
    databases.available("plain")
    elsewhere = asymmetric.replace(kms.meta.region_name, "ap-south-2")
    for key in disabled, asymmetric, elsewhere, "alias/none", "00000000-0000-0000-0000-000000000000":
        copy = {"SourceDBSnapshotIdentifier": "for-keys", "TargetDBSnapshotIdentifier": "no", "KmsKeyId": key}
        assert refused(rds.copy_db_snapshot, **copy) == "KMSKeyNotAccessibleFault"


def test_the_log_can_be_downloaded(databases, plain):
    file = databases.rds.describe_db_log_files(DBInstanceIdentifier="plain")["DescribeDBLogFiles"][0]
    portion = databases.rds.download_db_log_file_portion(DBInstanceIdentifier="plain", LogFileName=file["LogFileName"], Marker="0")
    assert "database system is ready to accept connections" in portion["LogFileData"]
    assert not portion["AdditionalDataPending"]


@pytest.fixture
def open_directory():
    """One that the servers' user may enter, and that goes even where a cloud could not remove it."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        yield directory


def test_no_server_outlives_a_cloud_that_is_killed(open_directory):
    from local_cloud.testing import Cloud

    cloud = Cloud("--directory", open_directory)
    try:
        databases = Databases(cloud)
        port = databases.create("doomed", 17)["Endpoint"]["Port"]
    finally:
        cloud.process.kill()
        cloud.process.wait()

    def listening() -> bool:
        return subprocess.run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"], stderr=subprocess.DEVNULL).returncode == 0

    wait_until(lambda: not listening(), "the server to end")


def test_a_copy_in_progress_ends_when_it_is_deleted(cloud, databases, plain):
    rds = databases.rds
    rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="to-copy")
    assert refused(rds.delete_db_snapshot, DBSnapshotIdentifier="to-copy") == "InvalidDBSnapshotState"
    databases.snapshot_available("to-copy")
    rds.copy_db_snapshot(SourceDBSnapshotIdentifier="to-copy", TargetDBSnapshotIdentifier="given-up")
    assert cloud.api("GET", "rds")["copies_in_progress"] == 1
    rds.delete_db_snapshot(DBSnapshotIdentifier="given-up")
    assert cloud.api("GET", "rds")["copies_in_progress"] == 0
    assert refused(rds.describe_db_snapshots, DBSnapshotIdentifier="given-up") == "DBSnapshotNotFound"
    rds.delete_db_snapshot(DBSnapshotIdentifier="to-copy")


def test_quotas_are_refused_as_aws_words_it_and_their_use_is_counted(cloud, databases, plain):
    rds = databases.rds
    before = cloud.api("GET", "rds")
    rds.create_db_snapshot(DBInstanceIdentifier="plain", DBSnapshotIdentifier="for-quotas")
    databases.snapshot_available("for-quotas")
    made, refusals = [], []

    def copy(number):
        try:
            rds.copy_db_snapshot(SourceDBSnapshotIdentifier="for-quotas", TargetDBSnapshotIdentifier=f"quota-{number}")
            made.append(f"quota-{number}")
        except rds.exceptions.SnapshotQuotaExceededFault as refusal:
            refusals.append(refusal.response["Error"]["Message"])

    # A copy takes a second here.
    with ThreadPoolExecutor(8) as at_once:
        list(at_once.map(copy, range(40)))
    assert set(refusals) == {"Cannot copy more than 20 snapshots across regions"}
    used = cloud.api("GET", "rds")
    assert used["most_copies_in_progress"] == 20
    assert used["refused_for_quota"] == before["refused_for_quota"] + len(refusals)
    assert used["most_manual_snapshots"] == used["manual_snapshots"] == before["manual_snapshots"] + 1 + len(made)
    assert used["requests"] >= before["requests"] + 41
    assert used["most_requests_in_a_second"] >= 20
    number = 100
    while "Cannot create more than 100 manual snapshots" not in refusals:
        wait_until(lambda: cloud.api("GET", "rds")["copies_in_progress"] < 20, "copies that ended")
        copy(number := number + 1)
    for identifier in made:
        databases.snapshot_available(identifier)
        rds.delete_db_snapshot(DBSnapshotIdentifier=identifier)
    assert cloud.api("GET", "rds")["copies_in_progress"] == 0
