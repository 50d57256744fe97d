"""What the owner of a database has said by tag, and what comes of it."""

import pytest

from demo.footprint import footprint
from executions.runs import finish, writing
from executions.sources import make_source, secret_name

from .fleet import DEFAULTS, LIMIT_SECONDS, detail_of, owned, window

NAME = "said"


@pytest.fixture(scope="module")
def source(cloud, key_arn):
    return make_source(cloud, NAME, 17, Tags=owned(NAME, mode="migrate"))


@pytest.fixture(scope="module", autouse=True)
def taken_back(cloud, fleet, databases, key_arn):
    """A campaign that waits for a window, from which its owner takes consent back meanwhile: begun first, since its window is what
    everything here waits for. It opens in 61 to 62 minutes and the run begins an hour before: what is left is for a busy machine to
    get as far as the wait."""
    waits = make_source(cloud, "waits", 14, Tags=owned("waits", mode="migrate", approval="none"))
    before = footprint(cloud, waits, ["postgres", "app"])
    tags = cloud.client("rds").add_tags_to_resource
    tags(ResourceName=waits["DBInstanceArn"], Tags=[{"Key": "encrypt:window", "Value": window(62)}])
    campaign = fleet.campaign("taken-back", ["waits"], lead_hours=1)
    child = fleet.child(campaign, "migrate")
    child.wait_for_state("WaitForWindow", LIMIT_SECONDS)
    seen = footprint(cloud, waits, ["postgres", "app"])
    tags(ResourceName=waits["DBInstanceArn"], Tags=[{"Key": "encrypt:mode", "Value": "plan"}])
    return before, seen, campaign, child


@pytest.mark.parametrize(
    "tags, members, outcome, why",
    [
        ({}, {}, "planned", "neither a tag encrypt:mode nor an entry allows a change"),
        ({"encrypt__mode": "plan"}, {}, "planned", "as the tag encrypt:mode says"),
        ({"encrypt__mode": "plan"}, {"mode": "migrate"}, "planned", "the stricter one of the tag encrypt:mode and the entry's mode"),
        ({"encrypt__mode": "migrate"}, {"mode": "plan"}, "planned", "the stricter one of the tag encrypt:mode and the entry's mode"),
        ({"encrypt__mdoe": "migrate"}, {}, "misconfigured", "the tag encrypt:mdoe"),
        ({"encrypt__mode": "migrat"}, {}, "misconfigured", "the tag encrypt:mode = \"migrat\""),
        ({"encrypt__mode": "migrate", "encrypt__approval": "no"}, {}, "misconfigured", "the tag encrypt:approval"),
        ({"encrypt__mode": "migrate", "encrypt__window": "tomorrow"}, {}, "misconfigured", "window"),
        ({"encrypt__mode": "migrate"}, {"verfy": "off"}, "misconfigured", "verfy"),
        ({"encrypt__mode": "migrate"}, {"plan_only": False}, "misconfigured", "plan_only"),
        ({}, {"mode": "Migrate"}, "misconfigured", "mode"),
    ],
)  # fmt: skip
def test_a_word_is_needed_and_a_typo_is_none(cloud, fleet, source, tagged, tags, members, outcome, why):
    cloud.client("rds").remove_tags_from_resource(ResourceName=source["DBInstanceArn"], TagKeys=["encrypt:mode"])
    tagged(source["DBInstanceArn"], **tags)
    before, _ = fleet.runs(), fleet.news()
    campaign = fleet.campaign(None, [{"source": NAME} | members])
    (row,) = fleet.rows(campaign)
    assert (row["source"], row["outcome"]) == (NAME, outcome) and why in row["why"], row
    plans = [run for run in fleet.runs() if run not in before]
    assert [f"-plan-{NAME}-" in run for run in plans] == ([True] if outcome == "planned" else [])
    assert "MigrateAll" not in campaign.follow()
    (message,) = fleet.news(NAME)
    assert message["Subject"] == f"rds-reencrypt: 1 {outcome}" and why in message["Message"]


@pytest.fixture(scope="module")
def moved(cloud, databases, fleet, key_arn):
    """Who said so by tag, without approval and with a window that is open, and writes meanwhile: by its tags alone, as a schedule
    starts it."""
    fleet.news()
    tags = owned("moves", mode="migrate", approval="none", window=window(-30), application_secrets=secret_name("moves"))
    source = make_source(cloud, "moves", 17, Tags=[*tags, {"Key": "team", "Value": "shop"}])
    with writing(cloud, "moves") as application:
        campaign = fleet.begin({"tag": {"key": "team", "value": "shop"}, "defaults": DEFAULTS}, "by-tag")
        run = fleet.run(f"by-tag-encrypt-moves-{source['DbiResourceId'][-8:]}")
        return finish(cloud, databases, source, run, application, key_arn), campaign, source


def test_who_consents_by_tag_is_encrypted_under_writes_and_nothing_is_lost(fleet, moved):
    migration, campaign, _ = moved
    migration.assert_nothing_lost()
    (row,) = fleet.rows(campaign)
    assert (row["source"], row["outcome"]) == ("moves", "encrypted") and row["output"] == migration.execution.output
    assert row["execution"] == migration.execution.arn and row["output"]["encrypted"]
    assert [message["Subject"] for message in fleet.news("moves")] == ["rds-reencrypt: 1 encrypted"]


def test_what_has_moved_is_moved_once_whatever_comes_later(fleet, moved):
    """The new database has the old one's tags, and is encrypted already."""
    migration, _, source = moved
    target = migration.scene.target
    again = fleet.begin({"tag": {"key": "team", "value": "shop"}, "defaults": DEFAULTS}, "by-tag-again")
    assert fleet.outcomes(again) == {"moves": "done", target["DBInstanceIdentifier"]: "done"}
    fleet.news()
    late, of_the_new_one = fleet.put(detail_of(source["DbiResourceId"]), detail_of("moves"), at=fleet.new_day())
    for event in late, of_the_new_one:
        assert fleet.outcomes(fleet.started_by(event)) == {"moves": "done"}
    assert fleet.news("moves") == []


def test_who_takes_consent_back_while_a_window_is_waited_for_is_heard_and_nothing_was_made(fleet, taken_back):
    before, seen, campaign, child = taken_back
    assert seen == before
    campaign.wait(2 * LIMIT_SECONDS)
    assert fleet.outcomes(campaign) == {"waits": "planned"}
    states = child.follow()
    assert states[-4:] == ["IsItTime", "RecordMigration", "HasFailed", "Migrated"] and "Encrypt" not in states
    assert [run for run in fleet.runs() if run.startswith("taken-back-encrypt-")] == []
