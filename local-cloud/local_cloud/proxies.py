"""DB proxies, which are there to be described: nothing listens behind them."""

from typing import Any

from moto.rds import models

from .control_plane import ControlPlane


class ProxyRequests(ControlPlane):
    """moto's, but for targets and proxies that do not exist, and for what a cluster brings along."""

    def _find_proxy(self, name: str) -> models.DBProxy:
        return self.describe_db_proxies(name)[0]

    def register_db_proxy_targets(
        self,
        db_proxy_name: str,
        target_group_name: str | None,
        db_cluster_identifiers: list[str],
        db_instance_identifiers: list[str],
    ) -> list[models.DBProxyTarget]:
        self._find_proxy(db_proxy_name)
        for cluster in db_cluster_identifiers:
            self.find_cluster(cluster)
        for instance in db_instance_identifiers:
            self.find(instance)
        targets = super().register_db_proxy_targets(db_proxy_name, target_group_name, db_cluster_identifiers, db_instance_identifiers)
        return [_settled(target) for target in targets]

    def deregister_db_proxy_targets(self, db_proxy_name: str, *targets: Any, **named: Any) -> None:
        self._find_proxy(db_proxy_name)
        super().deregister_db_proxy_targets(db_proxy_name, *targets, **named)

    def describe_db_proxy_targets(self, proxy_name: str) -> list[models.DBProxyTarget]:
        """A cluster is there itself and with each of its members."""
        self._find_proxy(proxy_name)
        registered = super().describe_db_proxy_targets(proxy_name)
        clusters = [target.rds_resource_id for target in registered if target.type == "TRACKED_CLUSTER"]
        return [*registered, *(member for cluster in clusters for member in self._members_of(cluster))]

    def _members_of(self, identifier: str) -> list[models.DBProxyTarget]:
        if identifier not in self.clusters:
            return []
        found = []
        for member in self.clusters[identifier].members:
            target = _settled(models.DBProxyTarget(self, member.db_instance_identifier, None, "RDS_INSTANCE"))
            target.tracked_cluster_id = identifier
            target.role = "READ_WRITE" if member.is_cluster_writer else "READ_ONLY"
            found.append(target)
        return found

    def delete_db_proxy(self, proxy_name: str) -> models.DBProxy:
        self._find_proxy(proxy_name)
        return super().delete_db_proxy(proxy_name)


def _settled(target: models.DBProxyTarget) -> models.DBProxyTarget:
    """moto's becomes available by being looked at."""
    target._registering = False
    return target
