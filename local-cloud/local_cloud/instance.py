"""A DB instance: what DescribeDBInstances shows, and the server behind it."""

import random
import string
import time
from typing import Any

from moto.rds import models
from moto.rds.exceptions import InvalidParameterCombination

from . import parameters, rds_tools
from .logs import LogExport
from .master_user import HasMasterUser
from .postgres import SEED_LSN_FILE, Server, seed_lsn

# As the tag of rds_tools.py on a source, a key of these makes the extension's function say on restores of it what tools have
# taken for the seed LSN. On a cluster it holds for all members, and on Aurora for the function in the extension's place.
MISTAKEN_SEEDS = {
    "confirmed_flush_lsn": "select min(confirmed_flush_lsn)::text from pg_catalog.pg_replication_slots",
    "current_wal_lsn": "select pg_catalog.pg_current_wal_lsn()::text",
    "redo_done": None,
}
# `files` keeps an instance's log out of CloudWatch Logs, whatever it exports; `none` hides its log files too.
LOG_TAG = "cloud:log"
# For how many seconds a parameter group that was attached is shown as in sync before it is not.
LATE_TAG = "cloud:in-sync-seconds"

# Members that a description has whether or not the request named them.
DESCRIBED_DEFAULTS = {
    "activity_stream_status": "stopped",
    "backup_target": "region",
    "customer_owned_ip_enabled": False,
    "database_insights_mode": "standard",
    "dedicated_log_volume": False,
    "engine_lifecycle_support": "open-source-rds-extended-support",
    "is_storage_config_upgrade_available": False,
    "multi_tenant": False,
    "network_type": "IPV4",
    "performance_insights_enabled": False,
    "performance_insights_kms_key_id": None,
    "performance_insights_retention_period": None,
    "promotion_tier": None,
}
# Members of a request that a description calls otherwise.
DESCRIBED_AS = {"enable_performance_insights": "performance_insights_enabled"}
# Members that a modification changes at once.
CHANGED_AT_ONCE = {
    "auto_minor_version_upgrade", "backup_retention_period", "ca_certificate_identifier", "copy_tags_to_snapshot",
    "database_insights_mode", "db_subnet_group_name", "dedicated_log_volume", "deletion_protection",
    "enable_iam_database_authentication", "enable_performance_insights", "engine_lifecycle_support",
    "max_allocated_storage", "monitoring_interval", "monitoring_role_arn", "network_type", "option_group_name",
    "performance_insights_kms_key_id", "performance_insights_retention_period", "preferred_backup_window",
    "preferred_maintenance_window", "promotion_tier", "publicly_accessible", "vpc_security_group_ids",
}  # fmt: skip
# Members that wait for the maintenance window unless they are to be applied immediately, as PendingModifiedValues
# names them.
CHANGED_LATER = {
    "allocated_storage": "AllocatedStorage", "db_instance_class": "DBInstanceClass", "multi_az": "MultiAZ",
    "engine_version": "EngineVersion", "iops": "Iops", "storage_throughput": "StorageThroughput",
    "storage_type": "StorageType",
}  # fmt: skip
# From this size on gp3 has a performance that can be chosen, and a higher one by default (RDS user guide, "gp3
# storage").
GP3_CHOICE_GIB = 400


def check_storage(members: dict[str, Any], allocated_storage: int) -> None:
    """RDS refuses to be told the performance of a small gp3 volume, its own default included, and a limit of growth that
    leaves less than a tenth for it (user guide, "storage autoscaling"); one of what is there turns the growth off."""
    named = members.get("iops") or members.get("storage_throughput")
    if members.get("storage_type") == "gp3" and named and allocated_storage < GP3_CHOICE_GIB:
        raise InvalidParameterCombination(
            f"You can't specify IOPS or storage throughput for engine postgres and a storage size less than {GP3_CHOICE_GIB}."
        )
    limit = members.get("max_allocated_storage")
    if limit and limit != allocated_storage and 10 * limit < 11 * allocated_storage:
        raise InvalidParameterCombination(
            f"Invalid max storage size for engine name postgres and storage type {members.get('storage_type')}: {limit}"
        )


class Instance(HasMasterUser, models.DBInstance):
    """moto's description of an instance, corrected for PostgreSQL, with a real server.

    `follows` is the instance whose hot standby this one is.
    """

    def __init__(self, backend: models.RDSBackend, **members: Any):
        self.server: Server | None = None
        self.follows: Instance | None = None
        # The one from whose snapshot it was restored.
        self.came_from: Instance | None = None
        self.pending_modified_values: dict[str, Any] = {}
        self.in_sync_until = 0.0
        if (members.get("option_group_name") or "").startswith("default:"):
            # Default groups are always there on AWS; moto has none and refuses their names.
            members["option_group_name"] = None
        super().__init__(backend, **{"license_model": "postgresql-license", **members})
        self.status = "creating"
        # What it will be instead of available, because of a fault.
        self.outcome: str | None = None
        self.outcome_seconds = 0.0
        self.dbi_resource_id = "db-" + "".join(random.choices(string.ascii_uppercase + string.digits, k=26))
        self.instance_create_time = None
        described = {DESCRIBED_AS.get(name, name): value for name, value in members.items()}
        for name, default in DESCRIBED_DEFAULTS.items():
            setattr(self, name, described.get(name, default))
        if not members.get("db_subnet_group_name"):
            self.db_subnet_group_name = backend.default_subnet_group_name()
        if not members.get("option_group_name"):
            self.option_group_name = f"default:{self.engine}-{self.major}"
        if self.storage_type == "gp3":
            large = self.allocated_storage >= GP3_CHOICE_GIB
            self.iops = self.iops or (12000 if large else 3000)
            self.storage_throughput = self.storage_throughput or (500 if large else 125)
        self.applied = parameters.Applied(self.groups, self.family)
        # What a standby has of these: also as much as the primary had, until the log speaks of less.
        self.not_less_than: dict[str, int] = {}

    @property
    def major(self) -> int:
        return int(self.engine_version.split(".")[0])

    @property
    def family(self) -> str:
        """The family that its parameter groups must be of."""
        return f"{self.engine}{self.major}"

    @property
    def storage_encryption_type(self) -> str:
        return "sse-kms" if self.storage_encrypted else "none"

    @property
    def certificate_details(self) -> dict[str, str]:
        return {"CAIdentifier": self.ca_certificate_identifier}

    @property
    def endpoint(self) -> dict[str, Any] | None:
        """Known once there is a server: a port of this machine."""
        return {"Address": "localhost", "Port": self.server.port} if self.server else None

    @property
    def db_instance_port(self) -> int:
        """Zero on AWS too; the port is the endpoint's."""
        return 0

    # What only a member of a cluster does not show.

    @property
    def read_replica_db_instance_identifiers(self) -> list[str]:
        return [each.db_instance_identifier for each in self.backend.standbys_of(self)]

    @property
    def read_replica_source_db_instance_identifier(self) -> str | None:
        return self.follows and self.follows.db_instance_identifier

    @property
    def status_infos(self) -> list[dict[str, Any]]:
        if self.follows is None or self.server is None:
            return []
        return [{"StatusType": "read replication", "Normal": True, "Status": "replicating"}]

    @property
    def latest_restorable_time(self):
        return super().latest_restorable_time if self.backup_retention_period and self.server else None

    def tag(self, key: str) -> str | None:
        return next((tag["Value"] for tag in self.tags if tag["Key"] == key), None)

    # Parameters.

    def default_db_parameter_group_details(self) -> tuple[str, str]:
        return self.family, f"default.{self.family}"

    @property
    def group(self) -> models.DBParameterGroup:
        return self.db_parameter_groups()[0]

    @property
    def groups(self) -> list[parameters.Group]:
        """All groups that the server's values come from, a later one over an earlier one."""
        return [self.group]

    @property
    def settings(self) -> parameters.Settings:
        return self.backend.rds.templates.settings(self.major)

    @property
    def db_parameter_group_status_list(self) -> list[dict[str, str]]:
        return [{"DBParameterGroupName": self.group.name, "ParameterApplyStatus": self.apply_status(self.group)}]

    def apply_status(self, group: parameters.Group) -> str:
        is_late = time.monotonic() < self.in_sync_until
        return "in-sync" if is_late or self.server is None or self.applied.is_all_of(group) else "pending-reboot"

    def group_was_attached(self) -> None:
        """What waits for a reboot is shown at once, or later where a tag says so."""
        self.in_sync_until = time.monotonic() + float(self.tag(LATE_TAG) or 0)

    def apply_all_parameters(self) -> None:
        """Give a server that is about to start its groups' values."""
        self.applied = parameters.Applied(self.groups, self.family)
        self.configure()

    def apply_immediate_parameters(self, group: parameters.Group, changed: list[str]) -> None:
        """Give a running server the new values of parameters that need no restart."""
        self.applied.change(group, changed)
        self.configure()
        self.server.reload()

    def configure(self) -> None:
        parameters.write_configuration(self.server, self.applied.values, self.settings, self.imposed_settings())

    def imposed_settings(self) -> dict[str, str]:
        """What its place among other servers asks for, whatever the groups say."""
        standbys = self.backend.standbys_of(self)
        kept = parameters.wal_kept_for_standbys(self.major) if standbys or self.follows else {}
        if self.follows is None:
            return kept
        for name, value in self._needed_by_primary().items():
            self.not_less_than[name] = max(value, self.not_less_than.get(name, 0))
        return {
            **kept,
            **{name: str(value) for name, value in self.not_less_than.items()},
            "primary_conninfo": self.follows.server.connection_string(),
        }

    def _needed_by_primary(self) -> dict[str, int]:
        primary = self.follows.applied.values
        return {name: int(primary.get(name) or self.settings[name]["default"]) for name in parameters.NOT_LESS_THAN_ON_PRIMARY}

    @property
    def has_enough_for_primary(self) -> bool:
        """Whether this standby runs with what the primary's values ask of it now."""
        return all(self.not_less_than[name] >= value for name, value in self._needed_by_primary().items())

    # Logs.

    @property
    def log_group(self) -> str:
        return f"/aws/rds/instance/{self.db_instance_identifier}/postgresql"

    @property
    def exports_log(self) -> bool:
        return "postgresql" in self.enabled_cloudwatch_logs_exports and not self.tag(LOG_TAG)

    def export_log(self, position: int) -> None:
        """Follow the server's log from a position on, if the instance exports it."""
        if self.exports_log:
            stream = f"{self.db_instance_identifier}.0"
            export = LogExport(self.server.log, position, self.backend.logs, self.log_group, stream, self.shows)
            self.backend.rds.log_exporter.follow(self.dbi_resource_id, export)

    def shows(self, line: str) -> bool:
        """Whether RDS lets a line of the server's log be seen."""
        return True

    # What rds_tools says.

    def write_seed_lsn(self, checkpoint: int) -> None:
        """Have the function say where the data of this restored instance end, or be mistaken."""
        mistake = self.tag(rds_tools.TAG)
        redo_end = self.server.first_redo_end()
        lsn = redo_end if mistake == "redo_done" else seed_lsn(redo_end, checkpoint)
        if query := MISTAKEN_SEEDS.get(mistake):
            with self.server.connect() as session:
                (lsn,) = session.execute(query).fetchone()
        (self.server.data / SEED_LSN_FILE).write_text(lsn)

    # Changes that concern the description alone.

    def change_description(self, members: dict[str, Any], immediately: bool) -> None:
        """Show what a modification changes, now or among the pending values."""
        if (members.get("allocated_storage") or self.allocated_storage) < self.allocated_storage:
            raise InvalidParameterCombination("Requested storage size cannot be smaller than the current size.")
        for name in CHANGED_AT_ONCE & members.keys():
            setattr(self, DESCRIBED_AS.get(name, name), members[name])
        for name, described_as in CHANGED_LATER.items():
            if members.get(name) not in (None, getattr(self, name)):
                self.pending_modified_values[described_as] = members[name]
        if immediately:
            for name, described_as in CHANGED_LATER.items():
                if described_as in self.pending_modified_values:
                    setattr(self, name, self.pending_modified_values.pop(described_as))
