"""DB instances and their databases, as an operator makes them and looks at them."""

from collections.abc import Iterable

import psycopg

from .local_cloud import LocalCloud
from .waiting import wait_until

MASTER, MASTER_PASSWORD = "master", "correct-horse-battery"
CREATING_LIMIT_SECONDS = 60


class Databases:
    """RDS of a running cloud."""

    def __init__(self, cloud: LocalCloud) -> None:
        self._cloud = cloud
        self._rds = cloud.client("rds")

    def create(self, identifier: str, major: int, **members) -> dict:
        """An available instance with logical replication, not encrypted; `members` are those of CreateDBInstance."""
        if "DBParameterGroupName" not in members:
            members["DBParameterGroupName"] = self.parameter_group(f"{identifier}-settings", major, {"rds.logical_replication": 1})
        self._rds.create_db_instance(
            **{
                "DBInstanceIdentifier": identifier, "Engine": "postgres", "EngineVersion": str(major),
                "MasterUsername": MASTER, "MasterUserPassword": MASTER_PASSWORD, "AllocatedStorage": 20,
                "DBInstanceClass": "db.t3.medium",
            } | members
        )  # fmt: skip
        return self.in_status(identifier, "available")

    def create_aurora(self, identifier: str, major: int, members: int = 2, **options) -> dict:
        """An Aurora cluster with logical replication, not encrypted; its writer, once all members are available."""
        if "DBClusterParameterGroupName" not in options:
            family = f"aurora-postgresql{major}"
            options["DBClusterParameterGroupName"] = self.cluster_parameter_group(f"{identifier}-settings", family, {"rds.logical_replication": 1})
        self._create_cluster(identifier, "aurora-postgresql", major, options)
        for number in range(1, members + 1):
            self._rds.create_db_instance(
                DBInstanceIdentifier=f"{identifier}-{number}", DBClusterIdentifier=identifier, Engine="aurora-postgresql",
                DBInstanceClass="db.t3.medium", PromotionTier=number,
            )  # fmt: skip
            self.in_status(f"{identifier}-{number}", "available")
        return self.writer(identifier)

    def create_multi_az_cluster(self, identifier: str, major: int, **options) -> dict:
        """A Multi-AZ DB cluster with logical replication, not encrypted; its writer, once all members are available."""
        if "DBClusterParameterGroupName" not in options:
            group = self.cluster_parameter_group(f"{identifier}-settings", f"postgres{major}", {"rds.logical_replication": 1})
            options["DBClusterParameterGroupName"] = group
        storage = {"DBClusterInstanceClass": "db.m6gd.large", "StorageType": "io1", "Iops": 1000, "AllocatedStorage": 100}
        self._create_cluster(identifier, "postgres", major, storage | options)
        wait_until(
            lambda: self.describe_cluster(identifier)["Status"],
            lambda status: status == "available", f"{identifier} available", CREATING_LIMIT_SECONDS,
        )  # fmt: skip
        return self.writer(identifier)

    def _create_cluster(self, identifier: str, engine: str, major: int, options: dict) -> None:
        options = {"DatabaseName" if name == "DBName" else name: value for name, value in options.items()}
        self._rds.create_db_cluster(
            **{
                "DBClusterIdentifier": identifier, "Engine": engine, "EngineVersion": str(major),
                "MasterUsername": MASTER, "MasterUserPassword": MASTER_PASSWORD,
            } | options
        )  # fmt: skip

    def describe_cluster(self, identifier: str) -> dict:
        return self._rds.describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"][0]

    def clusters(self) -> list[dict]:
        return self._rds.describe_db_clusters()["DBClusters"]

    def writer(self, identifier: str) -> dict:
        """The instance that takes the writes of an instance's or a cluster's name."""
        for cluster in self.clusters():
            if cluster["DBClusterIdentifier"] == identifier:
                (identifier,) = [each["DBInstanceIdentifier"] for each in cluster["DBClusterMembers"] if each["IsClusterWriter"]]
        return self.describe(identifier)

    def cluster_parameter_group(self, name: str, family: str, parameters: dict[str, object]) -> str:
        """A new cluster parameter group; its name."""
        self._rds.create_db_cluster_parameter_group(DBClusterParameterGroupName=name, DBParameterGroupFamily=family, Description=name)
        self._rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=name, Parameters=_changes(parameters))
        return name

    def parameter_group(self, name: str, major: int, parameters: dict[str, object]) -> str:
        """A new parameter group; its name."""
        self._rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily=f"postgres{major}", Description=name)
        if parameters:
            self._rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=_changes(parameters))
        return name

    def describe(self, identifier: str) -> dict:
        return self._rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]

    def all(self) -> list[dict]:
        return self._rds.describe_db_instances()["DBInstances"]

    def remove(self, identifier: str) -> None:
        """Begins to take an instance or a cluster with all its members away; what is on its way already is let go."""
        cluster = next((each for each in self.clusters() if each["DBClusterIdentifier"] == identifier), None)
        if cluster is None:
            self._unprotect_and_delete(identifier)
            return
        if cluster["DeletionProtection"]:
            self._rds.modify_db_cluster(DBClusterIdentifier=identifier, DeletionProtection=False, ApplyImmediately=True)
            wait_until(lambda: self.describe_cluster(identifier)["Status"], lambda status: status == "available", identifier, CREATING_LIMIT_SECONDS)
        if cluster["Engine"].startswith("aurora"):
            members = [each["DBInstanceIdentifier"] for each in cluster["DBClusterMembers"]]
            for member in members:
                self._unprotect_and_delete(member)
            wait_until(lambda: [each for each in self.all() if each["DBInstanceIdentifier"] in members], lambda left: not left, f"{members} gone", 60)
        if cluster["Status"] != "deleting":
            self._rds.delete_db_cluster(DBClusterIdentifier=identifier, SkipFinalSnapshot=True)

    def _unprotect_and_delete(self, identifier: str) -> None:
        # RDS is at work on its volume, and deletes it afterwards.
        instance = wait_until(
            lambda: self.describe(identifier), lambda seen: not seen["DBInstanceStatus"].startswith("storage-"),
            f"{identifier} to be done with its volume", 2 * CREATING_LIMIT_SECONDS,
        )  # fmt: skip
        if instance["DeletionProtection"] and "DBClusterIdentifier" not in instance:
            self._rds.modify_db_instance(DBInstanceIdentifier=identifier, DeletionProtection=False, ApplyImmediately=True)
            self.in_status(identifier, "available")
        if instance["DBInstanceStatus"] != "deleting":
            self._rds.delete_db_instance(DBInstanceIdentifier=identifier, SkipFinalSnapshot=True)

    def remove_all(self) -> None:
        """Returns once there is neither instance nor cluster any more."""
        for cluster in self.clusters():
            self.remove(cluster["DBClusterIdentifier"])
        for instance in self.all():
            if "DBClusterIdentifier" not in instance:
                self.remove(instance["DBInstanceIdentifier"])
        wait_until(lambda: [*self.all(), *self.clusters()], lambda left: not left, "all instances and clusters to be gone", 120)

    def in_status(self, identifier: str, status: str) -> dict:
        """The instance, once it has this status."""
        return wait_until(
            lambda: self.describe(identifier), lambda instance: instance["DBInstanceStatus"] == status,
            f"{identifier} {status}", CREATING_LIMIT_SECONDS,
        )  # fmt: skip

    def connect(self, instance: dict, dbname: str = "postgres", user: str = MASTER, password: str = MASTER_PASSWORD) -> psycopg.Connection:
        """A session that commits by itself, by default the master user's."""
        endpoint = instance["Endpoint"]
        return connect(self._cloud.ca_file, endpoint["Address"], endpoint["Port"], dbname, user, password, autocommit=True)


def _changes(parameters: dict[str, object]) -> list[dict]:
    return [{"ParameterName": name, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"} for name, value in parameters.items()]


def connect(ca_file: str, host: str, port: int, dbname: str, user: str, password: str, autocommit: bool = False) -> psycopg.Connection:
    """A session over TLS with a server that proves who it is."""
    return psycopg.connect(
        host=host, port=port, dbname=dbname, user=user, password=password, autocommit=autocommit,
        sslmode="verify-full", sslrootcert=ca_file, connect_timeout=10,
    )  # fmt: skip


def values(session: psycopg.Connection, query: str, parameters: Iterable = ()) -> list:
    """The first column of a query."""
    return [row[0] for row in session.execute(query, tuple(parameters) or None)]
