"""Under REPLICA IDENTITY FULL the copy finds a row by comparing all its columns: by which types it can, and by which indexes it
would not, is told before anything is made; and what is accepted is really found."""

import pytest

from executions.runs import approve, name_of
from executions.sources import LIMIT_SECONDS, make_source, secret_name
from executions.test_preflight_traps import ask, of

# A table for each class of types that can be compared, with two values of it.
COMPARABLE = {
    "mood[]": ("'{sad}'", "'{happy,sad}'"),
    "tstzrange[]": ("""'{"[2020-01-01,2021-01-01)"}'""", "'{}'"),
    "pos[]": ("'{1}'", "'{2,3}'"),
    "pair[]": ("array[row(1, 'one')::pair]", "array[row(2, null)::pair]"),
    "pair": ("row(1, 'one')", "row(2, null)"),
    "nested": ("row(row(1, 'one'), array['sad']::mood[])", "row(null, null)"),
    "pos_of_pos": ("1", "2"),
    "mood": ("'sad'", "'happy'"),
    "int4range": ("'[1,5)'", "'empty'"),
    "varchar(5)": ("'a'", "'b'"),
    "bytea": ("'a'", "'b'"),
    "oidvector": ("'1 2'", "'3'"),
    "int2vector": ("'1 2'", "'3'"),
    "jsonb": ("""'{"a": 1}'""", "'[]'"),
    "cidr": ("'10.0.0.0/8'", "'10.1.0.0/16'"),
    "tsvector": ("'a'", "'b'"),
    "interval": ("'1 day'", "'2 days'"),
    "citext": ("'a'", "'b'"),
    "hstore": ("'a=>1'", "'b=>2'"),
}
TYPES = """
create extension citext schema public; create extension hstore schema public;
create type mood as enum ('sad', 'happy'); create domain pos as int not null check (value > 0); create domain pos_of_pos as pos;
create type pair as (a int, b text); create type nested as (one pair, many mood[]);
create type with_json as (a int, j json); create domain doc as json; create domain doc_of_doc as doc;
"""
INCOMPARABLE = ["json", "json[]", "xml", "point", "with_json", "with_json[]", "doc_of_doc"]


@pytest.mark.long
@pytest.mark.parametrize("major", [14, 18])
def test_what_can_be_compared_is_accepted_and_found_and_what_cannot_is_refused(cloud, databases, outcome, major):
    instance = make_source(cloud, f"equality-{major}", major)
    with databases.connect(instance, "app") as session:
        session.execute(TYPES)
        for number, (type_, (one, two)) in enumerate(COMPARABLE.items()):
            session.execute(f"create table comparable_{number} (v {type_}, n int)")
            session.execute(f"insert into comparable_{number} values ({one}, 1), ({one}, 2), ({two}, 3), ({two}, 4)")
        for number, type_ in enumerate(INCOMPARABLE):
            session.execute(f"create table incomparable_{number} (id int, v {type_})")
        # With a primary key the copy looks for rows by it, whatever else is compared where there is none.
        session.execute("create table whole (id int primary key, v json, w point); alter table whole replica identity full")
        session.execute("create table keyed (id int primary key, v json, w point); alter table keyed replica identity nothing")
        session.execute("insert into keyed values (1, '{}', '(1,2)'), (2, '{}', '(1,2)')")
    named = [f"public.incomparable_{number} (v)" for number in range(len(INCOMPARABLE))]
    found = of(ask(cloud, f"equality-{major}"), "ColumnsWithoutEquality", "refuse")
    assert f"{len(named)} tables have no key" in found and all(name in found for name in named), found
    with databases.connect(instance, "app") as session:
        for number in range(len(INCOMPARABLE)):
            session.execute(f"drop table incomparable_{number}")
        # What is left with this identity after a run is taken for the run's.
        session.execute("drop table whole")
    secret = secret_name(name_of(instance))
    with outcome.carried(instance, cutover={"when": "approved", "secrets": [secret], "verify_in_pause": True}) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(instance, "app") as session:
            for number, (one, two) in enumerate(COMPARABLE.values()):
                table = f"comparable_{number}"
                session.execute(f"update {table} set v = {two}, n = 20 where n = 2; delete from {table} where n = 3")
                session.execute(f"insert into {table} values ({one}, 5)")
                session.execute(f"update {table} set n = n + 100 where n = 5; delete from {table} where n = 1")
            session.execute("update keyed set v = '[1]' where id = 1; delete from keyed where id = 2")
        approve(cloud, name_of(instance), execution.name)


@pytest.mark.parametrize("major", [16, 18])
def test_indexes_by_which_the_copy_would_not_find_rows(cloud, databases, outcome, major):
    """A hash index has no nulls: 17 and 18 pass a row over without an error. An index that is not valid is used all the same."""
    instance = make_source(cloud, f"indexes-{major}", major)
    with databases.connect(instance, "app") as session:
        session.execute("create table hashed (a int, b text); create index on hashed using hash (a)")
        session.execute("create table covered (a int, b text); create index on covered (b); create index on covered using hash (a)")
        session.execute("create table filled (a int not null, b text); create index on filled using hash (a)")
        session.execute("create table broken (a int, b text); insert into broken values (1, 'x'), (1, 'y')")
        with pytest.raises(Exception, match="could not create unique index"):
            session.execute("create unique index concurrently broken_a on broken (a)")
    hashed = "public.hashed (hashed_a_idx: a hash index, which has no nulls, on a, which may be null)"
    broken = "public.broken (broken_a: not valid)"
    named = [broken, "drop index public.broken_a"] + [hashed, "alter table public.hashed alter column a set not null"] * (major >= 17)
    outcome.refused(instance, "PreconditionFailed", "MisleadingIndexes", *named)
    with databases.connect(instance, "app") as session:
        session.execute("drop index public.broken_a; alter table public.hashed alter column a set not null")
    assert not of(ask(cloud, f"indexes-{major}"), "MisleadingIndexes", "refuse")
