"""Every setting that PostgreSQL has is tried on values of every type: those that change a value's text, or what is read from it, are
those that a run sets on both ends of replication, and no others."""

import re
from pathlib import Path

import psycopg
import pytest

from demo.cache import cache_directory
from local_cloud.postgres import ENVIRONMENT, Server, Templates, guard

from .samples import LOCALE, PLAIN, Samples, make_locale, make_samples, set_one

ROOT = Path(__file__).parents[2]
POSTGRES = cache_directory() / "postgres"

# What a word can be, where a setting takes words.
WORDS = {
    "datestyle": ["ISO, DMY", "SQL, MDY", "SQL, DMY", "German", "Postgres, MDY", "Postgres, DMY", "ISO, YMD"],
    "timezone": ["America/New_York", "Asia/Kolkata", "<+0545>-05:45", "Africa/Monrovia"],
    "timezone_abbreviations": ["India", "Australia"],
    "lc_monetary": [LOCALE], "lc_numeric": [LOCALE], "lc_time": [LOCALE], "lc_messages": [LOCALE],
    "search_path": ["public", '"Odd s", public', "public, pg_catalog"],
    "default_text_search_config": ["pg_catalog.german"],
    "role": ["walker"],
    # Also of the client alone, who says what he takes; the workers ask for their database's.
    "client_encoding": [],
    "session_authorization": [],
}  # fmt: skip
# The workers' own business: both empty it (libpqwalreceiver.c, worker.c).
OF_THE_WORKERS = {"search_path"}
# Nothing can be written under it by a session; the apply is not held by it.
OF_SESSIONS = {"default_transaction_read_only", "transaction_read_only"}
# Where libraries are looked for: with none of these there is no type to be read. RDS lets nobody set it.
OF_LIBRARIES = {"dynamic_library_path"}


def set_by_the_run() -> tuple[set[str], set[str]]:
    """On the walsender, and for the apply, from the product's source."""
    source = (ROOT / "postgres/src/session_settings.rs").read_text()

    def names(constant: str) -> set[str]:
        (body,) = re.findall(rf"const {constant}: \[Setting; \d+\] =\s*\[(.*?)\];", source, re.DOTALL)
        return set(re.findall(r'\("(\w+)",', body)) | ({"lc_monetary"} if "LC_MONETARY" in body else set())

    return names("TEXT"), names("APPLY")


def other_values(name: str, kind: str, least: str, most: str, words: list[str] | None, default: str) -> list[str]:
    if kind == "bool":
        return ["on", "off"]
    if kind == "enum":
        return words or []
    if kind in ("integer", "real"):
        return [least, most, default]
    return WORDS.get(name, ["x", "", default])


@pytest.fixture
def server(tmp_path, request):
    directory = tmp_path / "server"
    directory.mkdir()
    templates = Templates(POSTGRES, tmp_path)
    server = Server(templates.home(request.param), directory, 5432)
    server.unpack(templates.archive(request.param))
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write(f"unix_socket_directories = '{server.sockets}'\nfsync = off\n")
    locpath, ENVIRONMENT["LOCPATH"] = ENVIRONMENT.get("LOCPATH"), make_locale(tmp_path)
    watching = guard(tmp_path)
    try:
        server.start()
        yield server
    finally:
        server.stop()
        watching.communicate()
        ENVIRONMENT.pop("LOCPATH")
        if locpath:
            ENVIRONMENT["LOCPATH"] = locpath


@pytest.mark.parametrize("server", [14, *(pytest.param(major, marks=pytest.mark.long) for major in (12, 13, 15, 16, 17, 18))], indirect=True)
def test_a_value_changes_on_its_way(server):
    base = server.connect()
    samples = make_samples(base, "public.source")
    base.execute("create table public.copy (like public.source)")
    settings = base.execute(
        "select lower(name), vartype, min_val, max_val, enumvals, boot_val from pg_settings where context in ('user', 'superuser')"
    ).fetchall()
    changes_text, changes_reading = set(), set()
    for name, *described in settings:
        tried = 0
        for value in other_values(name, *described):
            with server.connect() as session:
                session.execute(PLAIN)
                if value is None or not set_one(session, name, value):
                    continue
                tried += 1
                if gives_other_text(session, samples):
                    changes_text.add(name)
                if reads_other_values(session, base, samples):
                    changes_reading.add(name)
        # A setting that could not be tried would be one that nobody knows.
        assert tried or name in ("client_encoding", "session_authorization", "transaction_deferrable"), name
    text, reading = set_by_the_run()
    assert changes_text - OF_THE_WORKERS - OF_LIBRARIES == text
    assert changes_reading - OF_SESSIONS - OF_LIBRARIES == reading & changes_reading
    assert {"array_nulls", "xmloption", "lc_monetary"} <= changes_reading


def gives_other_text(session: psycopg.Connection, samples: Samples) -> bool:
    try:
        return samples.read(session, "public.source", 1) != samples.texts
    except psycopg.Error:
        return True


def reads_other_values(session: psycopg.Connection, base: psycopg.Connection, samples: Samples) -> bool:
    base.execute("truncate public.copy")
    try:
        samples.insert(session, "public.copy", 1)
    except psycopg.Error:
        return True
    return samples.read(base, "public.copy", 1) != samples.texts
