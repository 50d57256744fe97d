"""Lines and bars of a page against `report.json`."""

from collections.abc import Iterator
from datetime import datetime

ACROSS, DOWN, NARROWEST = 10_000, 1_000, 60
# Drawn in whole numbers.
NEAR = 1


def problems(report: dict, lines: list[dict], bars: list[list[int]]) -> Iterator[str]:
    """`lines`: series and points of each; `bars`: left edge and width of each, in the order of the page."""
    wanted = {name: _points(report, name) for name in ("lag_bytes", "retained_wal_bytes")}
    found = {line["series"]: line["points"] for line in lines}
    for name, points in wanted.items():
        if not _are_near(found.pop(name, []), points):
            yield f"the line of {name} is not the one of the samples"
    yield from (f"there is a line of {name}" for name in found)
    expected = [*_steps(report), *_phases(report)]
    if len(bars) != len(expected):
        yield f"{len(bars)} bars, where {len(expected)} things took time"
    for place, (bar, told) in enumerate(zip(bars, expected, strict=False)):
        if not _are_near([bar], [told]):
            yield f"bar {place} is {bar}, where {told} is meant"


def _points(report: dict, name: str) -> list[list[int]]:
    samples = [(_ms(each["at"]), each[name]) for each in report["progress"]["samples"] if each[name] is not None]
    if not samples:
        return []
    first, span = samples[0][0], max(samples[-1][0] - samples[0][0], 1)
    top = max(1, *(value for _, value in samples))
    points = [[(at - first) * ACROSS / span, DOWN - max(value, 0) * DOWN / top] for at, value in samples]
    return [*points, [ACROSS, points[0][1]]] if len(points) == 1 else points


def _steps(report: dict) -> Iterator[list[float]]:
    began, whole = _ms(report["execution"]["started_at"]), report["execution"]["duration_ms"]
    return (_bar(_ms(step["began_at"]) - began, step["duration_ms"], whole) for step in report["steps"])


def _phases(report: dict) -> Iterator[list[float]]:
    pause, before = report["pause"], 0
    for phase in pause["phases"] if pause else ():
        yield _bar(before, phase["ms"], pause["write_pause_ms"])
        before += phase["ms"]


def _bar(begin: int, length: int, whole: int) -> list[float]:
    width = min(max(length * ACROSS / max(whole, 1), NARROWEST), ACROSS)
    return [min(begin * ACROSS / max(whole, 1), ACROSS - width), width]


def _ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


def _are_near(found: list[list[float]], meant: list[list[float]]) -> bool:
    return len(found) == len(meant) and all(
        abs(one - other) <= NEAR for points in zip(found, meant, strict=True) for one, other in zip(*points, strict=True)
    )
