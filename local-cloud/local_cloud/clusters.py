"""Requests that concern DB clusters: Aurora's, whose members are made one by one, and Multi-AZ DB clusters, which are
made with three."""

from typing import Any

from moto.rds import exceptions, models

from . import aurora, keys
from .cluster import Cluster, Volume
from .control_plane import ControlPlane

ENGINES = (aurora.ENGINE, "postgres")
MULTI_AZ_MEMBERS = 3
# A restore refuses them for every other kind, whatever their values. Source: boto3 issue 4634.
OF_LIMITLESS = {
    "monitoring_interval", "monitoring_role_arn", "enable_performance_insights", "performance_insights_kms_key_id",
    "performance_insights_retention_period",
}  # fmt: skip
# Aurora user guide, "Quotas in Amazon Aurora".
CLUSTERS_PER_ACCOUNT = 40
DELETABLE = (
    "available", "failed", "inaccessible-encryption-credentials", "incompatible-restore", "incompatible-parameters",
)  # fmt: skip


class DBClusterAlreadyExists(exceptions.RDSClientError):
    def __init__(self, identifier: str):
        super().__init__("DBClusterAlreadyExistsFault", f"DB Cluster {identifier} already exists")


class ClusterRequests(ControlPlane):
    """Create, restore, modify, reboot, stop, start, delete."""

    def create_db_cluster(self, members: dict[str, Any]) -> models.DBCluster | Cluster:
        members = dict(members)
        self._check_new_cluster(members["db_cluster_identifier"])
        if members.get("engine") not in ENGINES:
            # Without a server: something for the product to refuse.
            return super().create_db_cluster(members)
        members["engine_version"] = self.version(members.get("engine_version"), members["engine"])
        _check_kind(members)
        if members.get("replication_source_identifier"):
            return self._describe_replica(members)
        managed = bool(members.pop("manage_master_user_password", False))
        password = members.pop("master_user_password", None)
        if not members.get("master_username"):
            raise exceptions.InvalidParameterValue("The parameter MasterUsername must be provided and must not be blank.")
        if managed == bool(password):
            raise exceptions.InvalidParameterCombination("Either MasterUserPassword or ManageMasterUserPassword must be given.")
        if members.get("storage_encrypted") or members.get("kms_key_id"):
            members["storage_encrypted"] = True
            members["kms_key_id"] = self.key_arn(members.get("kms_key_id") or keys.DEFAULT_KEY)
        cluster = self._add_cluster(members)
        cluster.first_password = password
        if managed:
            cluster.first_password = cluster.manage_password(members.get("master_user_secret_kms_key_id"))
        self._begin_cluster(cluster, self.rds.pace.creating, failed="failed")
        return cluster

    def _check_new_cluster(self, identifier: str) -> None:
        self._validate_db_identifier(identifier)
        if identifier in self.clusters:
            raise DBClusterAlreadyExists(identifier)
        if len(self.clusters) >= CLUSTERS_PER_ACCOUNT:
            raise exceptions.RDSClientError("DBClusterQuotaExceededFault", "The request would exceed the maximum number of DB clusters.")

    def _add_cluster(self, members: dict[str, Any]) -> Cluster:
        cluster = Cluster(self, members)
        self._check_cluster_group(cluster.db_cluster_parameter_group, cluster.family)
        self.join_global_cluster(cluster)
        if not cluster.is_aurora:
            self.add_members(cluster, MULTI_AZ_MEMBERS)
        self.clusters[cluster.db_cluster_identifier] = cluster
        return cluster

    def _check_cluster_group(self, name: str, family: str) -> None:
        """Requests for clusters have another name for its absence than those for groups."""
        try:
            its_family = self.find_cluster_group(name).db_parameter_group_family
        except exceptions.DBClusterParameterGroupNotFoundError as missing:
            raise exceptions.RDSClientError("DBClusterParameterGroupNotFound", missing.message) from None
        if its_family != family:
            raise exceptions.InvalidParameterCombination(
                f"The parameter group {name} with DBParameterGroupFamily {its_family} can't be used for this cluster. "
                f"Please use a parameter group with DBParameterGroupFamily {family}."
            )

    def _describe_replica(self, members: dict[str, Any]) -> Cluster:
        """A cluster that replicates another one is there to be described alone."""
        if members["engine"] != aurora.ENGINE:
            raise exceptions.InvalidParameterValue("This cloud has replicas of Aurora clusters only.")
        source = self.find_cluster(members["replication_source_identifier"])
        described = {"master_username": source.master_username, **members}
        replica = self._add_cluster(described)
        source.read_replica_identifiers.append(replica.arn)
        replica.status = "available"
        return replica

    def _leave_source(self, replica: Cluster) -> None:
        """A replica that is deleted is its source's no longer."""
        for cluster in self.clusters.values():
            if replica.arn in cluster.read_replica_identifiers:
                cluster.read_replica_identifiers.remove(replica.arn)

    def _begin_cluster(self, cluster: Cluster, seconds: float, failed: str) -> None:
        """Let a new cluster take its time, and start the members that it has from the beginning."""
        members = cluster.members

        def create() -> None:
            self.rds.pause(seconds)
            for member in members:
                self.start_member(member)
            self.rds.pause(seconds)

        self.begin(cluster, "creating", create, failed=failed, along=members)

    def restore_db_cluster_from_snapshot(self, snapshot_identifier: str, members: dict[str, Any]) -> Cluster:
        """A new cluster from a snapshot: what is not given takes RDS's default, not the source's value.

        API reference of RestoreDBClusterFromSnapshot: backup settings, port and key come from the snapshot, and a key
        encrypts what was not encrypted; parameter group, security group, storage type, version, tags and the rest are
        the defaults. An Aurora cluster has no members then.
        """
        if snapshot_identifier in self.database_snapshots or ":snapshot:" in snapshot_identifier:
            raise exceptions.InvalidParameterValue("This cloud restores clusters from snapshots of clusters only.")
        snapshot = self.find_available_cluster_snapshot(snapshot_identifier)
        given = {name: value for name, value in members.items() if value is not None}
        self._check_new_cluster(given["db_cluster_identifier"])
        if OF_LIMITLESS & given.keys():
            raise exceptions.InvalidParameterCombination(
                "You can enable Performance Insights or set the Enhanced Monitoring interval only when restoring from a source Aurora "
                "Limitless DB cluster."
            )
        if given.get("engine") != snapshot.engine:
            raise exceptions.InvalidParameterCombination(
                f"The engine {given.get('engine')} does not match the engine of the snapshot, {snapshot.engine}."
            )
        major = snapshot.engine_version.split(".")[0]
        version = self.version(given.get("engine_version") or major, snapshot.engine)
        if version.split(".")[0] != major:
            raise exceptions.InvalidParameterCombination("This cloud does not upgrade to another major version.")
        key_id = given.get("kms_key_id") or snapshot.kms_key_id
        from_snapshot = {
            "master_username": snapshot.master_username,
            "database_name": snapshot.database_name,
            "backup_retention_period": snapshot.backup_retention_period,
            "preferred_backup_window": snapshot.preferred_backup_window,
            "port": snapshot.port,
            "allocated_storage": snapshot.allocated_storage,
        }
        key = {"storage_encrypted": True, "kms_key_id": self.key_arn(key_id)} if key_id else {}
        all_members = {**from_snapshot, **given, **key, "engine_version": version}
        if snapshot.engine != aurora.ENGINE:
            all_members.setdefault("storage_type", "io1")
            all_members.setdefault("iops", snapshot.cluster.iops)
        _check_kind(all_members)
        cluster = self._add_cluster(all_members)
        archive = self.rds.directory / f"{cluster.db_cluster_resource_id}.tar"
        archive.hardlink_to(snapshot.volume)
        cluster.volume = Volume(archive, restored=True, rds_tools=snapshot.rds_tools)
        cluster.came_from = snapshot.cluster
        self._begin_cluster(cluster, self.rds.pace.restoring, failed="incompatible-restore")
        return cluster

    def restore_db_cluster_to_point_in_time(self, *_: Any, **__: Any) -> None:
        raise exceptions.InvalidParameterValue("This cloud restores from snapshots only.")

    def modify_db_cluster(self, members: dict[str, Any]) -> Cluster:
        cluster = self.find_cluster_in_state(members["db_cluster_identifier"], "modify the cluster", "available")
        members = {name: value for name, value in members.items() if value is not None}
        if members.get("new_db_cluster_identifier"):
            raise exceptions.InvalidParameterCombination("This cloud does not rename clusters.")
        if members.get("engine_version"):
            members["engine_version"] = self.version(members["engine_version"], cluster.engine)
            if members["engine_version"].split(".")[0] != str(cluster.major):
                raise exceptions.InvalidParameterCombination("This cloud does not upgrade to another major version.")
        if group := members.get("db_cluster_parameter_group_name"):
            self._check_cluster_group(group, cluster.family)
        password = self.changed_password(cluster, members)
        export = members.get("cloudwatch_logs_export_configuration") or {}
        cluster.change_description(members)
        if group:
            for member in cluster.members:
                member.group_was_attached()
        if not cluster.is_aurora:
            for member in cluster.members:
                member.take_description_from_cluster()

        def modify() -> None:
            self.rds.pause(self.rds.pace.modifying)
            if password:
                cluster.set_master_password(password)
            if export:
                self.configure_export(cluster, export, cluster.members)
            if members.get("engine_version"):
                for member in self._running(cluster):
                    self.restart(member)

        self.begin(cluster, "resetting-master-credentials" if password else "modifying", modify)
        return cluster

    def _running(self, cluster: Cluster) -> list:
        return [member for member in cluster.members if member.server and member.server.running]

    def reboot_db_cluster(self, identifier: str) -> Cluster:
        cluster = self.find_cluster_in_state(identifier, "reboot the cluster", "available", "incompatible-parameters")
        _refuse_aurora(cluster, "RebootDBCluster is for Multi-AZ DB clusters; reboot the DB instances of this one.")

        def reboot() -> None:
            for member in [cluster.writer, *cluster.readers]:
                self.restart(member)
            self.rds.pause(self.rds.pace.rebooting)

        self.begin(cluster, "rebooting", reboot, failed="incompatible-parameters", along=cluster.members)
        return cluster

    def stop_db_cluster(self, cluster_identifier: str) -> Cluster:
        cluster = self.find_cluster_in_state(cluster_identifier, "stop the cluster", "available")
        self.check_members_available(cluster, "stop the cluster")
        if not cluster.is_aurora:
            raise exceptions.InvalidDBClusterStateFault("StopDBCluster is for Aurora DB clusters.")

        def stop() -> None:
            # The writer last: it ends when its standbys have everything.
            for member in reversed(self._writer_first(cluster)):
                member.server.stop()
            self.rds.pause(self.rds.pace.modifying)

        self.begin(cluster, "stopping", stop, then="stopped", along=cluster.members)
        return cluster

    def start_db_cluster(self, cluster_identifier: str) -> Cluster:
        cluster = self.find_cluster_in_state(cluster_identifier, "start the cluster", "stopped")

        def start() -> None:
            for member in self._writer_first(cluster):
                member.apply_all_parameters()
                member.server.start()
            self.rds.pause(self.rds.pace.modifying)

        self.begin(cluster, "starting", start, failed="incompatible-parameters", along=cluster.members)
        return cluster

    def _writer_first(self, cluster: Cluster) -> list:
        return [*([cluster.writer] if cluster.writer else []), *cluster.readers]

    def failover_db_cluster(self, db_cluster_identifier: str, target_db_instance_identifier: str | None = None, **_: Any) -> Cluster:
        cluster = self.find_cluster_in_state(db_cluster_identifier, "fail over the cluster", "available")
        self.check_members_available(cluster, "fail over the cluster")
        if not cluster.readers:
            raise exceptions.InvalidDBClusterStateFault(f"The cluster {db_cluster_identifier} has no reader.")
        successor = cluster.readers_by_tier()[0]
        if target_db_instance_identifier:
            successor = self.find(target_db_instance_identifier)
        if successor not in cluster.readers:
            raise exceptions.InvalidDBInstanceStateFault(f"{target_db_instance_identifier} is not a reader of the cluster.")

        def fail_over() -> None:
            former = cluster.writer
            with cluster.membership:
                self.hand_over(cluster, successor)
                former.follows = successor
                former.server.become_standby()
                former.apply_all_parameters()
                former.server.start()
            self.rds.pause(self.rds.pace.rebooting)

        self.begin(cluster, "failing-over", fail_over)
        return cluster

    def delete_db_cluster(
        self,
        db_cluster_identifier: str,
        skip_final_snapshot: bool | None = False,
        final_db_snapshot_identifier: str | None = None,
        **_: Any,
    ) -> Cluster:
        cluster = self.find_cluster(db_cluster_identifier)
        if not isinstance(cluster, Cluster):
            return self.clusters.pop(cluster.db_cluster_identifier)
        if cluster.status == "deleting":
            raise exceptions.InvalidDBClusterStateFault(f"DBCluster {db_cluster_identifier} is already being deleted.")
        if cluster.deletion_protection:
            raise exceptions.InvalidParameterCombination("Cannot delete protected Cluster, please disable deletion protection and try again.")
        if bool(skip_final_snapshot) == bool(final_db_snapshot_identifier):
            raise exceptions.InvalidParameterCombination(
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified, and cannot go with it."
            )
        if cluster.is_aurora and any(member.status != "deleting" for member in cluster.members):
            raise exceptions.DBClusterToBeDeletedHasActiveMembers()
        states = ("available",) if final_db_snapshot_identifier else DELETABLE
        self.find_cluster_in_state(db_cluster_identifier, "delete the cluster", *states)
        self.check_leaves_global_cluster(cluster)
        snapshot = None
        if final_db_snapshot_identifier:
            self.check_has_data(cluster)
            snapshot = self.add_cluster_snapshot(cluster, final_db_snapshot_identifier)

        def delete() -> None:
            if cluster.is_aurora:
                self.await_end_of_members(cluster)
            if snapshot:
                self.take_cluster_snapshot(cluster, snapshot)
            for member in cluster.members:
                self.remove_member(member)
            self.rds.pause(self.rds.pace.deleting)
            if cluster.volume:
                cluster.volume.archive.unlink()
            self._leave_source(cluster)
            cluster.give_up_managed_password()
            del self.clusters[cluster.db_cluster_identifier]

        self.begin(cluster, "deleting", delete, then="deleted", along=[] if cluster.is_aurora else cluster.members)
        return cluster


def _check_kind(members: dict[str, Any]) -> None:
    """Aurora has its own storage; a Multi-AZ DB cluster is told the class and the storage of its members."""
    if bool(members.get("monitoring_interval")) != bool(members.get("monitoring_role_arn")):
        raise exceptions.InvalidParameterCombination("MonitoringInterval and MonitoringRoleArn go together.")
    if members["engine"] == aurora.ENGINE:
        if members.get("storage_type") not in (None, "", "aurora", "aurora-iopt1"):
            raise exceptions.InvalidParameterCombination(f"Storage type {members['storage_type']} is not Aurora's.")
        named = [name for name in ("db_cluster_instance_class", "iops") if members.get(name)]
        if named:
            raise exceptions.InvalidParameterCombination(f"{' and '.join(named)}: not for Aurora DB clusters.")
        members["allocated_storage"] = 1
        return
    needed = {
        "db_cluster_instance_class": "DBClusterInstanceClass", "storage_type": "StorageType", "iops": "Iops",
        "allocated_storage": "AllocatedStorage",
    }  # fmt: skip
    if missing := [described for name, described in needed.items() if not members.get(name)]:
        raise exceptions.InvalidParameterCombination(f"A Multi-AZ DB cluster needs {', '.join(missing)}.")


def _refuse_aurora(cluster: Cluster, why: str) -> None:
    if cluster.is_aurora:
        raise exceptions.InvalidDBClusterStateFault(why)
