"""Shows an execution: a line for each change and, on a terminal, a live panel below them."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from .phases import CLEAN_UP, UNDO, VERIFY, place_of
from .progress import RUNNING, SUCCEEDED, Progress

# Without a change, a line with the current numbers is due this often.
A_LINE_EVERY_SECONDS = 60
UNITS = ("B", "kB", "MB", "GB", "TB")


class View:
    """Shows an execution while the `with` block lasts. `aside` returns further text for each line."""

    def __init__(self, console: Console | None = None, aside: Callable[[], str] = str) -> None:
        self._console = console or Console(highlight=False)
        self._aside = aside
        self._progress: Progress | None = None
        self._shown: tuple[object, ...] = ()
        self._shown_at: datetime | None = None
        moves = self._console.is_terminal and not self._console.is_dumb_terminal
        self._live = Live(get_renderable=self._panel, console=self._console, refresh_per_second=2, transient=True) if moves else None

    def __enter__(self) -> "View":
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def show(self, progress: Progress, now: datetime) -> None:
        """Prints a line if something has changed or a line is due, and the outcome once it has ended."""
        self._progress = progress
        if progress.status != RUNNING:
            for line in ending(progress) if self._shown != (progress.status,) else []:
                self.tell(line)
            self._shown = (progress.status,)
            return
        doing = (progress.phase, progress.waits_for, progress.trouble, progress.verified_tables)
        is_due = self._shown_at is None or (now - self._shown_at).total_seconds() >= A_LINE_EVERY_SECONDS
        if progress.phase and (doing != self._shown or is_due):
            self._shown, self._shown_at = doing, now
            self.tell(line_of(progress, now, self._aside()))

    def tell(self, what: str) -> None:
        """Prints a line of its own, never wrapped, so that it can be copied."""
        self._console.print(Text("".join(each if each.isprintable() else " " for each in what)), soft_wrap=True)

    def _panel(self) -> RenderableType:
        progress, now = self._progress, datetime.now(UTC)
        if progress is None or progress.phase is None or progress.status != RUNNING:
            return Text("")
        grid = Table.grid(padding=(0, 2))
        grid.add_row(Text(progress.phase.name, style="bold"), _bar(progress), Text(duration(now - progress.began)))
        parts = (progress.phase.text, numbers(progress), time_left(progress, now), self._aside())
        rows = [Text(text, overflow="ellipsis", no_wrap=True) for text in parts if text]
        return Group(grid, *rows)


def _bar(progress: Progress) -> RenderableType:
    """Phases completed, plus the known share of this one. Phases differ in length, so this does not measure time."""
    place = progress.phase and place_of(progress.phase)
    if place is None:
        return ProgressBar(width=40, pulse=True)
    number, count = place
    return ProgressBar(total=count, completed=number - 1 + (progress.share or 0), width=40)


def line_of(progress: Progress, now: datetime, aside: str = "") -> str:
    phase = progress.phase
    assert phase
    place = place_of(phase)
    waits = f"waiting for {progress.waits_for}" if progress.waits_for else ""
    trouble = f"retrying after {progress.trouble}" if progress.trouble else ""
    because = f"because of {progress.undone_because}" if progress.undone_because else ""
    parts = [phase.text, because, numbers(progress), time_left(progress, now), trouble, aside, waits]
    return f"{duration(now - progress.began)}  {phase.name:<11} {f'{place[0]}/{place[1]}' if place else '':<5}  {'; '.join(filter(None, parts))}"


def numbers(progress: Progress) -> str:
    """The current numbers, without the last ones of a target that the run no longer follows."""
    parts = []
    if progress.phase not in (CLEAN_UP, UNDO):
        if progress.lag_bytes is not None:
            parts.append(f"lag {size(progress.lag_bytes)}")
        if progress.retained_wal_bytes is not None:
            parts.append(f"source keeps {size(progress.retained_wal_bytes)} of WAL")
        if progress.free_storage_bytes is not None:
            parts.append(f"has {size(progress.free_storage_bytes)} free")
    if progress.phase is VERIFY and progress.tables is not None:
        parts.append(f"{progress.verified_tables} of {progress.tables} tables equal, {progress.verified_rows:,} rows")
    elif progress.said and not progress.waits_for:
        parts.append(progress.said)
    return ", ".join(parts)


def time_left(progress: Progress, now: datetime) -> str:
    seconds = progress.seconds_left(now)
    return "left in this phase: " + ("unknown" if seconds is None else f"about {duration(seconds)}")


def ending(progress: Progress) -> list[str]:
    """The outcome, and where to read on."""
    assert progress.ended
    took = f"{progress.name}, after {duration(progress.ended - progress.began)}"
    if progress.status == SUCCEEDED:
        return [f"SUCCEEDED  {took}", *_achieved(progress.output)]
    if progress.status == "ABORTED":
        return [f"ABORTED  {took}", "stopped by somebody: another execution undoes the run, or completes it if its fence is closed"]
    # An execution that reached its time limit has no error name.
    error = progress.error or "States.Timeout"
    undone = ["everything was undone"] if progress.phase is UNDO and progress.error != "UndoFailed" else []
    explained = [f'what to do: infra/runbook.md, "{error}"'] if progress.error and "." not in error else []
    return [f"{progress.status}  {took}: {error}", *progress.cause.splitlines(), *undone, *explained]


def _achieved(output: dict) -> list[str]:
    if findings := output.get("findings"):
        return [f"{finding['verdict']:<8} {finding['name']}: {finding['found']}" for finding in findings]
    if target := output.get("target"):
        place = f"{target['identifier']} at {target['endpoint']}:{target['port']}"
        done = f"{output['source']} is now {place}, under {output['kms_key_arn']}; writes paused for {output['write_pause_ms']} ms"
        return [done, *_to_repoint(output.get("report", {}))]
    return []


def _to_repoint(report: dict) -> list[str]:
    is_switched = report.get("switched_secrets") != []
    return [] if is_switched else ["no secret was switched: point the application at it yourself, the source refuses its writes"]


def duration(seconds: object) -> str:
    """As in 1:02:03."""
    whole = int(getattr(seconds, "total_seconds", lambda: seconds)())
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def size(count: float) -> str:
    """In powers of 1,000."""
    power = min(len(UNITS) - 1, int(math.log10(max(1, abs(count))) // 3))
    return f"{count / 1000**power:.{min(power, 1)}f} {UNITS[power]}"
