"""The shop whose database is to be encrypted: an instance with two databases, a key, and the secrets that lead there."""

import json
import random
import secrets
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from .application import LEDGER, Writer
from .databases import MASTER, MASTER_PASSWORD, Databases
from .kinds import Kind
from .local_cloud import LocalCloud
from .verdict import Scene, find_target

IDENTIFIER = "shop"
# Rows of the larger tables by database; the first one comes with the instance.
ROWS = {"shop": 8_000, "billing": 2_000}
TAGS = {"team": "shop"}
KEY_ALIAS = "alias/shop"
MASTER_SECRET = f"{IDENTIFIER}/master"
APPLICATION_USER = "shop application"
SCHEMA = Path(__file__).with_name("shop.sql").read_text()


@dataclass(frozen=True)
class Shop:
    """What there is before the run."""

    # The writer, where it is a cluster.
    instance: dict
    # The application's secrets by database, and what they hold.
    secrets: dict[str, str]
    secret_values: dict[str, dict]

    @property
    def identifier(self) -> str:
        return self.instance.get("DBClusterIdentifier") or self.instance["DBInstanceIdentifier"]

    def scene(self, cloud: LocalCloud, key_arn: str, writers: list[Writer]) -> Scene:
        """After the run: the target is where the writers are now."""
        databases = Databases(cloud)
        target = find_target(databases, writers[0].acknowledged[-1].server)
        before = {name: self.secret_values[database] for database, name in self.secrets.items()}
        return Scene(cloud, databases, databases.writer(self.identifier), target, key_arn, before, writers)


def open_shop(
    cloud: LocalCloud, kind: Kind, major: int, identifier: str = IDENTIFIER, rows: dict[str, int] = ROWS, tags: dict[str, str] = TAGS
) -> Shop:
    """`rows` has its databases. The secrets are `<identifier>/master`, and `<database>/app` for each of them."""
    databases = Databases(cloud)
    tag_list = [{"Key": key, "Value": value} for key, value in tags.items()]
    instance = kind.make(databases, identifier, major, DBName=next(iter(rows)), Tags=tag_list)
    password = secrets.token_urlsafe(16)
    _fill(databases, instance, password, rows)
    make_secret(cloud, f"{identifier}/master", {"username": MASTER, "password": MASTER_PASSWORD})
    values = {
        database: {
            "engine": "postgres", "host": instance["Endpoint"]["Address"], "port": instance["Endpoint"]["Port"],
            "username": APPLICATION_USER, "password": password, "dbname": database,
            "pool": {"size": 4}, "Straße": "unbekannt",
        }
        for database in rows
    }  # fmt: skip
    names = {database: make_secret(cloud, f"{database}/app", value) for database, value in values.items()}
    return Shop(instance, names, values)


def _fill(databases: Databases, instance: dict, password: str, rows: dict[str, int]) -> None:
    """Tables of the master user, and an application that may read and write them."""
    user = sql.Identifier(APPLICATION_USER)
    with databases.connect(instance) as session:
        session.execute(sql.SQL("create role {} login password {}").format(user, sql.Literal(password)))
        for database in list(rows)[1:]:
            session.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
    for database, count in rows.items():
        with databases.connect(instance, database) as session:
            session.execute(f"set demo.rows = '{count}'")
            session.execute(SCHEMA)
            session.execute(LEDGER)
            for schema in "sales", "journal", "Lager":
                for grant in "usage on schema", "all on all tables in schema", "usage on all sequences in schema":
                    session.execute(sql.SQL(f"grant {grant} {{}} to {{}}").format(sql.Identifier(schema), user))


def change_something(session: psycopg.Connection, seq: int) -> None:
    """One of the things that a shop does all day."""
    match seq % 5:
        case 0:
            session.execute("update sales.customer set balance = balance + 1 where id = %s", (random.randint(1, 500),))
        case 1:
            day = f"202{random.randint(4, 6)}-05-01"
            purchase = "insert into sales.purchase (bought_on, customer, net) values (%s, %s, %s)"
            session.execute(purchase, (day, random.randint(1, 500), seq))
        case 2:
            more = 'update "Lager"."Größe" set "Stück" = "Stück" + 1 where "Schlüssel" = %s'
            session.execute(more, (f"Größe {random.randint(1, 200)}",))
        case 3:
            session.execute('update "Lager"."Foto" set views = views + 1 where id = %s', (-random.randint(1, 100),))
        case 4:
            session.execute("delete from sales.purchase where id = %s", (random.randint(1, 2000),))


def make_key(cloud: LocalCloud, alias: str) -> str:
    """The ARN of a new key with this alias."""
    kms = cloud.client("kms")
    key = kms.create_key(Description=alias)["KeyMetadata"]
    kms.create_alias(AliasName=alias, TargetKeyId=key["KeyId"])
    return key["Arn"]


def make_secret(cloud: LocalCloud, name: str, value: object) -> str:
    cloud.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(value))
    return name
