"""Limits of AWS that the run itself uses up are counted before anything is made."""

import pytest

from demo.executions import Execution
from executions.runs import target_of
from executions.sources import LIMIT_SECONDS, make_request, make_source

NAME = "limited"


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, NAME, 17)


def tag(cloud, instance: dict, count: int) -> None:
    tags = [{"Key": f"team-{n}", "Value": "x"} for n in range(count)]
    cloud.client("rds").add_tags_to_resource(ResourceName=instance["DBInstanceArn"], Tags=tags)


def untag(cloud, instance: dict) -> None:
    rds = cloud.client("rds")
    keys = [each["Key"] for each in rds.list_tags_for_resource(ResourceName=instance["DBInstanceArn"])["TagList"]]
    rds.remove_tags_from_resource(ResourceName=instance["DBInstanceArn"], TagKeys=keys)


@pytest.mark.parametrize("name, characters", [("orders(2)", "( )"), ("o'clock", "'"), ("now!", "!"), ("10€", "€")])
def test_an_execution_whose_name_no_tag_can_have(cloud, source, name, characters):
    """RDS refuses the tag of the first thing that the run makes, when publication and slots are there."""
    execution = Execution(cloud, name, make_request(NAME))
    described = execution.wait(LIMIT_SECONDS)
    assert (described["status"], described["error"]) == ("FAILED", "PreconditionFailed")
    assert f"the execution's name {name} has {characters}, which RDS allows in no tag" in described["cause"]
    assert execution.follow()[-1] == "Refused"


@pytest.mark.parametrize("count, members, most", [(50, {}, 1), (49, {"cutover": {}}, 1)])
def test_a_source_whose_tags_leave_no_room_for_the_runs(cloud, source, outcome, count, members, most):
    tag(cloud, source, count)
    try:
        outcome.refused(source, "PreconditionFailed", f"{NAME} has {count} tags", "50 are allowed", f"remove {most} of them", **members)
    finally:
        untag(cloud, source)


def test_a_minor_version_that_is_no_longer_offered(cloud, outcome):
    old = make_source(cloud, "deprecated", 13, EngineVersion="13.7")
    outcome.refused(old, "PreconditionFailed", "minor version 13.7 of postgres is no longer offered", "upgrade it first")


@pytest.mark.long
def test_storage_that_grew_close_to_its_limit_and_logs_that_end(cloud, databases, outcome):
    """RDS takes no limit below a tenth above what is allocated, and knows nothing of a log group's retention and filters."""
    logs, rds = cloud.client("logs"), cloud.client("rds")
    grown = make_source(cloud, "grown", 16, AllocatedStorage=80, MaxAllocatedStorage=100, EnableCloudwatchLogsExports=["postgresql"])
    rds.modify_db_instance(DBInstanceIdentifier="grown", AllocatedStorage=95, ApplyImmediately=True)
    grown = databases.in_status("grown", "available")
    group = "/aws/rds/instance/grown/postgresql"
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    metric = {"metricName": "errors", "metricNamespace": "grown", "metricValue": "1"}
    logs.put_metric_filter(logGroupName=group, filterName="errors", filterPattern="ERROR", metricTransformations=[metric])
    tag(cloud, grown, 49)
    with outcome.carried(grown) as execution:
        execution.wait_for_state("Subscribe", LIMIT_SECONDS)
        target = target_of(databases, "grown")["DBInstanceIdentifier"]
    assert databases.describe(target)["MaxAllocatedStorage"] == 105
    new_group = f"/aws/rds/instance/{target}/postgresql"
    (described,) = logs.describe_log_groups(logGroupNamePrefix=new_group)["logGroups"]
    assert described["retentionInDays"] == 7
    warnings = "\n".join(each["found"] for each in execution.output["report"]["warnings"])
    assert "MaxAllocatedStorage is not moved as it is: 100 GiB, with 95 GiB allocated" in warnings
    assert f"log group {group}: 1 metric filters" in warnings
