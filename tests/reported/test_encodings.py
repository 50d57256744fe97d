"""Databases in other encodings than UTF-8, and names that are in none."""

import pytest

from demo.databases import Databases, values
from demo.executions import Execution
from executions.runs import approve, finish, target_of, writing
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name
from executions.test_drift import next_drift
from executions.test_preflight_traps import ask, of

# A table in each, with what its encoding has and others have not.
NAMES = {
    "LATIN1": "größe", "LATIN9": "œuvre €", "WIN1252": "€uro “x”", "KOI8R": "заказ", "EUC_JP": "注文", "EUC_KR": "주문", "ISO_8859_7": "παραγγελία",
    "SQL_ASCII": "plain",
}  # fmt: skip
LATIN1_BYTES = "größe".encode("latin1")


def make_databases(databases: Databases, source: dict) -> None:
    with databases.connect(source) as session:
        for encoding in NAMES:
            session.execute(f"create database in_{encoding} encoding '{encoding}' template template0 lc_collate 'C' lc_ctype 'C'")
    for encoding, name in NAMES.items():
        with databases.connect(source, f"in_{encoding}".lower()) as session:
            session.execute(f'create table public."{name}" (id int primary key, "{name}" text)')
            session.execute(f"""insert into public."{name}" select n, '{name} ' || n from generate_series(1, 100) n""")
            session.execute(f"""comment on table public."{name}" is '{name}'""")


@pytest.fixture(scope="module", params=[13, pytest.param(17, marks=pytest.mark.long)])
def source(request, cloud, databases, key_arn):
    group = databases.parameter_group(f"many-{request.param}", request.param, {
        "rds.logical_replication": 1, "max_replication_slots": 30, "max_wal_senders": 30, "max_logical_replication_workers": 30, "max_worker_processes": 60,
    })  # fmt: skip
    source = make_source(cloud, f"encodings-{request.param}", request.param, DBParameterGroupName=group)
    make_databases(databases, source)
    return source


def test_databases_of_all_encodings_are_planned(cloud, source):
    identifier = source["DBInstanceIdentifier"]
    execution = Execution(cloud, f"plan-{identifier}", make_request(identifier, plan_only=True))
    assert execution.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED", execution.describe()
    planned = {database["name"] for database in execution.output["plan"]["databases"]}
    assert planned == {"app", "postgres"} | {f"in_{encoding}".lower() for encoding in NAMES}


def test_a_name_that_is_in_no_encoding_is_refused_with_its_database(outcome, databases, source):
    with databases.connect(source, "in_sql_ascii") as session:
        session.execute("set client_encoding = 'sql_ascii'")
        session.execute(b'create table public."gr\xf6sse" (id int primary key, "stra\xdfe" text)')
        try:
            named = 'public."gr\\xf6sse"', 'public."gr\\xf6sse"."stra\\xdfe"'
            outcome.refused(source, "PreconditionFailed", "database in_sql_ascii: 2 names are not in UTF-8", *named)
        finally:
            session.execute(b'drop table public."gr\xf6sse"')


def test_a_database_whose_name_is_not_ascii_is_refused_where_its_encoding_has_other_bytes_for_it(outcome, databases, source):
    """The copy would ask for it in its own encoding, which the source does not know."""
    with databases.connect(source) as session:
        session.execute("create database \"Überall\" encoding 'LATIN1' template template0 lc_collate 'C' lc_ctype 'C'")
        try:
            outcome.refused(source, "PreconditionFailed", "database Überall: its name is not in ASCII, and its encoding is LATIN1")
        finally:
            session.execute('drop database "Überall"')


def test_bytes_that_one_encoding_has_and_utf8_has_not_are_refused_with_their_database(outcome, databases, source):
    """In WIN1252 0x81 is no character, and PostgreSQL takes it."""
    with databases.connect(source, "in_win1252") as session:
        session.execute("set client_encoding = 'win1252'")
        session.execute(b'create table public."no\x81thing" (id int primary key)')
        try:
            outcome.refused(source, "PreconditionFailed", "database in_win1252: 1 names are not in UTF-8", 'public."no\\x81thing"')
        finally:
            session.execute(b'drop table public."no\x81thing"')


def test_a_name_in_no_encoding_elsewhere_is_no_reason_to_refuse(cloud, databases, source):
    """Of a function, which goes through nobody's hands."""
    with databases.connect(source, "in_sql_ascii") as session:
        session.execute("set client_encoding = 'sql_ascii'")
        session.execute(b"create function public.\"f\xf6r\"() returns int language sql as 'select 1'")
        try:
            assert of(ask(cloud, source["DBInstanceIdentifier"]), "Names", "refuse") == ""
        finally:
            session.execute(b'drop function public."f\xf6r"()')


@pytest.mark.long
def test_databases_of_all_encodings_are_moved(cloud, databases, key_arn, source):
    identifier = source["DBInstanceIdentifier"]
    with writing(cloud, identifier) as application:
        request = make_request(identifier, cutover={"secrets": [secret_name(identifier)]})
        execution = Execution(cloud, f"move-{identifier}", request)
        execution.wait_for_state("MayCutOver", LIMIT_SECONDS)
        for encoding, name in NAMES.items():
            with databases.connect(source, f"in_{encoding}".lower()) as session:
                session.execute(f"""update public."{name}" set "{name}" = "{name}" || '{name}' where id % 2 = 0""")
        with databases.connect(source, "in_sql_ascii") as session:
            session.execute("set client_encoding = 'sql_ascii'")
            session.execute(b"insert into public.plain values (1000, 'gr\xf6\xdfe')")
            session.execute(b"create function public.\"f\xf6r\"() returns int language sql as 'select 1'")
            named = next_drift(execution)
            session.execute(b'drop function public."f\xf6r"()')
        assert any("database in_sql_ascii: function" in each and "f\\366r" in each for each in named), named
        assert next_drift(execution) == []
        approve(cloud, identifier, execution.name)
        finish(cloud, databases, source, execution, application, key_arn).assert_nothing_lost()
    for encoding, name in NAMES.items():
        held = []
        for instance in source, target_of(databases, identifier):
            with databases.connect(instance, f"in_{encoding}".lower()) as session:
                session.execute("set client_encoding = 'sql_ascii'")
                hashed = f"""select md5(string_agg(t::text, ',' order by id)) from public."{name}" t"""
                session.execute("set client_encoding = 'utf8'") if encoding != "SQL_ASCII" else None
                held.append(values(session, hashed))
        assert held[0] == held[1], encoding
