"""plan_only: an answer, and nothing else."""

import pytest

from demo.executions import Execution, entered_states
from demo.footprint import footprint

from .runs import move
from .sources import LIMIT_SECONDS, make_request, make_source


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, "planned", 17)


@pytest.mark.parametrize("member", ["DBInstanceIdentifier", "DBInstanceArn", "DbiResourceId"])
def test_a_plan_names_what_would_be_made_and_changes_nothing(cloud, source, key_arn, member):
    before = footprint(cloud, source, ["postgres", "app"])
    execution = Execution(cloud, f"plan-by-{member}", make_request("planned", source=source[member], plan_only=True))
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", described
    output = execution.output
    assert set(output) == {"plan", "findings", "steps"}
    assert output["plan"]["source"]["identifier"] == "planned" and output["plan"]["kms_key_arn"] == key_arn
    assert {database["name"] for database in output["plan"]["databases"]} == {"postgres", "app"}
    assert any("journal.event" in finding["found"] for finding in output["findings"])
    measured = {finding["name"]: finding for finding in output["findings"] if finding["name"] in ("FreeStorage", "WalGrowth")}
    assert measured["FreeStorage"]["verdict"] == "fine" and "of 20480 MiB are free" in measured["FreeStorage"]["found"]
    assert "MiB of WAL an hour" in measured["WalGrowth"]["found"] and "h are assumed" in measured["WalGrowth"]["limit"]
    assert any(key_arn in step for step in output["steps"])
    assert [each.state for each in entered_states(execution.events())] == [
        "IsRecovery", "Preflight", "ReadSecurityGroups", "ReadSubnets", "Inspect", "IsPlanOnly", "Planned",
    ]  # fmt: skip
    assert footprint(cloud, source, ["postgres", "app"]) == before


@pytest.mark.long
def test_what_is_under_a_key_that_aws_owns_is_encrypted_already_and_moves_to_another_key(cloud, databases, key_arn):
    """RDS describes it with StorageEncrypted false."""
    tags = [{"Key": "cloud:storage-encryption", "Value": "sse-rds"}]
    source = make_source(cloud, "owned", 17, "aurora", Tags=tags)
    described = databases.describe_cluster("owned")
    assert (described["StorageEncrypted"], described["StorageEncryptionType"]) == (False, "sse-rds")
    plan = Execution(cloud, "plan-owned", make_request("owned", plan_only=True))
    assert plan.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
    assert plan.output["plan"]["source"]["kms_key"] == "a key of AWS's own"
    moved = move(cloud, source, make_request("owned"), key_arn)
    moved.assert_nothing_lost()
    target = databases.describe_cluster(moved.scene.target["DBClusterIdentifier"])
    assert (target["StorageEncrypted"], target["StorageEncryptionType"]) == (True, "sse-kms")


def test_a_source_that_is_encrypted_hears_of_a_read_replica_under_another_key(cloud, source, key_arn):
    make_source(cloud, "encrypted", 16, "rekey")
    told = {}
    for identifier in "planned", "encrypted":
        execution = Execution(cloud, f"replica-{identifier}", make_request(identifier, plan_only=True))
        assert execution.wait(LIMIT_SECONDS)["status"] == "SUCCEEDED"
        told[identifier] = [each["verdict"] for each in execution.output["findings"] if each["name"] == "ReadReplicaUnderKey"]
    assert told == {"planned": [], "encrypted": ["fine"]}
