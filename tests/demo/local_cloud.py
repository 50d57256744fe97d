"""A local cloud of one's own, on a free port, as a client sees it."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config

from .cache import cache_directory

# Its servers end at once; the files of twenty of them take a while to remove on a busy machine.
ENDING_LIMIT_SECONDS = 300


class LocalCloud:
    """A running cloud with the product deployed on it; it ends with the `with` block, and with this process."""

    def __init__(self, *options: str) -> None:
        # The kernel tells the cloud to end when this process is killed and cannot do so itself.
        ends_with_us = ["setpriv", "--pdeathsig", "TERM"]
        self._process = subprocess.Popen(
            [*ends_with_us, sys.executable, "-m", "cloud", "--port", "0", *options],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        # What it prints for a shell to export.
        self.exports: dict[str, str] = {}
        while (line := self._process.stdout.readline()) != "ready\n":
            if not line:
                raise RuntimeError(f"the cloud ended with {self._process.wait()} before it was ready")
            name, value = line.removeprefix("export ").strip().split("=", 1)
            self.exports[name] = value
        self._session = boto3.Session("local", "local", region_name=self.exports["AWS_REGION"])
        self._clients = {}
        # Clients may be shared between threads, sessions may not (boto3 guide, "Session").
        self._lock = threading.Lock()

    def __enter__(self) -> "LocalCloud":
        return self

    def __exit__(self, *_) -> None:
        self._process.terminate()
        try:
            self._process.wait(timeout=ENDING_LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            # It writes where its threads are, and nothing says when it has.
            self._process.send_signal(signal.SIGUSR1)
            time.sleep(1)
            self._process.kill()
            raise

    @property
    def ca_file(self) -> str:
        """Certificate authority of its databases."""
        return self.exports["RDS_CA_FILE"]

    @property
    def state_machine_arn(self) -> str:
        return self.exports["STATE_MACHINE_ARN"]

    @property
    def topic_arn(self) -> str:
        """Where phases and ends of executions are told."""
        return self.exports["TOPIC_ARN"]

    @property
    def report_bucket(self) -> str:
        """Where the report of each execution is written when it has ended."""
        return self.exports["REPORT_BUCKET"]

    @property
    def way_back_state_machine_arn(self) -> str:
        return f"{self.state_machine_arn}-way-back"

    @property
    def fleet_state_machine_arn(self) -> str:
        return self.exports["FLEET_STATE_MACHINE_ARN"]

    @property
    def fleet_bucket(self) -> str:
        """Where a campaign writes what became of each database."""
        return self.exports["FLEET_BUCKET"]

    @property
    def fleet_topic_arn(self) -> str:
        return self.exports["FLEET_TOPIC_ARN"]

    def client(self, service: str):
        """A client of one of its services, for any number of threads."""
        with self._lock:
            if service not in self._clients:
                url = self.exports["AWS_ENDPOINT_URL"]
                config = Config(max_pool_connections=32)
                self._clients[service] = self._session.client(service, endpoint_url=url, config=config)
            return self._clients[service]

    def api(self, method: str, path: str, body: dict | None = None) -> dict:
        """What the cloud's own interface answers (local_cloud/api.py)."""
        url = f"{self.exports['AWS_ENDPOINT_URL']}/cloud-api/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode() if body else None, method=method)
        with urllib.request.urlopen(request, timeout=30) as response:
            return json.load(response)


def binaries_directory() -> Path:
    """Where cargo puts the functions, unless told otherwise."""
    profile = os.environ.get("PROFILE", "release").replace("dev", "debug")
    return Path(os.environ.get("CARGO_TARGET_DIR", cache_directory() / "target")) / profile
