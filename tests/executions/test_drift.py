"""What replication does not carry and somebody changes on the source during a run: named, and never lost in silence."""

import json
import random
import threading
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from demo import verdict
from demo.executions import Execution, entered_states, failures
from demo.waiting import wait_until

from .runs import approve, finish, target_of, undone, writing
from .sources import LIMIT_SECONDS, make_request, make_source, secret_name
from .warehouse import SCHEMA as WAREHOUSE

DRIFT = Path(__file__).with_name("drift.sql").read_text()


@dataclass(frozen=True)
class Change:
    """DDL, and how what it changes is named."""

    statement: str
    named: str


# Each batch has fewer differences than are named at most.
OF_TABLES = [
    Change('alter table "Drift".haupt add column more int default 7', 'column "Drift".haupt.more: only on the source'),
    Change('alter table "Drift".haupt alter told set default now()', 'column "Drift".haupt.told: differs'),
    Change('alter table "Drift".haupt alter amount type numeric(12, 3)', 'column "Drift".haupt.amount: differs'),
    Change('grant select (id) on "Drift".haupt to "Besitzer"', 'column "Drift".haupt.id: differs'),
    Change('alter table "Drift".haupt set (fillfactor = 70)', 'table "Drift".haupt: differs'),
    Change('grant insert on "Drift".neben to "Besitzer"', 'table "Drift".neben: differs'),
    Change('alter table "Drift".teile detach partition "Drift"."teile 2"', 'table "Drift"."teile 2": differs'),
    Change('create index haupt_told on "Drift".haupt (told)', 'index "Drift".haupt_told: only on the source'),
    Change('drop index "Drift".neben_told', 'index "Drift".neben_told: only on the target'),
    Change('drop statistics "Drift".beides', 'statistics "Drift".beides: only on the target'),
    Change('alter table "Drift".neben add check (id > 0) not valid', 'constraint "Drift".neben.neben_id_check: only on the source'),
    Change('alter table "Drift".neben alter constraint neben_haupt_fkey deferrable', 'constraint "Drift".neben.neben_haupt_fkey: differs'),
    Change('alter table "Drift".haupt disable trigger melde', 'trigger "Drift".haupt.melde: differs'),
    Change('drop trigger melde_neben on "Drift".neben', 'trigger "Drift".neben.melde_neben: only on the target'),
    Change('create or replace rule keine as on delete to "Drift".sicht do also nothing', 'rule "Drift".sicht.keine: differs'),
    Change('alter policy alle on "Drift".neben using (id > 1)', 'policy "Drift".neben.alle: differs'),
    Change("alter table public.theirs enable row level security", "table public.theirs: differs"),
    Change('create or replace view "Drift".sicht as select id, told from "Drift".haupt where id > 1', 'view "Drift".sicht: differs'),
    Change('create view "Drift".noch as table "Drift".haupt', 'view "Drift".noch: only on the source'),
    Change('drop materialized view "Drift".gesehen', 'materialized view "Drift".gesehen: only on the target'),
    Change('alter sequence "Drift".zaehler increment -2 minvalue -100', 'sequence "Drift".zaehler: differs'),
    Change("""comment on table "Drift".haupt is 'other'""", 'comment on table "Drift".haupt: differs'),
]
OF_CODE = [
    Change('create or replace function "Drift".doppelt(n numeric) returns numeric language sql as \'select 3 * n\'', 'function "Drift".doppelt(n numeric): differs'),
    Change('alter function "Drift".doppelt(int, int[]) set work_mem = 65536', 'function "Drift".doppelt(n integer, VARIADIC mehr integer[]): differs'),
    Change('drop function "Drift".fort()', 'function "Drift".fort(): only on the target'),
    Change('revoke execute on procedure "Drift".tu() from public', 'procedure "Drift".tu(): differs'),
    Change('create or replace function "Drift".melde() returns trigger language plpgsql as \'begin return null; end\'', 'function "Drift".melde(): differs'),
    Change('drop aggregate "Drift".summe(int)', 'aggregate "Drift".summe(integer): only on the target'),
    Change("""alter type "Drift".farbe add value 'blau' before 'grün'""", 'enum "Drift".farbe: differs'),
    Change('alter domain "Drift".anteil add constraint positiv check (value >= 0) not valid', 'constraint "Drift".anteil.positiv: only on the source'),
    Change('alter domain "Drift".anteil set default 0', 'domain "Drift".anteil: differs'),
    Change('alter type "Drift".ort add attribute z int', 'column "Drift".ort.z: only on the source'),
    Change('drop type "Drift".spanne', 'type "Drift".spanne: only on the target'),
    Change('create cast ("Drift".ort as text) with inout', 'cast "Drift".ort as text: only on the source'),
    Change('create operator "Drift".@@@ (function = int4pl, leftarg = int, rightarg = int)', 'operator "Drift".@@@(integer,integer): only on the source'),
    Change('create collation "Drift".genau (locale = \'C\')', 'collation "Drift".genau: only on the source'),
    Change('drop text search configuration "Drift".worte', 'text search configuration "Drift".worte: only on the target'),
    Change('alter default privileges in schema "Drift" grant insert on tables to "Besitzer"', 'default privileges of master in "Drift" for r: differs'),
    Change('grant create on schema "Drift" to "Besitzer"', 'schema "Drift": differs'),
    Change('create schema noch', "schema noch: only on the source"),
    Change("create extension pg_trgm", "extension pg_trgm: only on the source"),
    Change("alter publication fremde set (publish = 'insert')", "publication fremde: differs"),
    Change("create event trigger zeuge on sql_drop execute function \"Drift\".zeuge()", "event trigger zeuge: only on the source"),
    Change("alter database app set work_mem = 70000", "setting of all in database app: only on the source"),
    Change("alter database app connection limit 90", "database app: differs"),
    Change('create role "Neue Rolle" login connection limit 3', 'role "Neue Rolle": only on the source'),
    Change('alter role "Besitzer" valid until \'2100-01-01\'', 'role "Besitzer": differs'),
    Change('grant pg_monitor to "Besitzer"', 'membership of "Besitzer" in pg_monitor: only on the source'),
    Change('alter role "Besitzer" set work_mem = 65537', 'setting of "Besitzer": only on the source'),
    Change("select lo_create(4712)", "large objects of the database: differs"),
]  # fmt: skip


@pytest.fixture(scope="module", params=[12, 18])
def waiting(request, cloud, databases, key_arn):
    """An execution on a source that has everything. It waits for its approval."""
    identifier = f"drift-{request.param}"
    source = make_source(cloud, identifier, request.param)
    with databases.connect(source, "app") as session:
        session.execute('create role "Besitzer"')
        session.execute('grant "Besitzer" to master')
        session.execute('grant create on schema public to "Besitzer"')
        session.execute(WAREHOUSE)
        session.execute("alter table public.by_whole_row replica identity default")
        session.execute(DRIFT)
        session.execute("create function \"Drift\".zeuge() returns event_trigger language plpgsql as 'begin end'")
    with writing(cloud, identifier) as application:
        execution = Execution(cloud, f"move-{identifier}", make_request(identifier, cutover={"secrets": [secret_name(identifier)]}))
        execution.wait_for_state("MayCutOver", LIMIT_SECONDS)
        yield source, execution, application


def answers(execution: Execution) -> list[list[str]]:
    """The drift that each look found, in their order."""
    details = [event["taskSucceededEventDetails"] for event in execution.events() if "taskSucceededEventDetails" in event]
    payloads = [json.loads(each["output"]).get("Payload") for each in details]
    return [payload["drift"] for payload in payloads if isinstance(payload, dict) and "drift" in payload]


def next_drift(execution: Execution) -> list[str]:
    """What a look finds that began after this call."""
    before = len(answers(execution))
    wait_until(lambda: (len(answers(execution)), execution.status), lambda seen: seen[0] >= before + 2, "two more looks", 40)
    return answers(execution)[-1]


def change(databases, instance: dict, changes: list[Change]) -> None:
    with databases.connect(instance, "app") as session:
        for each in changes:
            session.execute(each.statement)


def test_a_source_that_nobody_changes_has_no_drift(waiting):
    _, execution, _ = waiting
    assert next_drift(execution) == []


@pytest.mark.parametrize("changes", [OF_TABLES, OF_CODE], ids=["tables", "code"])
def test_each_kind_of_change_is_named_until_the_copy_is_changed_too(waiting, databases, changes):
    source, execution, _ = waiting
    change(databases, source, changes)
    drift = next_drift(execution)
    unnamed = [each.named for each in changes if not any(each.named in named for named in drift)]
    assert not unnamed, drift
    change(databases, target_of(databases, source["DBInstanceIdentifier"]), changes)
    assert next_drift(execution) == []


def test_repaired_it_moves_and_nothing_is_lost(waiting, cloud, databases, key_arn):
    source, execution, application = waiting
    approve(cloud, source["DBInstanceIdentifier"], execution.name)
    moved = finish(cloud, databases, source, execution, application, key_arn)
    assert not failures(execution.events())
    assert execution.output["report"]["drift"] == []
    # The application's own publication is no leftover of the run.
    mine = {"publication fremde"}
    failed = [check for check in verdict.check_all(moved.scene) if not check.holds]
    assert [check for check in failed if {thing.split(": ")[-1] for thing in check.found.split("; ")} != mine] == []


# Twenty looks, three seconds apart.
GRACE_LIMIT_SECONDS = 300


def test_what_nobody_repairs_ends_the_run_some_time_after_the_approval(cloud, databases, key_arn):
    source = make_source(cloud, "unrepaired", 16)
    with undone(cloud, source, "drift", "CatalogsDiffer", cutover={}) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        with databases.connect(source, "app") as session:
            session.execute("create table public.late (id int primary key)")
            approve(cloud, "unrepaired", execution.name)
            cause = execution.wait(GRACE_LIMIT_SECONDS)["cause"]
            session.execute("drop table public.late")
    assert "table public.late: only on the source" in cause
    assert "public.late was created after the run began, and is not replicated" in cause


def test_ddl_that_is_under_way_when_the_cutover_begins_is_waited_for_and_seen(cloud, databases, key_arn):
    source = make_source(cloud, "drifting", 16)
    with writing(cloud, "drifting") as application:
        execution = Execution(cloud, "under-way", make_request("drifting", cutover={"secrets": [secret_name("drifting")]}))
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        made = "create function public.under_way() returns int language sql as 'select 1'"
        with databases.connect(source, "app") as session, session.transaction():
            session.execute(made)
            approve(cloud, "drifting", execution.name)
            wait_until(lambda: failures(execution.events()), lambda seen: any("LockTimeout" in each for each in seen), "a wait", 60)
        wait_until(lambda: failures(execution.events()), lambda seen: any("CatalogsDiffer" in each for each in seen), "a refusal", 60)
        assert any("function public.under_way(): only on the source" in each for each in failures(execution.events()))
        with databases.connect(target_of(databases, "drifting"), "app") as session:
            session.execute(made)
        finish(cloud, databases, source, execution, application, key_arn).assert_nothing_lost()


RACING = "select proname || coalesce(proacl::text, '') from pg_proc where proname like 'racing%' order by 1"


class Racer(threading.Thread):
    """A session that makes, grants and drops functions, one after the other, until the source refuses."""

    def __init__(self, session: psycopg.Connection) -> None:
        super().__init__(daemon=True)
        self._session = session
        self.done, self.refused, self.stopped = 0, "", threading.Event()
        self.start()

    def run(self) -> None:
        try:
            while not self.stopped.wait(random.random() / 2):
                self._session.execute(f"create function racing_{self.done}() returns int language sql as 'select 1'")
                self._session.execute(f"grant execute on function racing_{self.done}() to master")
                self._session.execute(f"drop function racing_{self.done}()")
                self.done += 1
        except psycopg.Error as error:
            self.refused = str(error)


@pytest.mark.parametrize("attempt", range(2))
def test_ddl_in_the_moment_of_the_cutover_is_refused_or_the_run_is(cloud, databases, key_arn, attempt):
    identifier = f"racing-{attempt}"
    source = make_source(cloud, identifier, 17 - attempt)
    with writing(cloud, identifier), databases.connect(source, "app") as session:
        execution = Execution(cloud, identifier, make_request(identifier))
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        racer = Racer(session)
        target = target_of(databases, identifier)
        described = execution.wait(GRACE_LIMIT_SECONDS)
        racer.stopped.set()
        racer.join(10)
    if described["status"] == "SUCCEEDED":
        assert racer.refused
        left = []
        for instance in source, target:
            with databases.connect(instance, "app") as session:
                left.append(session.execute(RACING).fetchall())
        assert left[0] == left[1] and execution.output["report"]["drift"] == []
    else:
        assert described["error"] == "CatalogsDiffer" and not racer.refused
        assert [each.state for each in entered_states(execution.events())][-1] == "Undone"
        assert racer.done > 0
