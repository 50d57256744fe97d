"""One recovery of a copy whose WAL was cut, and whether its start LSN is exact."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from local_cloud.postgres import Server, ServerFailed

from .crashed_server import CrashedServer
from .cuts import Cut, cut_wal

# How a recovery found the end of the WAL, as PostgreSQL words it.
ENDINGS = re.compile(
    r"LOG:  (invalid record length|invalid magic number|unexpected pageaddr|record with incorrect prev-link"
    r"|incorrect resource manager data checksum|invalid resource manager ID|record length \S+ at \S+ too long"
    r"|invalid contrecord length|contrecord is requested|there is no contrecord flag|out-of-sequence timeline ID|invalid info bits"
    r"|unexpected|missing contrecord|invalid record offset|WAL file is from different)"
)
NO_MESSAGE = "no message"


@dataclass(frozen=True)
class Recovered:
    """What became of one cut."""

    crashed: CrashedServer
    cut: Cut
    log: str
    ending: str
    # The parser's last line, an LSN or the reason why there is none.
    told: str
    last_kept_commit: int | None
    first_lost_commit: int | None
    # Of the copy, right after its recovery.
    current_wal_lsn: str
    # Commits that the copy has though it lost an earlier one: a copy that is no prefix of the source.
    out_of_order: int

    @property
    def exact(self) -> bool:
        if not re.fullmatch(r"[0-9A-F]+/[0-9A-F]+", self.told) or self.out_of_order:
            return False
        start = parse_lsn(self.told)
        return (self.last_kept_commit or 0) < start and (self.first_lost_commit is None or start <= self.first_lost_commit)

    @property
    def leeway(self) -> int:
        """Between how many LSNs a guess would be right, in bytes."""
        if self.last_kept_commit is None or self.first_lost_commit is None:
            return sys.maxsize
        return self.first_lost_commit - self.last_kept_commit

    def truth(self) -> dict:
        return {
            "postgres": self.crashed.major,
            "ending": self.ending,
            "last_kept_commit": format_lsn(self.last_kept_commit),
            "first_lost_commit": format_lsn(self.first_lost_commit),
            "confirmed_flush_lsn": self.crashed.confirmed_flush_lsn,
            "copy_current_wal_lsn": self.current_wal_lsn,
        }


def recover(crashed: CrashedServer, cut: Cut, directory: Path, parser: Path) -> Recovered | None:
    """Starts a copy with the WAL cut and looks at what it has; none where the server refuses such data."""
    copy = Server(crashed.home, directory, port=5432)
    directory.mkdir()
    shutil.copystat(crashed.data.parent, directory)
    try:
        clone(crashed, copy.data, cut)
        with (copy.data / "postgresql.conf").open("a") as configuration:
            configuration.write(f"unix_socket_directories = '{copy.sockets}'\nport = {port_of(directory)}\n")
        copy.port = port_of(directory)
        try:
            copy.start()
        except ServerFailed:
            return None
        with copy.connect() as session:
            (current_wal_lsn,) = session.execute("select pg_current_wal_lsn()::text").fetchone()
            kept = {xid for (xid,) in session.execute("select xid from done")}
        copy.kill()
        return judge(crashed, cut, copy.log, current_wal_lsn, kept, parser)
    finally:
        copy.kill()
        shutil.rmtree(directory)


def port_of(directory: Path) -> int:
    """The port names the socket, and nothing else: no server listens on the network."""
    return 10000 + int(directory.name)


def clone(crashed: CrashedServer, data: Path, cut: Cut) -> None:
    """Copies what a recovery needs: slots and old WAL stay behind."""
    needed = crashed.segment_name(crashed.checkpoint_lsn)
    old = [each.name for each in (crashed.data / "pg_wal").iterdir() if len(each.name) == 24 and each.name < needed]
    left = [f"--exclude={crashed.data.name}/pg_wal/{name}" for name in old] + [f"--exclude={crashed.data.name}/pg_replslot/truth"]
    packed = subprocess.Popen(["tar", "-C", crashed.data.parent, "-cf", "-", "--numeric-owner", *left, crashed.data.name], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-C", data.parent, "-xpf", "-", "--numeric-owner"], stdin=packed.stdout, check=True)
    if packed.wait():
        raise RuntimeError(f"could not copy {crashed.data}")
    cut_wal(crashed, data / "pg_wal", cut)


def judge(crashed: CrashedServer, cut: Cut, log: Path, current_wal_lsn: str, kept: set[int], parser: Path) -> Recovered:
    answer = subprocess.run([parser, log], capture_output=True, text=True)
    lines = (answer.stdout or answer.stderr).splitlines()
    text = log.read_text(errors="replace")
    found = ENDINGS.search(text)
    ending = re.sub(r" \d\S* at \S+", "", found.group(1)) if found else NO_MESSAGE
    there = [lsn for xid, lsn in crashed.commits.items() if xid in kept]
    first_lost = min((lsn for xid, lsn in crashed.commits.items() if xid not in kept), default=None)
    unordered = [lsn for lsn in there if first_lost is not None and lsn > first_lost]
    unknown = kept - crashed.commits.keys()
    return Recovered(
        crashed, cut, text, ending, lines[-1] if lines else "", max(there, default=None), first_lost, current_wal_lsn,
        out_of_order=len(unordered) + len(unknown),
    )  # fmt: skip


def parse_lsn(text: str) -> int:
    high, low = text.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def format_lsn(lsn: int | None) -> str | None:
    return None if lsn is None else f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def write_golden(recovered: list[Recovered], directory: Path) -> None:
    """Keeps logs with their truth, for the parser's own tests."""
    directory.mkdir(parents=True, exist_ok=True)
    truths = {}
    for number, each in enumerate(recovered, 1):
        name = f"{each.crashed.major}-{number:02}-{each.ending.replace(' ', '-')}.log"
        (directory / name).write_text(each.log)
        truths[name] = each.truth()
    (directory / "truth.json").write_text(json.dumps(truths, indent=2) + "\n")
