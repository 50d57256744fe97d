"""Global clusters, which are there to be described: nothing is replicated.

moto keeps them in one Region's backend and looks for their clusters there.
"""

from typing import Any

from moto.core.responses import ActionResult
from moto.rds import exceptions, models
from moto.rds.responses import RDSResponse

from .cluster import Cluster
from .control_plane import ControlPlane

REGION = "us-east-1"


class GlobalClusterAlreadyExists(exceptions.RDSClientError):
    def __init__(self, identifier: str):
        super().__init__("GlobalClusterAlreadyExistsFault", f"Global cluster {identifier} already exists")


class GlobalClusterNotFound(exceptions.RDSClientError):
    def __init__(self, identifier: str):
        super().__init__("GlobalClusterNotFoundFault", f"Global cluster {identifier} not found")


class GlobalClusterRequests(ControlPlane):
    def create_global_cluster(self, global_cluster_identifier: str, source_db_cluster_identifier: str | None, **members: Any) -> models.GlobalCluster:
        if global_cluster_identifier in self.global_clusters:
            raise GlobalClusterAlreadyExists(global_cluster_identifier)
        if source_db_cluster_identifier is None:
            return super().create_global_cluster(global_cluster_identifier, None, **members)
        source = self._cluster_of(source_db_cluster_identifier)
        of_source = {name: getattr(source, name) for name in ("engine", "engine_version", "storage_encrypted")}
        made = super().create_global_cluster(global_cluster_identifier, None, **{**members, **of_source})
        source.global_cluster_identifier = made.global_cluster_identifier
        made.members.append(source)
        return made

    def _cluster_of(self, arn: str) -> Cluster:
        if not arn.startswith("arn:"):
            raise exceptions.InvalidParameterValue("Malformed db cluster arn dbci")
        return models.rds_backends[self.account_id][arn.split(":")[3]].find_cluster(arn)

    def find_global_cluster(self, identifier: str) -> models.GlobalCluster:
        found = models.rds_backends[self.account_id][REGION].global_clusters
        if identifier not in found:
            raise GlobalClusterNotFound(identifier)
        return found[identifier]

    def join_global_cluster(self, cluster: Cluster) -> None:
        if identifier := cluster.global_cluster_identifier:
            members = self.find_global_cluster(identifier).members
            cluster.is_writer = not members
            members.append(cluster)

    def check_leaves_global_cluster(self, cluster: Cluster) -> None:
        if cluster.global_cluster_identifier:
            raise exceptions.InvalidDBClusterStateFault("This cluster is a part of a global cluster, please remove it from globalcluster first")

    def remove_from_global_cluster(self, global_cluster_identifier: str, db_cluster_identifier: str) -> models.GlobalCluster:
        found = self.find_global_cluster(global_cluster_identifier)
        cluster = self._cluster_of(db_cluster_identifier)
        if cluster not in found.members:
            raise exceptions.DBClusterNotFoundError(db_cluster_identifier)
        found.members.remove(cluster)
        cluster.global_cluster_identifier = None
        return found


def describe_global_clusters(response: RDSResponse) -> ActionResult:
    """moto describes all of them, whichever is asked for."""
    if identifier := response.params.get("GlobalClusterIdentifier"):
        return ActionResult({"GlobalClusters": [response.backend.find_global_cluster(identifier)]})
    return ActionResult({"GlobalClusters": response.global_backend.describe_global_clusters()})
