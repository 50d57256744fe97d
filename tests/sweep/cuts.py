"""Where and how the WAL of a crashed server is cut: what a snapshot of its volume could have held."""

import os
import random
from dataclasses import dataclass
from pathlib import Path

from .crashed_server import CrashedServer

PAGE_BYTES = 8192
# What may be behind the last byte that was written.
TAILS = ("zeroes", "recycled", "garbage", "file ends")


@dataclass(frozen=True)
class Cut:
    """The WAL ends before `lsn`; behind it lies what `tail` says."""

    lsn: int
    tail: str
    seed: int


def choose(crashed: CrashedServer, chance: random.Random) -> Cut:
    """A place between the last checkpoint and the crash: anywhere, or where things are most likely to go wrong."""
    low, high = crashed.checkpoint_lsn + 200, crashed.end_lsn
    anywhere = chance.randint(low, high)
    commit = chance.choice([lsn for lsn in crashed.commits.values() if lsn > low] or [anywhere])
    segment = anywhere // crashed.segment_bytes * crashed.segment_bytes
    candidates = {
        "anywhere": anywhere,
        "page": anywhere // PAGE_BYTES * PAGE_BYTES + chance.choice([0, 0, 1, 8, 24, 40, -1, -8, -24]),
        "segment": segment + chance.choice([0, 0, 0, 0, 8, 24, 40, 64, -8, -24, -100]),
        "commit": commit + chance.choice([0, 0, 0, 0, 1, 8, 23, 24, 32, 34, 40, 48, 56, -8]),
        "sector": anywhere // 512 * 512,
    }
    lsn = chance.choices(list(candidates.values()), [30, 20, 15, 25, 10])[0]
    return Cut(lsn if low <= lsn <= high else anywhere, chance.choice(TAILS), chance.randrange(2**32))


def cut_wal(crashed: CrashedServer, wal: Path, cut: Cut) -> None:
    """Makes the WAL of a copy end at the cut."""
    offset = cut.lsn % crashed.segment_bytes
    start = cut.lsn - offset
    for segment in sorted(each for each in wal.iterdir() if len(each.name) == 24):
        if segment.name >= crashed.segment_name(start):
            segment.unlink()
    source = crashed.data / "pg_wal"
    kept = (source / crashed.segment_name(start)).read_bytes()[:offset] if offset else b""
    old = (source / oldest_segment(source)).read_bytes()
    if cut.tail == "file ends":
        # The segment is whole, as a new one is, and there is no other behind it.
        contents = [kept.ljust(crashed.segment_bytes, b"\0")] if offset else []
    elif cut.tail == "zeroes":
        contents = [kept.ljust(crashed.segment_bytes, b"\0"), bytes(crashed.segment_bytes)]
    elif cut.tail == "recycled":
        contents = [kept + old[offset:], old]
    else:
        contents = [kept + random.Random(cut.seed).randbytes(crashed.segment_bytes - offset)]
    for number, content in enumerate(contents):
        segment = wal / crashed.segment_name(start + number * crashed.segment_bytes)
        segment.write_bytes(content)
        owner = wal.stat()
        os.chown(segment, owner.st_uid, owner.st_gid)


def oldest_segment(wal: Path) -> str:
    return min(each.name for each in wal.iterdir() if len(each.name) == 24)
