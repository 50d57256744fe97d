"""What AWS refuses of a definition, the local cloud refuses too, and `make lint` finds it in the product's before anybody deploys."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from aws_rules.definition import problems
from local_cloud.testing import Cloud

DEFINITIONS = sorted((Path(__file__).parents[2] / "statemachine").glob("*.asl.json"))
FLEET = next(each for each in DEFINITIONS if each.name == "fleet.asl.json")
ROLE = "arn:aws:iam::123456789012:role/states"


@pytest.fixture(scope="module")
def cloud():
    running = Cloud()
    yield running
    assert running.stop() == 0


def planning(machine: dict) -> dict:
    return machine["States"]["PlanAll"]["ItemProcessor"]["States"]


def name_it_as_outside(machine: dict) -> None:
    planning(machine)["TakePlan"]["Assign"]["folder"] = "{% $states.input.folder %}"


def name_a_state_twice(machine: dict) -> None:
    planning(machine)["Summarize"] = planning(machine)["RecordPlan"]
    planning(machine)["EvaluatePlanPolicy"]["Catch"][0]["Next"] = "Summarize"


def evaluate_text(machine: dict) -> None:
    machine["States"]["Discover"]["Assign"]["folder"] = "{% $eval('1') %}"


def leave_an_expression_open(machine: dict) -> None:
    machine["States"]["Discover"]["Assign"]["folder"] = "{% ('campaigns/' %}"


def read_the_input_by_its_name(machine: dict) -> None:
    machine["States"]["Summarized"]["Output"] = "{% outcomes %}"


def read_a_result_before_it_is_there(machine: dict) -> None:
    machine["States"]["Discover"]["Arguments"]["Payload"]["kms_key"] = "{% $states.result.Payload %}"


def take_a_path(machine: dict) -> None:
    machine["States"]["Notify"]["ResultPath"] = "$.told"


def lead_nowhere(machine: dict) -> None:
    machine["States"]["IsNews"]["Default"] = "HowItEndet"


def catch_all_at_first(machine: dict) -> None:
    machine["States"]["Discover"]["Retry"].insert(0, {"ErrorEquals": ["States.ALL"]})


# What is broken, and how it is told.
BREAKS: dict[Callable[[dict], None], str] = {
    name_it_as_outside: "PlanAll: variable folder has the name of one that is assigned outside",
    name_a_state_twice: "Summarize: there is another state of that name",
    evaluate_text: "Discover: Step Functions has no $eval",
    leave_an_expression_open: "Discover: no JSONata",
    read_the_input_by_its_name: "Summarized: outcomes without $ refers to an input that is not there",
    read_a_result_before_it_is_there: "Discover: $states.result is not there in this place",
    take_a_path: "Notify: a Task state in JSONata has no ResultPath",
    lead_nowhere: "there is no state HowItEndet",
    catch_all_at_first: "Discover: Retry: States.ALL stands alone, and last",
}


@pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda file: file.name)
def test_ours_have_nothing_that_aws_refuses(definition):
    assert problems(definition.read_text()) == []


@pytest.mark.parametrize("spoil", BREAKS, ids=lambda spoil: spoil.__name__)
def test_what_aws_refuses_is_found_and_refused_at_creation(cloud, spoil):
    machine = json.loads(FLEET.read_text())
    spoil(machine)
    found = problems(json.dumps(machine))
    assert any(each.startswith(BREAKS[spoil]) for each in found), found
    with pytest.raises(ClientError) as refused:
        cloud.client("stepfunctions").create_state_machine(name=f"broken-{spoil.__name__}", definition=json.dumps(machine), roleArn=ROLE)
    assert refused.value.response["Error"]["Code"] == "InvalidDefinition"


def test_a_variable_that_no_state_assigns_is_found_though_it_fails_only_when_it_is_read():
    machine = json.loads(FLEET.read_text())
    planning(machine)["RecordPlan"]["Arguments"]["Key"] = "{% $folder & 'plans/' %}"
    assert any(each.startswith("RecordPlan: no state assigns $folder") for each in problems(json.dumps(machine)))
