"""Requests that concern read replicas: hot standbys of an instance, in the same Region."""

from typing import Any

from moto.rds import exceptions

from .control_plane import ControlPlane
from .instance import Instance, check_storage
from .member import Member

# What a replica has from its source when nothing is said (API reference of CreateDBInstanceReadReplica).
INHERITED = (
    "allocated_storage", "auto_minor_version_upgrade", "ca_certificate_identifier", "db_instance_class", "db_name",
    "db_parameter_group_name", "engine", "engine_version", "iops", "kms_key_id", "master_username", "network_type",
    "option_group_name", "port", "storage_encrypted", "storage_type",
)  # fmt: skip
CASCADES_SINCE_MAJOR = 14


class ReplicaRequests(ControlPlane):
    """Create and promote; the rest is an instance's."""

    def create_db_instance_read_replica(self, members: dict[str, Any]) -> Instance:
        given = {name: value for name, value in members.items() if value is not None}
        source = self._source_of_replica(given)
        if given.get("kms_key_id") and (not source.storage_encrypted or self.key_arn(given["kms_key_id"]) != source.kms_key_id):
            raise exceptions.InvalidParameterCombination("A read replica in the same Region has the encryption of its source.")
        inherited = {name: getattr(source, name) for name in INHERITED}
        if inherited["option_group_name"].startswith("default:"):
            del inherited["option_group_name"]
        all_members = {**inherited, **given, "kms_key_id": source.kms_key_id, "backup_retention_period": 0}
        check_storage(given, all_members["allocated_storage"])
        replica = self.add(all_members)
        replica.follows = source

        def create() -> None:
            self.rds.pause(self.rds.pace.creating)
            source.configure()
            source.server.reload()
            server = self.rds.make_server(replica, given.get("port"), self.rds.rds_tools_of(source))
            server.copy_from(source.server)
            self.start_first(replica, server)
            self.rds.pause(self.rds.pace.creating)

        self.begin(replica, "creating", create)
        return replica

    def _source_of_replica(self, given: dict[str, Any]) -> Instance:
        if given.get("source_db_cluster_identifier"):
            raise exceptions.InvalidParameterValue("This cloud has read replicas of instances only.")
        identifier = given["source_db_instance_identifier"]
        if identifier.startswith("arn:") and identifier.split(":")[3] != self.region_name:
            raise exceptions.InvalidParameterValue("This cloud has read replicas in the source's Region only.")
        source = self.find_in_state(identifier, "create a read replica", "available")
        if isinstance(source, Member):
            raise exceptions.InvalidDBInstanceStateFault("The source is a member of a DB cluster.")
        if source.follows and source.major < CASCADES_SINCE_MAJOR:
            raise exceptions.InvalidDBInstanceStateFault("A read replica of this version cannot have read replicas.")
        if not source.backup_retention_period:
            raise exceptions.InvalidDBInstanceStateFault(
                "Automated backups are not enabled for this database instance. To enable automated backups, use "
                "ModifyDBInstance to set the backup retention period to a non-zero value."
            )
        return source

    def check_no_replication(self, instance: Instance, what: str) -> None:
        """RDS user guide, "Stopping an Amazon RDS DB instance": not one that has or is a read replica."""
        if instance.follows or self.standbys_of(instance):
            raise exceptions.InvalidDBInstanceStateFault(
                f"Cannot {what} the instance {instance.db_instance_identifier}, which has or is a read replica."
            )

    def promote_read_replica(self, members: dict[str, Any]) -> Instance:
        replica = self.find_in_state(members["db_instance_identifier"], "promote the read replica", "available")
        if replica.follows is None or isinstance(replica, Member):
            raise exceptions.InvalidDBInstanceStateFault(f"DB Instance {replica.db_instance_identifier} is not a read replica.")
        retention, window = members.get("backup_retention_period"), members.get("preferred_backup_window")

        def promote() -> None:
            self.promote(replica)
            replica.backup_retention_period = 1 if retention is None else retention
            replica.preferred_backup_window = window or replica.preferred_backup_window
            self.rds.pause(self.rds.pace.rebooting)

        self.begin(replica, "modifying", promote)
        return replica

    def promote(self, replica: Instance) -> None:
        """Let a replica go its own way."""
        replica.server.promote()
        replica.follows = None
        replica.configure()
        replica.server.reload()

    def let_replicas_go(self, source: Instance) -> None:
        """A source that is deleted leaves its replicas as instances of their own."""
        replicas = [each for each in self.standbys_of(source) if each.server]
        if replicas:
            source.server.stop()
        for replica in replicas:
            self.promote(replica)
