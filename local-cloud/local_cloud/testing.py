"""A client of a cloud of one's own, for tests."""

import io
import json
import os
import stat
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import boto3

# A function that does what its event says, by way of the Lambda runtime API.
BOOTSTRAP = f"#!{sys.executable}\n" + (Path(__file__).parent / "bootstrap.py").read_text()


class Cloud:
    """A running cloud, as a client sees it."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "local_cloud", "--port", "0", *options],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.exports = {}
        while (line := self.process.stdout.readline()) != "ready\n":
            assert line, f"the cloud ended with {self.process.wait()} before it was ready"
            name, value = line.removeprefix("export ").strip().split("=", 1)
            self.exports[name] = value
        self.session = boto3.Session("test", "test", region_name=self.exports["AWS_REGION"])

    def client(self, service: str):
        return self.session.client(service, endpoint_url=self.exports["AWS_ENDPOINT_URL"])

    def api(self, method: str, path: str, body: dict | None = None) -> dict:
        """What the cloud's own interface answers."""
        url = f"{self.exports['AWS_ENDPOINT_URL']}/cloud-api/{path}"
        request = urllib.request.Request(url, json.dumps(body).encode() if body else None, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)

    def create_function(self, name: str, **settings) -> str:
        """A function that does what its event says; its ARN."""
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            entry = zipfile.ZipInfo("bootstrap")
            entry.external_attr = (stat.S_IFREG | 0o755) << 16
            archive.writestr(entry, BOOTSTRAP)
        role = self.role_arn("lambda.amazonaws.com")
        return self.client("lambda").create_function(
            FunctionName=name, Runtime="provided.al2023", Handler="bootstrap", Role=role,
            Code={"ZipFile": package.getvalue()}, **{"Timeout": 10, "MemorySize": 128} | settings,
        )["FunctionArn"]  # fmt: skip

    def role_arn(self, service: str) -> str:
        """A role that the service may take on."""
        iam = self.client("iam")
        name = service.split(".")[0]
        try:
            return iam.get_role(RoleName=name)["Role"]["Arn"]
        except iam.exceptions.NoSuchEntityException:
            statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
            policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            return iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"]

    def stop(self) -> int:
        """Ends it as Ctrl-C does, and says how it ended."""
        self.process.terminate()
        # It removes the servers' directories, which a busy disk makes slow.
        return self.process.wait(timeout=180)


def wait_until(is_so, what: str, limit_seconds: float = 60):
    """The first true value of `is_so()`; fails with what was last seen."""
    deadline = time.monotonic() + limit_seconds
    while not (seen := is_so()):
        assert time.monotonic() < deadline, f"{what}: not within {limit_seconds} s, last seen {seen!r}"
        time.sleep(0.02)
    return seen
