"""What there is to see of a run, before it and afterwards."""

from .databases import Databases, values
from .local_cloud import LocalCloud

# All that a run may make, or change and has to put back.
CATALOGS = {
    "roles": "select rolname from pg_catalog.pg_roles",
    "slots": "select slot_name from pg_catalog.pg_replication_slots",
    "publications": "select pubname from pg_catalog.pg_publication",
    "subscriptions": "select subname from pg_catalog.pg_subscription",
    "schemas": "select nspname from pg_catalog.pg_namespace where nspname !~ '^pg_(toast_)?temp'",
    "tables": "select format('%s %s', oid::regclass, relreplident) from pg_catalog.pg_class where relkind in ('r', 'p') and oid >= 16384",
    "triggers": "select format('%s %s', tgrelid::regclass, tgname) from pg_catalog.pg_trigger where not tgisinternal",
    "event triggers": "select evtname from pg_catalog.pg_event_trigger",
    "databases": "select format('%s %s', datname, datacl) from pg_catalog.pg_database",
}


def footprint(cloud: LocalCloud, instance: dict, names: list[str]) -> dict[str, list]:
    """Everything that a run could leave: in the instance's databases, in RDS, in the logs, in the secrets."""
    rds, secrets = cloud.client("rds"), cloud.client("secretsmanager")
    found = {
        "instances": [each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]],
        "clusters": [each["DBClusterIdentifier"] for each in rds.describe_db_clusters()["DBClusters"]],
        "snapshots": [each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots()["DBSnapshots"]],
        "cluster snapshots": [each["DBClusterSnapshotIdentifier"] for each in rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]],
        "parameter groups": own_parameter_groups(cloud),
        "group of the source": parameter_group_of(cloud, instance),
        "log groups": [each["logGroupName"] for each in cloud.client("logs").describe_log_groups(logGroupNamePrefix="/aws/rds/")["logGroups"]],
        "secrets": [(each["Name"], len(each["SecretVersionsToStages"])) for each in secrets.list_secrets()["SecretList"]],
    }
    databases = Databases(cloud)
    for name in names:
        with databases.connect(instance, name) as session:
            found |= {f"{what} in {name}": sorted(values(session, query)) for what, query in CATALOGS.items()}
    return found


def own_parameter_groups(cloud: LocalCloud) -> list[str]:
    """Those that executions have made."""
    rds = cloud.client("rds")
    groups = [each["DBParameterGroupName"] for each in rds.describe_db_parameter_groups()["DBParameterGroups"]]
    clusters = rds.describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
    return [name for name in [*groups, *(each["DBClusterParameterGroupName"] for each in clusters)] if name.startswith("rds-reencrypt-")]


def parameter_group_of(cloud: LocalCloud, instance: dict) -> str:
    """Of an instance, or of the cluster that it is a member of."""
    databases = Databases(cloud)
    if cluster := instance.get("DBClusterIdentifier"):
        return databases.describe_cluster(cluster)["DBClusterParameterGroup"]
    (group,) = databases.describe(instance["DBInstanceIdentifier"])["DBParameterGroups"]
    return group["DBParameterGroupName"]
