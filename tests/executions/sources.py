"""Instances to be encrypted, and requests to encrypt them."""

import psycopg

from demo.application import LEDGER
from demo.databases import MASTER, MASTER_PASSWORD, Databases
from demo.kinds import KINDS
from demo.local_cloud import LocalCloud
from demo.shop import make_secret

KEY_ALIAS = "alias/tests"
LIMIT_SECONDS = 300

SMALL = """
create table public.thing (id serial primary key, told text not null, changed int not null default 0);
insert into public.thing (told) select 'thing ' || n from generate_series(1, 600) n;
"""


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
