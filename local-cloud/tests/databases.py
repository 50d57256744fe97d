"""RDS of a running cloud, as the tests of its databases use it."""

import botocore.exceptions
import psycopg
import pytest

from local_cloud.testing import wait_until

PASSWORD = "correct-horse"
LIMIT_SECONDS = 60


class Databases:
    """RDS of a running cloud."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.rds = cloud.client("rds")

    def create(self, identifier: str, major: int, **members) -> dict:
        self.rds.create_db_instance(
            **{
                "DBInstanceIdentifier": identifier, "Engine": "postgres", "EngineVersion": str(major), "DBName": "app",
                "MasterUsername": "master", "MasterUserPassword": PASSWORD, "AllocatedStorage": 20,
                "DBInstanceClass": "db.t3.medium",
            } | members
        )  # fmt: skip
        return self.available(identifier)

    def describe(self, identifier: str) -> dict:
        return self.rds.describe_db_instances(DBInstanceIdentifier=identifier)["DBInstances"][0]

    def available(self, identifier: str, status: str = "available") -> dict:
        wait_until(lambda: self.describe(identifier)["DBInstanceStatus"] == status, f"{identifier} {status}", LIMIT_SECONDS)
        return self.describe(identifier)

    def snapshot_available(self, identifier: str) -> dict:
        def found() -> dict:
            return self.rds.describe_db_snapshots(DBSnapshotIdentifier=identifier)["DBSnapshots"][0]

        wait_until(lambda: found()["Status"] == "available", f"{identifier} available", LIMIT_SECONDS)
        return found()

    def connect(self, instance: dict, **options) -> psycopg.Connection:
        return psycopg.connect(
            **{
                "host": instance["Endpoint"]["Address"], "port": instance["Endpoint"]["Port"], "dbname": "app",
                "user": "master", "password": PASSWORD, "autocommit": True, "sslmode": "verify-full",
                "sslrootcert": self.cloud.exports["RDS_CA_FILE"],
            } | options
        )  # fmt: skip

    def logical_group(self, major: int) -> str:
        """A parameter group with logical replication, made once."""
        name = f"logical{major}"
        try:
            self.rds.create_db_parameter_group(
                DBParameterGroupName=name, DBParameterGroupFamily=f"postgres{major}", Description="logical replication"
            )
        except self.rds.exceptions.DBParameterGroupAlreadyExistsFault:
            return name
        self.rds.modify_db_parameter_group(
            DBParameterGroupName=name,
            Parameters=[{"ParameterName": "rds.logical_replication", "ParameterValue": "1", "ApplyMethod": "pending-reboot"}],
        )
        return name

    def log(self, identifier: str) -> list[str]:
        group = f"/aws/rds/instance/{identifier}/postgresql"
        pages = self.cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]


def refused(request, **members) -> str:
    """The name of the error with which a request is refused."""
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        request(**members)
    return refusal.value.response["Error"]["Code"]
