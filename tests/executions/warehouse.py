"""A warehouse with three databases, whose application logs in as the master user."""

import random
from pathlib import Path

import psycopg
from psycopg import sql

from demo.application import LEDGER
from demo.databases import MASTER, Databases
from demo.local_cloud import LocalCloud
from demo.shop import make_secret

from .sources import secret_name, secret_value

NAMES = ("app", 'Büro "Süd"', "billing")
SCHEMA = Path(__file__).with_name("warehouse.sql").read_text()


def make_warehouse(cloud: LocalCloud, identifier: str, major: int, **members) -> dict:
    databases = Databases(cloud)
    instance = databases.create(identifier, major, DBName=NAMES[0], **members)
    with databases.connect(instance) as session:
        session.execute('create role "Besitzer"')
        session.execute(f'grant "Besitzer" to {MASTER}')
        for name in NAMES[1:]:
            session.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    for name in NAMES:
        with databases.connect(instance, name) as session:
            session.execute('grant create on schema public to "Besitzer"')
            session.execute(LEDGER)
            session.execute(SCHEMA)
    make_secret(cloud, secret_name(identifier), secret_value(instance))
    return instance


CHANGES = (
    """update "Straße"."Artikel" set menge = menge + 1, zustand = 'weiß''nicht' where id = %(one)s""",
    """insert into "Straße"."Artikel" ("Name", netto) values ('neu', %(one)s)""",
    """delete from "Straße"."Artikel" where id = %(one)s""",
    """update public.loose set b = coalesce(b, '') || 'x' where a = %(one)s %% 10""",
    """insert into public.loose values (%(one)s, 'loose')""",
    """delete from public.loose where ctid = (select min(ctid) from public.loose)""",
    """update public.late set id = id + 1000 where id = %(one)s %% 100""",
    """update public.silent set told = told || '.' where id = %(one)s %% 100""",
    """insert into public.bare default values""",
    """update public.by_index set code = code || '''' where told = %(one)s %% 100""",
    """update public.by_whole_row set told = told || '"' where id = %(one)s %% 100""",
    """insert into "Straße".reading values (now() - %(one)s * interval '1 day', %(one)s %% 3, 1e-30)""",
    """update "Straße".reading set sensor = 1 - sensor where sensor in (0, 1) and value between %(one)s and %(one)s + 1""",
    """update public.document set opened = opened + 1 where id = -5 * (%(one)s %% 60)""",
    """insert into public.document (body) values (repeat('ä', %(one)s))""",
    """update public.every_type set told = jsonb_set(told, '{b}', to_jsonb(%(one)s::int)), states = '{}' where id = md5((%(one)s %% 100)::text)::uuid""",
    """insert into public.child (told, more) values ('child', %(one)s)""",
    """insert into "Straße".counted default values""",
    """update public.parent set told = told || '-' where id = %(one)s %% 40""",
    """truncate public.theirs""",
)


def change_something(session: psycopg.Connection, seq: int) -> None:
    """Each kind of change in turn, to a row by chance."""
    session.execute(CHANGES[seq % len(CHANGES)], {"one": random.randint(1, 1999)})
