"""A Docker engine: the one that answers already, or one of our own."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
STARTING_LIMIT_SECONDS = 60
ENDING_LIMIT_SECONDS = 60


class NoEngine(Exception):
    """None answers and none can be started; the text says why."""


@contextlib.contextmanager
def running_engine(cache: Path) -> Iterator[dict[str, str]]:
    """The environment in which `docker` and `sam` find an engine; one of our own ends with the block."""
    if _answers(dict(os.environ)):
        yield dict(os.environ)
        return
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and only root can start one")
    try:
        subprocess.run([TESTS / "install-docker"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoEngine(f"no Docker engine answers, and Debian's cannot be had: {_last_line(getattr(error, 'stderr', ''))}") from error
    # The paths of sockets may have no more than 107 characters.
    directory = Path(tempfile.mkdtemp(prefix="sam-local-"))
    with contextlib.ExitStack() as at_end:
        at_end.callback(shutil.rmtree, directory, ignore_errors=True)
        yield at_end.enter_context(_started(cache / "docker", directory))


@contextlib.contextmanager
def _started(home: Path, directory: Path) -> Iterator[dict[str, str]]:
    environment = os.environ | {
        "PATH": f"{home}/usr/sbin:{home}/usr/bin:{os.environ['PATH']}",
        "DOCKER_HOST": f"unix://{directory}/docker.sock",
    }
    libraries = next(home.glob("lib/*-linux-gnu"))
    log = directory / "log"
    # Without a bridge and rules of a firewall: its containers use this machine's network, and it changes nothing there. What it
    # mounts goes with it, and it goes with us.
    command = [
        "setpriv", "--pdeathsig", "TERM", "unshare", "--mount",
        "dockerd", "--host", environment["DOCKER_HOST"], "--data-root", directory / "data", "--exec-root", directory / "exec",
        "--pidfile", directory / "pid", "--bridge", "none", "--iptables=false", "--ip6tables=false", "--storage-driver", "vfs",
    ]  # fmt: skip
    with log.open("wb") as written:
        own = environment | {"LD_LIBRARY_PATH": str(libraries)}
        process = subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, stdout=written, stderr=written)
    try:
        deadline = time.monotonic() + STARTING_LIMIT_SECONDS
        while not _answers(environment):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoEngine(f"no Docker engine answers, and none can be started: {_last_line(log.read_text())}")
            time.sleep(0.2)
        yield environment
    finally:
        process.terminate()
        process.wait(timeout=ENDING_LIMIT_SECONDS)


def _answers(environment: dict[str, str]) -> bool:
    try:
        return subprocess.run(["docker", "version"], env=environment, capture_output=True, timeout=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1]
