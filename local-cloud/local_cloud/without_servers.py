"""RDS's control plane without PostgreSQL behind it, for a thousand databases on one machine.

This shows scale and nothing else: instances and snapshots have RDS's states and RDS's delays, and no data. That the
product is right is shown where there are real servers. Clusters and replicas need a server: here are instances alone.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from .instance import Instance
from .postgres import Server
from .rds import Pace, Rds

# How long RDS takes, in seconds. Not one of these is promised by AWS; what is known is how they grow.
AS_ON_AWS = Pace(
    # Assumed: seven minutes until an instance is available, first backup included.
    creating=210,
    # Assumed: three minutes, and 500 MB/s of what is allocated, since the first snapshot of a volume is a full one.
    snapshot=180,
    snapshot_per_gib=2,
    # Assumed: ten minutes, and 200 MB/s. A copy under another key is a full one (RDS user guide, "Copying a DB
    # snapshot"), and takes hours for terabytes.
    copy=600,
    copy_per_gib=5,
    # Assumed, twice: a restore is available within ten to forty minutes, since its volume is loaded lazily afterwards
    # (RDS user guide, "Restoring to a DB instance").
    restoring=360,
    restoring_per_gib=0.5,
    # Assumed, of a modification that changes neither class nor storage.
    modifying=120,
    # Assumed, of a server with little to recover.
    rebooting=60,
    # Assumed.
    deleting=300,
)


def pace(time_scale: float) -> Pace:
    """AWS's pace, so many times faster."""
    return Pace(**{field.name: getattr(AS_ON_AWS, field.name) / time_scale for field in fields(Pace)})


class ServerOnPaper(Server):
    """Has a directory and a port, and takes every order without a word."""

    def __init__(self, home: Path, directory: Path, port: int):
        super().__init__(home, directory, port)
        self.data.mkdir(parents=True)
        self._is_running = False

    @property
    def running(self) -> bool:
        return self._is_running

    def start(self) -> None:
        self._is_running = True

    def stop(self) -> None:
        self._is_running = False

    kill = stop

    def reload(self) -> None:
        """The configuration is written, and nobody reads it."""

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        yield

    def pack(self, archive: Path) -> None:
        archive.touch()

    def unpack(self, archive: Path) -> None:
        """There are no data."""

    @contextlib.contextmanager
    def connect(self, database: str = "postgres") -> Iterator["SessionOnPaper"]:
        yield SessionOnPaper()

    def first_redo_end(self) -> None:
        """Nothing was replayed."""

    def checkpoint_lsn(self) -> int:
        return 0


class SessionOnPaper:
    """One that makes a master user."""

    def execute(self, *_: Any) -> None:
        """Nothing is executed."""


class RdsWithoutServers(Rds):
    # Raised, as an account with so many databases has had them raised; those of snapshots and copies stay.
    instances_quota, storage_quota_gib = 10_000, 10_000_000

    def make_server(self, instance: Instance, wanted_port: int | None, variant: str) -> Server:
        directory = self.directory / instance.dbi_resource_id
        return ServerOnPaper(self.templates.home(instance.major), directory, wanted_port or 5432)
