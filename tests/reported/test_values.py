"""Values cannot change on their way, whatever server, database and roles set, and the settings are afterwards what they were."""

import os

import psycopg
import pytest

from demo.databases import MASTER
from executions.runs import approve, target_of
from executions.sources import LIMIT_SECONDS, make_source, secret_name

from .samples import LOCALE, PLAIN, Samples, make_locale, make_samples

# Each at a value under which some type looks different or is read differently, or a session would be ended; at each place where one
# can be set.
ODD = {
    "database app": {"datestyle": "SQL, DMY", "extra_float_digits": "-10", "intervalstyle": "sql_standard", "xmloption": "document",
                      "standard_conforming_strings": "off", "search_path": '"Odd s", public'},
    f"role {MASTER}": {"datestyle": "German", "bytea_output": "escape", "timezone": "Asia/Kolkata", "array_nulls": "off",
                       "transform_null_equals": "on"},
    f"role {MASTER} in database app": {"lc_monetary": LOCALE, "array_nulls": "off", "lock_timeout": "7s", "work_mem": "5MB"},
}  # fmt: skip
GUARDS_OF_17 = {"transaction_timeout": "1min"}

SETTINGS = """
select coalesce(d.datname, ''), coalesce(r.rolname, ''), c from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase
  left join pg_roles r on r.oid = s.setrole, unnest(s.setconfig) c order by 1, 2, 3"""


@pytest.fixture(scope="module", autouse=True)
def locale(tmp_path_factory):
    """Before the cloud, whose servers inherit it."""
    os.environ["LOCPATH"] = make_locale(tmp_path_factory.mktemp("locales"))
    yield
    del os.environ["LOCPATH"]


def set_oddly(session: psycopg.Connection, major: int) -> None:
    for place, settings in ODD.items():
        for name, value in (settings | (GUARDS_OF_17 if major >= 17 else {})).items():
            value = value if name == "search_path" else f"'{value}'"
            session.execute(f"alter {place} set {name} = {value}")


def read_rows(databases, instance: dict, samples: Samples, keys: range) -> list[list]:
    with databases.connect(instance, "app") as session:
        session.execute(PLAIN)
        return [samples.read(session, "public.sample", key) for key in keys]


def read_settings(databases, instance: dict) -> list[tuple]:
    with databases.connect(instance, "app") as session:
        return session.execute(SETTINGS).fetchall()


@pytest.mark.parametrize("major", [14, *(pytest.param(major, marks=pytest.mark.long) for major in (12, 13, 15, 16, 17, 18))])
def test_floats_dates_money_and_nulls_arrive_as_they_were(cloud, databases, outcome, major):
    identifier = f"values-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        samples = make_samples(session, "public.sample")
        set_oddly(session, major)
    before = read_settings(databases, source)
    cutover = {"when": "approved", "secrets": [secret_name(identifier)]}
    with outcome.carried(source, verify="counts", cutover=cutover) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(source, "app") as session:
            session.execute(PLAIN)
            for key in range(2, 5):
                samples.insert(session, "public.sample", key)
            session.execute("update public.sample set key = 5 where key = 1")
            session.execute("delete from public.sample where key = 2")
        target = target_of(databases, identifier)
        approve(cloud, identifier, execution.name)
    assert read_rows(databases, source, samples, range(3, 6)) == read_rows(databases, target, samples, range(3, 6)) == [samples.texts] * 3
    assert read_settings(databases, source) == read_settings(databases, target) == before


@pytest.mark.long
@pytest.mark.parametrize("major", [12, 18])
def test_a_type_made_on_both_sides_is_no_other_data(cloud, databases, outcome, major):
    identifier = f"made-twice-{major}"
    source = make_source(cloud, identifier, major)
    # One side has used more oids by then.
    steps = [
        "create type public.mood as enum ('ok', 'bad')", "create domain public.score as numeric(5, 2)",
        "alter table public.thing add column mood public.mood default 'ok', add column score public.score default 1.5, "
        "add column moods public.mood[] default '{ok,null}'",
    ]  # fmt: skip
    cutover = {"when": "approved", "secrets": [secret_name(identifier)], "verify_in_pause": True}
    with outcome.carried(source, cutover=cutover) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        target = target_of(databases, identifier)
        with databases.connect(target, "app") as session:
            session.execute("create type public.other as enum ('x'); drop type public.other")
            for step in steps:
                session.execute(step)
        with databases.connect(source, "app") as session:
            for step in steps:
                session.execute(step)
        approve(cloud, identifier, execution.name)


@pytest.mark.long
@pytest.mark.parametrize("major", [13, 18])
def test_a_row_of_more_than_a_gigabyte_is_compared(cloud, databases, outcome, major):
    identifier = f"huge-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute("create table public.huge (id int primary key, a text, b text, c bytea)")
        # One after the other: not even the server can hold the whole of it at once.
        session.execute("insert into public.huge values (1, repeat('x', 600000000), null, decode('00', 'hex'))")
        session.execute("update public.huge set b = repeat('y', 600000000)")
    cutover = {"when": "approved", "secrets": [secret_name(identifier)]}
    with outcome.carried(source, cutover=cutover) as execution:
        # Its rows were compared by then. What checks the end reads a row as one text, so that this one goes before.
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(source, "app") as session:
            session.execute("delete from public.huge")
        approve(cloud, identifier, execution.name)
