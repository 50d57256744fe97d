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

    def parameter_group(self, name: str, major: int, parameters: dict[str, object]) -> str:
        """A new parameter group; its name."""
        self._rds.create_db_parameter_group(DBParameterGroupName=name, DBParameterGroupFamily=f"postgres{major}", Description=name)
        changes = [
            {"ParameterName": parameter, "ParameterValue": str(value), "ApplyMethod": "pending-reboot"}
            for parameter, value in parameters.items()
        ]
        if changes:
            self._rds.modify_db_parameter_group(DBParameterGroupName=name, Parameters=changes)
        return name

    def describe(self, identifier: str) -> dict:
        return self._rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]

    def all(self) -> list[dict]:
        return self._rds.describe_db_instances()["DBInstances"]

    def in_status(self, identifier: str, status: str) -> dict:
        """The instance, once it has this status."""
        return wait_until(
            lambda: self.describe(identifier), lambda instance: instance["DBInstanceStatus"] == status,
            f"{identifier} {status}", CREATING_LIMIT_SECONDS,
        )  # fmt: skip

    def connect(
        self, instance: dict, dbname: str = "postgres", user: str = MASTER, password: str = MASTER_PASSWORD
    ) -> psycopg.Connection:
        """A session that commits by itself, by default the master user's."""
        endpoint = instance["Endpoint"]
        return connect(self._cloud.ca_file, endpoint["Address"], endpoint["Port"], dbname, user, password, autocommit=True)


def connect(
    ca_file: str, host: str, port: int, dbname: str, user: str, password: str, autocommit: bool = False
) -> psycopg.Connection:
    """A session over TLS with a server that proves who it is."""
    return psycopg.connect(
        host=host, port=port, dbname=dbname, user=user, password=password, autocommit=autocommit,
        sslmode="verify-full", sslrootcert=ca_file, connect_timeout=10,
    )  # fmt: skip


def values(session: psycopg.Connection, query: str, parameters: Iterable = ()) -> list:
    """The first column of a query."""
    return [row[0] for row in session.execute(query, tuple(parameters) or None)]
