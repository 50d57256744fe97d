"""What all requests to RDS have in common: work that takes time, states that must be right, resources by name."""

import threading
import traceback
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow
from moto.ec2.models import EC2Backend, ec2_backends
from moto.logs.models import LogsBackend, logs_backends
from moto.rds import exceptions, models, urls

from . import keys
from .postgres import ServerFailed

if TYPE_CHECKING:
    from .cluster import Cluster
    from .instance import Instance
    from .rds import Rds

# What is said of an ARN that names nothing.
MISSING = {
    "snapshot": exceptions.DBSnapshotNotFoundFault,
    "cluster": exceptions.DBClusterNotFoundError,
    "cluster-snapshot": exceptions.DBClusterSnapshotNotFoundError,
    "pg": exceptions.DBParameterGroupNotFoundError,
    "cluster-pg": exceptions.DBClusterParameterGroupNotFoundError,
    "db-proxy": exceptions.DBProxyNotFoundFault,
}


class ControlPlane(models.RDSBackend):
    """moto's backend of one account and Region; `rds` is the cloud that it belongs to."""

    rds: "Rds"
    _url_module = urls  # moto finds it by the name of the backend's module, which is not moto's here

    @property
    def logs(self) -> LogsBackend:
        return logs_backends[self.account_id][self.region_name]

    def begin(
        self,
        resource: "Instance | Cluster",
        status: str,
        work: Callable[[], None],
        failed: str = "failed",
        then: str = "available",
        along: "Sequence[Instance]" = (),
    ) -> None:
        """Show `status` while `work` runs in a thread, then `then`; `failed` if it raises.

        Members that go `along` with their cluster show the same.
        """
        concerned = [resource, *along]
        for each in concerned:
            each.status = status

        def run() -> None:
            try:
                work()
                for each in concerned:
                    each.status = each.outcome or then
                if passing := [each for each in concerned if each.outcome and each.outcome_seconds]:
                    self.rds.pause(max(each.outcome_seconds for each in passing))
                    for each in passing:
                        each.status, each.outcome = then, None
            except Exception as problem:
                if not self.rds.closing.is_set():
                    for each in concerned:
                        each.status = failed
                    self._report(resource.resource_id, problem)

        threading.Thread(target=run, name=f"{status} {resource.resource_id}", daemon=True).start()

    def _report(self, identifier: str, problem: Exception) -> None:
        """A server that does not start explains itself in its log; anything else is a mistake of the cloud."""
        told = str(problem) if isinstance(problem, ServerFailed) else "".join(traceback.format_exception(problem))
        with (self.rds.directory / "rds.log").open("a") as log:
            log.write(f"{utcnow():%Y-%m-%d %H:%M:%S} {identifier}: {told}\n")

    def find(self, identifier: str) -> "Instance":
        """The instance with this identifier or ARN."""
        return self.describe_db_instances(identifier)[0]

    def find_in_state(self, identifier: str, what: str, *states: str) -> "Instance":
        """The instance, if it is in a state in which RDS does `what` with it."""
        instance = self.find(identifier)
        if instance.status not in states:
            name = instance.db_instance_identifier
            allowed = " or ".join(states)
            raise exceptions.InvalidDBInstanceStateFault(
                f"Cannot {what} because the database instance {name} is not currently in the {allowed} state: it is {instance.status}."
            )
        return instance

    def find_cluster(self, identifier: str) -> "Cluster":
        """The cluster with this identifier or ARN."""
        name = identifier.split(":cluster:")[-1]
        if name not in self.clusters:
            raise exceptions.DBClusterNotFoundError(identifier)
        return self.clusters[name]

    def find_cluster_in_state(self, identifier: str, what: str, *states: str) -> "Cluster":
        """The cluster, if it is in a state in which RDS does `what` with it."""
        cluster = self.find_cluster(identifier)
        if cluster.status not in states:
            raise exceptions.InvalidDBClusterStateFault(
                f"Cannot {what} because the database cluster {cluster.db_cluster_identifier} is not currently in the "
                f"{' or '.join(states)} state: it is {cluster.status}."
            )
        return cluster

    def with_servers(self) -> "list[Instance]":
        """The instances that run PostgreSQL; those of other engines are there to be described alone."""
        # Copied in one step: work in threads asks too, while requests add and remove.
        instances = [instance for _, instance in list(self.databases._store.values())]
        return [instance for instance in instances if hasattr(instance, "server")]

    def standbys_of(self, primary: "Instance") -> "list[Instance]":
        """The instances that are hot standbys of another one, or are being made such."""
        return [instance for instance in self.with_servers() if instance.follows is primary]

    def key_arn(self, key_id: str) -> str:
        return keys.accessible_key_arn(self.kms, self.region_name, key_id)

    def default_subnet_group_name(self) -> str:
        """Instances go to the subnet group `default` of the default VPC unless told otherwise."""
        if "default" not in self.subnet_groups:
            subnets = self._ec2.get_default_subnets()
            self.create_subnet_group("default", "default", list(subnets.values()), [])
        return "default"

    def default_security_group_id(self) -> str:
        """The one of the default VPC."""
        return self._ec2.get_default_security_group(self._ec2.default_vpc.id).id

    @property
    def _ec2(self) -> EC2Backend:
        return ec2_backends[self.account_id][self.region_name]

    def _get_resource_for_tagging(self, arn: str) -> Any:
        """moto has tags of resources that do not exist."""
        resource = super()._get_resource_for_tagging(arn)
        if resource is None:
            *_, kind, name = arn.split(":")
            raise MISSING.get(kind, exceptions.DBInstanceNotFoundError)(name)
        return resource
