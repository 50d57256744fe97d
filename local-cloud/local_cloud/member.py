"""A DB instance that is a member of a cluster."""

from typing import TYPE_CHECKING, Any

from moto.rds import models

from . import aurora, parameters
from .instance import Instance

if TYPE_CHECKING:
    from .cluster import Cluster

# What a member's description takes from its cluster, and the cluster's name for it.
OF_THE_CLUSTER = {
    "allocated_storage": "allocated_storage", "backup_retention_period": "backup_retention_period",
    "character_set_name": "character_set_name", "db_name": "database_name",
    "enable_iam_database_authentication": "iam_database_authentication_enabled",
    "enabled_cloudwatch_logs_exports": "enabled_cloudwatch_logs_exports", "engine": "engine",
    "engine_lifecycle_support": "engine_lifecycle_support", "engine_version": "engine_version", "iops": "iops",
    "kms_key_id": "kms_key_id", "license_model": "license_model", "master_username": "master_username",
    "network_type": "network_type", "option_group_name": "option_group_name",
    "preferred_backup_window": "preferred_backup_window", "storage_encrypted": "storage_encrypted",
    "storage_throughput": "storage_throughput", "storage_type": "storage_type",
    "vpc_security_group_ids": "vpc_security_group_ids",
}  # fmt: skip
# What a Multi-AZ DB cluster says for its members, each of which has it in its own description.
SAID_BY_MULTI_AZ_CLUSTERS = (
    "auto_minor_version_upgrade", "ca_certificate_identifier", "copy_tags_to_snapshot", "database_insights_mode",
    "monitoring_interval", "monitoring_role_arn", "performance_insights_enabled", "performance_insights_kms_key_id",
    "performance_insights_retention_period", "preferred_maintenance_window", "publicly_accessible",
)  # fmt: skip
# Members of requests that only the cluster may have (API reference of CreateDBInstance and ModifyDBInstance: "managed
# by the DB cluster").
ONLY_FOR_THE_CLUSTER = {
    "allocated_storage": "AllocatedStorage", "backup_retention_period": "BackupRetentionPeriod",
    "cloudwatch_logs_export_configuration": "CloudwatchLogsExportConfiguration",
    "enable_cloudwatch_logs_exports": "EnableCloudwatchLogsExports",
    "rotate_master_user_password": "RotateMasterUserPassword",
    "manage_master_user_password": "ManageMasterUserPassword", "master_user_password": "MasterUserPassword",
    "master_username": "MasterUsername", "max_allocated_storage": "MaxAllocatedStorage", "multi_az": "MultiAZ",
    "preferred_backup_window": "PreferredBackupWindow", "storage_type": "StorageType",
    "vpc_security_group_ids": "VpcSecurityGroupIds",
}  # fmt: skip


class Member(Instance):
    """One server of a cluster: the writer, or a hot standby of the writer."""

    def __init__(self, backend: models.RDSBackend, cluster: "Cluster", **members: Any):
        self.cluster = cluster
        # Whether a reader can be made of it.
        self.has_data = False
        self.is_cluster_writer = cluster.writer is None
        members.setdefault("promotion_tier", 1)
        members.setdefault("database_insights_mode", cluster.database_insights_mode)
        super().__init__(
            backend,
            **{
                **members,
                "engine": cluster.engine,
                "db_cluster_identifier": cluster.db_cluster_identifier,
                "db_subnet_group_name": cluster.db_subnet_group,
                "availability_zone": members.get("availability_zone") or cluster.next_zone(),
            },
        )
        self.manage_master_user_password = False
        self._associated_roles = []

    @property
    def came_from(self) -> Instance | None:
        """The writer of the cluster from whose snapshot its own was restored."""
        return self.cluster.came_from and self.cluster.came_from.writer

    @came_from.setter
    def came_from(self, value: Instance | None) -> None:
        """Its cluster says it."""

    max_allocated_storage = None  # moto's compares it with the storage of an instance
    # Readers are not described as replicas.
    read_replica_db_instance_identifiers = ()
    read_replica_source_db_instance_identifier = None
    status_infos = ()

    def tag(self, key: str) -> str | None:
        """The cloud's own tags hold for all members when they are the cluster's."""
        return super().tag(key) or self.cluster.tag(key)

    def take_description_from_cluster(self) -> None:
        for name in SAID_BY_MULTI_AZ_CLUSTERS:
            setattr(self, name, getattr(self.cluster, name))
        self.db_instance_class = self.cluster.db_cluster_instance_class

    @property
    def groups(self) -> list[parameters.Group]:
        return [self.cluster.group, self.group]

    def imposed_settings(self) -> dict[str, str]:
        imposed = {**super().imposed_settings(), **parameters.wal_kept_for_standbys(self.major)}
        if self.cluster.is_aurora:
            imposed[aurora.VERSION_SETTING] = self.engine_version
        return imposed

    @property
    def log_group(self) -> str:
        return f"/aws/rds/cluster/{self.cluster.db_cluster_identifier}/postgresql"

    def shows(self, line: str) -> bool:
        return not (self.cluster.is_aurora and aurora.speaks_of_recovery(line))

    @property
    def db_cluster_parameter_group_status(self) -> str:
        return self.apply_status(self.cluster.group)


def _of_the_cluster(name: str) -> property:
    """What moto's constructor says of it is of no importance."""
    return property(lambda member: getattr(member.cluster, name), lambda member, value: None)


for _its_name, _of_cluster in OF_THE_CLUSTER.items():
    setattr(Member, _its_name, _of_the_cluster(_of_cluster))
