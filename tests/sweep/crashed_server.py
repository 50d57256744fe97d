"""A server that crashed under load, and which transactions its WAL holds: what the sweep cuts copies of.

Everything that a transaction changed comes from the WAL alone: nothing is written back to tables or pg_xact between the
last checkpoint and the crash, so a copy with less WAL is what a snapshot at an earlier moment would have been.
"""

import random
import shutil
import struct
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from local_cloud.postgres import AS_SERVER, ENVIRONMENT, SUPERUSER, Server

SETTINGS = """
listen_addresses = ''
wal_level = logical
fsync = off
autovacuum = off
bgwriter_lru_maxpages = 0
shared_buffers = 64MB
checkpoint_timeout = 1h
max_wal_size = 1GB
log_line_prefix = '%t:%r:%u@%d:[%p]:'
log_timezone = UTC
lc_messages = 'C'
"""
TABLES = """
create table done (xid bigint not null, writer int not null);
create table load (id bigserial primary key, told text, changed int not null default 0);
"""
WRITERS = 3
# After the last checkpoint, per writer: about 6 MB of WAL in all.
TRANSACTIONS = 200
TRANSACTIONS_BEFORE = 30


@dataclass(frozen=True)
class CrashedServer:
    """The data directory of a server that was killed, and the truth about its WAL."""

    home: Path
    data: Path
    major: int
    segment_bytes: int
    checkpoint_lsn: int
    # Start of the last record.
    end_lsn: int
    # Of its slot, which is older than the load.
    confirmed_flush_lsn: str
    # Where each transaction's commit record starts, by transaction id.
    commits: dict[int, int]

    def segment_name(self, lsn: int) -> str:
        """The WAL file that holds a position (XLogFileName in xlog_internal.h), on timeline 1."""
        number, per_id = lsn // self.segment_bytes, 2**32 // self.segment_bytes
        return f"{1:08X}{number // per_id:08X}{number % per_id:08X}"


def crash(home: Path, directory: Path, major: int, segment_megabytes: int, seed: int) -> CrashedServer:
    """Makes a server, loads it, kills it, and asks a copy that replays all of its WAL for the truth."""
    server = make_server(home, directory / "crashed", segment_megabytes)
    server.start()
    with server.connect() as session:
        session.execute(TABLES)
        session.execute("create publication everything for all tables")
        (confirmed_flush_lsn,) = session.execute("select lsn::text from pg_create_logical_replication_slot('truth', 'pgoutput')").fetchone()
    write(server, random.Random(seed), TRANSACTIONS_BEFORE)
    with server.connect() as session:
        # Older segments: what recycled ones would be made of.
        session.execute("select pg_switch_wal()")
    write(server, random.Random(seed + 1), TRANSACTIONS_BEFORE)
    with server.connect() as session:
        session.execute("checkpoint")
    write(server, random.Random(seed + 2), TRANSACTIONS)
    server.kill()
    whole = Server(home, directory / "whole", port=5432)
    whole.directory.mkdir()
    subprocess.run(["cp", "-a", server.data, whole.data], check=True)
    whole.start()
    end_lsn, commits = read_truth(whole)
    whole.kill()
    shutil.rmtree(whole.directory)
    segment_bytes = segment_megabytes * 2**20
    return CrashedServer(home, server.data, major, segment_bytes, server.checkpoint_lsn(), end_lsn, confirmed_flush_lsn, commits)


def make_server(home: Path, directory: Path, segment_megabytes: int) -> Server:
    """A new server, with no more than one database to copy."""
    directory.mkdir(parents=True)
    if AS_SERVER:
        shutil.chown(directory, "nobody", "nogroup")
    server = Server(home, directory, port=5432)
    initdb = [home / "bin/initdb", "-D", server.data, "-U", SUPERUSER, "-A", "trust", f"--wal-segsize={segment_megabytes}"]
    subprocess.run(
        [*AS_SERVER, *initdb, "-E", "UTF8", "--locale=C", "--data-checksums", "--no-sync"],
        check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT,
    )  # fmt: skip
    with (server.data / "postgresql.conf").open("a") as configuration:
        configuration.write(SETTINGS + f"unix_socket_directories = '{server.sockets}'\n")
    server.start()
    with server.connect() as session:
        session.execute("update pg_database set datistemplate = false")
        session.execute("drop database template0")
        session.execute("drop database template1")
    server.stop()
    return server


def write(server: Server, chance: random.Random, transactions: int) -> None:
    """Writers side by side, each with small and large, quick and broken transactions."""
    seeds = [chance.random() for _ in range(WRITERS)]
    errors = []

    def run(number: int) -> None:
        try:
            write_one_after_another(server, number, random.Random(seeds[number]), transactions)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def write_one_after_another(server: Server, writer: int, chance: random.Random, transactions: int) -> None:
    with server.connect() as session:
        for _ in range(transactions):
            session.execute(f"set synchronous_commit = {chance.choice(['on', 'off'])}")
            with session.transaction(force_rollback=chance.random() < 0.1):
                session.execute("insert into done select txid_current(), %s", (writer,))
                change(session, chance)


def change(session, chance: random.Random) -> None:
    """One of the things that applications do."""
    kind = chance.choices(["small", "bulk", "update", "subtransactions", "wide", "truncate"], [50, 8, 20, 15, 6, 1])[0]
    if kind == "small":
        session.execute("insert into load (told) values ('x')")
    elif kind == "bulk":
        session.execute("insert into load (told) select repeat('y', 40) from generate_series(1, %s)", (chance.randint(50, 600),))
    elif kind == "update":
        session.execute("update load set changed = changed + 1 where id = %s", (chance.randint(1, 500),))
    elif kind == "wide":
        session.execute("insert into load (told) values (repeat(md5(%s::text), %s))", (chance.random(), chance.randint(200, 3000)))
    elif kind == "truncate":
        session.execute("create temp table if not exists scratch (n int) on commit delete rows")
    else:
        for _ in range(chance.randint(1, 4)):
            with session.transaction(force_rollback=chance.random() < 0.3):
                session.execute("insert into load (told) values ('inner')")


def read_truth(whole: Server) -> tuple[int, dict[int, int]]:
    """Start of the last record, and where each commit record starts: the Begin message of pgoutput has it
    (protocol-logicalrep-message-formats: LSN, time, transaction id)."""
    changes = "pg_logical_slot_peek_binary_changes('truth', null, null, 'proto_version', '1', 'publication_names', 'everything')"
    with whole.connect() as session:
        session.execute("set logical_decoding_work_mem = '64MB'")
        begins = session.execute(f"select substr(data, 2) from {changes} where get_byte(data, 0) = ascii('B')").fetchall()
        xids = {xid for (xid,) in session.execute("select xid from done")}
    commits = {}
    for (message,) in begins:
        lsn, _, xid = struct.unpack(">QqI", message)
        commits[xid] = lsn
    unknown = xids - commits.keys()
    if unknown:
        raise RuntimeError(f"decoding does not have {len(unknown)} of {len(xids)} transactions")
    redo_end = whole.first_redo_end()
    high, low = redo_end.split("/")
    return (int(high, 16) << 32) + int(low, 16), {xid: commits[xid] for xid in xids}
