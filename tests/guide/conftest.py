"""A cloud with the stack on it, and a shell for a reader's commands."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from demo.cache import cache_directory
from demo.local_cloud import LocalCloud, binaries_directory

REPOSITORY = Path(__file__).resolve().parents[2]
LIMIT_SECONDS = 500


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud("--binaries", str(binaries_directory())) as running:
        yield running


@pytest.fixture(scope="module")
def shell(cloud) -> Callable[..., subprocess.CompletedProcess]:
    """Runs a script in bash, from the project's root, with the aws command of tests/install-guide: its status and all that it prints."""
    commands = cache_directory() / "aws" / "bin"
    # Nothing of this process's own may reach the commands: no profile, no server, no flags of make's.
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MAKE", "PG"))}
    environment = own | cloud.exports | {"PATH": f"{commands}:{os.environ['PATH']}", "AWS_PAGER": ""}

    def run(script: str, **variables: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            ["bash", "-c", f"exec 2>&1\nset -eo pipefail\n{script}"], cwd=REPOSITORY, env=environment | variables, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS,
        )  # fmt: skip

    return run
