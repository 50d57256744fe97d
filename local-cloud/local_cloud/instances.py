"""Requests that concern instances."""

from collections.abc import Sequence
from typing import Any

from moto.core.utils import utcnow
from moto.rds import exceptions, models

from . import keys, network
from .account import is_offered
from .cluster import Cluster
from .control_plane import ControlPlane
from .instance import Instance, check_storage
from .member import Member
from .postgres import SEED_LSN_FILE, STANDBY_FILE, Server
from .snapshots import InvalidDBSnapshotState, Snapshot

# RDS picks the minor version when only the major is given; these are the servers' own.
MINOR_VERSIONS = {"12": "22", "13": "23", "14": "23", "15": "18", "16": "14", "17": "10", "18": "4"}
DELETABLE = (
    "available", "stopped", "failed", "incompatible-restore", "incompatible-parameters", "incompatible-network", "storage-full",
    "inaccessible-encryption-credentials", "inaccessible-encryption-credentials-recoverable", "insufficient-capacity", "restore-error",
    "storage-optimization",
)  # fmt: skip
# What can be changed in a database whose storage RDS still optimizes, for hours, is all but its storage.
OF_STORAGE = ("allocated_storage", "iops", "storage_throughput", "storage_type")


class InstanceRequests(ControlPlane):
    """Create, restore, modify, reboot, stop, start, delete."""

    def describe_db_instances(self, db_instance_identifier: str | None = None, filters: Any = None) -> list[models.DBInstance]:
        """moto filters all instances for one; and work in threads takes instances away meanwhile, which ends a loop."""
        if filters:
            return super().describe_db_instances(db_instance_identifier, filters)
        if db_instance_identifier is None:
            return [instance for _, instance in list(self.databases._store.values())]
        found = self.databases.get(db_instance_identifier.split(":db:")[-1])
        if found is None:
            raise exceptions.DBInstanceNotFoundError(db_instance_identifier)
        return [found]

    def create_db_instance(self, members: dict[str, Any]) -> models.DBInstance:
        members = dict(members)
        if isinstance(self.clusters.get(members.get("db_cluster_identifier") or ""), Cluster):
            return self.create_member(members)
        if members.get("engine") != "postgres" or members.get("db_cluster_identifier"):
            # Without a server: something for the product to refuse.
            of_cluster = models.DBInstanceClustered if members.get("db_cluster_identifier") else models.DBInstance
            other = of_cluster(backend=self, **members)
            self.databases[other.db_instance_identifier] = other
            return other
        members["engine_version"] = self.version(members.get("engine_version"))
        members.setdefault("storage_type", "io1" if members.get("iops") else "gp3")
        check_storage(members, members.get("allocated_storage") or 0)
        managed = bool(members.pop("manage_master_user_password", False))
        password = members.pop("master_user_password", None)
        if managed == bool(password):
            raise exceptions.InvalidParameterCombination("Either MasterUserPassword or ManageMasterUserPassword must be given.")
        if members.get("storage_encrypted") or members.get("kms_key_id"):
            members["storage_encrypted"] = True
            members["kms_key_id"] = self.key_arn(members.get("kms_key_id") or keys.DEFAULT_KEY)
        instance = self.add(members)
        if managed:
            password = instance.manage_password(members.get("master_user_secret_kms_key_id"))
        variant = self.rds.rds_tools_of(instance)

        def create() -> None:
            self.rds.pause(self.rds.pace.creating)
            server = self.rds.make_server(instance, members.get("port"), variant)
            server.unpack(self.rds.templates.archive(instance.major))
            self.start_first(instance, server)
            instance.make_master_user(password, instance.db_name)
            instance.status = "backing-up"
            self.rds.pause(self.rds.pace.creating)

        self.begin(instance, "creating", create)
        return instance

    def version(self, version: str | None, engine: str = "postgres") -> str:
        majors = self.rds.templates.majors()
        major, dot, _ = (version or str(majors[-1])).partition(".")
        if not major.isdigit() or int(major) not in majors:
            raise exceptions.InvalidParameterCombination(f"Cannot find version {version} for {engine}")
        return version if dot else f"{major}.{MINOR_VERSIONS[major]}"

    def add(self, members: dict[str, Any]) -> Instance:
        identifier = members["db_instance_identifier"]
        if identifier in self.databases:
            raise exceptions.DBInstanceAlreadyExists()
        self._validate_db_identifier(identifier)
        major = members["engine_version"].split(".")[0]
        self.check_group(members.get("db_parameter_group_name"), f"postgres{major}")
        return self.put(Instance(self, **members))

    def put(self, instance: Instance) -> Instance:
        self.databases[instance.db_instance_identifier] = instance
        instance.add_event("DB_INSTANCE_CREATE")
        return instance

    def check_group(self, name: str | None, family: str) -> None:
        if name and (its_family := self.find_group(name).family) != family:
            raise exceptions.InvalidParameterCombination(
                f"The parameter group {name} with DBParameterGroupFamily {its_family} can't be used for this instance. "
                f"Please use a parameter group with DBParameterGroupFamily {family}."
            )

    def start_first(self, instance: Instance, server: Server) -> None:
        instance.server = server
        network.settle(instance)
        instance.apply_all_parameters()
        server.log.touch()
        instance.export_log(0)
        server.start()
        instance.instance_create_time = utcnow()

    def restore_db_instance_from_db_snapshot(self, snapshot_identifier: str, members: dict[str, Any]) -> Instance:
        """A new instance from a snapshot: what is not given takes RDS's default, not the source's value.

        API reference of RestoreDBInstanceFromDBSnapshot: class, size, backup settings and key come from the snapshot;
        parameter group, security group, storage type, tags and the rest do not.
        """
        snapshot = self.find_snapshot(snapshot_identifier)
        if snapshot.status != "available":
            raise InvalidDBSnapshotState(f"DBSnapshot {snapshot_identifier} is not in the available state.")
        given = {name: value for name, value in members.items() if value is not None and name != "db_name"}
        if given.pop("manage_master_user_password", False):
            raise exceptions.InvalidParameterCombination("ManageMasterUserPassword is not supported for engine postgres.")
        if given.get("allocated_storage", snapshot.allocated_storage) < snapshot.allocated_storage:
            raise exceptions.InvalidParameterValue("The allocated storage size can't be less than the source snapshot or backup size.")
        if snapshot.kms_key_id:
            self.key_arn(snapshot.kms_key_id)
        if not is_offered("postgres", snapshot.engine_version):
            raise exceptions.InvalidParameterCombination(f"Cannot find version {snapshot.engine_version} for postgres")
        from_snapshot = {
            "engine": "postgres",
            "engine_version": snapshot.engine_version,
            "master_username": snapshot.master_username,
            "db_name": snapshot.database.db_name,
            "db_instance_class": snapshot.database.db_instance_class,
            "allocated_storage": snapshot.allocated_storage,
            "storage_type": "io1" if given.get("iops") else "gp3",
            "backup_retention_period": snapshot.backup_retention_period,
            "preferred_backup_window": snapshot.preferred_backup_window,
            "storage_encrypted": snapshot.encrypted,
            "kms_key_id": snapshot.kms_key_id,
        }
        all_members = {**from_snapshot, **given}
        check_storage(all_members, all_members["allocated_storage"])
        instance = self.add(all_members)
        instance.came_from = snapshot.database

        seconds = self.rds.pace.restoring_of(snapshot.allocated_storage)

        def restore() -> None:
            self.rds.pause(seconds)
            server = self.rds.make_server(instance, given.get("port"), snapshot.rds_tools)
            server.unpack(snapshot.volume)
            # The snapshot may be one of a restored instance, or of a replica.
            for file in SEED_LSN_FILE, STANDBY_FILE:
                (server.data / file).unlink(missing_ok=True)
            checkpoint = server.checkpoint_lsn()
            self.start_first(instance, server)
            instance.write_seed_lsn(checkpoint)
            # What fails is never backed up.
            instance.status = instance.outcome or "backing-up"
            self.rds.pause(seconds)

        self.begin(instance, "creating", restore, failed="incompatible-restore")
        return instance

    def modify_db_instance(self, identifier: str, members: dict[str, Any]) -> Instance:
        members = dict(members)
        states = ("available",) if any(members.get(name) for name in OF_STORAGE) else ("available", "storage-optimization")
        instance = self.find_in_state(identifier, "modify the instance", *states)
        self.check_not_for_cluster(instance, members)
        immediately = bool(members.get("apply_immediately"))
        if members.get("engine_version"):
            members["engine_version"] = self.version(members["engine_version"])
            if members["engine_version"].split(".")[0] != str(instance.major):
                raise exceptions.InvalidParameterCombination("This cloud does not upgrade to another major version.")
        group = members.get("db_parameter_group_name")
        self.check_group(group, instance.family)
        new_identifier = members.get("new_db_instance_identifier")
        if new_identifier:
            self._validate_db_identifier(new_identifier)
            if new_identifier in self.databases:
                raise exceptions.DBInstanceAlreadyExists()
        check_storage(
            {"storage_type": instance.storage_type, **members},
            members.get("allocated_storage") or instance.allocated_storage,
        )
        instance.change_description(members, immediately)
        password = self.changed_password(instance, members)
        export = members.get("cloudwatch_logs_export_configuration") or {}
        if group:
            instance.db_parameter_group_name = group
            instance.group_was_attached()
        if new_identifier and not immediately:
            instance.pending_modified_values["DBInstanceIdentifier"] = new_identifier.lower()
            new_identifier = None

        def modify() -> None:
            self.rds.pause(self.rds.pace.modifying)
            if password:
                instance.set_master_password(password)
            if export:
                self.configure_export(instance, export, [instance])
            if new_identifier:
                self._rename(instance, new_identifier)

        statuses = {
            "renaming": new_identifier,
            "resetting-master-credentials": password,
            "configuring-log-exports": export,
        }
        status = next((status for status, reason in statuses.items() if reason), "modifying")
        self.begin(instance, status, modify)
        return instance

    def changed_password(self, instance: Instance | Cluster, members: dict[str, Any]) -> str | None:
        """The new master password, if a modification asks for one, in clear or through Secrets Manager."""
        if members.get("manage_master_user_password"):
            return instance.manage_password(members.get("master_user_secret_kms_key_id"))
        if members.get("rotate_master_user_password"):
            return instance.master_user_secret.rotate()
        if members.get("manage_master_user_password") is False:
            instance.give_up_managed_password()
        password = members.get("master_user_password")
        if password and instance.manage_master_user_password:
            raise exceptions.InvalidParameterCombination("You can't specify MasterUserPassword for an instance with a managed one.")
        return password

    def configure_export(self, exporter: Instance | Cluster, configuration: dict[str, Any], servers: Sequence[Instance]) -> None:
        """Change which logs an instance or a cluster exports, and follow those of its servers or leave them."""
        enabled = set(configuration.get("EnableLogTypes") or [])
        disabled = set(configuration.get("DisableLogTypes") or [])
        exported_before = {each.dbi_resource_id for each in servers if each.exports_log}
        exporter.enabled_cloudwatch_logs_exports = sorted((set(exporter.enabled_cloudwatch_logs_exports) | enabled) - disabled)
        for each in servers:
            if not each.exports_log:
                self.rds.log_exporter.forget(each.dbi_resource_id)
            elif each.server and each.dbi_resource_id not in exported_before:
                each.export_log(each.server.log.stat().st_size)

    def _rename(self, instance: Instance, new_identifier: str) -> None:
        """Give the instance another name and with it another address, here a port; its log goes to another group. All sessions end, as at
        a reboot."""
        instance.server.stop()
        self.rds.move(instance.server)
        self.restart(instance)
        for standby in self.standbys_of(instance):
            if standby.server:
                standby.configure()
                standby.server.reload()
        export = self.rds.log_exporter.forget(instance.dbi_resource_id)
        del self.databases[instance.db_instance_identifier]
        instance.db_instance_identifier = new_identifier
        self.databases[instance.db_instance_identifier] = instance
        if export:
            instance.export_log(export.position)

    def restart(self, instance: Instance) -> None:
        """Restart a server with all its groups' values; its standbys too where they would have too little now."""
        instance.server.stop()
        instance.apply_all_parameters()
        instance.server.start()
        for standby in self.standbys_of(instance):
            if standby.server and not standby.has_enough_for_primary:
                self.restart(standby)

    def reboot_db_instance(self, identifier: str) -> Instance:
        """Also the way out of parameters with which the server did not start."""
        instance = self.find_in_state(identifier, "reboot the instance", "available", "incompatible-parameters")
        new_identifier = instance.pending_modified_values.pop("DBInstanceIdentifier", None)

        def reboot() -> None:
            if new_identifier:
                self._rename(instance, new_identifier)
            else:
                self.restart(instance)
            self.rds.pause(self.rds.pace.rebooting)

        self.begin(instance, "rebooting", reboot, failed="incompatible-parameters")
        return instance

    def stop_db_instance(self, identifier: str, snapshot_identifier: str | None = None) -> Instance:
        self.check_no_member(self.find(identifier), "stop")
        self.check_no_replication(self.find(identifier), "stop")
        instance = self.find_in_state(identifier, "stop the instance", "available")
        snapshot = self.add_snapshot(instance, snapshot_identifier) if snapshot_identifier else None

        def stop() -> None:
            if snapshot:
                self.take_snapshot(instance, snapshot)
            instance.server.stop()
            self.rds.pause(self.rds.pace.modifying)

        self.begin(instance, "stopping", stop, then="stopped")
        return instance

    def start_db_instance(self, identifier: str) -> Instance:
        self.check_no_member(self.find(identifier), "start")
        instance = self.find_in_state(identifier, "start the instance", "stopped")

        def start() -> None:
            instance.apply_all_parameters()
            instance.server.start()
            self.rds.pause(self.rds.pace.modifying)

        self.begin(instance, "starting", start, failed="incompatible-parameters")
        return instance

    def delete_db_instance(
        self,
        db_instance_identifier: str,
        final_db_snapshot_identifier: str | None = None,
        skip_final_snapshot: bool | None = False,
        delete_automated_backups: bool | None = True,
    ) -> Instance:
        instance = self.find(db_instance_identifier)
        if not isinstance(instance, Instance):
            return self.databases.pop(instance.db_instance_identifier)
        if instance.status == "deleting":
            raise exceptions.InvalidDBInstanceStateFault(f"Instance {db_instance_identifier} is already being deleted.")
        if isinstance(instance, Member):
            return self.delete_member(instance, final_db_snapshot_identifier)
        if instance.deletion_protection:
            raise exceptions.InvalidParameterCombination("Cannot delete protected DB Instance, please disable deletion protection and try again.")
        if bool(skip_final_snapshot) == bool(final_db_snapshot_identifier):
            raise exceptions.InvalidParameterCombination(
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified, and cannot go with it."
            )
        states = ("available", "stopped") if final_db_snapshot_identifier else DELETABLE
        self.find_in_state(db_instance_identifier, "delete the instance", *states)
        snapshot: Snapshot | None = None
        if final_db_snapshot_identifier:
            snapshot = self.add_snapshot(instance, final_db_snapshot_identifier)

        def delete() -> None:
            if snapshot:
                self.take_snapshot(instance, snapshot)
            self.let_replicas_go(instance)
            self.rds.log_exporter.forget(instance.dbi_resource_id)
            if instance.server:
                self.rds.remove_server(instance.server)
            self.rds.pause(self.rds.pace.deleting)
            instance.give_up_managed_password()
            del self.databases[instance.db_instance_identifier]

        self.begin(instance, "deleting", delete, then="deleted")
        return instance

    def restore_db_instance_to_point_in_time(self, *_: Any) -> models.DBInstance:
        raise exceptions.InvalidParameterValue("This cloud restores from snapshots only.")
