"""Replica identities of every kind are after a run what they were before it, on both sides, and after an undo too."""

import pytest

from demo import verdict
from demo.executions import Execution

from .runs import approve, finish, target_of, undone, writing
from .sources import LIMIT_SECONDS, make_request, make_source

TABLES = """
create table public.keyed (id int primary key);
create table public.indexed (id int not null, constraint indexed_id unique (id));
alter table public.indexed replica identity using index indexed_id;
create table public.whole (id int);
alter table public.whole replica identity full;
create table public.heap (id int);
create table public.late (id int primary key deferrable);
create table public.mute (id int primary key);
alter table public.mute replica identity nothing;
create table public.lost (id int not null, constraint lost_id unique (id));
alter table public.lost replica identity using index lost_id;
alter table public.lost drop constraint lost_id;
create table public.child () inherits (public.keyed);
create table public.part (id int) partition by list (id);
create table public.part_1 partition of public.part for values in (1);
create table public.part_2 (id int not null, constraint part_2_id unique (id));
alter table public.part attach partition public.part_2 for values in (2);
alter table public.part_2 replica identity using index part_2_id;
create table public.computed (id int primary key, twice int generated always as (id * 2) stored);
create table public.counted (id int generated always as identity primary key, told text)
"""

IDENTITIES = """
select c.relname, c.relreplident::text, i.indexrelid::regclass::text
  from pg_catalog.pg_class c left join pg_catalog.pg_index i on i.indrelid = c.oid and i.indisreplident
 where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace order by 1"""

WRITES = """
insert into public.heap values (1), (2); update public.heap set id = 3 where id = 2; delete from public.heap where id = 1;
insert into public.late values (1); update public.late set id = 2;
insert into public.mute values (1); update public.mute set id = 2;
insert into public.lost values (1); update public.lost set id = 2;
insert into public.child values (1); update public.child set id = 2;
insert into public.part values (1), (2); delete from public.part where id = 1;
insert into public.computed (id) values (1); update public.computed set id = 2;
insert into public.counted (told) values ('one'); update public.counted set told = 'two'
"""


def make_identities(cloud, databases, identifier: str, major: int) -> dict:
    instance = make_source(cloud, identifier, major)
    with databases.connect(instance, "app") as session:
        session.execute(TABLES)
        # A default that an operator may have left: neither we nor the copy's apply may stumble over it.
        session.execute("alter database app set default_transaction_read_only = on")
        session.execute("alter role master set default_transaction_read_only = off")
    return instance


def read(databases, instance: dict) -> dict[str, tuple]:
    with databases.connect(instance, "app") as session:
        return {name: (identity, index) for name, identity, index in session.execute(IDENTITIES)}


@pytest.mark.parametrize("major", [12, 18])
def test_an_undo_puts_them_back(cloud, databases, key_arn, major):
    identifier = f"identities-undone-{major}"
    source = make_identities(cloud, databases, identifier, major)
    with databases.connect(source, "app") as session:
        # An index that was dropped cannot be named again; without it, `i` means the same as `nothing`.
        session.execute("alter table public.lost replica identity nothing")
    before = read(databases, source)
    with undone(cloud, source, identifier, "DataDiffers") as execution:
        execution.wait_for_state("Subscribe", LIMIT_SECONDS)
        with databases.connect(target_of(databases, identifier), "app") as copy:
            copy.execute("update public.thing set told = 'another' where id = 555")
    assert read(databases, source) == before


@pytest.mark.parametrize("major", [12, 18])
def test_a_success_puts_them_back_on_both_sides(cloud, databases, key_arn, major):
    identifier = f"identities-{major}"
    source = make_identities(cloud, databases, identifier, major)
    before = read(databases, source)
    assert before["lost"] == ("i", None) and before["part_2"] == ("i", "part_2_id")
    with writing(cloud, identifier) as application:
        request = make_request(identifier)
        execution = Execution(cloud, f"move-{identifier}", request | {"cutover": request["cutover"] | {"when": "approved"}})
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(source, "app") as session:
            for statement in WRITES.split(";"):
                session.execute(statement)
        approve(cloud, identifier, execution.name)
        moved = finish(cloud, databases, source, execution, application, key_arn)
    contents = verdict.check_contents(moved.scene, "app")
    assert contents.holds, contents.found
    for side in source, moved.scene.target:
        assert read(databases, side) == before | {"lost": ("n", None)}
