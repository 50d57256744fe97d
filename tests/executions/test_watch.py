"""`python -m watch`, as an operator uses it: with its own process, credentials and terminal."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from demo.executions import Execution
from demo.waiting import wait_until

from .sources import LIMIT_SECONDS, make_request, make_source

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, "watched", 17)


@pytest.fixture
def watch(cloud):
    """Starts the command, given how its output is taken."""

    def start(execution: str, **streams) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "watch", execution], cwd=REPOSITORY, env=os.environ | cloud.exports, text=True,
            # Who starts the tests in the background has them ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler), **streams,  # noqa: PLW1509
        )  # fmt: skip

    return start


@pytest.fixture
def watched(watch):
    """What it prints without a terminal, and its exit status."""

    def run(execution: str) -> tuple[int, str]:
        process = watch(execution, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        printed, _ = process.communicate(timeout=LIMIT_SECONDS)
        return process.returncode, printed

    return run


def test_a_plan_is_followed_by_name_to_its_findings(cloud, source, watched):
    Execution(cloud, "watched-plan", make_request("watched", plan_only=True))
    status, printed = watched("watched-plan")
    assert status == 0, printed
    assert "\x1b" not in printed and "SUCCEEDED  watched-plan" in printed
    assert "fine     FreeStorage: " in printed


def test_a_refusal_names_its_paragraph_of_the_runbook(cloud, watched):
    execution = Execution(cloud, "watched-refusal", make_request("nobody"))
    status, printed = watched(execution.arn)
    assert status == 1, printed
    assert 'what to do: infra/runbook.md, "SourceNotFound"' in printed.splitlines()[-1]


def test_what_cannot_be_read_is_no_failure_of_the_execution(cloud, watched):
    status, printed = watched("never-started")
    assert status == 2 and printed.startswith("cannot read never-started: ") and "ExecutionDoesNotExist" in printed


def test_who_stops_watching_stops_nothing_else(cloud, watch):
    client = cloud.client("stepfunctions")
    waiting = {"StartAt": "WaitForCapacity", "States": {"WaitForCapacity": {"Type": "Wait", "Seconds": LIMIT_SECONDS, "End": True}}}
    machine = client.create_state_machine(name="waiting", definition=json.dumps(waiting), roleArn="arn:aws:iam::123456789012:role/waiting")
    execution = Execution(cloud, "watched-no-longer", {}, machine_arn=machine["stateMachineArn"])
    process = watch(execution.arn, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130 and "the execution goes on" in said
    assert execution.status == "RUNNING"
    execution.stop()


def test_on_a_terminal_there_is_a_part_that_moves(cloud, source, watch):
    execution = Execution(cloud, "watched-on-a-terminal", make_request("watched", plan_only=True))
    ours, theirs = pty.openpty()
    process = watch(execution.arn, stdout=theirs, stderr=theirs)
    os.close(theirs)
    printed = bytearray()

    def read() -> bytes:
        try:
            printed.extend(os.read(ours, 65536))
        except OSError:
            # The other end is closed: Linux's way to say so.
            return b"closed"
        return b""

    wait_until(read, lambda said: said == b"closed", "the command to end", LIMIT_SECONDS)
    os.close(ours)
    assert process.wait(timeout=30) == 0, printed.decode()
    assert b"\x1b[" in printed and "SUCCEEDED" in printed.decode()
