"""DB snapshots: what DescribeDBSnapshots shows, the volume behind it, and the requests that concern them."""

import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from moto.rds import exceptions, models

from .control_plane import ControlPlane
from .instance import Instance

# RDS user guide, "Quotas and constraints": manual snapshots, and "Copying a DB snapshot": copies at a time.
SNAPSHOTS_PER_REGION = 100
COPIES_AT_A_TIME = 20
# Described by a snapshot as they were on the instance at that moment.
CAPTURED = (
    "availability_zone", "license_model", "iops", "storage_throughput", "storage_type", "option_group_name",
    "multi_tenant", "dedicated_log_volume", "backup_retention_period", "preferred_backup_window",
    "instance_create_time",
)  # fmt: skip


class InvalidDBSnapshotState(exceptions.RDSClientError):
    def __init__(self, message: str):
        super().__init__("InvalidDBSnapshotState", message)


class SnapshotQuotaExceeded(exceptions.RDSClientError):
    """What AWS says of it, as users of CopyDBSnapshot report it."""

    def __init__(self, message: str):
        super().__init__("SnapshotQuotaExceeded", message)


class PackedVolume:
    """What snapshots of instances and of clusters have in common: a real volume, packed, and progress."""

    is_copy = False

    def begin_to_pack(self, directory: Path, identifier: str, seconds: float) -> None:
        self.status = "creating"
        # What it will be when it is made, but for a fault.
        self.outcome = "available"
        self.volume = directory / "snapshots" / f"{identifier}-{time.time_ns()}.tar"
        self._began = time.monotonic()
        self.takes_seconds = seconds

    @property
    def percent_progress(self) -> int:
        if self.status == "available":
            return 100
        return min(99, int(100 * (time.monotonic() - self._began) / max(self.takes_seconds, 0.001)))

    @percent_progress.setter
    def percent_progress(self, value: int) -> None:
        """moto's snapshots are made at once."""


class Snapshot(PackedVolume, models.DBSnapshot):
    """moto's description of a snapshot, with a real volume, packed, and progress.

    `rds_tools` says how a server restored from it has that extension; the cloud and a tag of the source can change
    that.
    """

    def __init__(
        self,
        backend: models.RDSBackend,
        instance: Instance,
        identifier: str,
        tags: list | None,
        kms_key_id: str | None,
        seconds: float,
    ):
        super().__init__(backend, instance, identifier, tags=tags)
        self.begin_to_pack(backend.rds.directory, self.db_snapshot_identifier, seconds)
        self.tags = tags or []
        self.kms_key_id = kms_key_id
        self.encrypted = kms_key_id is not None
        self.port = instance.server.port
        self.vpc_id = instance.db_subnet_group.vpc_id
        self.snapshot_target = "region"
        for name in CAPTURED:
            setattr(self, name, getattr(instance, name))
        self.rds_tools = backend.rds.rds_tools_of(instance)
        self.source_db_snapshot_identifier: str | None = None
        self.source_region: str | None = None

    @property
    def storage_encryption_type(self) -> str:
        return "sse-kms" if self.encrypted else "none"


def _in_progress(snapshots: Iterable[PackedVolume]) -> int:
    return sum(each.is_copy and each.status == "creating" for each in snapshots)


class SnapshotRequests(ControlPlane):
    """Create, copy, describe, delete."""

    @property
    def SNAPSHOT_QUOTA(self) -> int:
        return int(os.environ.get("MOTO_RDS_SNAPSHOT_LIMIT", SNAPSHOTS_PER_REGION))

    def find_snapshot(self, identifier: str) -> Snapshot:
        """The snapshot with this identifier or ARN."""
        name = self.extract_snapshot_name_from_arn(identifier) if identifier.startswith("arn:") else identifier
        if name not in self.database_snapshots:
            raise exceptions.DBSnapshotNotFoundFault(identifier)
        return self.database_snapshots[name]

    def describe_db_snapshots(self, db_instance_identifier=None, db_snapshot_identifier=None, snapshot_type=None, filters=None) -> list[Snapshot]:
        if db_snapshot_identifier:
            return [self.find_snapshot(db_snapshot_identifier)]
        return super().describe_db_snapshots(db_instance_identifier, None, snapshot_type, filters or {})

    def create_db_snapshot(self, db_instance_identifier: str, db_snapshot_identifier: str, tags: list | None = None, **_: Any) -> Snapshot:
        if self.find(db_instance_identifier).db_cluster_identifier:
            raise exceptions.InvalidDBInstanceStateFault(
                "The specified instance is a member of a cluster and a snapshot cannot be created directly. "
                "Please use the CreateDBClusterSnapshot API instead."
            )
        instance = self.find_in_state(db_instance_identifier, "create a snapshot", "available")
        snapshot = self.add_snapshot(instance, db_snapshot_identifier, tags)
        self.begin(instance, "backing-up", lambda: self.take_snapshot(instance, snapshot))
        return snapshot

    def add_snapshot(self, instance: Instance, identifier: str, tags: list | None = None) -> Snapshot:
        self._check_new_snapshot(identifier)
        if not tags and instance.copy_tags_to_snapshot:
            tags = instance.tags
        seconds = self.rds.pace.snapshot_of(instance.allocated_storage)
        snapshot = Snapshot(self, instance, identifier, tags, instance.kms_key_id, seconds)
        self.database_snapshots[identifier] = snapshot
        self.note_snapshots()
        return snapshot

    def _check_new_snapshot(self, identifier: str) -> None:
        if identifier in self.database_snapshots:
            raise exceptions.DBSnapshotAlreadyExistsError(identifier)
        self.check_snapshot_quota(len(self.database_snapshots), self.SNAPSHOT_QUOTA)

    def check_snapshot_quota(self, used: int, most: int) -> None:
        if used >= most:
            self.rds.usage.refused_for_quota += 1
            raise SnapshotQuotaExceeded(f"Cannot create more than {most} manual snapshots")

    def check_copies(self, snapshots: Iterable[PackedVolume], most: int) -> None:
        if _in_progress(snapshots) >= most:
            self.rds.usage.refused_for_quota += 1
            raise SnapshotQuotaExceeded(f"Cannot copy more than {most} snapshots across regions")

    def copies_in_progress(self) -> int:
        """Of instances and of clusters."""
        return _in_progress([*self.database_snapshots.values(), *self.cluster_snapshots.values()])

    def take_snapshot(self, instance: Instance, snapshot: PackedVolume) -> None:
        """Copy the volume as it is at one moment, then let the snapshot take its time."""
        try:
            with instance.server.frozen():
                instance.server.pack(snapshot.volume)
        except Exception:
            snapshot.status = "failed"
            raise
        self.rds.pause(snapshot.takes_seconds)
        snapshot.status = snapshot.outcome

    def copy_db_snapshot(
        self,
        source_db_snapshot_identifier: str,
        target_db_snapshot_identifier: str,
        kms_key_id: str | None = None,
        tags: list[dict[str, str]] | None = None,
        copy_tags: bool | None = False,
        option_group_name: str | None = None,
        **_: Any,
    ) -> Snapshot:
        """A copy with a key is encrypted with it; one without keeps what the source has, an old key included."""
        source = self.find_snapshot(source_db_snapshot_identifier)
        self._check_new_snapshot(target_db_snapshot_identifier)
        self.check_copies(self.database_snapshots.values(), COPIES_AT_A_TIME)
        if source.status != "available":
            raise InvalidDBSnapshotState(f"DBSnapshot {source_db_snapshot_identifier} is not in the available state.")
        key_arn = self.key_arn(kms_key_id) if kms_key_id else source.kms_key_id
        if not tags and copy_tags:
            tags = source.tags
        seconds = self.rds.pace.copy_of(source.allocated_storage)
        copy = Snapshot(self, source.database, target_db_snapshot_identifier, tags, key_arn, seconds)
        copy.original_snapshot_create_time = source.original_snapshot_create_time
        copy.source_db_snapshot_identifier = source.arn
        copy.source_region = self.region_name
        copy.option_group_name = option_group_name or copy.option_group_name
        copy.rds_tools = source.rds_tools
        self.database_snapshots[target_db_snapshot_identifier] = copy
        self.begin_copy(copy, source)
        return copy

    def begin_copy(self, copy: PackedVolume, source: PackedVolume) -> None:
        """A snapshot never changes, so the two share its content."""
        copy.volume.hardlink_to(source.volume)
        copy.is_copy = True
        self.note_snapshots()
        self.finish_copy(copy)

    def note_snapshots(self) -> None:
        usage = self.rds.usage
        usage.most_copies_in_progress = max(usage.most_copies_in_progress, self.copies_in_progress())
        usage.most_manual_snapshots = max(usage.most_manual_snapshots, len(self.database_snapshots))

    def finish_copy(self, copy: PackedVolume) -> None:
        """Let a copy take its time."""

        def run() -> None:
            self.rds.pause(copy.takes_seconds)
            copy.status = copy.outcome

        threading.Thread(target=run, name=f"copy {copy.volume.name}", daemon=True).start()

    def delete_db_snapshot(self, db_snapshot_identifier: str) -> Snapshot:
        snapshot = self.find_snapshot(db_snapshot_identifier)
        # API reference, "DeleteDBSnapshot": "If the snapshot is being copied, the copy operation is terminated."
        if snapshot.status not in ("available", "failed") and not snapshot.is_copy:
            raise InvalidDBSnapshotState(f"DBSnapshot {db_snapshot_identifier} is not in the available state.")
        del self.database_snapshots[snapshot.db_snapshot_identifier]
        snapshot.volume.unlink(missing_ok=True)
        snapshot.status = "deleted"
        return snapshot
