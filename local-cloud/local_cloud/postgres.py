"""One real PostgreSQL server: made from a template, started, frozen, copied, recovered, stopped.

Knows nothing of RDS. The binaries are those that tests/install-postgres put below `postgres_dir/<major>`.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

SUPERUSER = "rdsadmin"
SEED_LSN_FILE = "rds_logical_seed_lsn"
# Makes a server start as a hot standby.
STANDBY_FILE = "standby.signal"
# The section of its service file that a server reads.
SERVICE = "network"
START_LIMIT_SECONDS = 600
STOP_LIMIT_SECONDS = 60
FREEZE_LIMIT_SECONDS = 10
POLL_SECONDS = 0.02

# The server refuses to run as root, so root runs it as nobody. The capability lets that user reach the binaries in
# root's cache and the data in a directory that only root may enter; nothing has to be copied or opened up. access(2),
# by which a server looks for its own binary, heeds the capability only with the secure bit.
NOBODY = [
    "setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups",
    "--securebits=+no_setuid_fixup", "--inh-caps=+dac_override", "--ambient-caps=+dac_override",
]  # fmt: skip
AS_SERVER = NOBODY if os.geteuid() == 0 else []

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC", "HOME": "/nonexistent"}
# Where to look for locales that the machine does not have.
ENVIRONMENT |= {name: value for name, value in os.environ.items() if name == "LOCPATH"}


class ServerFailed(Exception):
    """The server did not start; the message is the end of its log."""


class Server:
    """A data directory and the process that serves it."""

    def __init__(self, home: Path, directory: Path, port: int):
        self.home = home
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "postgresql.log"
        # What libpq in this server is told besides its connection strings, each time that it connects.
        self.service_file = directory / "services.conf"
        self.port = port
        # One socket directory for all servers of a cloud: the port tells them apart and the path stays short,
        # since the kernel takes no more than 107 bytes.
        self.sockets = directory.parent
        self._process: subprocess.Popen | None = None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start and wait until connections are accepted, crash recovery included."""
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        if not self.service_file.exists():
            self.service_file.write_text(f"[{SERVICE}]\n")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*AS_SERVER, self.home / "bin/postgres", "-D", self.data],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT | {"PGSERVICE": SERVICE, "PGSERVICEFILE": str(self.service_file)},
                start_new_session=True,
            )
        wait_until(lambda: not self.running or self._ready(), START_LIMIT_SECONDS, f"{self.data} to accept connections")
        if not self.running:
            raise ServerFailed(self.log_tail())

    def _ready(self) -> bool:
        """The eighth line of postmaster.pid is the server's own word for its state (miscinit.h)."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def stop(self) -> None:
        """End all sessions, write a shutdown checkpoint, and end; at once when that takes too long."""
        if not self.running:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End without a checkpoint, as when the machine is taken away."""
        segment = self._shared_memory()
        for pid in processes_in(self.data):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._process is not None:
            self._process.wait()
        wait_until(lambda: not processes_in(self.data), STOP_LIMIT_SECONDS, f"all processes of {self.data} to end")
        if segment:
            subprocess.run(["ipcrm", "--shmem-id", segment], stderr=subprocess.DEVNULL, check=False)

    def _shared_memory(self) -> str | None:
        """The segment by which a server keeps others off its data, from the seventh line of postmaster.pid (miscinit.h).

        The kernel has 4096 of them, and that of a server that is killed stays.
        """
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return None
        return lines[6].split()[1] if len(lines) >= 7 else None

    def pack(self, archive: Path) -> None:
        """Put the data into one file."""
        pack(self.data, archive)

    def unpack(self, archive: Path) -> None:
        """Take the data of an archive."""
        unpack(archive, self.directory)

    def copy_from(self, primary: "Server") -> None:
        """Take another server's data as they are at one moment, to follow it from there on."""
        archive = self.directory / "copy.tar"
        with primary.frozen():
            primary.pack(archive)
        self.unpack(archive)
        archive.unlink()
        self.become_standby()

    def become_standby(self) -> None:
        """Be a hot standby from the next start on; what it follows stands in its configuration.

        Slots are the primary's own, as for pg_basebackup.
        """
        (self.data / STANDBY_FILE).touch()
        for slot in (self.data / "pg_replslot").iterdir():
            shutil.rmtree(slot)

    def promote(self) -> None:
        """Be a standby no longer, and accept writes."""
        with self.connect() as session:
            session.execute("select pg_promote(true, %s)", (STOP_LIMIT_SECONDS,))

    def connection_string(self) -> str:
        """How a standby on this machine reaches it."""
        return f"host='{self.sockets}' hostaddr='' port={self.port} user={SUPERUSER}"

    def reload(self) -> None:
        self._process.send_signal(signal.SIGHUP)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A session of the superuser over the socket, which no other user of the server may do."""
        return psycopg.connect(host=str(self.sockets), port=self.port, user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=10)

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """Nothing of the server runs or writes meanwhile: what a snapshot of the volume sees is one moment.

        The postmaster is stopped first, so that no process is started behind our back.
        """
        if not self.running:
            yield
            return
        stopped = []
        try:
            stopped.append(self._process.pid)
            _stop_process(self._process.pid)
            for pid in processes_in(self.data):
                if pid not in stopped:
                    stopped.append(pid)
                    _stop_process(pid)
            yield
        finally:
            for pid in stopped:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def log_tail(self, lines: int = 8) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def first_redo_end(self) -> str | None:
        """R of the first `redo done at R` in this server's log, which begins with the server."""
        found = re.search(r"redo done at ([0-9A-F]+/[0-9A-F]+)", self.log.read_text(errors="replace"))
        return found and found.group(1)

    def checkpoint_lsn(self) -> int:
        """Start of the latest checkpoint record, from the control file of a server that is not running.

        ControlFileData (pg_control.h) has begun with system identifier, two version numbers, state, time and this
        position since before 12.
        """
        return struct.unpack_from("<Q", (self.data / "global/pg_control").read_bytes(), 32)[0]


def seed_lsn(redo_end: str | None, checkpoint: int) -> str:
    """One past the start of the last record: decoding skips what starts before (snapbuild.c, SnapBuildXactNeedsSkip).

    When nothing was replayed the last record is the checkpoint that recovery started from.
    """
    last_record = checkpoint
    if redo_end is not None:
        high, low = redo_end.split("/")
        last_record = (int(high, 16) << 32) + int(low, 16)
    return f"{(last_record + 1) >> 32:X}/{(last_record + 1) & 0xFFFFFFFF:X}"


def _stop_process(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: _state(pid) in "TZX", FREEZE_LIMIT_SECONDS, f"process {pid} to stop")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def processes_in(directory: Path) -> list[int]:
    """Every process of a server works in its data directory, which finds those that the postmaster forked too."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit() and os.readlink(entry / "cwd") == str(directory):
                found.append(int(entry.name))
    return found


# Waits for the end of its input, which is the end of the cloud, however that came about, and ends every server that
# is still there; servers that are frozen at that moment would stay for ever otherwise, and the segment of shared memory
# of every server that is killed does.
GUARD = """
trap '' INT TERM HUP
read -r _
segments=$(awk 'FNR == 7 { print $2 }' "$1"/*/data/postmaster.pid 2>/dev/null)
for working in $(find /proc -mindepth 2 -maxdepth 2 -name cwd -lname "$1/*/data" 2>/dev/null); do
  pid=${working#/proc/}
  kill -KILL "${pid%/cwd}"
done
for segment in $segments; do ipcrm --shmem-id "$segment"; done
"""


def guard(directory: Path) -> subprocess.Popen:
    """Start the process that ends all servers below `directory` when this process is gone."""
    return subprocess.Popen(
        ["sh", "-c", GUARD, "guard", directory.resolve()],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


def wait_until(condition, limit_seconds: float, what: str) -> None:
    """Wait for a state, and name it when it does not come."""
    deadline = time.monotonic() + limit_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {limit_seconds} s for {what}")
        time.sleep(POLL_SECONDS)


def pack(data: Path, archive: Path) -> None:
    """Put a data directory into one file. A thousand small files take many times as long to make as to read, and a
    snapshot holds up the server that long."""
    ours_alone = "--exclude=postmaster.pid"
    subprocess.run(["tar", "-C", data.parent, "-cf", archive, "--numeric-owner", ours_alone, data.name], check=True)


def unpack(archive: Path, directory: Path) -> None:
    """Make the data directory below `directory`, with owners and times."""
    subprocess.run(["tar", "-C", directory, "-xpf", archive, "--numeric-owner"], check=True)


class Templates:
    """Data directories as `initdb` and `prepare` leave them, one per major, kept in the cache between clouds."""

    def __init__(self, postgres_dir: Path, scratch: Path):
        self.postgres_dir = postgres_dir
        self.scratch = scratch
        self._lock = threading.Lock()
        self._settings: dict[int, dict[str, dict]] = {}

    def home(self, major: int) -> Path:
        return self.postgres_dir / str(major)

    def majors(self) -> list[int]:
        """The majors that are installed."""
        return sorted(int(home.name) for home in self.postgres_dir.iterdir() if home.name.isdigit())

    def archive(self, major: int) -> Path:
        return self._template(major) / "data.tar"

    def settings(self, major: int) -> dict[str, dict]:
        """`pg_settings` of the major by name: what may be set, to what, and whether it needs a restart."""
        if major not in self._settings:
            self._settings[major] = json.loads((self._template(major) / "settings.json").read_text())
        return self._settings[major]

    def _template(self, major: int) -> Path:
        with self._lock:
            made_of = (self.home(major) / "stamp").read_bytes() + Path(__file__).read_bytes() + ROLES.read_bytes()
            template = self.postgres_dir / f"template-{major}-{hashlib.sha256(made_of).hexdigest()[:12]}"
            if not template.exists():
                self._make(major, template)
            return template

    def _make(self, major: int, template: Path) -> None:
        work = Path(tempfile.mkdtemp(prefix=f"template-{major}-", dir=self.scratch))
        server = Server(self.home(major), work, port=5432)
        server.sockets = work
        initdb = [self.home(major) / "bin/initdb", "-D", server.data, "-U", SUPERUSER, "-A", "trust"]
        subprocess.run(
            [*AS_SERVER, *initdb, "-E", "UTF8", "--locale=C.UTF-8", "--data-checksums", "--no-sync"],
            check=True,
            stdout=subprocess.DEVNULL,
            env=ENVIRONMENT,
        )
        with (server.data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"listen_addresses = ''\nunix_socket_directories = '{work}'\nfsync = off\n")
        server.start()
        make_roles(server)
        with server.connect() as session:
            rows = session.execute(SETTINGS).fetchall()
        server.stop()
        # Another cloud may have made it meanwhile: whoever comes second throws its own away.
        staged = Path(tempfile.mkdtemp(prefix=".new-template-", dir=self.postgres_dir))
        (staged / "settings.json").write_text(json.dumps(dict(rows)))
        pack(server.data, staged / "data.tar")
        try:
            staged.rename(template)
        except OSError:
            shutil.rmtree(staged)
        shutil.rmtree(work)


SETTINGS = """
select lower(name), json_build_object('unit', unit, 'context', context, 'type', vartype, 'min', min_val, 'max', max_val,
                               'values', enumvals, 'default', boot_val, 'description', short_desc)
  from pg_catalog.pg_settings
"""

ROLES = Path(__file__).parent / "server/rds_roles.sql"


def make_roles(server: Server) -> None:
    """Give the server the roles that RDS has, and each database the grants that belong to them."""
    in_server, _, in_database = ROLES.read_text().partition("-- In every database.\n")
    with server.connect() as session:
        session.execute(in_server)
    in_every_database(server, in_database)
    with server.connect() as session:
        session.execute(f"create database {SUPERUSER}")
        session.execute(f"revoke all on database {SUPERUSER} from public")


def in_every_database(server: Server, statements: str) -> None:
    """Execute something in each, template0 too: whoever restores a dump makes the database from it."""
    with server.connect() as session:
        session.execute("update pg_database set datallowconn = true where datname = 'template0'")
        databases = [name for (name,) in session.execute("select datname from pg_database where datallowconn")]
    for database in databases:
        with server.connect(database) as session:
            session.execute(statements)
    with server.connect() as session:
        session.execute("update pg_database set datallowconn = false where datname = 'template0'")
