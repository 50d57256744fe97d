"""What AWS is asked, and what it found. Nothing stays of it: the change set is deleted, and with it the stack that it would have made.

No emulator answers ValidateStateMachineDefinition, ValidatePolicy and DescribeEvents; moto 5.2.5 has the other requests. Nor has it
been seen that AWS makes a change set of a template whose artefacts are not in S3 yet.
"""

import json
import uuid
from dataclasses import dataclass
from pathlib import Path

from botocore.exceptions import ClientError, WaiterError

from .template import Policy

STACK = "rds-reencrypt"
NOTHING_TO_CHANGE = ("didn't contain changes", "No updates are to be performed")


@dataclass(frozen=True)
class Finding:
    # ERROR, and others that AWS has for what works nevertheless.
    kind: str
    text: str


def definition(stepfunctions, text: str) -> list[Finding]:
    answer = stepfunctions.validate_state_machine_definition(definition=text, type="STANDARD", severity="WARNING", maxResults=100)
    found = answer["diagnostics"]
    return [Finding(each["severity"], f"{each['code']} {each.get('location', '')}: {each['message']}") for each in found]


def template(cloudformation, body: str) -> list[Finding]:
    cloudformation.validate_template(TemplateBody=body)
    return []


def policy(accessanalyzer, asked: Policy) -> list[Finding]:
    resource = {"validatePolicyResourceType": asked.resource} if asked.resource else {}
    pages = accessanalyzer.get_paginator("validate_policy").paginate(policyDocument=json.dumps(asked.document), policyType=asked.kind, **resource)
    found = [each for page in pages for each in page["findings"]]
    return [Finding(each["findingType"], f"{each['issueCode']}: {each['findingDetails']}") for each in found]


def change_set(cloudformation, body: str) -> list[Finding]:
    """Of the stack, if there is one: AWS refuses a second one for the names that both would have."""
    parameters = _parameters(cloudformation)
    stack = {"StackName": f"{STACK}-check-{uuid.uuid4().hex[:8]}", "ChangeSetType": "CREATE"}
    if parameters is not None:
        known = json.loads(body)["Parameters"]
        kept = [{"ParameterKey": name, "UsePreviousValue": True} for name in parameters if name in known]
        stack = {"StackName": STACK, "ChangeSetType": "UPDATE", "Parameters": kept}
    created = cloudformation.create_change_set(
        **stack, ChangeSetName=f"check-{uuid.uuid4().hex}", TemplateBody=body, Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
    )
    try:
        return _changes(cloudformation, created["Id"])
    finally:
        cloudformation.delete_change_set(ChangeSetName=created["Id"])
        if stack["ChangeSetType"] == "CREATE":
            cloudformation.delete_stack(StackName=created["StackId"])


def _parameters(cloudformation) -> list[str] | None:
    """Of the stack; None where there is no stack."""
    try:
        [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        return None
    return [each["ParameterKey"] for each in stack.get("Parameters", [])]


def _changes(cloudformation, arn: str) -> list[Finding]:
    try:
        cloudformation.get_waiter("change_set_create_complete").wait(ChangeSetName=arn, WaiterConfig={"Delay": 5})
    except WaiterError as error:
        reason = error.last_response.get("StatusReason", str(error))
        if any(text in reason for text in NOTHING_TO_CHANGE):
            return [Finding("none", reason)]
        return [Finding("ERROR", reason), *_failed_validations(cloudformation, arn)]
    pages = cloudformation.get_paginator("describe_change_set").paginate(ChangeSetName=arn)
    changes = [change["ResourceChange"] for page in pages for change in page["Changes"]]
    return [Finding(each["Action"], f"{each['ResourceType']} {each['LogicalResourceId']}") for each in changes]


def _failed_validations(cloudformation, arn: str) -> list[Finding]:
    """What was looked at before a deployment; a change set's own reason has not got it."""
    pages = cloudformation.get_paginator("describe_events").paginate(ChangeSetName=arn, Filters={"FailedEvents": True})
    failed = [each for page in pages for each in page["OperationEvents"] if "ValidationStatusReason" in each]
    return [Finding("ERROR", f"{each.get('LogicalResourceId', '')}: {each['ValidationStatusReason']}") for each in failed]


def policies_of_people(folder: Path) -> list[Policy]:
    return [Policy(file.name, json.loads(file.read_text()), "IDENTITY_POLICY") for file in sorted(folder.glob("*.json"))]
