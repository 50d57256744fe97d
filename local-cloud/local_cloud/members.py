"""Requests that concern the members of a cluster, and how their servers are made of one another."""

from typing import Any

from moto.rds import exceptions

from . import aurora, rds_tools
from .cluster import Cluster, Volume
from .control_plane import ControlPlane
from .instance import Instance
from .instances import DELETABLE
from .member import ONLY_FOR_THE_CLUSTER, Member
from .postgres import SEED_LSN_FILE, START_LIMIT_SECONDS, Server, ServerFailed, wait_until


class MemberRequests(ControlPlane):
    """Create and delete; modify and reboot are an instance's."""

    # Refusals.

    def check_not_for_cluster(self, instance: Instance, members: dict[str, Any]) -> None:
        """A member cannot be told what is its cluster's to say."""
        only_for_the_cluster = {**ONLY_FOR_THE_CLUSTER, "engine_version": "EngineVersion"}
        told = [name for key, name in only_for_the_cluster.items() if members.get(key)]
        if isinstance(instance, Member) and told:
            raise exceptions.InvalidParameterCombination(
                f"The instance {instance.db_instance_identifier} is a member of a DB cluster, to which belongs: {', '.join(told)}."
            )

    def check_no_member(self, instance: Instance, what: str) -> None:
        if isinstance(instance, Member):
            raise exceptions.InvalidDBClusterStateFault(
                f"Cannot {what} the instance {instance.db_instance_identifier}, which is a member of a DB cluster."
            )

    def check_members_available(self, cluster: Cluster, what: str) -> None:
        for member in cluster.members:
            self.find_in_state(member.db_instance_identifier, what, "available")

    # Create.

    def create_member(self, members: dict[str, Any]) -> Member:
        """The first member of an Aurora cluster is its writer, a later one a reader."""
        cluster = self.clusters[members["db_cluster_identifier"]]
        # "You can invoke the CreateDBInstance operation only after the RestoreDBClusterFromSnapshot operation has
        # completed and the DB cluster is available" (its API reference); a new cluster may still be in creation.
        new = cluster.status == "creating" and cluster.volume is None
        states = ("creating", "available", "backing-up") if new else ("available", "backing-up")
        self.find_cluster_in_state(cluster.db_cluster_identifier, "create an instance", *states)
        if cluster.engine_mode == "serverless":
            raise exceptions.InvalidParameterValue("Instances cannot be added to Aurora Serverless clusters.")
        if cluster.replication_source_identifier:
            raise exceptions.InvalidParameterValue("This cloud does not replicate clusters.")
        if not cluster.is_aurora:
            raise exceptions.InvalidDBClusterStateFault("The members of a Multi-AZ DB cluster are made with it.")
        if members.get("engine") != cluster.engine:
            raise exceptions.InvalidDBInstanceEngine(str(members.get("engine")), cluster.engine)
        if members.get("engine_version") not in (None, cluster.engine_version):
            raise exceptions.InvalidParameterCombination(
                f"The engine version requested for your DB instance ({members['engine_version']}) doesn't match "
                f"the engine version of your DB cluster ({cluster.engine_version})."
            )
        if told := [name for key, name in ONLY_FOR_THE_CLUSTER.items() if members.get(key)]:
            raise exceptions.InvalidParameterCombination(
                f"The requested DB Instance will be a member of a DB Cluster. Set {', '.join(told)} for the DB Cluster."
            )
        member = self.add_member(cluster, members)

        def create() -> None:
            self.rds.pause(self.rds.pace.creating)
            self.start_member(member)
            self.rds.pause(self.rds.pace.creating)

        self.begin(member, "creating", create)
        return member

    def add_member(self, cluster: Cluster, members: dict[str, Any]) -> Member:
        identifier = members["db_instance_identifier"]
        if identifier in self.databases:
            raise exceptions.DBInstanceAlreadyExists()
        self._validate_db_identifier(identifier)
        self.check_group(members.get("db_parameter_group_name"), cluster.family)
        ours = {name: value for name, value in members.items() if name != "db_cluster_identifier"}
        member = Member(self, cluster, **ours)
        member.follows = cluster.writer
        return self.put(member)

    def add_members(self, cluster: Cluster, number: int) -> None:
        """Those of a Multi-AZ DB cluster, which are called after it; all of them or none."""
        names = [f"{cluster.db_cluster_identifier}-instance-{position}" for position in range(1, number + 1)]
        if any(name in self.databases for name in names):
            raise exceptions.DBInstanceAlreadyExists()
        for name in names:
            first = {"db_instance_identifier": name, "db_instance_class": cluster.db_cluster_instance_class}
            self.add_member(cluster, first).take_description_from_cluster()

    def start_member(self, member: Member) -> None:
        """Make the server: of the cluster's volume, or of the writer's."""
        if member.is_cluster_writer:
            self._start_writer(member)
        else:
            self._start_reader(member)

    def _start_writer(self, writer: Member) -> None:
        cluster, volume = writer.cluster, writer.cluster.volume
        variant = volume.rds_tools if volume else self.rds.rds_tools_of(cluster)
        server = self._make_server(writer, variant)
        if volume is None:
            server.unpack(self.rds.templates.archive(cluster.major))
            self.start_first(writer, server)
            if cluster.is_aurora:
                aurora.make_functions(server)
            cluster.make_master_user(cluster.first_password, cluster.database_name)
        else:
            server.unpack(volume.archive)
            self._recover(writer, server, volume)
            if cluster.first_password:
                cluster.set_master_password(cluster.first_password)
            volume.archive.unlink()
            cluster.volume = None
        if cluster.is_aurora and variant == rds_tools.OFF:
            aurora.drop_start_lsn(server)
        cluster.first_password = None
        writer.has_data = True

    def _recover(self, writer: Member, server: Server, volume: Volume) -> None:
        """Start on data that were there before; where those of a restored cluster end is written down."""
        if volume.restored:
            (server.data / SEED_LSN_FILE).unlink(missing_ok=True)
        checkpoint = server.checkpoint_lsn()
        self.start_first(writer, server)
        if volume.restored:
            writer.write_seed_lsn(checkpoint)

    def _start_reader(self, reader: Member) -> None:
        writer = reader.cluster.writer
        wait_until(lambda: writer.has_data or writer.status == "failed", START_LIMIT_SECONDS, "the writer's data")
        if not writer.has_data:
            raise ServerFailed(f"the writer {writer.db_instance_identifier} has failed")
        server = self._make_server(reader, self.rds.rds_tools_of(reader.cluster))
        server.copy_from(writer.server)
        self.start_first(reader, server)
        reader.has_data = True

    def _make_server(self, member: Member, variant: str) -> Server:
        """Aurora has no rds_tools. The cluster's port is the writer's."""
        wanted = member.cluster.port_wanted if member.is_cluster_writer else None
        return self.rds.make_server(member, wanted, rds_tools.OFF if member.cluster.is_aurora else variant)

    # Delete.

    def delete_member(self, member: Member, final_snapshot_identifier: str | None) -> Member:
        """The writer hands over to a reader; without one the cluster keeps its data."""
        cluster = member.cluster
        if not cluster.is_aurora:
            raise exceptions.InvalidDBClusterStateFault("The members of a Multi-AZ DB cluster are deleted with it.")
        if final_snapshot_identifier:
            raise exceptions.InvalidParameterCombination("FinalDBSnapshotIdentifier can not be specified when deleting a cluster instance.")
        self.find_in_state(member.db_instance_identifier, "delete the instance", *DELETABLE)
        staying = [reader for reader in cluster.readers if reader.status != "deleting"]
        if member.is_cluster_writer and staying and not cluster.readers_by_tier():
            raise exceptions.InvalidDBClusterStateFault("No reader of the cluster can take over from the writer.")

        def delete() -> None:
            self.rds.pause(self.rds.pace.deleting)
            # One after another: who takes over from the writer may be deleted next.
            with cluster.membership:
                self._replace_writer(member)
                self.remove_member(member)

        self.begin(member, "deleting", delete, then="deleted")
        return member

    def _replace_writer(self, member: Member) -> None:
        """Let another one be the writer, if this one is; without another one the cluster keeps the data."""
        if not member.is_cluster_writer:
            return
        successors = member.cluster.readers_by_tier()
        if successors and member.server:
            self.hand_over(member.cluster, successors[0])
        else:
            self._keep_volume(member)

    def _keep_volume(self, writer: Member) -> None:
        """Pack the data of the last member for the next one."""
        cluster = writer.cluster
        if writer.server and cluster.volume is None:
            writer.server.stop()
            archive = self.rds.directory / f"{cluster.db_cluster_resource_id}.tar"
            writer.server.pack(archive)
            cluster.volume = Volume(archive)

    def remove_member(self, member: Member) -> None:
        self.rds.log_exporter.forget(member.dbi_resource_id)
        if member.server:
            self.rds.remove_server(member.server)
        del self.databases[member.db_instance_identifier]

    def await_end_of_members(self, cluster: Cluster) -> None:
        wait_until(lambda: not cluster.members, START_LIMIT_SECONDS, f"the members of {cluster.resource_id} to be gone")

    def hand_over(self, cluster: Cluster, successor: Member) -> None:
        """Make a reader the writer, without a loss: the former one ends when its standbys have everything."""
        former = cluster.writer
        former.server.stop()
        successor.server.promote()
        former.is_cluster_writer, successor.is_cluster_writer = False, True
        successor.follows = None
        for reader in cluster.readers:
            if reader not in (former, successor):
                reader.follows = successor
                self.restart(reader)
