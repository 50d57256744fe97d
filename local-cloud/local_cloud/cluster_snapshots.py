"""DB cluster snapshots: what DescribeDBClusterSnapshots shows, and the requests that concern them."""

from typing import Any

from moto.rds import exceptions, models

from .cluster import Cluster
from .snapshots import SNAPSHOTS_PER_REGION, PackedVolume, SnapshotRequests

# Aurora user guide, "DB cluster snapshot copying", limitations: to a single Region.
COPIES_AT_A_TIME = 5
# Described by a snapshot as they were on the cluster at that moment.
CAPTURED = (
    "availability_zones", "backup_retention_period", "database_name", "db_cluster_resource_id", "engine_mode",
    "iam_database_authentication_enabled", "license_model", "preferred_backup_window", "storage_throughput",
    "storage_type",
)  # fmt: skip


class ClusterSnapshot(PackedVolume, models.DBClusterSnapshot):
    """moto's description of a cluster snapshot, with a real volume of the writer.

    `rds_tools` says how a server restored from it has that extension, or on Aurora the function in its place; the cloud
    and a tag of the source can change that.
    """

    def __init__(
        self,
        backend: models.RDSBackend,
        cluster: Cluster,
        identifier: str,
        tags: list | None,
        kms_key_id: str | None,
        seconds: float,
    ):
        super().__init__(backend, cluster, identifier, tags=tags or [])
        self.begin_to_pack(backend.rds.directory, self.db_cluster_snapshot_identifier, seconds)
        self.kms_key_id = kms_key_id
        self.storage_encrypted = self.encrypted = kms_key_id is not None
        self.cluster_create_time = cluster.cluster_create_time
        self.port = cluster.port
        self.vpc_id = backend.describe_db_subnet_groups(cluster.db_subnet_group)[0].vpc_id
        for name in CAPTURED:
            setattr(self, name, getattr(cluster, name))
        self.rds_tools = backend.rds.rds_tools_of(cluster)
        self.source_db_cluster_snapshot_arn: str | None = None

    @property
    def storage_encryption_type(self) -> str:
        return "sse-kms" if self.storage_encrypted else "none"


class ClusterSnapshotRequests(SnapshotRequests):
    """Create, copy, describe, delete."""

    def find_cluster_snapshot(self, identifier: str) -> ClusterSnapshot:
        """The snapshot with this identifier or ARN."""
        name = identifier.split(":cluster-snapshot:")[-1]
        if name not in self.cluster_snapshots:
            raise exceptions.DBClusterSnapshotNotFoundError(identifier)
        return self.cluster_snapshots[name]

    def find_available_cluster_snapshot(self, identifier: str) -> ClusterSnapshot:
        snapshot = self.find_cluster_snapshot(identifier)
        if snapshot.status != "available":
            raise exceptions.InvalidDBClusterSnapshotStateFault(
                f"DBClusterSnapshot {identifier} is not in the available state: it is {snapshot.status}."
            )
        return snapshot

    def describe_db_cluster_snapshots(
        self, db_cluster_identifier=None, db_snapshot_identifier=None, snapshot_type=None, filters=None
    ) -> list[ClusterSnapshot]:
        if db_snapshot_identifier:
            return [self.find_cluster_snapshot(db_snapshot_identifier)]
        return super().describe_db_cluster_snapshots(db_cluster_identifier, None, snapshot_type, filters or {})

    def create_auto_cluster_snapshot(self, *_: Any) -> None:
        """moto takes one of what has no server."""

    def create_db_cluster_snapshot(
        self, db_cluster_identifier: str, db_cluster_snapshot_identifier: str, tags: list | None = None, **_: Any
    ) -> ClusterSnapshot:
        cluster = self.find_cluster_in_state(db_cluster_identifier, "create a snapshot", "available")
        self.check_has_data(cluster)
        snapshot = self.add_cluster_snapshot(cluster, db_cluster_snapshot_identifier, tags)
        self.begin(cluster, "backing-up", lambda: self.take_cluster_snapshot(cluster, snapshot))
        return snapshot

    def check_has_data(self, cluster: Cluster) -> None:
        """A cluster without a member has data once there was one."""
        if cluster.volume is None and not (cluster.server and cluster.server.running):
            raise exceptions.InvalidDBClusterStateFault(f"The cluster {cluster.db_cluster_identifier} has no running writer, and never had one.")

    def take_cluster_snapshot(self, cluster: Cluster, snapshot: ClusterSnapshot) -> None:
        if cluster.writer:
            self.take_snapshot(cluster.writer, snapshot)
            return
        # Nothing changes the packed volume of a cluster without a server.
        snapshot.volume.hardlink_to(cluster.volume.archive)
        self.finish_copy(snapshot)

    def add_cluster_snapshot(self, cluster: Cluster, identifier: str, tags: list | None = None) -> ClusterSnapshot:
        self._check_new_cluster_snapshot(identifier)
        if not tags and cluster.copy_tags_to_snapshot:
            tags = cluster.tags
        snapshot = ClusterSnapshot(self, cluster, identifier, tags, cluster.kms_key_id, self.rds.pace.snapshot)
        self.cluster_snapshots[identifier] = snapshot
        return snapshot

    def _check_new_cluster_snapshot(self, identifier: str) -> None:
        self.validate_db_snapshot_identifier(identifier, "DBClusterSnapshotIdentifier")
        if identifier in self.cluster_snapshots:
            raise exceptions.DBClusterSnapshotAlreadyExistsError(identifier)
        self.check_snapshot_quota(len(self.cluster_snapshots), SNAPSHOTS_PER_REGION)

    def copy_db_cluster_snapshot(
        self,
        source_db_cluster_snapshot_identifier: str,
        target_db_cluster_snapshot_identifier: str,
        kms_key_id: str | None = None,
        copy_tags: bool | None = False,
        tags: list | None = None,
        **_: Any,
    ) -> ClusterSnapshot:
        """A copy with a key re-keys; one without keeps the key. An unencrypted one cannot be encrypted by a copy.

        API reference of CopyDBClusterSnapshot: "If you copy an unencrypted DB cluster snapshot and specify a value for
        the KmsKeyId parameter, an error is returned."
        """
        source = self.find_available_cluster_snapshot(source_db_cluster_snapshot_identifier)
        self._check_new_cluster_snapshot(target_db_cluster_snapshot_identifier)
        self.check_copies(self.cluster_snapshots.values(), COPIES_AT_A_TIME)
        if kms_key_id and not source.storage_encrypted:
            raise exceptions.InvalidParameterCombination("KmsKeyId cannot be specified when copying an unencrypted DB cluster snapshot.")
        key_arn = self.key_arn(kms_key_id) if kms_key_id else source.kms_key_id
        if not tags and copy_tags:
            tags = source.tags
        copy = ClusterSnapshot(self, source.cluster, target_db_cluster_snapshot_identifier, tags, key_arn, self.rds.pace.copy)
        copy.source_db_cluster_snapshot_arn = source.arn
        copy.rds_tools = source.rds_tools
        for name in (*CAPTURED, "engine_version", "allocated_storage", "port"):
            setattr(copy, name, getattr(source, name))
        self.cluster_snapshots[target_db_cluster_snapshot_identifier] = copy
        self.begin_copy(copy, source)
        return copy

    def delete_db_cluster_snapshot(self, db_snapshot_identifier: str) -> ClusterSnapshot:
        snapshot = self.find_cluster_snapshot(db_snapshot_identifier)
        if snapshot.status not in ("available", "failed"):
            raise exceptions.InvalidDBClusterSnapshotStateFault(
                f"DBClusterSnapshot {db_snapshot_identifier} is not in the available state: it is {snapshot.status}."
            )
        del self.cluster_snapshots[snapshot.db_cluster_snapshot_identifier]
        snapshot.volume.unlink(missing_ok=True)
        snapshot.status = "deleted"
        return snapshot
