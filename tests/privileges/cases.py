"""Whole executions that together reach every step of every kind, and every request that a step can make."""

import contextlib
import json
from collections.abc import Callable, Iterator

from demo.databases import Databases
from demo.executions import Execution, failures
from demo.local_cloud import LocalCloud
from demo.shop import make_key
from demo.waiting import wait_until
from executions.runs import approve, subscribed_target
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name
from faults.matrix import TRIES

ROLE = "arn:aws:iam::123456789012:role/s3-import"
MONITORING = {"MonitoringInterval": 15, "MonitoringRoleArn": "arn:aws:iam::123456789012:role/monitoring"}
WITH_REBOOT = {"consent": {"replica_identity": True, "reboot": True}}


def _move(cloud: LocalCloud, identifier: str, **members) -> Execution:
    execution = Execution(cloud, f"move-{identifier}", make_request(identifier, **members))
    described = execution.wait(LIMIT_SECONDS)
    if described["status"] != "SUCCEEDED":
        raise RuntimeError(f"{identifier} was not moved: {described.get('cause')}; {failures(execution.events())}")
    return execution


def _give_back(cloud: LocalCloud, identifier: str, **members) -> None:
    """The verification fails, and all that was made is taken away."""
    for _ in range(TRIES):
        cloud.api("POST", "faults", {"kind": "error-before", "state": "Verify", "execution": f"undone-{identifier}"})
    execution = Execution(cloud, f"undone-{identifier}", make_request(identifier, **members))
    execution.wait(LIMIT_SECONDS)
    if execution.follow()[-1] != "Undone":
        raise RuntimeError(f"{identifier} was not given back: {failures(execution.events())}")


def _key(cloud: LocalCloud, name: str) -> str:
    return make_key(cloud, f"alias/{name}")


def instance_with_a_role_and_a_reader_that_is_deleted(cloud: LocalCloud) -> None:
    rds, databases = cloud.client("rds"), Databases(cloud)
    make_source(
        cloud, "whole", 17, **MONITORING, DeletionProtection=True, BackupRetentionPeriod=3, EnablePerformanceInsights=True,
        PerformanceInsightsKMSKeyId=_key(cloud, "whole"), PreferredMaintenanceWindow="sat:05:00-sat:05:30",
    )  # fmt: skip
    rds.add_role_to_db_instance(DBInstanceIdentifier="whole", RoleArn=ROLE, FeatureName="s3Import")
    rds.create_db_instance_read_replica(DBInstanceIdentifier="whole-reader", SourceDBInstanceIdentifier="whole", **MONITORING)
    databases.in_status("whole-reader", "available")
    rds.modify_db_instance(DBInstanceIdentifier="whole-reader", BackupRetentionPeriod=3, ApplyImmediately=True)
    databases.in_status("whole-reader", "available")
    _move(cloud, "whole", after={"source": "delete"})


def instance_with_managed_password_and_secrets_under_keys_that_is_stopped(cloud: LocalCloud) -> None:
    rds, key = cloud.client("rds"), _key(cloud, "managed")
    make_source(cloud, "managed", 16, Tags=[{"Key": "cloud:log", "Value": "files"}])
    with Databases(cloud).connect(Databases(cloud).describe("managed")) as session:
        session.execute("create role m login password 'p'")
    rds.modify_db_instance(DBInstanceIdentifier="managed", ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=key, ApplyImmediately=True)
    source = Databases(cloud).in_status("managed", "available")
    # What the application reads: only its place is written.
    place = {"username": "m", "password": "p", "host": source["Endpoint"]["Address"], "port": source["Endpoint"]["Port"]}
    cloud.client("secretsmanager").create_secret(Name="managed/application", SecretString=json.dumps(place), KmsKeyId=key)
    _move(
        cloud, "managed", secret=source["MasterUserSecret"]["SecretArn"], after={"source": "stop"},
        cutover={"when": "now", "secrets": ["managed/application"]},
    )  # fmt: skip


def instance_under_a_key_that_is_given_back(cloud: LocalCloud) -> None:
    make_source(cloud, "back", 14, "rekey")
    _give_back(cloud, "back")


def instance_whose_copy_is_held_up_by_a_lock(cloud: LocalCloud) -> None:
    """Who finds that the copy applies nothing asks its log why: a verification, a look, a cutover."""
    databases = Databases(cloud)
    instance = make_source(cloud, "halted", 16)
    execution = Execution(cloud, "undone-halted", make_request("halted", cutover={"when": "approved", "max_write_pause_seconds": 1}))
    target = wait_until(lambda: subscribed_target(databases, "halted"), bool, "a copy that is subscribed", LIMIT_SECONDS)
    with databases.connect(target, "app") as copy, databases.connect(instance, "app") as source:

        def hold_until(seen: Callable[[], bool], what: str) -> None:
            with copy.transaction():
                copy.execute("lock table public.thing in access exclusive mode")
                source.execute("update public.thing set changed = changed + 1")
                wait_until(seen, bool, what, LIMIT_SECONDS)

        hold_until(lambda: "DrainTimeout" in str(execution.events()), "a verification that has waited")
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        approve(cloud, "halted", execution.name)
        hold_until(lambda: "NotifyUndoing" in execution.follow(), "a cutover that was given up")
    execution.wait(LIMIT_SECONDS)


def instance_without_logical_replication(cloud: LocalCloud) -> None:
    make_source(cloud, "unready", 17, "unprepared")
    _move(cloud, "unready", **WITH_REBOOT)


def instance_without_logical_replication_and_with_a_group_of_its_own(cloud: LocalCloud) -> None:
    group = Databases(cloud).parameter_group("own-group", 15, {"work_mem": 8192})
    make_source(cloud, "own-group", 15, DBParameterGroupName=group)
    _give_back(cloud, "own-group", **WITH_REBOOT)


def aurora_without_logical_replication_and_with_managed_password_that_is_stopped(cloud: LocalCloud) -> None:
    databases = Databases(cloud)
    group = databases.cluster_parameter_group("own-cluster-group", "aurora-postgresql16", {"work_mem": 8192})
    make_source(cloud, "aurora", 16, "aurora", DBClusterParameterGroupName=group, DeletionProtection=True)
    key = _key(cloud, "aurora")
    cloud.client("rds").modify_db_cluster(
        DBClusterIdentifier="aurora", ManageMasterUserPassword=True, MasterUserSecretKmsKeyId=key, ApplyImmediately=True
    )
    wait_until(lambda: databases.describe_cluster("aurora")["Status"], lambda status: status == "available", "aurora", 60)
    secret = databases.describe_cluster("aurora")["MasterUserSecret"]["SecretArn"]
    with _proxy(cloud, DBClusterIdentifiers=["aurora"]):
        _move(cloud, "aurora", secret=secret, after={"source": "stop"}, cutover={"when": "now"}, **WITH_REBOOT)


@contextlib.contextmanager
def _proxy(cloud: LocalCloud, **targets) -> Iterator[None]:
    """One in front of the source, which is told of."""
    rds = cloud.client("rds")
    subnets = [subnet["SubnetId"] for subnet in cloud.client("ec2").describe_subnets()["Subnets"]]
    login = {"AuthScheme": "SECRETS", "SecretArn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x", "IAMAuth": "DISABLED"}
    rds.create_db_proxy(DBProxyName="front", EngineFamily="POSTGRESQL", Auth=[login], RoleArn=ROLE, VpcSubnetIds=subnets[:2])
    rds.register_db_proxy_targets(DBProxyName="front", **targets)
    yield
    rds.delete_db_proxy(DBProxyName="front")


def aurora_that_gets_a_role_meanwhile_and_is_deleted(cloud: LocalCloud) -> None:
    make_source(cloud, "leaving", 15, "aurora", DeletionProtection=True, PreferredMaintenanceWindow="sat:05:00-sat:05:30")
    request = make_request("leaving", cutover={"secrets": ["leaving/master"]}, after={"source": "delete"})
    execution = Execution(cloud, "move-leaving", request)
    execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
    cloud.client("rds").add_role_to_db_cluster(DBClusterIdentifier="leaving", RoleArn=ROLE, FeatureName="s3Import")
    approve(cloud, "leaving", "move-leaving")
    described = execution.wait(LIMIT_SECONDS)
    if described["status"] != "SUCCEEDED":
        raise RuntimeError(f"leaving was not moved: {described.get('cause')}; {failures(execution.events())}")


def aurora_that_is_given_back(cloud: LocalCloud) -> None:
    make_source(cloud, "aurora-back", 13, "aurora")
    _give_back(cloud, "aurora-back")


def multi_az_cluster_without_logical_replication(cloud: LocalCloud) -> None:
    make_source(cloud, "multi-az", 17, "cluster", DBClusterParameterGroupName="default.postgres17", **MONITORING)
    _move(cloud, "multi-az", **WITH_REBOOT)


def multi_az_cluster_that_is_given_back(cloud: LocalCloud) -> None:
    make_source(cloud, "multi-az-back", 16, "cluster")
    _give_back(cloud, "multi-az-back")


def campaign(cloud: LocalCloud) -> None:
    """Finds and plans what has a tag, an instance and a cluster."""
    wish = [{"Key": "encrypt:mode", "Value": "plan"}, {"Key": "encrypt:secret", "Value": "campaign/master"}]
    make_source(cloud, "campaign", 17, Tags=wish)
    make_source(cloud, "campaign-cluster", 17, "aurora", Tags=wish)
    client = cloud.client("stepfunctions")
    arn = client.start_execution(stateMachineArn=cloud.fleet_state_machine_arn, name="campaign", input="{}")["executionArn"]

    def status() -> str:
        return client.describe_execution(executionArn=arn)["status"]

    if wait_until(status, lambda now: now != "RUNNING", "campaign", LIMIT_SECONDS) != "SUCCEEDED":
        raise RuntimeError(f"the campaign failed: {client.describe_execution(executionArn=arn).get('cause')}")


def doctor_of_a_cluster_with_a_secret_under_a_key(cloud: LocalCloud) -> None:
    make_source(cloud, "asked", 16, "aurora")
    secret = secret_name("asked")
    cloud.client("secretsmanager").update_secret(SecretId=secret, KmsKeyId=_key(cloud, "asked"))
    answer = cloud.client("lambda").invoke(FunctionName="doctor", Payload=json.dumps({"source": "asked", "secret": secret}))
    failed = [check for check in json.loads(answer["Payload"].read())["checks"] if not check["is_fine"]]
    if failed:
        raise RuntimeError(f"the doctor found {failed}")


def stopped_run_whose_input_is_too_long_for_an_event(cloud: LocalCloud) -> None:
    make_source(cloud, "wordy", 15)
    execution = Execution(cloud, "wordy", make_request("wordy"))
    execution.wait_for_state("CreatePublication", LIMIT_SECONDS)
    execution.stop()
    event = {"detail": {"executionArn": execution.arn, "input": None, "inputDetails": {"included": False}}}
    described = Execution(cloud, "wordy-undo", event).wait(LIMIT_SECONDS)
    if described["status"] != "SUCCEEDED":
        raise RuntimeError(f"wordy was not given back: {described.get('cause')}")


CASES: list[Callable[[LocalCloud], None]] = [
    instance_with_a_role_and_a_reader_that_is_deleted,
    aurora_without_logical_replication_and_with_managed_password_that_is_stopped,
    multi_az_cluster_without_logical_replication,
    instance_with_managed_password_and_secrets_under_keys_that_is_stopped,
    aurora_that_gets_a_role_meanwhile_and_is_deleted,
    multi_az_cluster_that_is_given_back,
    aurora_that_is_given_back,
    instance_under_a_key_that_is_given_back,
    instance_whose_copy_is_held_up_by_a_lock,
    instance_without_logical_replication,
    instance_without_logical_replication_and_with_a_group_of_its_own,
    campaign,
    doctor_of_a_cluster_with_a_secret_under_a_key,
    stopped_run_whose_input_is_too_long_for_an_event,
]
