"""Phases and ends of whole executions: in order, once each, for people and for programs."""

import json

import jsonschema

from demo.executions import Execution, failures
from demo.waiting import wait_until
from executions.sources import LIMIT_SECONDS, make_request, make_source

from .template import REPOSITORY

UNTIL_APPROVAL = ["begun", "copying", "following", "verifying", "awaiting_approval"]
SCHEMA = json.loads((REPOSITORY / "infra" / "phase-event.schema.json").read_text())


def names(phases: list[dict]) -> list[str]:
    return [each["phase"] for each in phases]


def test_a_run_that_succeeds_tells_each_phase_once_and_in_order(seen, moved):
    phases = seen.phases(moved)
    assert names(phases) == [*UNTIL_APPROVAL, "cutting_over", "cut_over"]
    assert phases[-1]["write_pause_ms"] == moved.output["write_pause_ms"]


def test_an_undo_of_many_laps_is_told_once(seen, given_back):
    phases = seen.phases(given_back)
    assert given_back.follow().count("UndoPublication") > 1
    assert names(phases) == [*UNTIL_APPROVAL, "undoing"]
    assert phases[-1]["error"] == "SlotLost" and phases[-1]["cause"] == given_back.describe()["cause"]


def test_who_subscribed_reads_each_as_a_line_and_then_the_end(seen, moved, given_back):
    for execution, end in (moved, f"execution {moved.name}: SUCCEEDED."), (given_back, f"execution {given_back.name} failed: SlotLost."):
        told = [each["message"] for each in seen.phases(execution)]
        read = [message for message in seen.messages("") if message in told or f"execution {execution.name}" in message]
        assert read[:-1] == told and read[-1].startswith(end) and execution.arn in read[-1]


def test_an_undo_that_fails_tells_people_to_act(seen, left_over):
    failed, by_hand = left_over
    (message,) = seen.messages("ACT: ")
    assert message.startswith(f"ACT: execution {failed.name} ended with UndoFailed.")
    # It speaks of the run that it undoes.
    (undoing,) = seen.phases(by_hand)
    assert (undoing["phase"], undoing["execution"], undoing["error"]) == ("undoing", failed.name, "Stopped")


def test_the_journal_has_the_ends_as_well(seen, moved, given_back):
    ends = {event["detail"]["name"]: event["detail"]["status"] for event in seen.journal() if event["source"] == "aws.states"}
    assert (ends[moved.name], ends[given_back.name]) == ("SUCCEEDED", "FAILED")


def test_a_campaign_that_breaks_off_is_told(cloud, seen):
    campaign = Execution(cloud, "broken-off", {"defaults": 7}, machine_arn=cloud.fleet_state_machine_arn)
    assert campaign.wait(LIMIT_SECONDS)["status"] == "FAILED"
    (message,) = wait_until(lambda: seen.messages("campaign broken-off"), bool, "what is told of the campaign", 20)
    assert message.startswith("campaign broken-off: FAILED.") and campaign.arn in message


def test_every_event_is_as_documented(seen, moved, given_back, left_over):
    documented = [json.loads(block.split("```")[0]) for block in (REPOSITORY / "docs" / "events.md").read_text().split("```json")[1:]]
    for detail in [*seen.phases(moved), *seen.phases(given_back), *seen.phases(left_over[1]), *documented]:
        jsonschema.validate(detail, SCHEMA)
        assert detail.keys() <= SCHEMA["properties"].keys()


def test_what_cannot_be_told_hurts_no_run(cloud, key_arn, seen):
    """As if the bus were gone."""
    make_source(cloud, "untold", 17)
    client, arn = cloud.client("stepfunctions"), cloud.state_machine_arn
    definition = client.describe_state_machine(stateMachineArn=arn)["definition"]
    nowhere = definition.replace('"EventBusName": "default"', '"EventBusName": "gone"').replace('"EventBusName":"default"', '"EventBusName":"gone"')
    assert nowhere != definition
    client.update_state_machine(stateMachineArn=arn, definition=nowhere)
    try:
        execution = Execution(cloud, "untold", make_request("untold"))
    finally:
        client.update_state_machine(stateMachineArn=arn, definition=definition)
    described = execution.wait(LIMIT_SECONDS)
    assert described["status"] == "SUCCEEDED", (described, failures(execution.events()))
    assert seen.phases(execution) == [] and "NotifyCutOver" in execution.follow()
    assert any("EventBusNotFound" in failure or "does not exist" in failure for failure in failures(execution.events()))
