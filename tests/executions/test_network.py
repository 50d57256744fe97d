"""The new database has the source's security groups, and has to reach the source through them."""

import re

import pytest

from demo.executions import Execution
from demo.local_cloud import LocalCloud

from .runs import move, undone
from .sources import LIMIT_SECONDS, make_request, make_source

# The others are left to `make test-long`.
KINDS = [pytest.param("instance", 17), pytest.param("cluster", 15, marks=pytest.mark.long)]


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


@pytest.mark.parametrize("kind, major", KINDS)
def test_groups_that_do_not_let_the_copy_in_are_found_before_anything_is_made(cloud, databases, key_arn, kind, major):
    identifier = f"closed-{kind}"
    group = make_group(cloud, identifier)
    source = make_source(cloud, identifier, major, kind=kind, VpcSecurityGroupIds=[group])
    port = source["Endpoint"]["Port"]
    described = Execution(cloud, f"refused-{identifier}", make_request(identifier)).wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "PreconditionFailed"), described
    assert "refused NetworkPath" in described["cause"]
    assert f"aws ec2 authorize-security-group-ingress --group-id {group}" in described["cause"]
    assert re.search(rf"FromPort={port},ToPort={port},UserIdGroupPairs=\[{{GroupId={group}}}\]", described["cause"])
    let_itself_in(cloud, group, port)
    move(cloud, source, make_request(identifier), key_arn).assert_nothing_lost()


@pytest.mark.long
def test_networks_that_hold_every_subnet_let_it_in(cloud, databases, key_arn):
    identifier = "by-network"
    group = make_group(cloud, identifier)
    source = make_source(cloud, identifier, 14, VpcSecurityGroupIds=[group])
    port = source["Endpoint"]["Port"]
    for subnet in cloud.client("ec2").describe_subnets()["Subnets"]:
        permission = {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": subnet["CidrBlock"]}]}
        cloud.client("ec2").authorize_security_group_ingress(GroupId=group, IpPermissions=[permission])
    move(cloud, source, make_request(identifier), key_arn).assert_nothing_lost()


@pytest.mark.long
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


@pytest.mark.parametrize("kind, major", [("instance", 12), pytest.param("cluster", 17, marks=pytest.mark.long)])
def test_a_public_source_is_found_by_the_address_that_the_functions_see(cloud, databases, key_arn, kind, major):
    """RDS's own hosts may see another one."""
    identifier = f"public-{kind}"
    source = make_source(cloud, identifier, major, kind=kind, PubliclyAccessible=True)
    move(cloud, source, make_request(identifier), key_arn).assert_nothing_lost()
