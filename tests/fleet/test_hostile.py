"""Events and inputs that nobody should send: each ends by a name or with nothing done, and no database is looked at twice."""

import json

import pytest
from botocore.exceptions import ClientError

from demo.waiting import wait_until

from .fleet import LIMIT_SECONDS, detail_of, entry, event_of

LARGEST_BYTES = 256 * 1024
# What does not concern the fleet: the rule lets none of it through.
UNHEARD = {
    "compliant": {"newEvaluationResult": {"complianceType": "COMPLIANT"}},
    "not applicable": {"newEvaluationResult": {"complianceType": "NOT_APPLICABLE"}},
    "no evaluation": {"newEvaluationResult": None},
    "another type": {"resourceType": "AWS::S3::Bucket"},
    "no type": {"resourceType": None},
    "types": {"resourceType": {"a": "AWS::RDS::DBInstance"}},
    "another message": {"messageType": "ConfigurationItemChangeNotification"},
    "another rule": {"configRuleName": "s3-bucket-versioning"},
    "a rule without name": {"configRuleName": 7},
}
# What a rule lets through, or what somebody starts the state machine with.
RESOURCE_IDS = [
    "orders'; drop table x; --", '"}, "source": "orders", "x": {"', "$(reboot)", "`reboot`", "orders\n", "ord\u0000ers", "{% $states.input %}",
    "${EncryptStateMachineArn}", "../../plans/orders", "*", "", " ", "ördérs", "a" * 64, "a" * 100_000, {"a": "orders"}, ["a", "b"], 7, -1.5e300,
    True, None, {}, [],
]  # fmt: skip
ENVELOPES = {
    "another account": {"account": "210987654321"},
    "another Region": {"region": "us-east-1"},
    "an unknown Region": {"region": "mars-north-1"},
    "no account": {"account": None},
    "an account of another kind": {"account": {"id": "123456789012"}},
    "a time that is none": {"time": "yesterday"},
    "a time of another kind": {"time": [2026, 1, 1]},
    "a time with a script": {"time": "2026-01-01'; $(reboot)"},
    "no time": {"time": None},
    "compliant": {"detail": detail_of("orders", newEvaluationResult={"complianceType": "COMPLIANT"})},
    "no evaluation": {"detail": detail_of("orders", newEvaluationResult=None)},
    "an evaluation of another kind": {"detail": detail_of("orders", newEvaluationResult=[[7]])},
    "another type": {"detail": detail_of("orders", "AWS::S3::Bucket")},
    "a type of another kind": {"detail": detail_of("orders", resourceType={"type": "AWS::RDS::DBInstance"})},
    "an empty detail": {"detail": {}},
    "a text for a detail": {"detail": "orders"},
    "a number for a detail": {"detail": 7},
    "null for a detail": {"detail": None},
    "nothing for a detail": {"detail": []},
    "details": {"detail": [detail_of("a"), detail_of("b")]},
    "an undo": {"undo": "arn:aws:states:eu-central-1:123456789012:execution:rds-reencrypt:x", "detail": {"executionArn": "x"}},
}
INPUTS = [
    "all", 7, True, None, [], [{}], [[]], ["orders"], {"databases": "x"}, {"databases": []}, {"databases": [7]}, {"databases": [None]},
    {"databases": [{"mode": "migrate"}]}, {"databases": [["orders"]]}, {"defaults": 7}, {"defaults": []}, {"defaults": {"source": "orders"}},
    {"defaults": {"undo": "arn"}}, {"defaults": {"plan_only": False}}, {"tag": "team"}, {"tag": {}}, {"tag": ["team"]},
    {"tag": {"key": "team"}, "databases": ["orders"]}, {"max_concurrency": 0}, {"max_concurrency": 1000}, {"max_concurrency": "8"},
    {"stop_after_failures": 0}, {"lead_hours": -1}, {"production": []}, {"plan_only": "false"}, {"database": ["orders"]},
    {"kms_key": "alias/orders"}, {"source": "orders"},
]  # fmt: skip


# Events that reach the state machine, with what is said of each of them.
EVENTS = [
    *((f"resource {str(each)[:24]!r}", {"detail": detail_of(each)}) for each in RESOURCE_IDS),
    *ENVELOPES.items(),
]


@pytest.fixture(scope="module")
def begun(fleet):
    """One execution for each event and each input, all of them at once."""
    day = fleet.new_day()
    events = [fleet.begin(event_of(detail_of("orders"), day) | members) for _, members in EVENTS]
    return events, [fleet.begin(given) for given in INPUTS]


@pytest.fixture(autouse=True)
def nothing_begun_and_nothing_told(fleet):
    """No execution of the encrypting machine, and no message."""
    before, _ = fleet.runs(), fleet.news()
    yield
    assert (fleet.runs(), fleet.news()) == (before, [])


@pytest.mark.parametrize("number", range(len(EVENTS)), ids=[name for name, _ in EVENTS])
def test_an_event_that_names_no_database_of_ours_ends_with_nothing_done(fleet, begun, number):
    execution = begun[0][number]
    (row,) = fleet.rows(execution)
    # What could be a name is looked for, and is none.
    assert row["outcome"] in ("not_ours", "done", "gone") and len(row["source"]) <= 80, row
    assert "Plan" not in execution.follow() and "MigrateAll" not in execution.follow()


@pytest.mark.parametrize("number", range(len(INPUTS)), ids=[json.dumps(given) for given in INPUTS])
def test_an_input_that_is_no_campaign_fails_by_name_before_anything_is_looked_at(begun, number):
    execution = begun[1][number]
    described = execution.wait(LIMIT_SECONDS)
    assert (described["status"], described.get("error")) == ("FAILED", "InvalidInput"), described
    assert described["cause"].startswith("the campaign's input is not valid: ")
    assert execution.follow() == ["FindingOrCampaign", "Discover", "NothingDone"]


def test_the_rule_lets_through_what_is_found_on_databases_and_nothing_else(fleet):
    day = fleet.new_day()
    unheard = fleet.put(*(detail_of("orders") | members for members in UNHEARD.values()), at=day)
    heard = fleet.put(detail_of("db-OFNODATABASEATALL00000000X"), detail_of("none", configRuleName="rds-storage-encrypted-1a2b3c"), at=day)
    for event in heard:
        assert [row["outcome"] for row in fleet.rows(fleet.started_by(event))] == ["gone"]
    assert not set(unheard) & set(fleet.inputs())


@pytest.mark.parametrize("characters", [1_000, 100_000])
def test_an_event_with_much_in_it_that_nobody_asked_for_is_read_like_any_other(fleet, characters):
    (event,) = fleet.put(detail_of("none", annotation="ß" * characters), at=fleet.new_day())
    assert [row["outcome"] for row in fleet.rows(fleet.started_by(event))] == ["gone"]


def filled_up_to(size: int, at) -> dict:
    """An entry of this size, as EventBridge reckons it."""

    def of(padding: int) -> dict:
        return entry(json.dumps(detail_of("orders", annotation="x" * padding)), at)

    def counted(made: dict) -> int:
        return 14 + sum(len(made[member].encode()) for member in ("Source", "DetailType", "Detail"))

    return of(size - counted(of(0)))


def test_the_largest_event_of_all_is_no_input_any_more_and_ends_with_the_dead_letters(cloud, fleet):
    """What EventBridge adds to it makes it larger than an execution's input may be."""
    sqs = cloud.client("sqs")
    (queue,) = [url for url in sqs.list_queues()["QueueUrls"] if "DeadFindings" in url]
    day = fleet.new_day()
    (sent,) = cloud.client("events").put_events(Entries=[filled_up_to(LARGEST_BYTES, day)])["Entries"]
    (letter,) = wait_until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages", []), bool, "the event among the dead letters", 20)
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=letter["ReceiptHandle"])
    assert json.loads(letter["Body"])["id"] == sent["EventId"]
    assert sent["EventId"] not in fleet.inputs()


def test_one_byte_more_is_no_event(cloud, fleet):
    with pytest.raises(ClientError):
        cloud.client("events").put_events(Entries=[filled_up_to(LARGEST_BYTES + 1, fleet.new_day())])
