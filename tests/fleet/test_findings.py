"""From a finding of AWS Config to an execution: who is planned, who is left alone, and what is told."""

import pytest

from demo.footprint import footprint
from executions.sources import make_source

from .fleet import detail_of, event_of, owned

NAME = "found"
CLUSTER = "AWS::RDS::DBCluster"


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, NAME, 17, Tags=owned(NAME))


@pytest.fixture(scope="module")
def cluster(cloud, databases, key_arn):
    make_source(cloud, "ring", 16, "aurora", Tags=owned("ring"))
    return databases.describe_cluster("ring")


def test_what_aws_config_finds_is_planned_and_told_and_not_touched(cloud, fleet, source):
    before, _ = footprint(cloud, source, ["postgres", "app"]), fleet.news()
    day = fleet.new_day()
    (event,) = fleet.put(detail_of(source["DbiResourceId"]), at=day)
    execution = fleet.started_by(event)
    (row,) = fleet.rows(execution)
    assert (row["source"], row["outcome"]) == (NAME, "planned")
    assert row["why"] == "neither a tag encrypt:mode nor an entry allows a change"
    assert row["output"]["plan"]["source"]["identifier"] == NAME and row["output"]["findings"]
    run = fleet.runs()[-1]
    assert run == f"finding-{day:%Y-%m-%d}-plan-{NAME}-{source['DbiResourceId'][-8:]}" and row["execution"].endswith(f":{run}")
    (message,) = fleet.news()
    assert message["Subject"] == "rds-reencrypt: 1 planned" and message["Message"].startswith(f"{NAME}: planned: ")
    assert "Planned" in fleet.run(run).follow() and "MigrateAll" not in execution.follow()
    assert footprint(cloud, source, ["postgres", "app"]) == before


def test_what_cannot_be_planned_is_told_with_the_remedy(cloud, fleet, source, tagged):
    """Who named no secret, and lets RDS manage none."""
    fleet.news()
    tags = {"ResourceName": source["DBInstanceArn"], "TagKeys": ["encrypt:secret"]}
    cloud.client("rds").remove_tags_from_resource(**tags)
    try:
        (event,) = fleet.put(detail_of(NAME), at=fleet.new_day())
        (row,) = fleet.rows(fleet.started_by(event))
    finally:
        cloud.client("rds").add_tags_to_resource(ResourceName=source["DBInstanceArn"], Tags=owned(NAME))
    assert row["outcome"] == "refused" and "name a secret" in row["why"]
    (message,) = fleet.news()
    assert message["Subject"] == "rds-reencrypt: 1 refused" and "name a secret" in message["Message"]


def test_an_event_that_is_delivered_again_is_known_and_told_to_nobody(fleet, source):
    day = fleet.new_day()
    (event,) = fleet.put(detail_of(NAME), at=day)
    assert fleet.outcomes(fleet.started_by(event)) == {NAME: "planned"}
    before, _ = fleet.runs(), fleet.news()
    for event in fleet.put(detail_of(source["DbiResourceId"]), detail_of(NAME), at=day):
        assert fleet.outcomes(fleet.started_by(event)) == {NAME: "known"}
    assert (fleet.runs(), fleet.news()) == (before, [])


def test_events_of_a_day_by_whatever_name_lead_to_one_plan_and_one_message(fleet, source):
    fleet.news()
    day = fleet.new_day()
    names = [NAME, source["DbiResourceId"], source["DbiResourceId"]]
    executions = [fleet.started_by(event) for event in fleet.put(*map(detail_of, names), at=day)]
    assert sorted(fleet.outcomes(each)[NAME] for each in executions) == ["known", "known", "planned"]
    assert len([run for run in fleet.runs() if run.startswith(f"finding-{day:%Y-%m-%d}-")]) == 1
    assert [message["Subject"] for message in fleet.news()] == ["rds-reencrypt: 1 planned"]


def test_members_of_a_cluster_and_the_cluster_lead_to_one_plan_of_the_cluster(databases, fleet, cluster):
    fleet.news()
    day = fleet.new_day()
    members = [databases.describe(each["DBInstanceIdentifier"]) for each in cluster["DBClusterMembers"]]
    details = [
        detail_of(cluster["DbClusterResourceId"], CLUSTER),
        detail_of("ring", CLUSTER),
        *(detail_of(each["DbiResourceId"]) for each in members),
    ]
    executions = [fleet.started_by(event) for event in fleet.put(*details, at=day)]
    assert sorted(fleet.outcomes(each)["ring"] for each in executions) == ["known"] * 3 + ["planned"]
    (run,) = [run for run in fleet.runs() if run.startswith(f"finding-{day:%Y-%m-%d}-")]
    assert run.endswith(f"-plan-ring-{cluster['DbClusterResourceId'][-8:]}")
    assert [message["Subject"] for message in fleet.news()] == ["rds-reencrypt: 1 planned"]


def test_an_event_on_what_is_gone_or_has_moved_starts_nothing_and_tells_nobody(fleet, source, tagged):
    before, _ = fleet.runs(), fleet.news()
    tagged(source["DBInstanceArn"], rds_reencrypt__moved_to="found-enc", encrypt__mode="migrate")
    events = fleet.put(detail_of("db-ABCDEFGHIJKLMNOPQRSTUVWXYZ"), detail_of(source["DbiResourceId"]), at=fleet.new_day())
    gone, moved = (fleet.rows(fleet.started_by(event)) for event in events)
    assert [(row["source"], row["outcome"]) for row in gone] == [("db-ABCDEFGHIJKLMNOPQRSTUVWXYZ", "gone")]
    assert [(row["source"], row["outcome"], row["why"]) for row in moved] == [(NAME, "done", "its application has moved to found-enc")]
    assert (fleet.runs(), fleet.news()) == (before, [])


def test_an_event_on_what_has_the_key_already_ends_as_done(cloud, fleet, key_arn):
    """A rule that is late, or that asks for a key with another name."""
    encrypted = make_source(cloud, "has-the-key", 17, "rekey", Tags=owned("has-the-key", mode="migrate"))
    fleet.news()
    (event,) = fleet.put(detail_of(encrypted["DbiResourceId"]), at=fleet.new_day())
    execution = fleet.started_by(event)
    (row,) = fleet.rows(execution)
    assert (row["source"], row["outcome"]) == ("has-the-key", "done") and row["why"].startswith("it is already encrypted, with ")
    assert "MigrateAll" not in execution.follow() and fleet.news() == []


def test_an_event_on_another_engine_is_not_ours(cloud, fleet):
    cloud.client("rds").create_db_instance(
        DBInstanceIdentifier="mysql", Engine="mysql", DBInstanceClass="db.t3.medium", MasterUsername="m", MasterUserPassword="secret99",
        AllocatedStorage=20,
    )  # fmt: skip
    before, _ = fleet.runs(), fleet.news()
    (event,) = fleet.put(detail_of("mysql"), at=fleet.new_day())
    (row,) = fleet.rows(fleet.started_by(event))
    assert (row["outcome"], fleet.runs(), fleet.news()) == ("not_ours", before, [])


def test_a_typo_in_a_tag_is_told_to_who_found_it_and_nothing_is_planned(fleet, source, tagged):
    before, _ = fleet.runs(), fleet.news()
    tagged(source["DBInstanceArn"], encrypt__mdoe="migrate")
    (event,) = fleet.put(detail_of(NAME), at=fleet.new_day())
    (row,) = fleet.rows(fleet.started_by(event))
    assert row["outcome"] == "misconfigured" and "encrypt:mdoe" in row["why"]
    (message,) = fleet.news()
    assert message["Subject"] == "rds-reencrypt: 1 misconfigured" and "encrypt:mdoe" in message["Message"]
    assert fleet.runs() == before


def test_a_finding_that_arrives_a_second_time_days_later_is_planned_again(fleet, source):
    """What was found on Monday and not answered is told again when AWS Config says so again."""
    outcomes = []
    for _ in range(2):
        execution = fleet.begin(event_of(detail_of(NAME), fleet.new_day()))
        outcomes.append(fleet.outcomes(execution)[NAME])
    assert outcomes == ["planned", "planned"]
