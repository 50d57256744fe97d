"""Troubles that people reported: a cloud for the tests of each module, and a line for each case at the end.

A case that is marked `long` is left to `make test-reported`; all others are in `make test` as well."""

import pytest

from executions.conftest import cloud, databases, key_arn, strike  # noqa: F401 - fixtures

from .outcomes import Outcome

TOLD = "outcome"


def pytest_configure(config):
    config.addinivalue_line("markers", "long: a whole execution that `make test` leaves to `make test-reported`")


@pytest.fixture
def outcome(cloud, key_arn, record_property) -> Outcome:  # noqa: F811
    return Outcome(cloud, key_arn, lambda line: record_property(TOLD, line))


def pytest_terminal_summary(terminalreporter):
    """A line for each reported case, with what became of it."""
    ended = [report for kind in ("passed", "failed", "error") for report in terminalreporter.stats.get(kind, [])]
    cases = [report for report in ended if report.nodeid.startswith("tests/reported/") and (report.when == "call" or report.failed)]
    if not cases:
        return
    terminalreporter.section("reported troubles")
    fell_short = 0
    for report in sorted(cases, key=lambda report: report.nodeid):
        told = "; ".join(value for name, value in report.user_properties if name == TOLD)
        fell_short += report.failed
        terminalreporter.write_line(f"{report.nodeid.split('::')[-1]}: {'FELL SHORT' if report.failed else told or 'as it must be'}")
    terminalreporter.write_line(f"{len(cases)} cases, {fell_short} in which something was lost, left or wrongly told")
