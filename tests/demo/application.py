"""An application that writes all the time, and counts for itself which of its writes were acknowledged.

It knows its database by a secret alone. When something breaks it reads the secret again and connects again, as any
application does that is to live through a failover.
"""

import json
import random
import threading
import time
from dataclasses import dataclass, field

import psycopg

from .databases import connect
from .local_cloud import LocalCloud

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
    acknowledged: list[Acknowledged] = field(default_factory=list)
    # The connection broke between commit and answer: they may be there, or not.
    unknown: list[int] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    seq: int = 0
    first_server: str | None = None
    # The first that it tried on another server than the first one.
    first_seq_moved: int | None = None


class Application:
    """Writers in threads, from `with` on until `stop` or the end of the block."""

    def __init__(self, cloud: LocalCloud, secrets: list[str]) -> None:
        self._secrets_manager = cloud.client("secretsmanager")
        self._ca_file = cloud.ca_file
        self._ended = threading.Event()
        self.writers = [Writer(number, secret) for number, secret in enumerate(secrets)]
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
                with connect(
                    self._ca_file, place["host"], place["port"], place["dbname"], place["username"], place["password"]
                ) as session:
                    while not self._ended.is_set():
                        self._write(writer, session, server)
                        self._ended.wait(BETWEEN_WRITES_SECONDS)
            except psycopg.Error as error:
                writer.refused.append(f"{server}: {str(error).strip().splitlines()[0]}")
                self._ended.wait(BEFORE_RETRY_SECONDS)

    def _write(self, writer: Writer, session: psycopg.Connection, server: str) -> None:
        writer.seq += 1
        writer.first_server = writer.first_server or server
        moved = server != writer.first_server
        if moved:
            writer.first_seq_moved = writer.first_seq_moved or writer.seq
        self._execute(writer, session, moved)
        try:
            session.commit()
        except psycopg.OperationalError:
            writer.unknown.append(writer.seq)
            raise
        writer.acknowledged.append(Acknowledged(writer.seq, time.monotonic(), server))

    def _execute(self, writer: Writer, session: psycopg.Connection, moved: bool) -> None:
        """One transaction. After the move only ledger and journal are written, so that of all other tables source and
        target can be compared as they are."""
        mark = (writer.number, writer.seq)
        session.execute("insert into sales.ledger (writer, seq) values (%s, %s)", mark)
        session.execute("insert into journal.event (writer, seq) values (%s, %s)", mark)
        if moved:
            return
        match writer.seq % 5:
            case 0:
                session.execute("update sales.customer set balance = balance + 1 where id = %s", (random.randint(1, 500),))
            case 1:
                purchase = "insert into sales.purchase (bought_on, customer, net) values (%s, %s, %s)"
                session.execute(purchase, (f"202{random.randint(4, 6)}-05-01", random.randint(1, 500), writer.seq))
            case 2:
                session.execute(
                    'update "Lager"."Größe" set "Stück" = "Stück" + 1 where "Schlüssel" = %s', (f"Größe {random.randint(1, 200)}",)
                )
            case 3:
                session.execute('update "Lager"."Foto" set views = views + 1 where id = %s', (-random.randint(1, 100),))
            case 4:
                session.execute("delete from sales.purchase where id = %s", (random.randint(1, 2000),))
