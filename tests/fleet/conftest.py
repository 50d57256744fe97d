"""A cloud for the tests of each module, with somebody who reads the fleet's topic."""

import pytest

from executions.conftest import cloud, databases, key_arn, strike  # noqa: F401 - fixtures

from .fleet import Fleet


@pytest.fixture(scope="module")
def fleet(cloud):  # noqa: F811
    return Fleet(cloud)


@pytest.fixture
def tagged(cloud):  # noqa: F811
    """Sets tags of databases as their owners do, and takes them away after the test."""
    rds = cloud.client("rds")
    arns = []

    def tag(arn: str, **tags: str) -> None:
        """A name's `__` stands for a colon, `_` for a hyphen."""
        arns.append((arn, [named(name) for name in tags]))
        rds.add_tags_to_resource(ResourceName=arn, Tags=[{"Key": named(name), "Value": value} for name, value in tags.items()])

    def named(name: str) -> str:
        return name.replace("__", ":").replace("_", "-")

    yield tag
    for arn, names in arns:
        rds.remove_tags_from_resource(ResourceName=arn, TagKeys=names)
