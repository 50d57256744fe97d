"""What a browser shows is held against report.json: whatever differs is found, and named."""

import copy

import pytest

from . import charts, figures

REPORT = {
    "execution": {"started_at": "2026-11-24T22:00:00.000Z", "duration_ms": 61_000, "input": {"source": "d"}},
    "error": None,
    "keys": {"before": "arn:of:key", "encrypted_before": True},
    "steps": [{"began_at": "2026-11-24T22:00:06.100Z", "duration_ms": 30_500, "ended_at": "2026-11-24T22:00:36.600Z", "failed_calls": 0}],
    "pause": {"write_pause_ms": 40, "phases": [{"phase": "locks", "ms": 10}, {"phase": "drain", "ms": 30}]},
    "progress": {
        "highest_lag_bytes": 1536,
        "samples": [
            {"at": "2026-11-24T22:00:10.000Z", "lag_bytes": None, "retained_wal_bytes": 0},
            {"at": "2026-11-24T22:00:20.000Z", "lag_bytes": 1536, "retained_wal_bytes": 50},
            {"at": "2026-11-24T22:00:30.000Z", "lag_bytes": 0, "retained_wal_bytes": 100},
        ],
    },
}


def figure(place: str, text: str, **attributes: str) -> dict:
    return {"place": place, "text": text, "unit": None, "value": None, "datetime": None, "dataValue": None} | attributes


SHOWN = [
    figure("execution.started_at", "2026-11-24 22:00:00", datetime="2026-11-24T22:00:00.000Z"),
    figure("execution.duration_ms", "1\u00a0min 01\u00a0s", unit="ms", value="61000"),
    figure("execution.input", '{\n  "source": "d"\n}', unit="json"),
    figure("keys.before", "arn:of:key"),
    figure("keys.encrypted_before", "encrypted", dataValue="true"),
    figure("steps.0.began_at", "2026-11-24 22:00:06", datetime="2026-11-24T22:00:06.100Z"),
    figure("steps.0.duration_ms", "30.5\u00a0s", unit="ms", value="30500"),
    figure("pause.write_pause_ms", "40\u00a0ms", unit="ms", value="40"),
    *(figure(f"pause.phases.{place}.phase", phase) for place, phase in enumerate(("locks", "drain"))),
    *(figure(f"pause.phases.{place}.ms", f"{ms}\u00a0ms", unit="ms", value=str(ms)) for place, ms in enumerate((10, 30))),
    figure("progress.highest_lag_bytes", "1.5\u00a0KiB", unit="bytes", value="1536"),
]
LINES = [
    {"series": "lag_bytes", "points": [[0, 0], [10_000, 1_000]]},
    {"series": "retained_wal_bytes", "points": [[0, 1_000], [5_000, 500], [10_000, 0]]},
]
BARS = [[1_000, 5_000], [0, 2_500], [2_500, 7_500]]


def test_a_page_that_shows_what_is_meant_has_no_problem():
    assert list(figures.problems(REPORT, SHOWN)) == []
    assert list(charts.problems(REPORT, LINES, BARS)) == []


@pytest.mark.parametrize("place", range(len(SHOWN)), ids=[each["place"] for each in SHOWN])
def test_a_figure_that_is_missing_or_another_one_is_named(place):
    name = SHOWN[place]["place"]
    without = [each for each in SHOWN if each is not SHOWN[place]]
    assert [problem.split()[0] for problem in figures.problems(REPORT, without)] == [name]
    other = copy.deepcopy(SHOWN)
    machine = next((member for member in ("value", "datetime", "dataValue") if other[place][member]), "text")
    other[place][machine] = "[1]"
    assert [problem.split()[0] for problem in figures.problems(REPORT, other)] == [name]


def test_a_figure_of_nothing_is_named():
    assert list(figures.problems(REPORT, [*SHOWN, figure("pause.rows", "7")])) == ["pause.rows is not in report.json"]


@pytest.mark.parametrize(
    ("lines", "bars"),
    [(LINES[1:], BARS), ([*LINES, {"series": "x", "points": []}], BARS), (LINES, BARS[1:]), (LINES, [[1_000, 5_100], *BARS[1:]])],
    ids=["a line less", "a line more", "a bar less", "a longer bar"],
)
def test_another_chart_is_a_problem(lines, bars):
    assert list(charts.problems(REPORT, lines, bars))
    moved = [{"series": LINES[0]["series"], "points": [[0, 100], [10_000, 1_000]]}, LINES[1]]
    assert list(charts.problems(REPORT, moved, BARS)) == ["the line of lag_bytes is not the one of the samples"]
