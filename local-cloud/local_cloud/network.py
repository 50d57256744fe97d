"""Who reaches whom: a restored server reaches the one whose data it has where rules of security groups let it.

On AWS an instance has an address in a subnet, and rules of groups let connections in and out (Amazon VPC user guide, "Security
group rules"). All servers of this cloud are at one address, so the server that must not get through is told another one: libpq in
it, which subscriptions connect by, reads a connection service file each time. Where AWS lets a connection time out, here it is refused.

A publicly accessible endpoint is told to RDS's own hosts as its public address, which no group's rules let in: whoever connects from
there has to name the private one (`hostaddr`).
"""

import contextlib
import ipaddress
from typing import TYPE_CHECKING

from moto.ec2.models import EC2Backend, ec2_backends
from moto.rds import models

from .postgres import SERVICE

if TYPE_CHECKING:
    from .instance import Instance

CHANGES = (
    "authorize_security_group_ingress", "revoke_security_group_ingress", "authorize_security_group_egress",
    "revoke_security_group_egress", "modify_security_group_rules",
)  # fmt: skip
# Nothing listens there.
NOWHERE = "::1"


def install() -> None:
    _have_default_groups_let_themselves_in()
    for name in CHANGES:
        _settle_after(name)


def settle_all() -> None:
    """Has each server reach what it may reach now."""
    for regions in models.rds_backends.values():
        for backend in regions.values():
            if hasattr(backend, "with_servers"):
                for instance in backend.with_servers():
                    settle(instance)


def settle(instance: "Instance") -> None:
    source = instance.came_from
    if instance.server is None or source is None or source.server is None:
        return
    is_open = _reaches(instance, source) and not source.publicly_accessible
    # It may be on its way out.
    with contextlib.suppress(FileNotFoundError):
        instance.server.service_file.write_text(f"[{SERVICE}]\n" + ("" if is_open else f"hostaddr={NOWHERE}\n"))


def _reaches(one: "Instance", other: "Instance") -> bool:
    port = other.server.port
    ours, theirs = _groups(one), _groups(other)
    out = any(_lets(rule, port, _group_ids(theirs), _address(other)) for group in ours for rule in group.egress_rules)
    return out and any(_lets(rule, port, _group_ids(ours), _address(one)) for group in theirs for rule in group.ingress_rules)


def _lets(rule, port: int, peers: set[str], address: ipaddress.IPv4Address) -> bool:
    if rule.ip_protocol != "-1" and (rule.ip_protocol != "tcp" or not rule.from_port <= port <= rule.to_port):
        return False
    return rule.source_group.get("GroupId") in peers or bool(rule.cidr_ipv4 and address in ipaddress.ip_network(rule.cidr_ipv4))


def _groups(instance: "Instance") -> list:
    return [group for each in instance.vpc_security_group_ids if (group := _ec2(instance).get_security_group_from_id(each))]


def _group_ids(groups: list) -> set[str]:
    return {group.id for group in groups}


def _address(instance: "Instance") -> ipaddress.IPv4Address:
    """One in the subnet of its zone."""
    subnets = [_ec2(instance).get_subnet(each["SubnetIdentifier"]) for each in instance.db_subnet_group.subnets]
    subnet = next((each for each in subnets if each.availability_zone == instance.availability_zone), subnets[0])
    return ipaddress.ip_network(subnet.cidr_block)[10]


def _ec2(instance: "Instance") -> EC2Backend:
    return ec2_backends[instance.backend.account_id][instance.backend.region_name]


def _have_default_groups_let_themselves_in() -> None:
    # moto's have no rule for what comes in.
    create = EC2Backend.create_security_group

    def create_security_group(self: EC2Backend, *arguments, **options):
        group = create(self, *arguments, **options)
        if group.is_default:
            self.authorize_security_group_ingress(group.id, "-1", None, None, [], source_groups=[{"GroupId": group.id}], vpc_id=group.vpc_id)
        return group

    EC2Backend.create_security_group = create_security_group


def _settle_after(name: str) -> None:
    change = getattr(EC2Backend, name)

    def change_and_settle(self: EC2Backend, *arguments, **options):
        changed = change(self, *arguments, **options)
        settle_all()
        return changed

    setattr(EC2Backend, name, change_and_settle)
