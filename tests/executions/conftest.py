"""A cloud for the tests of each module, with the product on it: no module meets what another has left."""

import pytest

from demo.databases import Databases
from demo.local_cloud import LocalCloud, binaries_directory
from demo.shop import make_key

from .sources import KEY_ALIAS


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud("--binaries", str(binaries_directory())) as running:
        yield running
        # Some refusals are reported and end no execution.
        assert running.api("GET", "refusals") == {}


@pytest.fixture(scope="module")
def databases(cloud):
    return Databases(cloud)


@pytest.fixture(scope="module")
def key_arn(cloud):
    """The key that requests name by its alias."""
    return make_key(cloud, KEY_ALIAS)


@pytest.fixture
def strike(cloud):
    """Asks for a fault, as many times in a row as wanted; forgets what is left of it after the test."""

    def ask(function: str, kind: str, action: str = "do", times: int = 1, after_ms: int = 0) -> None:
        for _ in range(times):
            fault = {"function": function, "kind": kind, "action": action, "after_ms": after_ms}
            cloud.api("POST", "faults", fault)

    yield ask
    cloud.api("DELETE", "faults")
