"""Values of every type that PostgreSQL and its extensions have, as columns of one table; and settings to try on them."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

# By type, as they are typed under PostgreSQL's own defaults. What a setting could touch is there: signs, zones, eras, last digits, nulls.
SAMPLES = {
    "bool": ["t", "f"],
    "bytea": [r"\x00ff5c27", ""],
    "char": ["a"],
    "name": ["a name"],
    "int8": ["-9223372036854775808"],
    "int2": ["-32768"],
    "int4": ["2147483647"],
    "oid": ["4294967295"],
    "int2vector": ["1 -2"],
    "oidvector": ["1 2"],
    "text": ['a"b\\c', "NULL", "o'ne", ""],
    "varchar": ["a"],
    "bpchar": ["a "],
    "float4": ["0.1", "-0", "NaN", "Infinity", "1.17549435e-38", "3.4028235e+38"],
    "float8": ["0.30000000000000004", "-0", "NaN", "-Infinity", "2.2250738585072014e-308", "1.7976931348623157e+308"],
    "numeric": ["1.00", "NaN", "-12345678901234567890.123456789"],
    "money": ["1234.56", "-0.99", "92233720368547758.07"],
    "date": ["2020-02-03", "0044-03-15 BC", "12020-02-03", "infinity", "0099-01-02"],
    "time": ["01:02:03.456789", "24:00:00"],
    "timetz": ["01:02:03.4+05:30", "12:00:00-08"],
    "timestamp": ["2020-02-03 04:05:06.789", "0044-03-15 00:00:00 BC", "infinity", "12020-02-03 00:00:00", "0099-01-02 03:04:05"],
    "timestamptz": ["2020-02-03 04:05:06.789+05:30", "0044-03-15 00:00:00+00 BC", "1890-01-01 00:00:00+00", "2020-10-25 01:30:00+00"],
    "interval": [
        "1 year 2 mons -3 days +04:05:06.789", "-1 days", "-1 days -02:03:04", "-1 mons +2 days -00:00:00.000001", "00:00:00",
        "1 year -2 mons", "-1 days +02:03:04", "-04:05:06", "-14 mons", "1 mon -1 days", "-178000000 years", "14 mons",
    ],
    "inet": ["10.0.0.1/8", "::1"],
    "cidr": ["10.0.0.0/8"],
    "macaddr": ["08:00:2b:01:02:03"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "bit": ["1"],
    "varbit": ["101"],
    "uuid": ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "json": ['{"a": 1.0,  "b":"\\u00e9"}'],
    "jsonb": ['{"a": 1.0, "b": [null]}'],
    "jsonpath": ["$.a ? (@ > 1.0)"],
    "xml": ["<a>b</a>", "just text <b/>", '<?xml version="1.0" standalone="yes"?><a/>', "<!DOCTYPE a><a/>"],
    "point": ["(0.1,-0)"],
    "line": ["{1,2,3}"],
    "lseg": ["[(0,0),(1,0.1)]"],
    "box": ["(1,1),(0,0.1)"],
    "path": ["((0,0),(1,0.1))", "[(0,0),(1,1)]"],
    "polygon": ["((0,0),(1,0.1))"],
    "circle": ["<(0,0.1),1>"],
    "tsvector": ["'a':1A 'b c'"],
    "tsquery": ["'a' & !'b':*"],
    "pg_lsn": ["16/B374D848"],
    "txid_snapshot": ["10:20:10,14"],
    "pg_snapshot": ["10:20:10,14"],
    "tid": ["(0,1)"],
    "xid": ["1"],
    "xid8": ["1"],
    "cid": ["1"],
    "refcursor": ["c"],
    "aclitem": ["=r/pg_monitor", "walker=r/pg_monitor"],
    "regclass": ["pg_catalog.pg_class", '"Odd s"."Odd t"', "public.thing"],
    "regproc": ["pg_catalog.now", "public.only"],
    "regprocedure": ["pg_catalog.abs(integer)", "public.only(public.mood)"],
    "regoper": ["pg_catalog.||/", "public.===="],
    "regoperator": ["pg_catalog.+(integer,integer)", "public.====(public.mood,public.mood)"],
    "regtype": ["timestamp with time zone", "public.mood", '"Odd s"."Odd e"', "bit varying"],
    "regrole": ["walker", '"Odd r"'],
    "regnamespace": ['"Odd s"', "pg_catalog"],
    "regcollation": ['pg_catalog."C"', 'public."Odd c"'],
    "regconfig": ["pg_catalog.english", "public.conf"],
    "regdictionary": ["pg_catalog.simple", "public.dict"],
    "regdatabase": ["postgres"],
    "int4range": ["[1,5)", "empty"],
    "int8range": ["[1,)"],
    "numrange": ["[1.0,2.00)"],
    "tsrange": ['["2020-02-03 04:05:06","2020-03-04 00:00:00")'],
    "tstzrange": ['["2020-02-03 04:05:06+00",)'],
    "daterange": ["[2020-02-03,2020-03-04)"],
    "int4multirange": ["{[1,3),[5,7)}"],
    "int8multirange": ["{[1,3)}"],
    "nummultirange": ["{[1.0,2.00)}"],
    "tsmultirange": ['{["2020-02-03 04:05:06","2020-03-04 00:00:00")}'],
    "tstzmultirange": ['{["2020-02-03 04:05:06+00",)}'],
    "datemultirange": ["{[2020-02-03,2020-03-04)}"],
    "citext": ["Anna"],
    "hstore": ['"a"=>NULL, "b"=>"NULL"'],
    "ltree": ["a.b"],
    "lquery": ["a.*{1,2}"],
    "ltxtquery": ["a & b"],
    "cube": ["(0.1, 2),(3, 4)"],
    "seg": ["1.0 .. 2.00", "<3"],
    "query_int": ["1&(2|3)"],
    "lo": ["7"],
    "earth": ["(6378168, 0, 0)"],
    "ean13": ["978-0-393-04002-9"],
    "isbn13": ["978-0-393-04002-9"],
    "ismn13": ["979-0-2306-7118-7"],
    "issn13": ["977-1436-452-00-8"],
    "isbn": ["0-393-04002-X"],
    "ismn": ["M-2306-7118-7"],
    "issn": ["1436-4522"],
    "upc": ["220356483481"],
    "mood": ["glad"],
    "Odd e": ["Its"],
    "day": ["2020-02-03"],
    "pair": ['("a ""b""",0.1,"1 year -3 days")'],
}  # fmt: skip

EXTENSIONS = ["citext", "cube", "earthdistance", "hstore", "intarray", "isn", "lo", "ltree", "seg", "btree_gist", "pg_trgm"]

OBJECTS = [
    'create role walker', 'create role "Odd r"',
    'create schema "Odd s"', 'create table "Odd s"."Odd t" (id int primary key)',
    "create table if not exists public.thing (id int primary key)",
    "create type public.mood as enum ('glad', 'sad')", """create type "Odd s"."Odd e" as enum ('Its', 'a')""",
    "create function public.only(public.mood) returns bool language sql as 'select true'",
    "create function public.eq(public.mood, public.mood) returns bool language sql as 'select true'",
    "create operator public.==== (function = public.eq, leftarg = public.mood, rightarg = public.mood)",
    'create collation public."Odd c" from "C"',
    "create text search configuration public.conf (copy = pg_catalog.simple)",
    "create text search dictionary public.dict (template = pg_catalog.simple)",
    "create type public.pair as (a text, b float8, c interval)", "create domain public.day as date",
    *(f"create extension {name} schema public" for name in EXTENSIONS),
]  # fmt: skip

# Types that a column can have: not the indexes' own, nor those that take no value at all.
TYPES = """
select format_type(t.oid, -1), t.typname, case when t.typarray <> 0 then format_type(t.typarray, -1) end
  from pg_type t join pg_namespace n on n.oid = t.typnamespace left join pg_class c on c.oid = t.typrelid
 where t.typtype in ('b', 'r', 'm', 'e', 'd', 'c') and t.typcategory <> 'A' and (c.oid is null or c.relkind = 'c')
   and n.nspname not in ('information_schema', 'pg_toast')
   and t.typname not in ('gtsvector', 'ghstore', 'gtrgm', 'pg_node_tree', 'pg_ndistinct', 'pg_dependencies', 'pg_mcv_list',
                         'pg_brin_bloom_summary', 'pg_brin_minmax_multi_summary')
   and t.typname !~ '^(gbtreekey|intbig_gkey|ltree_gist|rds_)'
 order by t.oid"""

# Under these each value has one text, and each text one value.
PLAIN = "set search_path = pg_catalog; set datestyle = iso; set intervalstyle = postgres; set timezone = 'UTC'; \
    set extra_float_digits = 3; set lc_monetary = 'C'; set bytea_output = hex; set quote_all_identifiers = off; \
    set array_nulls = on; set xmloption = content"

# A locale in which money looks different, made for the test: a machine need not have one.
LOCALE = "xx_XX"
MONETARY = """comment_char %
escape_char /
LC_MONETARY
int_curr_symbol "EUR "
currency_symbol "EUR"
mon_decimal_point ","
mon_thousands_sep "."
mon_grouping 3;3
positive_sign ""
negative_sign "-"
int_frac_digits 2
frac_digits 2
p_cs_precedes 0
p_sep_by_space 1
n_cs_precedes 0
n_sep_by_space 1
p_sign_posn 1
n_sign_posn 1
END LC_MONETARY
"""
CHARACTERS = "".join(f"<U{code:04X}> /x{code:02x} c\n" for code in range(128))
CHARMAP = f"<code_set_name> US-ASCII\n<comment_char> %\n<escape_char> /\nCHARMAP\n{CHARACTERS}END CHARMAP\n"


def make_locale(directory: Path) -> str:
    """Compiles the locale; what to set `LOCPATH` to. Categories that it lacks are warned of, and not needed."""
    (directory / "source").write_text(MONETARY)
    (directory / "charmap").write_text(CHARMAP)
    command = ["localedef", "-c", "-i", directory / "source", "-f", directory / "charmap", directory / LOCALE]
    subprocess.run(command, check=False, capture_output=True)
    assert (directory / LOCALE / "LC_MONETARY").exists()
    return f"{directory}:/usr/lib/locale"


@dataclass(frozen=True)
class Samples:
    """A table with one column for each value, and its texts."""

    types: list[str]
    texts: list[str]

    def insert(self, session: psycopg.Connection, table: str, key: int) -> None:
        """Reads all texts into a new row, under the settings of the session."""
        values = ", ".join(f"%s::text::{each}" for each in self.types)
        session.execute(f"insert into {table} values (%s, {values})", (key, *self.texts))

    def read(self, session: psycopg.Connection, table: str, key: int) -> list[str | None]:
        """The texts of a row, as an output function gives them."""
        columns = ", ".join(f"pg_catalog.concat(c{place})" for place in range(len(self.types)))
        return list(session.execute(f"select {columns} from {table} where key = %s", (key,)).fetchone())


def make_samples(session: psycopg.Connection, table: str) -> Samples:
    """Makes types, and a table with a first row of all samples. Fails where a type has none."""
    for statement in OBJECTS:
        session.execute(statement)
    session.execute(PLAIN)
    types, texts = [], []
    for type_, name, array in session.execute(TYPES).fetchall():
        values = SAMPLES[name]
        types += [type_] * len(values)
        texts += values
        if array:
            elements = ", ".join(f"%s::text::{type_}" for _ in values)
            (text,) = session.execute(f"select array[{elements}, null]::text", values).fetchone()
            types.append(array)
            texts.append(text)
    columns = ", ".join(f"c{place} {type_}" for place, type_ in enumerate(types))
    session.execute(f"create table {table} (key int primary key, {columns})")
    Samples(types, texts).insert(session, table, 1)
    return Samples(types, Samples(types, texts).read(session, table, 1))


def set_one(session: psycopg.Connection, name: str, value: str) -> bool:
    """Whether the server takes it."""
    try:
        session.execute(sql.SQL("select pg_catalog.set_config({}, {}, false)").format(name, value))
    except psycopg.Error:
        return False
    return True
