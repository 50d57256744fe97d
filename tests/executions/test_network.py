"""The new database has the source's security groups, and has to reach the source through them."""

import re

import pytest
from demo.databases import Databases, values
from demo.executions import Execution
from demo.local_cloud import LocalCloud
from demo.waiting import wait_until

from .runs import approve, finish, move, subscribed_target, undone, writing
from .sources import LIMIT_SECONDS, make_request, make_source, secret_name

KINDS = {"instance": 17, "cluster": 15}
# Where nobody listens.
ELSEWHERE = "127.0.0.9"


def make_group(cloud: LocalCloud, name: str) -> str:
    """A group that lets the application in, and not itself."""
    ec2 = cloud.client("ec2")
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    of_application = ec2.create_security_group(GroupName=f"{name}-application", Description=name, VpcId=vpc)["GroupId"]
    permission = {"IpProtocol": "tcp", "FromPort": 0, "ToPort": 65535, "UserIdGroupPairs": [{"GroupId": of_application}]}
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    return group


def let_itself_in(cloud: LocalCloud, group: str, port: int) -> dict:
    permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": group}]}
    cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    return permission


@pytest.mark.parametrize("kind", KINDS)
def test_groups_that_do_not_let_the_copy_in_are_found_before_anything_is_made(cloud, databases, key_arn, kind):
    identifier = f"closed-{kind}"
    group = make_group(cloud, identifier)
    source = make_source(cloud, identifier, KINDS[kind], kind=kind, VpcSecurityGroupIds=[group])
    port = source["Endpoint"]["Port"]
    described = Execution(cloud, f"refused-{identifier}", make_request(identifier)).wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "PreconditionFailed"), described
    assert "refused NetworkPath" in described["cause"]
    assert f"aws ec2 authorize-security-group-ingress --group-id {group}" in described["cause"]
    assert re.search(rf"FromPort={port},ToPort={port},UserIdGroupPairs=\[{{GroupId={group}}}\]", described["cause"])
    let_itself_in(cloud, group, port)
    move(cloud, source, make_request(identifier), key_arn).assert_nothing_lost()


def test_networks_that_hold_every_subnet_let_it_in(cloud, databases, key_arn):
    identifier = "by-network"
    group = make_group(cloud, identifier)
    source = make_source(cloud, identifier, 14, VpcSecurityGroupIds=[group])
    port = source["Endpoint"]["Port"]
    for subnet in cloud.client("ec2").describe_subnets()["Subnets"]:
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": subnet["CidrBlock"]}]}
        cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    move(cloud, source, make_request(identifier), key_arn).assert_nothing_lost()


def test_a_rule_that_goes_during_the_run_ends_it_with_what_the_copy_said(cloud, databases):
    identifier = "closed-later"
    group = make_group(cloud, identifier)
    source = make_source(cloud, identifier, 16, VpcSecurityGroupIds=[group])
    permission = let_itself_in(cloud, group, source["Endpoint"]["Port"])
    with undone(cloud, source, identifier, "PostgresUnavailable") as execution:
        execution.wait_for_state("Snapshot", LIMIT_SECONDS)
        cloud.client("ec2").revoke_security_group_ingress(GroupId=group, IpPermissions=[permission])
        cause = execution.wait(LIMIT_SECONDS)["cause"]
    assert "could not connect" in cause or "connection to server" in cause, cause


@pytest.mark.parametrize("kind, major", [("instance", 12), ("cluster", 17)])
def test_a_public_source_is_found_by_the_address_that_the_functions_see(cloud, databases, key_arn, kind, major):
    """RDS's own hosts see another one; a failover moves it, and then the copy is told the new one."""
    identifier = f"public-{kind}"
    source = make_source(cloud, identifier, major, kind=kind, PubliclyAccessible=True)
    name = f"move-{identifier}"
    with writing(cloud, identifier) as application:
        execution = Execution(cloud, name, make_request(identifier, cutover={"secrets": [secret_name(identifier)]}))
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        before = senders(databases, source)
        move_address(databases, subscribed_target(databases, identifier), source)
        wait_until(lambda: senders(databases, source), lambda now: len(now) == len(before) and not now & before, "the copy to be back", 60)
        approve(cloud, identifier, name)
        finish(cloud, databases, source, execution, application, key_arn).assert_nothing_lost()


def senders(databases: Databases, source: dict) -> set[int]:
    """The processes by which the source feeds the copy."""
    with databases.connect(source) as session:
        return set(values(session, "select active_pid from pg_replication_slots where slot_type = 'logical' and active"))


def move_address(databases: Databases, target: dict, source: dict) -> None:
    """As if the source were at another address now than the one that the subscriptions have."""
    for dbname in values(databases.connect(target), "select datname from pg_database where datname in ('app', 'postgres')"):
        with databases.connect(target, dbname) as session:
            (name,) = values(session, "select subname from pg_subscription join pg_database d on d.oid = subdbid where datname = current_database()")
            endpoint = source["Endpoint"]
            moved = f"host={endpoint['Address']} hostaddr={ELSEWHERE} port={endpoint['Port']} user=former password=former connect_timeout=10"
            session.execute(f"""alter subscription "{name}" connection '{moved}'""")
