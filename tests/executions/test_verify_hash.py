"""What the hash of a table sees, and what it does not: read from the statement that the product itself makes."""

from pathlib import Path

import psycopg
import pytest
from psycopg import sql

HASH_TABLE = (Path(__file__).parents[2] / "postgres/src/sql/hash_table.sql").read_text().replace("%", "%%")
HASH_TABLE = HASH_TABLE.replace("$1", "%(oid)s").replace("$2", "%(hash)s")

# Two tables that differ, by the columns of both and the rows of each. Whatever compares as equal in SQL, or adds up to
# the same, must differ all the same.
DIFFERENCES = {
    "a domain over a domain": ("d hashed.small", "(1.5)", "(1.25)"),
    "an enum in a domain": ("e hashed.humour", "('glad')", "('sad')"),
    "blanks of a domain over a short text": ("c hashed.code", "('ab')", "('ac')"),
    "bits of a domain": ("b hashed.flags", "(B'101')", "(B'111')"),
    "a row more": ("n int", "(1), (2)", "(1), (2), (3)"),
    "a row twice": ("n int", "(1), (2)", "(1), (2), (2)"),
    "another row twice": ("n int", "(1), (1), (2)", "(1), (2), (2)"),
    "a pair of rows twice": ("n int", "(1), (1), (2), (2)", "(1), (1), (1), (1)"),
    "a value": ("n int, t text", "(1, 'a'), (2, 'b')", "(1, 'a'), (2, 'c')"),
    "values of two rows exchanged": ("n int, t text", "(1, 'a'), (2, 'b')", "(1, 'b'), (2, 'a')"),
    "numbers of two rows exchanged": ("n int, m int", "(1, 10), (2, 20)", "(1, 20), (2, 10)"),
    "text of two rows exchanged": ("n int, f float8", "(1, 0.1), (2, 0.2)", "(1, 0.2), (2, 0.1)"),
    "values of two columns exchanged": ("a text, b text", "('x', 'y')", "('y', 'x')"),
    "text moved from one column to the next": ("a text, b text", "('ab', 'c')", "('a', 'bc')"),
    "null or empty": ("t text", "(null)", "('')"),
    "null in another column": ("a int, b int", "(1, null)", "(null, 1)"),
    "null or a word": ("t text", "(null)", "('null')"),
    "case of citext's like": ("t text", "('A')", "('a')"),
    "blanks at the end": ("t text", "('a')", "('a ')"),
    "numeric scale": ("n numeric", "(1.0)", "(1.00)"),
    "numeric scale in an array": ("n numeric[]", "('{1.0}')", "('{1.00}')"),
    "numeric scale in jsonb": ("j jsonb", """('{"a": 1.0}')""", """('{"a": 1.00}')"""),
    "numeric scale in a range": ("r numrange", "('[1.0,2)')", "('[1.00,2)')"),
    "sign of zero": ("f float8", "(0)", "('-0')"),
    "sign of zero, short": ("f float4", "(0)", "('-0')"),
    "last digit of a float": ("f float8", "(0.1)", "(0.10000000000000002)"),
    "json blanks": ("j json", """('{"a":1}')""", """('{"a": 1}')"""),
    "json keys in another order": ("j json", """('{"a":1,"b":2}')""", """('{"b":2,"a":1}')"""),
    "interval of a day or 24 hours": ("i interval", "('1 day')", "('24 hours')"),
    "interval of a month or 30 days": ("i interval", "('1 month')", "('30 days')"),
    "time zone of the same time": ("t timetz", "('12:00+00')", "('13:00+01')"),
    "an array's bounds": ("a int[]", "('{1,2}')", "('[0:1]={1,2}')"),
    "an array's nulls": ("a int[]", "('{1,null}')", "('{1,0}')"),
    "an array's dimensions": ("a int[]", "('{{1,2}}')", "('{1,2}')"),
    "a composite's nulls": ("p hashed.pair", "(row(null, ''))", "(row('', null))"),
    "a domain's value": ("d hashed.positive", "(1)", "(2)"),
    "an enum's value": ("e hashed.mood", "('glad')", "('sad')"),
    "a bit": ("b varbit", "(B'10')", "(B'100')"),
    "a byte": ("b bytea", "('\\x00')", "('\\x0000')"),
    "an address's mask": ("a inet", "('10.0.0.1/8')", "('10.0.0.1/16')"),
    "a microsecond": ("t timestamptz", "('2020-01-01 00:00:00+00')", "('2020-01-01 00:00:00.000001+00')"),
    "a type without binary form": ("a aclitem", "('=r/pg_monitor')", "('=w/pg_monitor')"),
    "the end of a value out of line": (
        "t text", "((select string_agg(md5(n::text), '') from generate_series(1, 9999) n))",
        "((select string_agg(md5(n::text), '') from generate_series(1, 9999) n) || 'x')",
    ),
    "rows of a table without columns": ("", "", ""),
}  # fmt: skip

# What is stored in two ways, and looks like one: replication carries what it looks like.
SAME = {
    "a NaN with a sign": ("f float8", "('NaN')", "('Infinity'::float8 - 'Infinity'::float8)"),
    "an array that had a null": ("a int[]", "('{1,2}')", "(array_replace('{1,null}'::int[], null, 2))"),
    "a tree of another shape": ("q tsquery", "('a & b & c')", "('a'::tsquery && 'b & c'::tsquery)"),
    "rows in another order": ("n int, t text", "(1, 'a'), (2, 'b')", "(2, 'b'), (1, 'a')"),
    "compressed or not": ("t text", "(repeat('x', 9999))", "(repeat('x', 9999) || '')"),
}

TYPES = """
drop schema if exists hashed cascade;
create schema hashed;
create type hashed.pair as (a text, b text);
create domain hashed.positive as int check (value > 0);
create type hashed.mood as enum ('glad', 'sad');
create domain hashed.amount as numeric(10, 3);
create domain hashed.small as hashed.amount;
create domain hashed.humour as hashed.mood;
create domain hashed.code as char(4);
create domain hashed.flags as bit(3);
"""


@pytest.fixture(scope="module", params=(12, 13, 14, 17, 18))
def session(request, databases):
    instance = databases.create(f"hashed-{request.param}", request.param, DBName="app")
    with databases.connect(instance, "app") as session:
        yield session


def digest(session: psycopg.Connection, table: str, columns: str, rows: str) -> tuple:
    """Makes a table, and reads number and sums of its rows as the product does."""
    session.execute(f"create table hashed.{table} ({columns})")
    session.execute(f"insert into hashed.{table} " + (f"values {rows}" if columns else "default values"))
    if not columns and table == "theirs":
        session.execute(f"insert into hashed.{table} default values")
    return read(session, table, True)


def read(session: psycopg.Connection, table: str, hash_rows: bool) -> tuple:
    with session.transaction():
        session.execute("set local search_path = pg_catalog")
        return session.execute(made_for(session, table, hash_rows)).fetchone()


def made_for(session: psycopg.Connection, table: str, hash_rows: bool = True) -> str:
    """The statement that reads a table."""
    (oid,) = session.execute("select %s::regclass::oid", (f"hashed.{table}",)).fetchone()
    made = session.execute(HASH_TABLE, {"oid": oid, "hash": hash_rows}).fetchone()
    return made[1] + made[2]


@pytest.mark.parametrize("case", DIFFERENCES)
def test_every_difference_is_one(session, case):
    columns, ours, theirs = DIFFERENCES[case]
    session.execute(TYPES)
    assert digest(session, "ours", columns, ours) != digest(session, "theirs", columns, theirs)


# Values of a row that has no image, and the same with another end.
LONG = {
    "a": ("repeat('x', 25000000)", "repeat('x', 24999999) || 'y'"),
    "b": ("decode(repeat('00', 25000000), 'hex')", "decode(repeat('00', 24999999) || '01', 'hex')"),
    "c": ("to_json(repeat('x', 25000000))", "to_json(repeat('x', 24999999) || 'y')"),
    "d": ("null", "''"),
}


def test_a_long_row_is_hashed_by_its_values(session):
    session.execute(TYPES)
    for table in "ours", "theirs":
        session.execute(f"create table hashed.{table} (n int, a text, b bytea, c json, d text)")
    # The server stores the same in another way.
    session.execute("alter table hashed.theirs alter a set storage external")
    for table in "ours", "theirs":
        session.execute(f"insert into hashed.{table} values (1, {', '.join(same for same, _ in LONG.values())})")
    assert "sha256" in made_for(session, "ours")
    ours = read(session, "ours", True)
    assert read(session, "theirs", True) == ours
    for column, (same, other) in LONG.items():
        session.execute(f"update hashed.theirs set {column} = {other}")
        assert read(session, "theirs", True) != ours, column
        session.execute(f"update hashed.theirs set {column} = {same}")


@pytest.mark.parametrize("case", SAME)
def test_what_replication_may_store_in_another_way_is_no_difference(session, case):
    columns, ours, theirs = SAME[case]
    session.execute(TYPES)
    assert digest(session, "ours", columns, ours) == digest(session, "theirs", columns, theirs)


def test_names_are_quoted_and_dropped_columns_left_out(session):
    session.execute(TYPES)
    for table in "ours", "theirs":
        session.execute(
            sql.SQL("""create table hashed.{} (rds_reencrypt_row int, "row" text, gone int, "a""b" float8)""").format(sql.Identifier(table))
        )
        session.execute(f"alter table hashed.{table} drop column gone")
    session.execute("""insert into hashed.ours values (1, 'x', 1.5)""")
    session.execute("""insert into hashed.theirs values (1, 'y', 1.5)""")
    assert read(session, "ours", True) != read(session, "theirs", True)
    assert read(session, "ours", False) == read(session, "theirs", False) == (1, 0, 0)
