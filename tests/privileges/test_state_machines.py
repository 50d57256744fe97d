"""The state machines' roles against the states: moto asks for no permission there, so the files are compared."""

import json
import re
from collections.abc import Iterator

import pytest
from samtranslator.yaml_helper import yaml_parse

from .roles import as_list
from .test_roles import REPOSITORY

# Source: Step Functions developer guide, "How Step Functions generates IAM policies for integrated services".
_JOB = {"states:DescribeExecution", "states:StopExecution", "events:PutTargets", "events:PutRule", "events:DescribeRule"}
ACTIONS = {
    "arn:aws:states:::lambda:invoke": {"lambda:InvokeFunction"},
    "arn:aws:states:::states:startExecution": {"states:StartExecution"},
    "arn:aws:states:::states:startExecution.sync:2": {"states:StartExecution"} | _JOB,
    "arn:aws:states:::aws-sdk:s3:putObject": {"s3:PutObject"},
    "arn:aws:states:::aws-sdk:s3:listObjectsV2": {"s3:ListBucket"},
    "arn:aws:states:::aws-sdk:ec2:describeSecurityGroupRules": {"ec2:DescribeSecurityGroupRules"},
    "arn:aws:states:::aws-sdk:ec2:describeSubnets": {"ec2:DescribeSubnets"},
    "arn:aws:states:::aws-sdk:kms:describeKey": {"kms:DescribeKey"},
    "arn:aws:states:::sns:publish": {"sns:Publish"},
    "arn:aws:states:::events:putEvents": {"events:PutEvents"},
    "DISTRIBUTED": {"states:StartExecution", "states:DescribeExecution", "states:StopExecution"},
}
# Source: Step Functions developer guide, "Trace Step Functions request data in AWS X-Ray".
TRACING = {"xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"}


def _states(machine: dict) -> Iterator[dict]:
    for state in machine["States"].values():
        yield state
        if processor := state.get("ItemProcessor"):
            yield from _states(processor)


def _read(definition: str) -> list[dict]:
    return list(_states(json.loads((REPOSITORY / "statemachine" / definition).read_text())))


def _functions_called(states: list[dict]) -> set[str]:
    return {name for state in states for name in re.findall(r"\$\{(\w+Function)Arn\}", json.dumps(state.get("Arguments", "")))}


@pytest.mark.parametrize("resource, definition", [("EncryptStateMachine", "encrypt.asl.json"), ("WayBackStateMachine", "way-back.asl.json")])
def test_a_machine_may_call_the_functions_that_it_calls_and_no_other(resource, definition):
    machine = yaml_parse((REPOSITORY / "template.yaml").read_text())["Resources"][resource]
    states = _read(definition)
    policies = machine["Properties"]["Policies"]
    allowed = [policy["LambdaInvokePolicy"]["FunctionName"]["Ref"] for policy in policies if "LambdaInvokePolicy" in policy]
    assert set(allowed) == _functions_called(states) and len(allowed) == len(set(allowed))
    actions = [action for policy in policies for statement in policy.get("Statement", []) for action in as_list(statement["Action"])]
    used = set().union(*(ACTIONS[state["Resource"]] for state in states if "Resource" in state))
    assert {"lambda:InvokeFunction", *actions} == used


@pytest.fixture(scope="module")
def fleet():
    """What the role of the fleet's machine allows, by action."""
    role = yaml_parse((REPOSITORY / "infra/fleet.yaml").read_text())["Resources"]["FleetRole"]["Properties"]
    statements = [each for policy in role["Policies"] for each in policy["PolicyDocument"]["Statement"]]
    return {action: as_list(statement["Resource"]) for statement in statements for action in as_list(statement["Action"])}


def test_the_fleets_machine_may_do_what_its_states_do_and_nothing_else(fleet):
    states = _read("fleet.asl.json")
    used = {state["Resource"] for state in states if "Resource" in state}
    used |= {state["ItemProcessor"]["ProcessorConfig"]["Mode"] for state in states if "ItemProcessor" in state}
    assert fleet.keys() == TRACING.union(*(ACTIONS[each] for each in used))


def test_the_fleets_machine_may_call_any_version_of_the_functions_that_it_calls_and_no_other_function(fleet):
    allowed = {re.fullmatch(r"\$\{(\w+)\.Arn\}:\*", resource["Fn::Sub"])[1] for resource in fleet["lambda:InvokeFunction"]}
    assert allowed == _functions_called(_read("fleet.asl.json"))
