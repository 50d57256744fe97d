"""A source that is changed while its run waits for days."""

import pytest

from demo.waiting import wait_until
from executions.runs import approve, target_of
from executions.sources import LIMIT_SECONDS, make_source, secret_name

from .test_secrets import held

CHANGED = {"DBInstanceClass": "db.r6g.large", "BackupRetentionPeriod": 14, "CopyTagsToSnapshot": True}
TAG = {"Key": "team", "Value": "orders"}


def change(cloud, databases, instance: dict) -> None:
    rds, identifier = cloud.client("rds"), instance["DBInstanceIdentifier"]
    rds.modify_db_instance(DBInstanceIdentifier=identifier, ApplyImmediately=True, **CHANGED)
    rds.add_tags_to_resource(ResourceName=instance["DBInstanceArn"], Tags=[TAG])
    databases.in_status(identifier, "available")


@pytest.mark.parametrize("major", [17, pytest.param(14, marks=pytest.mark.long)])
def test_settings_that_change_during_the_wait_hold_the_run_until_both_are_alike(cloud, databases, outcome, major):
    name = f"changing-{major}"
    source = make_source(cloud, name, major)
    with outcome.carried(source, cutover={"secrets": [secret_name(name)]}) as execution:
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        change(cloud, databases, source)
        approve(cloud, name, execution.name)
        seen = wait_until(lambda: held(execution), bool, "a run that is held", LIMIT_SECONDS)
        named = ("DBInstanceClass: db.r6g.large on the source, db.t3.medium", "BackupRetentionPeriod: 14 on the source", "team=orders")
        for word in named:
            assert any(word in each for each in seen), seen
        target = target_of(databases, name)
        change(cloud, databases, target)
    after = databases.describe(target["DBInstanceIdentifier"])
    assert {member: after[member] for member in CHANGED} == CHANGED and TAG in after["TagList"]


@pytest.mark.long
def test_members_of_a_cluster_are_looked_at_as_well(cloud, databases, outcome):
    name = "changing-members"
    source = make_source(cloud, name, 16, "aurora")
    with outcome.carried(source, cutover={"secrets": [secret_name(name)]}) as execution:
        execution.wait_for_state("WaitForApproval", LIMIT_SECONDS)
        change = {"DBInstanceClass": "db.r6g.large", "ApplyImmediately": True}
        cloud.client("rds").modify_db_instance(DBInstanceIdentifier=f"{name}-2", **change)
        approve(cloud, name, execution.name)
        seen = wait_until(lambda: held(execution), bool, "a run that is held", LIMIT_SECONDS)
        assert any(f"DBInstanceClass of {name}-2" in each for each in seen), seen
        (new,) = [each["DBInstanceIdentifier"] for each in databases.all() if each["DBInstanceIdentifier"].startswith(f"{name}-2-enc-")]
        cloud.client("rds").modify_db_instance(DBInstanceIdentifier=new, **change)
