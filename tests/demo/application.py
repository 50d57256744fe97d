"""An application that writes all the time, and counts for itself which of its writes were acknowledged.

It knows its database by a secret alone. When something breaks it reads the secret again and connects again, as any
application does that is to live through a failover.
"""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg

from .databases import connect
from .local_cloud import LocalCloud

# Each transaction leaves one row in both of these. Nothing keeps rows apart but the writers' own counting, so a change
# that is applied twice shows, and only one of them has a key.
LEDGER = """
create schema journal;
create table journal.ledger (
    id bigint generated always as identity primary key,
    writer int not null,
    seq int not null,
    written_at timestamptz not null default clock_timestamp()
);
create table journal.event (
    writer int not null,
    seq int not null,
    told jsonb not null default '{"by": "writer"}'
);
"""
LEDGER_TABLES = ("journal.ledger", "journal.event")

# Between two writes of a writer, and before it tries again: short, so that a pause is felt to the millisecond.
BETWEEN_WRITES_SECONDS = 0.004
BEFORE_RETRY_SECONDS = 0.004


@dataclass(frozen=True)
class Acknowledged:
    """A transaction of which the writer was told that it is committed."""

    seq: int
    at: float
    server: str


@dataclass
class Writer:
    """One session at a time, one transaction at a time."""

    number: int
    secret: str
    database: str
    acknowledged: list[Acknowledged] = field(default_factory=list)
    # The connection broke between commit and answer: they may be there, or not.
    unknown: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seq: int = 0
    first_server: str | None = None
    # The first that it tried on another server than the first one.
    first_seq_moved: int | None = None


class Application:
    """Writers in threads, from `with` on until `stop` or the end of the block.

    Each writes to one database that one secret leads to: `places` has (secret, database). `change` is what it does
    besides its ledger, given a session and the number of the transaction; only until it moves to another server, so that
    all tables but the ledger's can be compared between source and target as they are.
    """

    def __init__(
        self, cloud: LocalCloud, places: list[tuple[str, str]], change: Callable[[psycopg.Connection, int], None],
        between_writes_seconds: float = BETWEEN_WRITES_SECONDS, first_number: int = 0,
    ) -> None:  # fmt: skip
        self._secrets_manager = cloud.client("secretsmanager")
        self._ca_file = cloud.ca_file
        self._change = change
        self._between_writes_seconds = between_writes_seconds
        self._ended = threading.Event()
        self.writers = [Writer(number, *place) for number, place in enumerate(places, first_number)]
        self._threads = [threading.Thread(target=self._run, args=(writer,), daemon=True) for writer in self.writers]

    def __enter__(self) -> "Application":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def stop(self) -> None:
        """Lets every writer finish the transaction that it is in."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    @property
    def count(self) -> int:
        return sum(len(writer.acknowledged) for writer in self.writers)

    @property
    def has_moved(self) -> bool:
        """Whether every writer has written to the new server."""
        return all(writer.acknowledged and writer.acknowledged[-1].server != writer.first_server for writer in self.writers)

    def _run(self, writer: Writer) -> None:
        while not self._ended.is_set():
            place = json.loads(self._secrets_manager.get_secret_value(SecretId=writer.secret)["SecretString"])
            server = f"{place['host']}:{place['port']}"
            try:
                with connect(self._ca_file, place["host"], place["port"], writer.database, place["username"], place["password"]) as session:
                    while not self._ended.is_set():
                        self._write(writer, session, server)
                        self._ended.wait(self._between_writes_seconds)
            except psycopg.Error as error:
                writer.refused.append(f"{server}: {str(error).strip().splitlines()[0]}")
                self._ended.wait(BEFORE_RETRY_SECONDS)

    def _write(self, writer: Writer, session: psycopg.Connection, server: str) -> None:
        writer.seq += 1
        writer.first_server = writer.first_server or server
        moved = server != writer.first_server
        if moved:
            writer.first_seq_moved = writer.first_seq_moved or writer.seq
        mark = (writer.number, writer.seq)
        session.execute("insert into journal.ledger (writer, seq) values (%s, %s)", mark)
        session.execute("insert into journal.event (writer, seq) values (%s, %s)", mark)
        if not moved:
            self._change(session, writer.seq)
        try:
            session.commit()
        except psycopg.OperationalError:
            writer.unknown.append(writer.seq)
            raise
        writer.acknowledged.append(Acknowledged(writer.seq, time.monotonic(), server))
