"""Figures of a page against `report.json`: each that is shown is the one that is meant, and none is missing."""

import json
import re
from collections.abc import Iterator

# Members that a page shows otherwise than as a figure, or not at all.
NOT_FIGURES = re.compile(
    "|".join(
        (
            r"progress\.samples\..*",  # the charts
            r"steps\.\d+\.ended_at",  # began, and took
            r"databases\.\d+\.compared\.\d+\.database",  # the heading
            r"findings\.\d+\.error",  # the finding's name, where it is one
            r"source\.identifier|target\..*|last_state",  # in headings and sentences, of some outcomes
            r"total\..*",  # where rows were compared
            # Of the evidence the page has what people ask for.
            r"evidence\.(schema_version|product_version|region|run|things|replication|changes|failed_calls|pause)(\..*)?",
            r"evidence\.statuses\.\d+\.(last_seen_at|sightings)",
            r"evidence\.start\.(start_lsn|witnesses|log\.starts|log_file\.starts)(\..*)?",
            r"evidence\.(requests\.\d+\.errors\..*|functions\.\d+\.processes)",
        )
    )
)


def problems(report: dict, figures: list[dict]) -> Iterator[str]:
    """`figures`: of each element its place, text, `value`, `datetime`, data-value and data-unit."""
    if not figures:
        yield "shows no figure"
    for figure in figures:
        try:
            meant = _at(report, figure["place"])
        except (KeyError, IndexError, TypeError):
            yield f"{figure['place']} is not in report.json"
            continue
        if (shown := _shown(figure)) != (told := _told(figure, meant)):
            yield f"{figure['place']} is shown as {shown!r}, and is {told!r}"
    shown = {figure["place"] for figure in figures}
    for place, value in _leaves(report):
        is_told_by_silence = value in (None, "") or (value == 0 and place.endswith(".failed_calls"))
        if not is_told_by_silence and place not in shown and not NOT_FIGURES.fullmatch(place):
            yield f"{place} is not shown: {value!r}"


def _at(report: dict, place: str):
    value = report
    for name in place.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def _leaves(value, place: str = "") -> Iterator[tuple[str, object]]:
    """What is no object and no array, by its place. An execution's input is shown in one piece."""
    if place == "execution.input":
        yield place, json.dumps(value)
    elif isinstance(value, dict | list):
        for name, member in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(member, f"{place}.{name}".lstrip("."))
    else:
        yield place, value


def _shown(figure: dict) -> tuple:
    """What people read, and what programs do."""
    return figure["text"], figure["value"] or figure["datetime"] or figure["dataValue"]


def _told(figure: dict, meant) -> tuple:
    """The same, from report.json."""
    if figure["unit"] == "json":
        # In whatever order, and with whatever spaces.
        return (figure["text"], None) if json.loads(figure["text"]) == meant else (json.dumps(meant), None)
    if figure["unit"]:
        return UNITS[figure["unit"]](meant), str(meant)
    if figure["datetime"]:
        return meant[:19].replace("T", " "), meant
    if figure["dataValue"]:
        # A word in place of one of the program's: what it stands for is what counts.
        return figure["text"], meant if isinstance(meant, str) else json.dumps(meant)
    return str(meant), None


def count(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def in_bytes(number: int) -> str:
    power = max(0, (number.bit_length() - 1) // 10) if number > 0 else 0
    if power == 0:
        return f"{number}\u00a0bytes"
    tenths = number * 10 // 1024**power
    return f"{tenths // 10}.{tenths % 10}\u00a0{'KMGTP'[power - 1]}iB"


def in_time(ms: int) -> str:
    seconds, minutes, hours = ms // 1000, ms // 60_000, ms // 3_600_000
    if not seconds:
        return f"{ms}\u00a0ms"
    if not minutes:
        return f"{seconds}.{ms % 1000 // 100}\u00a0s"
    if not hours:
        return f"{minutes}\u00a0min {seconds % 60:02}\u00a0s"
    return f"{hours}\u00a0h {minutes % 60:02}\u00a0min" if hours < 24 else f"{hours // 24}\u00a0d {hours % 24:02}\u00a0h"


UNITS = {"count": count, "bytes": in_bytes, "ms": in_time}
