"""Replica identities are given back whatever became of a table's name, and rows that are equal and not the same are warned of."""

import pytest

from demo.databases import Databases
from demo.executions import Execution
from executions.runs import approve, target_of, writing
from executions.sources import LIMIT_SECONDS, make_request, make_source, secret_name

IDENTITIES = """
select n.nspname || '.' || c.relname, c.relreplident::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
 where c.relkind = 'r' and n.nspname in ('public', 'archive') order by 1"""

KEYLESS = [
    "create schema archive",
    "create table public.log (told text)", "create table public.mute (told text)", "create table public.gone (told text)",
    "alter table public.mute replica identity nothing", "insert into public.log values ('first')",
]  # fmt: skip
RENAMED = [
    "alter table public.log rename to log_2026", "alter table public.mute set schema archive", "drop table public.gone",
    "create table public.log (told text)", "alter table public.log replica identity full",
]  # fmt: skip
AFTERWARDS = {"public.log_2026": "d", "archive.mute": "n", "public.log": "f"}


def read_identities(databases: Databases, instance: dict) -> dict[str, str]:
    with databases.connect(instance, "app") as session:
        return dict(session.execute(IDENTITIES).fetchall())


@pytest.mark.long
@pytest.mark.parametrize("major", [16, 12])
def test_a_renamed_table_gets_its_replica_identity_back(cloud, databases, key_arn, major):
    identifier = f"renamed-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        for statement in KEYLESS:
            session.execute(statement)
    with writing(cloud, identifier):
        cutover = {"when": "approved", "secrets": [secret_name(identifier)]}
        execution = Execution(cloud, identifier, make_request(identifier, cutover=cutover))
        execution.wait_for_state("Snapshot", LIMIT_SECONDS)
        assert read_identities(databases, source)["public.log"] == "f"
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(source, "app") as session:
            for statement in RENAMED:
                session.execute(statement)
        approve(cloud, identifier, execution.name)
        described = execution.wait(LIMIT_SECONDS)
    assert (described["status"], described["error"], execution.follow()[-1]) == ("FAILED", "CatalogsDiffer", "Undone"), described
    assert "log_2026" in described["cause"]
    assert AFTERWARDS.items() <= read_identities(databases, source).items()


@pytest.mark.long
@pytest.mark.parametrize("major", [13, 18])
def test_a_table_that_is_renamed_on_both_sides_is_carried(cloud, databases, outcome, major):
    identifier = f"renamed-twice-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        for statement in KEYLESS:
            session.execute(statement)
    cutover = {"when": "approved", "secrets": [secret_name(identifier)], "verify_in_pause": True}
    with outcome.carried(source, cutover=cutover) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        target = target_of(databases, identifier)
        for side in target, source:
            with databases.connect(side, "app") as session:
                for statement in RENAMED[:2]:
                    session.execute(statement)
        approve(cloud, identifier, execution.name)
    for side in source, target:
        assert {"public.log_2026": "d", "archive.mute": "n", "public.gone": "d"}.items() <= read_identities(databases, side).items()


# By table: its columns, and those of them in which two values can be equal and not the same.
EQUALITIES = {
    "plain": ("a int, b text, c numeric(5, 2), d date, e char(3), f uuid, g int[], h timetz, i bit(3), j mood, k int4range", ""),
    "floats": ("a int, b float8, c float4[]", "b double precision, c real[]"),
    "numbers": ("a numeric, b numeric(5, 2)[], c numrange, d jsonb", "a numeric, c numrange, d jsonb"),
    "spans": ("a interval, b age, c ages", "a interval, b public.age, c public.ages"),
    "texts": ("a citext, b bpchar, c pair", "a public.citext, b bpchar, c public.pair"),
    "collated": ('a text collate "ignores", b text, c text[] collate "ignores", d nice', "a text, c text[], d public.nice"),
}  # fmt: skip


@pytest.mark.parametrize("major", [17, pytest.param(12, marks=pytest.mark.long)])
def test_equal_rows_that_are_not_the_same_are_warned_of(cloud, databases, key_arn, major):
    identifier = f"equal-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute("create extension citext")
        session.execute(
            "create type mood as enum ('ok'); create domain age as interval; create domain ages as age; create type pair as (a int, b float8)"
        )
        session.execute("create collation ignores (provider = icu, locale = 'und-u-ks-level2', deterministic = false)")
        session.execute("create domain nice as text collate ignores")
        for name, (columns, _) in EQUALITIES.items():
            session.execute(f"create table public.{name} ({columns})")
        session.execute("create table public.keyed (a int primary key, b float8)")
    execution = Execution(cloud, f"plan-{identifier}", make_request(identifier, plan_only=True))
    assert execution.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
    (warning,) = [finding for finding in execution.output["findings"] if finding["name"] == "EqualNotIdentical"]
    assert warning["verdict"] == "warn"
    for name, (_, columns) in EQUALITIES.items():
        if columns:
            assert f"public.{name} ({columns})" in warning["found"], warning
    assert "public.plain" not in warning["found"] and "public.keyed" not in warning["found"], warning


@pytest.mark.long
@pytest.mark.parametrize("major", [14, 18])
def test_a_row_taken_for_an_equal_one_is_told_as_that(cloud, databases, outcome, major):
    identifier = f"mistaken-{major}"
    source = make_source(cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute("create extension citext; create table public.person (name citext, size numeric, city text)")
        session.execute("insert into public.person values ('anna', 1.0), ('Anna', 1.00)")
    words = ["public.person", "equal but not identical", "name public.citext, size numeric"]
    with outcome.given_back(source, "DataDiffers", *words) as execution:
        execution.wait_for_state("Snapshot", LIMIT_SECONDS)
        execution.wait_for_state("Restore", LIMIT_SECONDS)
        with databases.connect(source, "app") as session:
            session.execute("update public.person set city = 'Ulm' where size::text = '1.00'")
