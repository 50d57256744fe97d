"""Functions without a container, as they are developed: `cargo lambda watch` runs what `dev` builds, `cargo lambda invoke` calls it."""

import contextlib
import json
import os
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from demo.waiting import wait_until

from .templates import REPOSITORY

LOOPBACK = "127.0.0.1"
STARTING_LIMIT_SECONDS, INVOCATION_LIMIT_SECONDS, ENDING_LIMIT_SECONDS = 60, 120, 30


@contextlib.contextmanager
def watching(builder: Path, variables: dict[str, str], log: Path) -> Iterator[Callable[[str, Path], dict]]:
    """Invokes a function by its binary's name on the event in a file."""
    port = _free_port()
    environment = os.environ | variables | {"PATH": f"{builder}/bin:{os.environ['PATH']}"}
    place = ["--invoke-address", LOOPBACK, "--invoke-port", str(port)]

    def invoke(function: str, event: Path) -> dict:
        command = ["cargo", "lambda", "invoke", *place, function, "--data-file", event, "--output-format", "json"]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=INVOCATION_LIMIT_SECONDS)
        return json.loads(ended.stdout) if ended.returncode == 0 else _error(ended.stderr)

    with log.open("wb") as written:
        command = ["setpriv", "--pdeathsig", "TERM", "cargo", "lambda", "watch", "--ignore-changes", *place]
        process = subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stdout=written, stderr=written)
    try:
        wait_until(lambda: _listens(port), bool, f"cargo lambda watch: {log.read_text()[-500:]}", STARTING_LIMIT_SECONDS)
        yield invoke
    finally:
        process.terminate()
        process.wait(timeout=ENDING_LIMIT_SECONDS)


def _error(told: str) -> dict:
    """As the function answered it, from what is printed of it for people."""
    name, message = re.search(r"^Error: (\S+)\s+(.*)", told, re.MULTILINE | re.DOTALL).groups()
    return {"errorType": name, "errorMessage": message}


def _free_port() -> int:
    with socket.create_server((LOOPBACK, 0)) as server:
        return server.getsockname()[1]


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((LOOPBACK, port), timeout=1):
        return True
    return False
