"""The export of server logs to CloudWatch Logs, as `EnableCloudwatchLogsExports: [postgresql]` asks for it."""

import datetime
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path

from moto.logs.models import LogsBackend

INTERVAL_SECONDS = 0.1
TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(\.\d+)? UTC")


class LogExport:
    """Follows one server log from a position on and sends what is added."""

    def __init__(self, log: Path, position: int, logs: LogsBackend, group: str, stream: str, shows: Callable[[str], bool]):
        self.position = position
        self._log = log
        self._logs = logs
        self._group = group
        self._stream = stream
        self._shows = shows
        self._last_timestamp = int(time.time() * 1000)

    def ship(self) -> None:
        with self._log.open("rb") as log:
            log.seek(self.position)
            added = log.read()
        whole_lines = added[: added.rfind(b"\n") + 1]
        if not whole_lines:
            return
        self.position += len(whole_lines)
        shown = [record for record in records(whole_lines.decode(errors="replace")) if self._shows(record)]
        events = [self._event(record) for record in shown]
        self._make_stream()
        self._logs.put_log_events(self._group, self._stream, sorted(events, key=lambda event: event["timestamp"]))

    def _event(self, record: str) -> dict:
        """An event has the time that the server wrote into the line; a line without one that of its predecessor."""
        stamp = TIMESTAMP.match(record)
        if stamp:
            moment = datetime.datetime.fromisoformat(stamp.group(1) + (stamp.group(2) or ""))
            self._last_timestamp = int(moment.replace(tzinfo=datetime.UTC).timestamp() * 1000)
        return {"timestamp": self._last_timestamp, "message": record}

    def _make_stream(self) -> None:
        if self._group not in self._logs.groups:
            self._logs.create_log_group(self._group, {})
        if self._stream not in self._logs.groups[self._group].streams:
            self._logs.create_log_stream(self._group, self._stream)


def records(text: str) -> list[str]:
    """Split a server log; further lines of a message begin with a tab (elog.c) and stay with the first."""
    found: list[str] = []
    for line in text.splitlines():
        if line.startswith("\t") and found:
            found[-1] += "\n" + line
        else:
            found.append(line)
    return found


class LogExporter:
    """One thread that ships all exported logs."""

    def __init__(self):
        self._exports: dict[object, LogExport] = {}
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="log-export", daemon=True)
        self._thread.start()

    def follow(self, key: object, export: LogExport) -> None:
        with self._lock:
            self._exports[key] = export

    def forget(self, key: object) -> LogExport | None:
        """Ship the rest and follow it no longer."""
        with self._lock:
            export = self._exports.pop(key, None)
            if export:
                export.ship()
            return export

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(INTERVAL_SECONDS):
            with self._lock:
                for export in self._exports.values():
                    export.ship()
