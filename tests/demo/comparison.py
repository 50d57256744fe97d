"""What a database holds: every row of every table, and every sequence, in a form that two servers can be compared by."""

from dataclasses import dataclass

import psycopg
from psycopg import sql

# Permanent tables that store rows, partitions one by one. The product's own schemas are not the application's.
TABLES = """
select c.oid::regclass::text, n.nspname, c.relname
  from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and c.relpersistence = 'p' and c.oid >= 16384
   and n.nspname not in ('pg_catalog', 'information_schema') and n.nspname !~ '^rds_reencrypt_[0-9a-f]{10}'
 order by 1"""

# In the order of the rows' hashes: a table has no order of its own, and need have no key.
CONTENTS = """
select count(*), coalesce(md5(string_agg(hash, '' order by hash)), 'no rows')
  from (select md5(t::text) as hash from {table} t where {condition}) hashes"""

OWNED_SEQUENCES = """
select s.oid::regclass::text, n.nspname, t.relname, a.attname, q.seqincrement
  from pg_catalog.pg_depend d
  join pg_catalog.pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_catalog.pg_sequence q on q.seqrelid = s.oid
  join pg_catalog.pg_class t on t.oid = d.refobjid
  join pg_catalog.pg_namespace n on n.oid = t.relnamespace
  join pg_catalog.pg_attribute a on a.attrelid = t.oid and a.attnum = d.refobjsubid
 where d.classid = 'pg_catalog.pg_class'::regclass and d.refclassid = 'pg_catalog.pg_class'::regclass
   and d.deptype in ('a', 'i')
 order by 1"""


@dataclass(frozen=True)
class Contents:
    """Number and hash of a table's rows."""

    rows: int
    hash: str


def read_contents(session: psycopg.Connection, conditions: dict[str, str] | None = None) -> dict[str, Contents]:
    """All tables of a database by name; of those in `conditions` the rows that fulfil it."""
    found = {}
    for name, schema, table in session.execute(TABLES).fetchall():
        condition = sql.SQL((conditions or {}).get(name, "true"))
        query = sql.SQL(CONTENTS).format(table=sql.Identifier(schema, table), condition=condition)
        found[name] = Contents(*session.execute(query).fetchone())
    return found


def read_sequences_behind(session: psycopg.Connection) -> list[str]:
    """The sequences that would hand out a number that is in their column already, or has been."""
    behind = []
    for name, schema, table, column, increment in session.execute(OWNED_SEQUENCES).fetchall():
        furthest = sql.SQL("max" if increment > 0 else "min")
        query = sql.SQL("select {furthest}({column}) from {table}").format(
            furthest=furthest, column=sql.Identifier(column), table=sql.Identifier(schema, table)
        )
        used = session.execute(query).fetchone()[0]
        last, called = session.execute(f"select last_value, is_called from {name}").fetchone()
        upcoming = last + increment if called else last
        if used is not None and (upcoming - used) * increment <= 0:
            behind.append(f"{name}: next is {upcoming}, {table}.{column} has {used}")
    return behind
