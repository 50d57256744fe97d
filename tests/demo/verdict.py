"""The verdict on a run, from the databases and the control plane alone: nothing that the product says of itself counts."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from .application import LEDGER_TABLES, Writer
from .comparison import read_contents, read_sequences_behind
from .databases import Databases, values
from .local_cloud import LocalCloud

PRODUCT = "^rds_reencrypt_[0-9a-f]{10}"

# What a run makes inside of PostgreSQL; fences are looked at apart. Read by the master user.
LEFTOVERS = """
select 'slot ' || slot_name from pg_catalog.pg_replication_slots
union all select 'publication ' || pubname from pg_catalog.pg_publication
union all select 'subscription ' || subname from pg_catalog.pg_subscription
union all select 'origin ' || roname from pg_catalog.pg_replication_origin
union all select 'role ' || rolname from pg_catalog.pg_roles where rolname ~ %(product)s
union all select 'schema ' || nspname from pg_catalog.pg_namespace where nspname ~ %(product)s and nspname not like '%%\\_fence'
union all select 'table without its replica identity ' || oid::regclass from pg_catalog.pg_class
           where relreplident = 'f' and relkind = 'r' and oid >= 16384"""

# What a client may set in its session, hoping to get around a fence.
MASTER_ATTEMPTS = (
    "begin",
    "set default_transaction_read_only = off; begin",
    "begin read write",
    "set session_replication_role = replica; begin",
)
APPLICATION_ATTEMPTS = MASTER_ATTEMPTS[:3]


@dataclass(frozen=True)
class Check:
    """Something that has to hold, and what was found."""

    what: str
    holds: bool
    found: str


@dataclass(frozen=True)
class Scene:
    """Everything that is looked at."""

    cloud: LocalCloud
    databases: Databases
    source: dict
    target: dict
    key_arn: str
    # What the application's secrets held before the run, by their names.
    secrets_before: dict[str, dict]
    writers: list[Writer]

    @property
    def names(self) -> list[str]:
        """The databases that are written to."""
        return sorted({writer.database for writer in self.writers})

    def writers_of(self, database: str) -> list[Writer]:
        return [writer for writer in self.writers if writer.database == database]


def check_all(scene: Scene) -> Iterator[Check]:
    yield check_encryption(scene)
    for database in scene.names:
        yield check_acknowledged(scene, database)
        yield check_contents(scene, database)
        yield check_sequences(scene, database)
        yield check_fence(scene, database)
    for secret in scene.secrets_before:
        yield check_secret(scene, secret)
    yield check_tag(scene)
    yield check_nothing_left(scene)


def find_target(databases: Databases, server: str) -> dict:
    """The instance at this host and port, as RDS describes it."""
    for instance in databases.all():
        # One that is still being made has no endpoint.
        endpoint = instance.get("Endpoint")
        if endpoint and f"{endpoint['Address']}:{endpoint['Port']}" == server:
            return instance
    raise LookupError(f"no instance is at {server}")


def check_encryption(scene: Scene) -> Check:
    encrypted, key = scene.target["StorageEncrypted"], scene.target.get("KmsKeyId")
    return Check("encrypted with the key that was asked for", encrypted and key == scene.key_arn, f"{encrypted}, {key}")


@dataclass(frozen=True)
class Counted:
    """The acknowledged writes to a database, and what is wrong with them."""

    acknowledged: int
    unknown: int
    lost: int
    doubled: int
    stranded: int
    invented: int

    @property
    def all_there(self) -> bool:
        return bool(self.acknowledged) and not (self.lost or self.doubled or self.stranded or self.invented)


def check_acknowledged(scene: Scene, database: str) -> Check:
    """Every write that a writer was told of is on the target once, in the table with a key and in the one without."""
    counted = count_writes(scene, database)
    found = (
        f"{counted.acknowledged} acknowledged, {counted.lost} lost, {counted.doubled} doubled, {counted.stranded} on the source only, "
        f"{counted.invented} that nobody wrote, {counted.unknown} whose answer was lost"
    )
    return Check(f"{database}: acknowledged writes", counted.all_there, found)


def count_writes(scene: Scene, database: str) -> Counted:
    writers = scene.writers_of(database)
    acknowledged = {(writer.number, write.seq) for writer in writers for write in writer.acknowledged}
    unknown = {(writer.number, seq) for writer in writers for seq in writer.unknown}
    with scene.databases.connect(scene.source, database) as source, scene.databases.connect(scene.target, database) as target:
        lost = doubled = stranded = invented = 0
        for table in LEDGER_TABLES:
            here, there = _marks(source, table), _marks(target, table)
            lost += len(acknowledged - there.keys())
            doubled += sum(count > 1 for count in there.values())
            stranded += len(here.keys() - there.keys())
            invented += len(there.keys() - acknowledged - unknown)
    return Counted(len(acknowledged), len(unknown), lost, doubled, stranded, invented)


def _marks(session: psycopg.Connection, table: str) -> Counter:
    rows = session.execute(f"select writer, seq, count(*) from {table} group by writer, seq")
    return Counter({(writer, seq): count for writer, seq, count in rows})


def check_contents(scene: Scene, database: str) -> Check:
    """All tables row by row. The source stands still since the fence; of the two tables that go on on the target, what
    the writers wrote there is left out, by their own count."""
    moved = [(writer.number, writer.first_seq_moved) for writer in scene.writers_of(database) if writer.first_seq_moved]
    later = " or ".join(f"t.writer = {number} and t.seq >= {seq}" for number, seq in moved)
    conditions = dict.fromkeys(LEDGER_TABLES, f"not ({later})") if later else {}
    with scene.databases.connect(scene.source, database) as source, scene.databases.connect(scene.target, database) as target:
        here, there = read_contents(source, conditions), read_contents(target, conditions)
    different = [f"{name}: {here.get(name)} {there.get(name)}" for name in sorted({*here, *there}) if here.get(name) != there.get(name)]
    rows = sum(contents.rows for contents in here.values())
    found = "; ".join(different) or f"{len(here)} tables, {rows} rows, the same rows and hash each"
    return Check(f"{database}: rows", not different and rows > 0, found)


def check_sequences(scene: Scene, database: str) -> Check:
    with scene.databases.connect(scene.target, database) as target:
        behind = read_sequences_behind(target)
    return Check(f"{database}: sequences ahead of their columns", not behind, "; ".join(behind) or "all")


def check_fence(scene: Scene, database: str) -> Check:
    """Nobody can write to the source, whatever they set; everybody can read."""
    before = scene.secrets_before[scene.writers_of(database)[0].secret]
    application = (before["username"], before["password"])
    through = []
    for login, attempts in (application, APPLICATION_ATTEMPTS), (None, MASTER_ATTEMPTS):
        for attempt in attempts:
            with scene.databases.connect(scene.source, database, *(login or ())) as session:
                session.execute("select count(*) from journal.ledger")
                session.execute(attempt)
                try:
                    session.execute("insert into journal.ledger (writer, seq) values (-1, -1)")
                    through.append(f"{login[0] if login else 'master'}: {attempt}")
                except psycopg.errors.ReadOnlySqlTransaction as refusal:
                    said = str(refusal).splitlines()[0]
    return Check(f"{database}: the source takes no writes", not through, "; ".join(through) or said)


def check_secret(scene: Scene, name: str) -> Check:
    """The application's secret leads to the target, has all else as it was, byte for byte, and its previous version leads back; no
    version bears a label of the run's."""
    secrets, before = scene.cloud.client("secretsmanager"), scene.secrets_before[name]

    def version(stage: str) -> str:
        return secrets.get_secret_value(SecretId=name, VersionStage=stage)["SecretString"]

    endpoint = scene.target["Endpoint"]
    # A port that was written as text stays text.
    moved = before | {"host": endpoint["Address"], "port": type(before["port"])(endpoint["Port"])}
    now, previous = version("AWSCURRENT"), version("AWSPREVIOUS")
    labels = sorted(label for labels in secrets.describe_secret(SecretId=name)["VersionIdsToStages"].values() for label in labels)
    holds = (now, previous) == (json.dumps(moved), json.dumps(before)) and labels == ["AWSCURRENT", "AWSPREVIOUS"]
    port, old_port = (json.loads(text)["port"] for text in (now, previous))
    found = f"leads to port {port}, before to {old_port}, keys {', '.join(json.loads(now))}, labels {', '.join(labels)}"
    return Check(f"secret {name}", holds, found)


def check_tag(scene: Scene) -> Check:
    """The source says where its application has gone, so that nobody moves it twice."""
    cluster, databases = scene.source.get("DBClusterIdentifier"), scene.databases
    described = databases.describe_cluster(cluster) if cluster else databases.describe(scene.source["DBInstanceIdentifier"])
    said = {tag["Key"]: tag["Value"] for tag in described["TagList"]}.get("rds-reencrypt:moved-to")
    return Check("the source is tagged with its target", said == identifier_of(scene.target), str(said))


def check_nothing_left(scene: Scene) -> Check:
    left = []
    for side, instance in ("source", scene.source), ("target", scene.target):
        for database in scene.names:
            with scene.databases.connect(instance, database) as session:
                left += [f"{side}: {thing}" for thing in values(session, LEFTOVERS % {"product": f"'{PRODUCT}'"})]
    left += snapshots_and_log_groups(scene)
    return Check("nothing is left of the run", not left, "; ".join(sorted(set(left))) or "nothing")


def snapshots_and_log_groups(scene: Scene) -> list[str]:
    """Manual snapshots of the source, log groups of the target but for the logs that the source exports as well, and parameter
    groups of the run's own."""
    source, target = (identifier_of(instance) for instance in (scene.source, scene.target))
    rds, logs = scene.cloud.client("rds"), scene.cloud.client("logs")
    if "DBClusterIdentifier" in scene.source:
        snapshots = rds.describe_db_cluster_snapshots(DBClusterIdentifier=source, SnapshotType="manual")["DBClusterSnapshots"]
        snapshots = [each["DBClusterSnapshotIdentifier"] for each in snapshots]
        log_groups = f"/aws/rds/cluster/{target}/"
    else:
        snapshots = rds.describe_db_snapshots(DBInstanceIdentifier=source, SnapshotType="manual")["DBSnapshots"]
        snapshots = [each["DBSnapshotIdentifier"] for each in snapshots]
        log_groups = f"/aws/rds/instance/{target}/"
    exported = {log_groups + log for log in scene.source.get("EnabledCloudwatchLogsExports") or []}
    groups = [each["logGroupName"] for each in logs.describe_log_groups(logGroupNamePrefix=log_groups)["logGroups"]]
    groups = [name for name in groups if name not in exported]
    parameter_groups = [each["DBParameterGroupName"] for each in rds.describe_db_parameter_groups()["DBParameterGroups"]]
    cluster_groups = rds.describe_db_cluster_parameter_groups()["DBClusterParameterGroups"]
    parameter_groups += [each["DBClusterParameterGroupName"] for each in cluster_groups]
    own = [name for name in parameter_groups if name.startswith("rds-reencrypt-")]
    return [f"snapshot {name}" for name in snapshots] + [f"log group {name}" for name in groups] + [f"parameter group {name}" for name in own]


def identifier_of(instance: dict) -> str:
    """Of the cluster, where it is a member of one."""
    return instance.get("DBClusterIdentifier") or instance["DBInstanceIdentifier"]
