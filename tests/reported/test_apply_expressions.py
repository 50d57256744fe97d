"""The copy's apply evaluates checks, indexes, generated columns, domains and bounds of partitions by other rules than the
application: tried before anything is made, refused by name, with the statement that mends it; what is accepted is applied."""

import pytest

from executions.runs import approve, name_of
from executions.sources import LIMIT_SECONDS, make_source, secret_name
from executions.test_preflight_traps import ask, of

FUNCTIONS = """
create extension cube schema public; create extension earthdistance schema public;
create schema "Helfer";
create function public.longer(text) returns boolean language sql immutable as 'select length($1) > 1';
create function public.is_valid(c text) returns boolean language plpgsql immutable as 'begin return longer(c); end';
create function "Helfer".of_both(c text) returns boolean language plpgsql immutable as 'begin return longer(c) and is_valid(c); end';
create function public.writes(int) returns boolean language plpgsql as 'begin create temporary table seen (id int); return true; end';
create function public.due(timestamptz) returns boolean language sql as 'select $1 > now()';
create function public.grown(date) returns boolean language sql as 'select $1 <= current_date - interval ''18 years''';
create domain public.code as text check (is_valid(value)); create domain public.code_of_code as public.code;
create type public.coded as (n int, c public.code_of_code);
"""

# What is refused: a table, what is told of it, and what mends it.
REFUSED = {
    "create table place (id int primary key, lat float8, lon float8); create index place_at on place using gist (ll_to_earth(lat, lon))": (
        "public.place (index place_at: type \"earth\" does not exist", "alter function public.ll_to_earth(double precision,double precision) set search_path = public",
    ),
    "create table checked (id int primary key, c text constraint valid check (is_valid(c)))": (
        "public.checked (check valid: function longer(text) does not exist", "alter function public.is_valid(text) set search_path = public",
    ),
    'create table twofold (id int primary key, c text constraint sound check ("Helfer".of_both(c)))': (
        "public.twofold (check sound: function longer(text) does not exist", 'alter function "Helfer".of_both(text) set search_path = "Helfer", public',
    ),
    "create table computed (id int primary key, c text, v boolean generated always as (is_valid(c)) stored)": (
        "public.computed (generated column v: function longer(text) does not exist", "",
    ),
    "create table partial (id int primary key, c text); create index partly on partial (id) where is_valid(c)": (
        "public.partial (index partly: function longer(text) does not exist", "",
    ),
    "create table inside (id int primary key, c coded[]); insert into inside values (1, array[row(1, 'ab')::coded])": (
        "public.inside (check code_check of a domain in column c: function longer(text) does not exist", "",
    ),
    "create table outer_only (id int primary key, c code_of_code)": (
        "public.outer_only (check code_check of a domain in column c: function longer(text) does not exist", "",
    ),
    "create table cut (c text) partition by list (is_valid(c)); create table cut_1 partition of cut for values in (true)": (
        "public.cut_1 (bounds of the partition: function longer(text) does not exist", "",
    ),
    "create table writing (id int primary key constraint quiet check (writes(id)))": ("public.writing (check quiet: it writes)", ""),
    "create table open (id int primary key, until timestamptz constraint not_over check (until > now()))": (
        "public.open (check not_over)", "alter table public.open drop constraint not_over",
    ),
    "create table due (id int primary key, until timestamptz constraint not_due check (due(until)))": (
        "public.due (check not_due)", "alter table public.due drop constraint not_due",
    ),
    "create table mine (id int primary key, who text default current_user constraint ours check (who = current_user))": (
        "public.mine (check ours)", "alter table public.mine drop constraint ours",
    ),
    "create domain soon as date check (value > current_date); create table booked (id int primary key, d soon)": (
        "public.booked (check soon_check of a domain in column d)", "alter domain public.soon drop constraint soon_check",
    ),
    "create table over (id int primary key, d date constraint said check (grown(d))); insert into over values (1, '2000-01-01');"
    "create or replace function grown(date) returns boolean language sql as 'select $1 > ''2001-01-01''::date'": (
        "public.over (check said: not true of all existing rows)", "",
    ),
}  # fmt: skip

# What works as well in the copy's apply, and has to be let through.
ACCEPTED = """
create table adult (id int primary key, born date check (grown(born)), made timestamptz default now() check (made <= now()));
create table plain (id int primary key, v text check (v <> '' and v in ('one', 'user', 'now()')), random int check (random > 0));
create table named (id int primary key, c text check (is_valid(c)), v boolean generated always as (is_valid(c)) stored, d code_of_code, e coded);
create index on named (is_valid(c)) where is_valid(c);
create table spot (id int primary key, lat float8, lon float8); create index on spot using gist (ll_to_earth(lat, lon));
create table strict_on_nulls (id int primary key, v int check (no_nulls(v)));
create table slow (id int primary key, v int check (slow(v)));
insert into slow values (1, 1)
"""
SUPPORT = """
alter function is_valid(text) set search_path = public;
alter function ll_to_earth(double precision, double precision) set search_path = public;
create function no_nulls(v int) returns boolean language plpgsql immutable as 'begin if v is null then raise ''no nulls, please''; end if; return true; end';
create function slow(v int) returns boolean language plpgsql as 'begin perform pg_sleep(0.01); return true; end'
"""


@pytest.mark.parametrize("major", [14, pytest.param(17, marks=pytest.mark.long)])
def test_expressions_that_the_copy_would_evaluate_otherwise(cloud, databases, outcome, major):
    instance = make_source(cloud, f"refused-{major}", major)
    with databases.connect(instance, "app") as session:
        session.execute(FUNCTIONS)
        for statements in REFUSED:
            session.execute(statements)
    # Since 17 earthdistance names the schema of its types.
    named = [word for words in REFUSED.values() for word in words if major < 17 or "earth" not in word]
    outcome.refused(instance, "PreconditionFailed", "Expressions", *named)


@pytest.mark.long
@pytest.mark.parametrize("major", [17, 13])
def test_expressions_that_are_accepted_are_applied(cloud, databases, outcome, major):
    instance = make_source(cloud, f"accepted-{major}", major)
    with databases.connect(instance, "app") as session:
        for statements in FUNCTIONS, SUPPORT, ACCEPTED:
            session.execute(statements)
    warned = of(ask(cloud, f"accepted-{major}"), "Expressions", "warn")
    assert "3 checks depend on the clock" in warned and all(table in warned for table in ("public.adult", "public.slow")), warned
    secret = secret_name(name_of(instance))
    with outcome.carried(instance, cutover={"when": "approved", "secrets": [secret], "verify_in_pause": True}) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(instance, "app") as session:
            session.execute("insert into adult values (1, '2000-01-01'); insert into plain values (1, 'user', 1); insert into slow values (2, 2)")
            session.execute("insert into named (id, c, d, e) values (1, 'abc', 'def', row(1, 'ghi')); update named set d = 'jkl'")
            session.execute("insert into spot values (1, 50, 8); update spot set lat = 51; insert into strict_on_nulls values (1, 1)")
        approve(cloud, name_of(instance), execution.name)
