"""Requests that concern the log files of an instance."""

from typing import Any

from moto.rds.exceptions import RDSClientError

from .control_plane import ControlPlane
from .instance import Instance

LINES_AT_A_TIME = 10000


class LogFileRequests(ControlPlane):
    """Describe and download. RDS begins a file every hour; the cloud has one, named for the instance's first."""

    def describe_db_log_files(self, db_instance_identifier: str, **_: Any) -> list[dict[str, Any]]:
        instance = self.find(db_instance_identifier)
        if instance.server is None:
            return []
        file = instance.server.log.stat()
        return [{"LogFileName": _log_name(instance), "LastWritten": int(file.st_mtime * 1000), "Size": file.st_size}]

    def download_log(self, identifier: str, name: str, marker: str | None, lines: int | None) -> dict[str, Any]:
        """A portion of the log from a marker on, which is a position in bytes, or the last lines without one."""
        instance = self.find(identifier)
        if instance.server is None or name != _log_name(instance):
            raise RDSClientError("DBLogFileNotFoundFault", f"DBLog File: {name}, is not found on the DB instance")
        content = instance.server.log.read_bytes()
        limit = lines or LINES_AT_A_TIME
        if marker is None:
            portion, end = content.splitlines(keepends=True)[-limit:], len(content)
        else:
            portion = content[int(marker) :].splitlines(keepends=True)[:limit]
            end = int(marker) + sum(map(len, portion))
        return {
            "LogFileData": b"".join(portion).decode(errors="replace"),
            "Marker": str(end),
            "AdditionalDataPending": end < len(content),
        }


def _log_name(instance: Instance) -> str:
    return f"error/postgresql.log.{instance.created:%Y-%m-%d-%H}"
