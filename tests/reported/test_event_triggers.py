"""Event triggers of the application on DDL: those that would be in the run's way are refused by name before anything is made, or kept
from firing by consent; all others are let be."""

import pytest

from demo.databases import Databases, values
from demo.executions import Execution
from executions.runs import approve, target_of, undo_of
from executions.sources import LIMIT_SECONDS, make_request, make_source

CONSENT = {"consent": {"replica_identity": True, "event_triggers": True}}


def event_trigger(name: str, event: str, body: str, on: str = "", options: str = "") -> str:
    return (
        f"create function public.{name}() returns event_trigger language plpgsql {options} as $body$ {body} $body$;"
        f"create event trigger {name} on {event} {on} execute function public.{name}();"
    )


LOG = "create table public.ddl_log (id bigserial primary key, tag text); "
RAISES = "begin raise exception 'not here'; end"
KEPT = "begin if exists (select from pg_event_trigger_dropped_objects() where not is_temporary) then raise exception 'nothing is dropped here'; end if; end"

# By the name of the database that has it: what lays it, and pieces of what is told.
DISTURBING = {
    "logged": (
        LOG + event_trigger("note", "ddl_command_end", "begin insert into public.ddl_log (tag) values (tg_tag); end"),
        ("note on ddl_command_end", "writes to public.ddl_log", "alter event trigger note disable"),
    ),
    "logged_and_swept": (
        LOG + event_trigger("sweep", "ddl_command_start", "begin insert into public.ddl_log (tag) values (tg_tag); delete from public.ddl_log; end"),
        ("sweep on ddl_command_start", "writes to public.ddl_log"),
    ),
    "logged_unlogged": (
        "create unlogged table public.scrap (tag text); " + event_trigger("jot", "ddl_command_end", "begin insert into public.scrap values (tg_tag); end"),
        ("jot on ddl_command_end", "writes to public.scrap"),
    ),
    "logged_by_a_definer": (
        LOG + "create function public.put(t text) returns void language sql security definer as 'insert into public.ddl_log (tag) values (t)';"
        + event_trigger("ask", "ddl_command_end", "begin perform public.put(tg_tag); end"),
        ("ask on ddl_command_end", "writes to public.ddl_log"),
    ),
    "kept": (event_trigger("keep", "sql_drop", KEPT), ("keep on sql_drop", "nothing is dropped here")),
    "kept_in_public": (
        event_trigger(
            "mine", "ddl_command_end",
            "declare r record; begin for r in select * from pg_event_trigger_ddl_commands() loop "
            "if r.schema_name = 'public' and r.command_tag = 'ALTER TABLE' then raise exception 'ask before'; end if; end loop; end",
        ),
        ("mine on ddl_command_end", "ask before"),
    ),
    "tagged": (event_trigger("unpublished", "ddl_command_start", RAISES, "when tag in ('CREATE PUBLICATION')"), ("unpublished on", "not here")),
    "unsubscribed": (event_trigger("unsubscribed", "ddl_command_start", RAISES, "when tag in ('DROP SUBSCRIPTION')"), ("unsubscribed on", "not here")),
    "by_the_clock": (
        event_trigger("closed", "ddl_command_start", "begin if clock_timestamp() > '2000-01-01' then raise exception 'not at this hour'; end if; end"),
        ("closed on", "not at this hour"),
    ),
    "with_a_setting": (
        event_trigger("who", "ddl_command_start", "begin perform current_setting('app.who'); end"),
        ("who on", "unrecognized configuration parameter"),
    ),
    "always": (event_trigger("ever", "sql_drop", KEPT) + "alter event trigger ever enable always", ("ever on sql_drop",)),
    "outside": (
        LOG + "create extension dblink; create function public.send(t text) returns text language sql as "
        "$$select dblink_exec('dbname=outside', format('insert into public.ddl_log (tag) values (%L)', t))$$;"
        + event_trigger("tell", "ddl_command_end", "begin perform public.send(tg_tag); end"),
        ("tell on ddl_command_end", "acts outside its transaction, by dblink"),
    ),
    "two": (
        event_trigger("one", "ddl_command_start", RAISES, "when tag in ('DROP PUBLICATION')")
        + event_trigger("other", "ddl_command_start", RAISES, "when tag in ('CREATE SCHEMA')"),
        ("one on ddl_command_start", "other on ddl_command_start"),
    ),
}  # fmt: skip

HARMLESS = {
    "silent": event_trigger("hush", "ddl_command_end", "begin raise notice '%', tg_tag; perform set_config('app.last', tg_tag, false); end"),
    "rewriting": event_trigger("unchanged", "table_rewrite", RAISES),
    "of_other_tags": event_trigger("stay", "sql_drop", RAISES, "when tag in ('DROP TABLE', 'DROP FUNCTION')"),
    "temporary": event_trigger(
        "scribble", "ddl_command_end", "begin if tg_tag <> 'CREATE TABLE' then create temp table if not exists s (t text); insert into s values (tg_tag); end if; end",
    ),
    "of_replicas": event_trigger("far", "sql_drop", KEPT) + "alter event trigger far enable replica",
    "off": event_trigger("was", "sql_drop", KEPT) + "alter event trigger was disable",
    "that_gives": "create role reader; create schema given; " + event_trigger(
        "give", "ddl_command_end",
        "declare r record; begin for r in select * from pg_event_trigger_ddl_commands() where command_tag = 'CREATE TABLE' and object_type = 'table' "
        "loop execute format('grant select on %s to reader', r.object_identity); end loop; end",
    ),
    "that_owns": "create role keeper; grant keeper to current_user; grant create on database that_owns to keeper; " + event_trigger(
        "own", "ddl_command_end",
        "declare r record; begin for r in select * from pg_event_trigger_ddl_commands() where command_tag = 'CREATE TABLE' and object_type = 'table' and schema_name !~ 'pg_temp' "
        "loop execute format('grant create, usage on schema %I to keeper', r.schema_name); execute format('alter table %s owner to keeper', r.object_identity); end loop; end",
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=[17, pytest.param(13, marks=pytest.mark.long)])
def planned(cloud, key_arn, request) -> list[str]:
    """The lines of one plan over all databases, each of which has one case."""
    identifier = f"guarded-{request.param}"
    databases = Databases(cloud)
    source = make_source(cloud, identifier, request.param)
    for name, sql in {**{name: sql for name, (sql, _) in DISTURBING.items()}, **HARMLESS}.items():
        with databases.connect(source, "postgres") as session:
            session.execute(f"create database {name}")
        with databases.connect(source, name) as session:
            session.execute("create table public.ordinary (id int primary key)")
            session.execute(sql)
    execution = Execution(cloud, f"plan-{identifier}", make_request(identifier, plan_only=True))
    described = execution.wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "PreconditionFailed"), described
    for name in DISTURBING:
        with databases.connect(source, name) as session:
            assert values(session, "select count(*) from pg_namespace where nspname like 'rds%'") == [0]
    return described["cause"].splitlines()


@pytest.mark.parametrize("name", DISTURBING)
def test_what_disturbs_is_refused_by_name(planned, record_property, name):
    (found, *others) = [line for line in planned if line.startswith(f"refused EventTriggers: database {name}:")]
    told = " ".join([found, *others])
    assert all(piece in told for piece in DISTURBING[name][1]), told
    record_property("outcome", "refused by name, nothing made")


@pytest.mark.parametrize("name", HARMLESS)
def test_what_lets_the_run_pass_is_not_refused(planned, record_property, name):
    assert [line for line in planned if f"database {name}:" in line and "EventTriggers" in line] == []
    record_property("outcome", "let be")


# The two functions that are made behind the first event trigger are the first two lines of the log.
GUARDS = (
    LOG + event_trigger("note", "ddl_command_end", "begin insert into public.ddl_log (tag) values (tg_tag); end")
    + event_trigger("keep", "sql_drop", KEPT) + "alter event trigger keep enable always;"
    + event_trigger("far", "ddl_command_start", RAISES) + "alter event trigger far enable replica;"
)  # fmt: skip
STATES = "select format('%s %s', evtname, evtenabled) from pg_event_trigger where evtname !~ '^rds_' order by 1"


@pytest.mark.long
@pytest.mark.parametrize("major", [16, 12])
def test_with_consent_a_log_of_ddl_and_a_guard_against_drops_are_passed_by_and_put_back(outcome, databases, key_arn, major):
    identifier = f"consented-{major}"
    source = make_source(outcome.cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute(GUARDS)
        before = values(session, STATES)
    with outcome.carried(source, **CONSENT, cutover={"secrets": [f"{identifier}/master"]}) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        target = target_of(databases, identifier)
        with databases.connect(source, "app") as session:
            # Others' DDL is logged as ever.
            session.execute("create temporary table mine (id int)")
            assert values(session, "select tag from public.ddl_log where id > 2") == ["CREATE TABLE"]
        approve(outcome.cloud, identifier, execution.name)
    for instance in source, target:
        with databases.connect(instance, "app") as session:
            assert values(session, STATES) == before


@pytest.mark.long
def test_a_run_that_is_given_back_puts_them_back_too(outcome, databases, key_arn):
    source = make_source(outcome.cloud, "consented-undone", 17)
    with databases.connect(source, "app") as session:
        session.execute(GUARDS)
        before = values(session, STATES)
    with outcome.given_back(source, "DataDiffers", **CONSENT) as execution:
        execution.wait_for_state("Subscribe", LIMIT_SECONDS)
        with databases.connect(target_of(databases, "consented-undone"), "app") as session:
            session.execute("update public.thing set told = 'another' where id = 555")
    with databases.connect(source, "app") as session:
        assert values(session, STATES) == before


@pytest.mark.long
def test_one_that_is_renamed_meanwhile_is_put_back_all_the_same(outcome, databases, key_arn):
    source = make_source(outcome.cloud, "renamed-trigger", 17)
    with databases.connect(source, "app") as session:
        session.execute(GUARDS)
    execution = Execution(outcome.cloud, "renamed-trigger", make_request("renamed-trigger", **CONSENT))
    execution.wait_for_state("Restore", LIMIT_SECONDS)
    with databases.connect(source, "app") as session:
        assert "far D" in values(session, STATES)
        session.execute("alter event trigger far rename to afar")
    execution.stop()
    assert undo_of(outcome.cloud, execution).wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
    with databases.connect(source, "app") as session:
        assert "afar R" in values(session, STATES)


@pytest.mark.long
def test_what_writes_in_a_real_run_alone_is_named_and_nothing_has_moved(outcome, databases, key_arn):
    """No trial can see it: it waits for the fence on a table of the application."""
    source = make_source(outcome.cloud, "sly", 16)
    with databases.connect(source, "app") as session:
        session.execute(
            LOG
            + event_trigger(
                "sly",
                "ddl_command_end",
                "begin if tg_tag = 'CREATE FUNCTION' and exists (select from pg_trigger where tgrelid = 'public.thing'::regclass and tgname like 'rds%') "
                "then insert into public.ddl_log (tag) values (tg_tag); end if; end",
            )
        )
    with outcome.given_back(source, "PostgresRefused", "sly()", "writes to public.ddl_log") as execution:
        execution.wait(LIMIT_SECONDS)
    assert "moved" not in execution.describe()["cause"]
