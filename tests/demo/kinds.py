"""The databases that can be encrypted, each as an operator makes it before there is a reason to."""

from collections.abc import Callable
from dataclasses import dataclass, field

from .databases import Databases


@dataclass(frozen=True)
class Kind:
    """How a source is made, and what a request for it says besides."""

    told: str
    # The writer's description, given the identifier, the major version and more members of the request to make it.
    make: Callable[..., dict]
    request: dict = field(default_factory=dict)
    is_cluster: bool = False


def _instance(databases: Databases, identifier: str, major: int, **members) -> dict:
    return databases.create(identifier, major, **members)


def _encrypted_instance(databases: Databases, identifier: str, major: int, **members) -> dict:
    """With the key that AWS manages, as a console's default is."""
    return databases.create(identifier, major, StorageEncrypted=True, **members)


def _unprepared_instance(databases: Databases, identifier: str, major: int, **members) -> dict:
    return databases.create(identifier, major, DBParameterGroupName=f"default.postgres{major}", **members)


def _aurora(databases: Databases, identifier: str, major: int, **members) -> dict:
    """A writer and a reader."""
    return databases.create_aurora(identifier, major, members=2, **members)


def _multi_az_cluster(databases: Databases, identifier: str, major: int, **members) -> dict:
    return databases.create_multi_az_cluster(identifier, major, **members)


KINDS = {
    "instance": Kind("an instance", _instance),
    "aurora": Kind("an Aurora cluster with a writer and a reader", _aurora, is_cluster=True),
    "cluster": Kind("a Multi-AZ DB cluster", _multi_az_cluster, is_cluster=True),
    "rekey": Kind("an instance under the key that AWS manages", _encrypted_instance),
    "unprepared": Kind("an instance without logical replication", _unprepared_instance, {"consent": {"replica_identity": True, "reboot": True}}),
}
