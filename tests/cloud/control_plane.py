"""What all requests to RDS have in common: work that takes time, states that must be right, resources by name."""

import threading
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from moto.core.utils import utcnow
from moto.ec2.models import ec2_backends
from moto.logs.models import LogsBackend, logs_backends
from moto.rds import exceptions, models, urls

from . import keys
from .postgres import ServerFailed

if TYPE_CHECKING:
    from .instance import Instance
    from .rds import Rds


class ControlPlane(models.RDSBackend):
    """moto's backend of one account and Region; `rds` is the cloud that it belongs to."""

    rds: "Rds"
    _url_module = urls  # moto finds it by the name of the backend's module, which is not moto's here

    @property
    def logs(self) -> LogsBackend:
        return logs_backends[self.account_id][self.region_name]

    def begin(
        self,
        instance: "Instance",
        status: str,
        work: Callable[[], None],
        failed: str = "failed",
        then: str = "available",
    ) -> None:
        """Show `status` while `work` runs in a thread, then `then`; `failed` if it raises."""
        instance.status = status

        def run() -> None:
            try:
                work()
                instance.status = instance.outcome or then
            except Exception as problem:
                if not self.rds.closing.is_set():
                    instance.status = failed
                    self._report(instance.db_instance_identifier, problem)

        threading.Thread(target=run, name=f"{status} {instance.db_instance_identifier}", daemon=True).start()

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
                f"Cannot {what} because the database instance {name} is not currently in the {allowed} state: "
                f"it is {instance.status}."
            )
        return instance

    def with_servers(self) -> "list[Instance]":
        """The instances that run PostgreSQL; those of other engines are there to be described alone."""
        return [instance for instance in self.databases.values() if hasattr(instance, "server")]

    def key_arn(self, key_id: str) -> str:
        return keys.accessible_key_arn(self.kms, self.region_name, key_id)

    def default_subnet_group_name(self) -> str:
        """Instances go to the subnet group `default` of the default VPC unless told otherwise."""
        if "default" not in self.subnet_groups:
            subnets = ec2_backends[self.account_id][self.region_name].get_default_subnets()
            self.create_subnet_group("default", "default", list(subnets.values()), [])
        return "default"

    def _get_resource_for_tagging(self, arn: str) -> Any:
        """moto has tags of resources that do not exist."""
        resource = super()._get_resource_for_tagging(arn)
        if resource is None:
            name = arn.split(":")[-1]
            missing = exceptions.DBSnapshotNotFoundFault if ":snapshot:" in arn else exceptions.DBInstanceNotFoundError
            raise missing(name)
        return resource
