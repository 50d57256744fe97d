"""A DB cluster: what DescribeDBClusters shows, and the volume when there is no server."""

import random
import string
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.core.utils import utcnow
from moto.rds import models

from . import aurora, rds_tools
from .master_user import HasMasterUser
from .member import Member
from .postgres import Server

PORT = 5432
# On a cluster, how it is encrypted without a key of the account's: `sse-rds`.
ENCRYPTION_TAG = "cloud:storage-encryption"
# Members of a request that a description calls otherwise.
DESCRIBED_AS = {
    "db_cluster_parameter_group_name": "db_cluster_parameter_group",
    "db_subnet_group_name": "db_subnet_group",
    "enable_cloudwatch_logs_exports": "enabled_cloudwatch_logs_exports",
    "enable_http_endpoint": "http_endpoint_enabled",
    "enable_iam_database_authentication": "iam_database_authentication_enabled",
    "enable_performance_insights": "performance_insights_enabled",
    "enable_global_write_forwarding": "global_write_forwarding_requested",
}
# Members that a description has whether or not a request named them.
DESCRIBED_DEFAULTS = {
    "allocated_storage": 1,
    "auto_minor_version_upgrade": True,
    "backup_retention_period": 1,
    "ca_certificate_identifier": "rds-ca-rsa2048-g1",
    "character_set_name": None,
    "copy_tags_to_snapshot": False,
    "database_insights_mode": "standard",
    "database_name": None,
    "db_cluster_instance_class": None,
    "deletion_protection": False,
    "enabled_cloudwatch_logs_exports": [],
    "engine_lifecycle_support": "open-source-rds-extended-support",
    "engine_mode": "provisioned",
    "global_write_forwarding_requested": None,
    "http_endpoint_enabled": False,
    "iam_database_authentication_enabled": False,
    "iops": None,
    "kms_key_id": None,
    "monitoring_interval": 0,
    "monitoring_role_arn": None,
    "network_type": "IPV4",
    "performance_insights_enabled": False,
    "performance_insights_kms_key_id": None,
    "performance_insights_retention_period": None,
    "preferred_backup_window": "01:37-02:07",
    "preferred_maintenance_window": "wed:02:40-wed:03:10",
    "publicly_accessible": None,
    "replication_source_identifier": None,
    "serverless_v2_scaling_configuration": None,
    "storage_encrypted": False,
}
# Members that a modification changes; what a member of a request is called in a description is in DESCRIBED_AS.
CHANGED = {
    "allocated_storage", "auto_minor_version_upgrade", "backup_retention_period", "ca_certificate_identifier",
    "copy_tags_to_snapshot", "database_insights_mode", "db_cluster_instance_class", "db_cluster_parameter_group_name",
    "deletion_protection", "enable_global_write_forwarding", "enable_http_endpoint",
    "enable_iam_database_authentication", "enable_performance_insights", "engine_lifecycle_support", "engine_version",
    "iops", "monitoring_interval", "monitoring_role_arn", "network_type", "option_group_name",
    "performance_insights_kms_key_id", "performance_insights_retention_period", "preferred_backup_window",
    "preferred_maintenance_window", "serverless_v2_scaling_configuration", "storage_type", "vpc_security_group_ids",
}  # fmt: skip


@dataclass
class Volume:
    """The data of a cluster that has no server, packed; `restored` until a server has recovered them."""

    archive: Path
    restored: bool = False
    rds_tools: str = rds_tools.ON


# moto looks them up at its own class.
models.DBCluster.SUPPORTED_FILTERS["db-cluster-resource-id"] = models.FilterDef(["db_cluster_resource_id"], "DB Cluster Resource Ids")


class Cluster(HasMasterUser, models.RDSBaseModel):
    """An Aurora cluster or a Multi-AZ DB cluster, described from what a request named.

    moto's description is of no use here: it changes when it is looked at, and knows MySQL's defaults.
    """

    resource_type = "cluster"

    def __init__(self, backend: models.RDSBackend, members: dict[str, Any]):
        super().__init__(backend)
        described = {DESCRIBED_AS.get(name, name): value for name, value in members.items() if value is not None}
        self.db_cluster_identifier = members["db_cluster_identifier"].lower()
        self.engine: str = described["engine"]
        self.engine_version: str = described["engine_version"]
        self.master_username: str = described["master_username"]
        for name, default in DESCRIBED_DEFAULTS.items():
            setattr(self, name, described.get(name, default))
        self.status = "creating"
        # The one from whose snapshot it was restored.
        self.came_from: Cluster | None = None
        # What it will be instead of available, because of a fault.
        self.outcome: str | None = None
        self.outcome_seconds = 0.0
        self.tags = described.get("tags") or []
        # Nobody who named none wants one: the default is every cloud's of this machine.
        self.port_wanted: int | None = described.get("port")
        self.storage_type = described.get("storage_type") or ("aurora" if self.is_aurora else "io1")
        self.storage_throughput = None
        self.db_cluster_parameter_group = described.get("db_cluster_parameter_group") or f"default.{self.family}"
        self.db_subnet_group = described.get("db_subnet_group") or backend.default_subnet_group_name()
        self.vpc_security_group_ids = described.get("vpc_security_group_ids") or [backend.default_security_group_id()]
        self.availability_zones = described.get("availability_zones") or [f"{self.region}{zone}" for zone in "abc"]
        self.option_group_name = described.get("option_group_name") or f"default:{self.engine}-{self.major}"
        if not self.is_aurora and self.publicly_accessible is None:
            self.publicly_accessible = False
        self.license_model = "postgresql-license"
        self.db_cluster_resource_id = "cluster-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))
        self.hosted_zone_id = "".join(random.choices(string.ascii_uppercase + string.digits, k=14))
        self.cluster_create_time = self.earliest_restorable_time = utcnow()
        self.manage_master_user_password = False
        self.activity_stream_status = "stopped"
        self.cross_account_clone = False
        self.domain_memberships: list = []
        self.custom_endpoints: list = []
        self.read_replica_identifiers: list[str] = []
        self.pending_modified_values: dict[str, Any] = {}
        self.global_cluster_identifier: str | None = described.get("global_cluster_identifier")
        self.is_writer = True  # moto's word for the primary of a global cluster
        self._associated_roles = [models.AssociatedRole(role["RoleArn"], role.get("FeatureName")) for role in described.get("associated_roles") or []]
        # Held while the writer is changed or a member goes.
        self.membership = threading.Lock()
        # For the first server: what its master user shall have, and the data that it shall start with.
        self.first_password: str | None = None
        self.volume: Volume | None = None

    @property
    def resource_id(self) -> str:
        return self.db_cluster_identifier

    @property
    def db_cluster_arn(self) -> str:
        return self.arn

    @property
    def is_aurora(self) -> bool:
        return self.engine == aurora.ENGINE

    @property
    def major(self) -> int:
        return int(self.engine_version.split(".")[0])

    @property
    def family(self) -> str:
        """The family that its parameter groups, and those of its members, must be of."""
        return f"{self.engine}{self.major}"

    @property
    def group(self) -> models.DBClusterParameterGroup:
        return self.backend.find_cluster_group(self.db_cluster_parameter_group)

    def tag(self, key: str) -> str | None:
        return next((tag["Value"] for tag in self.tags if tag["Key"] == key), None)

    # Members.

    @property
    def members(self) -> list[Member]:
        return [each for each in self.backend.with_servers() if getattr(each, "cluster", None) is self]

    @property
    def writer(self) -> Member | None:
        return next((member for member in self.members if member.is_cluster_writer), None)

    @property
    def readers(self) -> list[Member]:
        return [member for member in self.members if not member.is_cluster_writer]

    def readers_by_tier(self) -> list[Member]:
        """The readers that can take over, in the order in which Aurora would choose them."""
        return sorted((each for each in self.readers if each.status == "available"), key=lambda each: each.promotion_tier)

    @property
    def server(self) -> Server | None:
        return self.writer.server if self.writer else None

    def next_zone(self) -> str:
        return self.availability_zones[len(self.members) % len(self.availability_zones)]

    # What is described.

    @property
    def endpoint(self) -> str:
        return "localhost"

    @property
    def reader_endpoint(self) -> str:
        return "localhost"

    @property
    def port(self) -> int:
        return self.server.port if self.server else self.port_wanted or PORT

    @property
    def multi_az(self) -> bool:
        return len({member.availability_zone for member in self.members}) > 1

    @property
    def storage_encryption_type(self) -> str:
        """A tag has it under a key that AWS owns, which `StorageEncrypted` does not count."""
        return "sse-kms" if self.storage_encrypted else self.tag(ENCRYPTION_TAG) or "none"

    @property
    def latest_restorable_time(self):
        return utcnow()

    @property
    def certificate_details(self) -> dict[str, str]:
        return {"CAIdentifier": self.ca_certificate_identifier}

    @property
    def associated_roles(self) -> list:
        return self._associated_roles

    @property
    def vpc_security_groups(self) -> list[dict[str, str]]:
        return [{"VpcSecurityGroupId": each, "Status": "active"} for each in self.vpc_security_group_ids]

    @property
    def db_cluster_option_group_memberships(self) -> list[dict[str, str]]:
        return [{"DBClusterOptionGroupName": self.option_group_name, "Status": "in-sync"}]

    @property
    def db_cluster_members(self) -> list[dict[str, Any]]:
        return [
            {
                "DBInstanceIdentifier": member.db_instance_identifier,
                "IsClusterWriter": member.is_cluster_writer,
                "DBClusterParameterGroupStatus": member.db_cluster_parameter_group_status,
                "PromotionTier": member.promotion_tier,
            }
            for member in self.members
        ]

    # Changes.

    def set_master_password(self, password: str) -> None:
        if self.server:
            super().set_master_password(password)
        else:
            self.first_password = password

    def change_description(self, members: dict[str, Any]) -> None:
        for name in CHANGED & members.keys():
            setattr(self, DESCRIBED_AS.get(name, name), members[name])
