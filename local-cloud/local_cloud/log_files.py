"""Requests that concern the log files of an instance."""

from typing import Any

from moto.rds.exceptions import RDSClientError

from .control_plane import ControlPlane
from .instance import LOG_TAG, Instance

LINES_AT_A_TIME = 10000
# RDS cuts a portion off at 1 MB, so that a client has to ask again; this cloud does much sooner.
LINES_OF_A_PORTION = 25


class LogFileRequests(ControlPlane):
    """Describe and download. RDS begins a file every hour; the cloud has one, named for the instance's first."""

    def describe_db_log_files(self, db_instance_identifier: str, file_last_written: int | None = None, **_: Any) -> list[dict[str, Any]]:
        instance = self.find(db_instance_identifier)
        if instance.server is None or instance.tag(LOG_TAG) == "none":
            return []
        file = instance.server.log.stat()
        last_written = int(file.st_mtime * 1000)
        if last_written < int(file_last_written or 0):
            return []
        size = len(_shown(instance))
        return [{"LogFileName": _log_name(instance), "LastWritten": last_written, "Size": size}]

    def download_log(self, identifier: str, name: str, marker: str | None, lines: int | None) -> dict[str, Any]:
        """A portion of the log from a marker on, which is a position in bytes, or the last lines without one."""
        instance = self.find(identifier)
        if instance.server is None or name != _log_name(instance):
            raise RDSClientError("DBLogFileNotFoundFault", f"DBLog File: {name}, is not found on the DB instance")
        content = _shown(instance)
        if marker is None:
            portion, end = content.splitlines(keepends=True)[-(lines or LINES_AT_A_TIME) :], len(content)
        else:
            limit = min(lines, LINES_OF_A_PORTION) if lines else LINES_AT_A_TIME
            portion = content[int(marker) :].splitlines(keepends=True)[:limit]
            end = int(marker) + sum(map(len, portion))
        return {
            "LogFileData": b"".join(portion).decode(errors="replace"),
            "Marker": str(end),
            "AdditionalDataPending": end < len(content),
        }


def _shown(instance: Instance) -> bytes:
    """The whole lines of the log that may be seen, which never change behind a marker."""
    lines = instance.server.log.read_bytes().splitlines(keepends=True)
    return b"".join(line for line in lines if line.endswith(b"\n") and instance.shows(line.decode(errors="replace")))


def _log_name(instance: Instance) -> str:
    return f"error/postgresql.log.{instance.created:%Y-%m-%d-%H}"
