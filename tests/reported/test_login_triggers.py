"""Event triggers on logins, from 17 on: the old database can be read by whoever could log in before, whatever such a trigger does; one
that writes is refused by name before anything is made, or kept from the run's sessions by consent."""

import contextlib

import psycopg
import pytest

from demo.databases import MASTER, Databases, values
from demo.executions import Execution
from executions.runs import approve, target_of
from executions.sources import LIMIT_SECONDS, make_request, make_source

from .test_event_triggers import CONSENT, event_trigger

LOG = "create {kind} table public.login_log (id bigserial primary key, who text); grant insert on public.login_log to public; grant usage on sequence public.login_log_id_seq to public;"
WRITES = "begin insert into public.login_log (who) values (session_user); end"
TELLER = "create role teller login password 'tell-me-more-2026'; grant select on all tables in schema public to teller;"

# By the database that has it: what lays it, and what of it is told, where it is refused.
CASES = {
    "writing": (LOG.format(kind="") + event_trigger("logged", "login", WRITES), "writes to public.login_log at every login"),
    "writing_unlogged": (LOG.format(kind="unlogged") + event_trigger("logged", "login", WRITES), "writes to public.login_log at every login"),
    "counting": (
        "create sequence public.logins; " + event_trigger("counted", "login", "begin perform nextval('public.logins'); end"),
        "counted on login",
    ),
    "writing_where_it_says_login": (
        LOG.format(kind="") + event_trigger("logged", "login", "begin if tg_event = 'login' then insert into public.login_log (who) values (user); end if; end"),
        "logged on login",
    ),
    "always_for_those_it_knows": (
        "create table public.known (who text primary key); insert into public.known values (session_user);"
        + event_trigger("known", "login", "begin if not exists (select from public.known where who = session_user) then raise exception 'who are you?'; end if; end")
        + "alter event trigger known enable always",
        "refuses roles that it does not know",
    ),
    "for_those_it_knows": (
        "create table public.known (who text primary key); insert into public.known values (session_user);"
        + event_trigger("known", "login", "begin if not exists (select from public.known where who = session_user) then raise exception 'who are you?'; end if; end"),
        "",
    ),
    "greeting": (event_trigger("greet", "login", "begin perform set_config('app.who', session_user, false); raise log 'welcome'; end"), ""),
    "temporary": (event_trigger("prepared", "login", "begin create temp table if not exists mine (id int); insert into mine values (1); end"), ""),
    "turning_away": (event_trigger("door", "login", "begin if session_user = 'nobody' then raise exception 'not you'; end if; end"), ""),
}  # fmt: skip


@pytest.fixture(scope="module", params=[18, pytest.param(17, marks=pytest.mark.long)])
def planned(cloud, key_arn, request) -> list[str]:
    identifier = f"door-{request.param}"
    databases = Databases(cloud)
    source = make_source(cloud, identifier, request.param)
    for name, (sql, _) in CASES.items():
        with databases.connect(source, "postgres") as session:
            session.execute(f"create database {name}")
        with databases.connect(source, name) as session:
            session.execute(sql)
    execution = Execution(cloud, f"plan-{identifier}", make_request(identifier, plan_only=True))
    described = execution.wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "PreconditionFailed"), described
    return described["cause"].splitlines()


@pytest.mark.parametrize("name", CASES)
def test_what_writes_at_a_login_is_refused_and_nothing_else(planned, record_property, name):
    said = CASES[name][1]
    refusals = [line for line in planned if line.startswith(f"refused EventTriggers: database {name}:")]
    if said:
        assert len(refusals) == 1 and said in refusals[0] and "on login" in refusals[0], planned
    else:
        assert refusals == [], refusals
    record_property("outcome", "refused by name, nothing made" if said else "let be")


def sure_to_log_in(databases: Databases, instance: dict, database: str, user: str, password: str | None = None) -> list[str]:
    """Who is logged by then; the session can read, and it cannot write."""
    login = (user, password) if password else ()
    with databases.connect(instance, database, *login) as session:
        session.execute("select count(*) from public.ordinary")
        for attempt in (
            "insert into public.login_log (who) values ('past the fence')",
            "create temp table past (id int)",
            "create table public.past (id int)",
        ):
            with contextlib.suppress(psycopg.errors.InsufficientPrivilege), pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                session.execute(attempt)
    with databases.connect(instance, database) as session:
        return values(session, "select who from public.login_log order by id")


@pytest.mark.long
@pytest.mark.parametrize("major", [18, 17])
@pytest.mark.parametrize("kind, always", [("", False), ("", True), ("unlogged", False)])
def test_with_consent_a_log_of_logins_is_moved_and_the_old_database_can_be_read(outcome, databases, key_arn, major, kind, always):
    """The log is in a database of its own: the test itself logs in to all others."""
    identifier = f"logged-{kind or 'permanent'}-{always}-{major}".lower()
    source = make_source(outcome.cloud, identifier, major)
    with databases.connect(source, "postgres") as session:
        session.execute("create database door")
        session.execute(TELLER)
    with databases.connect(source, "door") as session:
        session.execute(
            "create table public.ordinary (id int primary key); " + LOG.format(kind=kind) + "grant select on all tables in schema public to teller"
        )
        session.execute(event_trigger("logged", "login", WRITES))
        if always:
            session.execute("alter event trigger logged enable always")
    with outcome.carried(source, **CONSENT, cutover={"secrets": [f"{identifier}/master"]}) as execution:
        execution.wait_for_state("AwaitApproval", LIMIT_SECONDS)
        if not always:
            with databases.connect(source, "door", "teller", "tell-me-more-2026") as session:
                assert "teller" in values(session, "select who from public.login_log")
        approve(outcome.cloud, identifier, execution.name)
        target = target_of(databases, identifier)
    for user, password in ((MASTER, None), ("teller", "tell-me-more-2026")):
        logged = sure_to_log_in(databases, source, "door", user, password)
        assert user in logged and "past the fence" not in logged
    for instance in source, target:
        with databases.connect(instance, "door") as session:
            assert values(session, "select evtenabled::text from pg_event_trigger where evtname = 'logged'") == ["A" if always else "O"]


@pytest.mark.long
@pytest.mark.parametrize("major", [18, 17])
def test_what_writes_for_others_than_the_master_user_leaves_the_old_database_open(outcome, databases, key_arn, major):
    """No trial of ours sees it."""
    identifier = f"for-others-{major}"
    source = make_source(outcome.cloud, identifier, major)
    with databases.connect(source, "app") as session:
        session.execute(
            TELLER
            + "create table public.ordinary (id int primary key); "
            + LOG.format(kind="")
            + "grant select on all tables in schema public to teller"
        )
        session.execute(
            event_trigger(
                "logged", "login", "begin if session_user = 'teller' then insert into public.login_log (who) values (session_user); end if; end"
            )
        )
    with outcome.carried(source):
        pass
    assert sure_to_log_in(databases, source, "app", MASTER) == []
    assert set(sure_to_log_in(databases, source, "app", "teller", "tell-me-more-2026")) == {"teller"}
