"""Instances to be encrypted, requests to encrypt them, and what there is to see before and after."""

import psycopg
from demo.application import LEDGER
from demo.databases import MASTER, MASTER_PASSWORD, Databases, values
from demo.kinds import KINDS
from demo.local_cloud import LocalCloud
from demo.shop import make_secret

KEY_ALIAS = "alias/tests"
LIMIT_SECONDS = 300

SMALL = """
create table public.thing (id serial primary key, told text not null, changed int not null default 0);
insert into public.thing (told) select 'thing ' || n from generate_series(1, 600) n;
"""

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


def make_source(cloud: LocalCloud, identifier: str, major: int, kind: str = "instance", **members) -> dict:
    """An instance with one small database `app`, or the writer of a cluster with it, and the secret of its master user, as
    which its application logs in."""
    databases = Databases(cloud)
    instance = KINDS[kind].make(databases, identifier, major, DBName="app", **members)
    with databases.connect(instance, "app") as session:
        session.execute(LEDGER)
        session.execute(SMALL)
    make_secret(cloud, secret_name(identifier), secret_value(instance))
    return instance


def secret_name(identifier: str) -> str:
    return f"{identifier}/master"


def secret_value(instance: dict) -> dict:
    endpoint = instance["Endpoint"]
    return {
        "username": MASTER, "password": MASTER_PASSWORD, "host": endpoint["Address"], "port": str(endpoint["Port"]), "Hülle": None,
    }  # fmt: skip


def make_request(identifier: str, **members) -> dict:
    """What an operator types in who trusts the product: all databases, at once, without more looks than needed."""
    secret = secret_name(identifier)
    return {
        "source": identifier,
        "kms_key": KEY_ALIAS,
        "secret": secret,
        "consent": {"replica_identity": True},
        "cutover": {"when": "now", "secrets": [secret]},
        "wait": {"max_seconds": 1, "calls_end_seconds": 3},
    } | members


def change_thing(session: psycopg.Connection, seq: int) -> None:
    """What the application of a small source does: it changes things, but for the last hundred."""
    session.execute("update public.thing set changed = changed + 1 where id = %s", (1 + seq % 500,))


def footprint(cloud: LocalCloud, instance: dict, names: list[str]) -> dict[str, list]:
    """Everything that a run could leave: in the instance's databases, in RDS, in the logs, in the secrets."""
    rds, secrets = cloud.client("rds"), cloud.client("secretsmanager")
    found = {
        "instances": [each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]],
        "clusters": [each["DBClusterIdentifier"] for each in rds.describe_db_clusters()["DBClusters"]],
        "snapshots": [each["DBSnapshotIdentifier"] for each in rds.describe_db_snapshots()["DBSnapshots"]],
        "cluster snapshots": [
            each["DBClusterSnapshotIdentifier"] for each in rds.describe_db_cluster_snapshots()["DBClusterSnapshots"]
        ],
        "parameter groups": own_parameter_groups(cloud),
        "group of the source": parameter_group_of(cloud, instance),
        "log groups": [
            each["logGroupName"]
            for each in cloud.client("logs").describe_log_groups(logGroupNamePrefix="/aws/rds/")["logGroups"]
        ],
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
