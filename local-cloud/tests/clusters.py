"""Clusters of a running cloud, as their tests use them."""

from databases import LIMIT_SECONDS, PASSWORD, Databases

from local_cloud.testing import wait_until

AURORA = "aurora-postgresql"
MULTI_AZ = {"DBClusterInstanceClass": "db.m5d.large", "AllocatedStorage": 100, "StorageType": "io1", "Iops": 1000}


class Clusters(Databases):
    """Both kinds: Aurora's, whose members are asked for, and Multi-AZ DB clusters."""

    def create_cluster(self, identifier: str, engine: str = AURORA, version: str = "17", **members) -> dict:
        self.rds.create_db_cluster(
            **{
                "DBClusterIdentifier": identifier, "Engine": engine, "EngineVersion": version, "DatabaseName": "app",
                "MasterUsername": "master", "MasterUserPassword": PASSWORD,
            } | (MULTI_AZ if engine == "postgres" else {}) | members
        )  # fmt: skip
        return self.cluster_available(identifier)

    def restore(self, identifier: str, snapshot: str, engine: str = AURORA, **members) -> dict:
        self.rds.restore_db_cluster_from_snapshot(DBClusterIdentifier=identifier, SnapshotIdentifier=snapshot, Engine=engine, **members)
        return self.cluster_available(identifier)

    def begin_member(self, identifier: str, cluster: str, **members) -> None:
        self.rds.create_db_instance(
            **{
                "DBInstanceIdentifier": identifier, "DBClusterIdentifier": cluster, "Engine": AURORA,
                "DBInstanceClass": "db.r6g.large",
            } | members
        )  # fmt: skip

    def add_member(self, identifier: str, cluster: str, **members) -> dict:
        self.begin_member(identifier, cluster, **members)
        return self.available(identifier)

    def describe_cluster(self, identifier: str) -> dict:
        return self.rds.describe_db_clusters(DBClusterIdentifier=identifier)["DBClusters"][0]

    def cluster_available(self, identifier: str, status: str = "available") -> dict:
        def status_is() -> bool:
            nonlocal seen
            seen = self.describe_cluster(identifier)["Status"]
            return seen == status

        seen = None
        wait_until(status_is, f"{identifier} {status}", LIMIT_SECONDS)
        return self.describe_cluster(identifier)

    def member_status(self, cluster: str, member: str) -> dict:
        """What the cluster says of its member."""
        members = self.describe_cluster(cluster)["DBClusterMembers"]
        return next(each for each in members if each["DBInstanceIdentifier"] == member)

    def gone(self, identifier: str) -> None:
        """Wait until there is no such cluster."""
        wait_until(
            lambda: identifier not in [each["DBClusterIdentifier"] for each in self.rds.describe_db_clusters()["DBClusters"]],
            f"{identifier} to be gone", LIMIT_SECONDS,
        )  # fmt: skip

    def instance_gone(self, identifier: str) -> None:
        wait_until(
            lambda: identifier not in [each["DBInstanceIdentifier"] for each in self.rds.describe_db_instances()["DBInstances"]],
            f"{identifier} to be gone", LIMIT_SECONDS,
        )  # fmt: skip

    def take_snapshot(self, cluster: str, snapshot: str, **members) -> dict:
        self.rds.create_db_cluster_snapshot(DBClusterIdentifier=cluster, DBClusterSnapshotIdentifier=snapshot, **members)
        found = self.cluster_snapshot_available(snapshot)
        self.cluster_available(cluster)
        return found

    def describe_snapshot(self, identifier: str) -> dict:
        found = self.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=identifier)
        return found["DBClusterSnapshots"][0]

    def cluster_snapshot_available(self, identifier: str, status: str = "available") -> dict:
        wait_until(lambda: self.describe_snapshot(identifier)["Status"] == status, f"{identifier} {status}", LIMIT_SECONDS)
        return self.describe_snapshot(identifier)

    def cluster_log(self, cluster: str) -> list[str]:
        group = f"/aws/rds/cluster/{cluster}/postgresql"
        pages = self.cloud.client("logs").get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def cluster_group(self, name: str, family: str, **values: str) -> str:
        """A cluster parameter group with values that wait for a reboot."""
        self.rds.create_db_cluster_parameter_group(DBClusterParameterGroupName=name, DBParameterGroupFamily=family, Description=name)
        if values:
            self.change_cluster_group(name, "pending-reboot", **values)
        return name

    def change_cluster_group(self, name: str, method: str, **values: str) -> None:
        """`rds.logical_replication` is written with a double underscore for its dot."""
        parameters = [{"ParameterName": key.replace("__", "."), "ParameterValue": value, "ApplyMethod": method} for key, value in values.items()]
        self.rds.modify_db_cluster_parameter_group(DBClusterParameterGroupName=name, Parameters=parameters)
