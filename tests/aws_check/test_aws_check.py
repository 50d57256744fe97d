"""`make aws-check` against the local cloud, as far as that answers it, and against AWS's own shapes where it does not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from demo.local_cloud import LocalCloud, binaries_directory

from . import checks
from .__main__ import FILES, REPOSITORY, is_fine
from .template import Policy, Template

LIMIT_SECONDS = 300


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud("--no-stack") as running:
        yield running


def aws_check(home: Path, **variables: str) -> subprocess.CompletedProcess:
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment = own | {"HOME": str(home), "AWS_EC2_METADATA_DISABLED": "true"} | variables
    return subprocess.run(
        [sys.executable, "-m", "aws_check"], cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True, timeout=LIMIT_SECONDS
    )


def client(service: str):
    return boto3.Session("nobody", "nobody", region_name="eu-central-1").client(service)


def read(file: Path) -> Template:
    return Template(file, "eu-central-1", "aws")


def test_without_credentials_it_says_so_in_one_line(tmp_path):
    ended = aws_check(tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "aws-check: no credentials for AWS, so nothing was asked\n")


def test_what_nobody_answers_is_an_error_and_a_change_set_leaves_nothing(cloud, tmp_path):
    ended = aws_check(tmp_path, **cloud.exports)
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    fine = [line.removeprefix("fine   ") for line in lines if line.startswith("fine ")]
    # moto validates by cfn-lint, which does not know a property that SAM takes among the globals of the two others.
    assert fine == ["template endpoints.yaml", "template observability.yaml", "change set"]
    assert "         Add: AWS::StepFunctions::StateMachine EncryptStateMachine" in lines
    errors = [line for line in lines if line.startswith("ERROR")]
    policies = sum(1 for file in FILES for _ in read(file).policies()) + len(list((REPOSITORY / "infra" / "policies").iterdir()))
    assert len(errors) == 2 + policies + len(list((REPOSITORY / "statemachine").glob("*.asl.json"))) > 60
    assert cloud.client("cloudformation").describe_stacks()["Stacks"] == []


def test_a_stack_that_is_there_gets_the_change_set_and_stays_as_it_is():
    with LocalCloud("--binaries", str(binaries_directory())) as cloud:
        cloudformation = cloud.client("cloudformation")
        before = cloudformation.describe_stacks(StackName=checks.STACK)["Stacks"][0]
        body = json.loads(read(FILES[0]).body())
        body["Resources"]["Another"] = {"Type": "AWS::SNS::Topic"}
        found = checks.change_set(cloudformation, json.dumps(body))
        # Of the functions whose code is another one, too.
        added = [each.text for each in found if each.kind == "Add" and "AWS::Lambda::Version" not in each.text]
        assert added == ["AWS::SNS::Topic Another"]
        after = cloudformation.describe_stacks(StackName=checks.STACK)["Stacks"][0]
        assert after == before
        assert cloudformation.list_change_sets(StackName=checks.STACK)["Summaries"] == []


def test_a_template_that_is_wrong_is_an_error(cloud, capsys):
    cloudformation = cloud.client("cloudformation")
    body = json.loads(read(REPOSITORY / "infra" / "endpoints.yaml").body())
    body["Resources"]["Rds"]["Properties"]["VpcId"] = {"Ref": "Nobody"}
    assert not is_fine("template", lambda: checks.template(cloudformation, json.dumps(body)))
    body = json.loads(read(FILES[0]).body())
    del body["Resources"]["PreflightFunction"]["Properties"]["CodeUri"]
    assert not is_fine("change set", lambda: checks.change_set(cloudformation, json.dumps(body)))
    printed = capsys.readouterr().out
    assert "Nobody" in printed and "CodeUri" in printed, printed


@pytest.mark.parametrize("severity, is_right", [("ERROR", False), ("WARNING", True)])
def test_what_step_functions_finds_is_printed(capsys, severity, is_right):
    stepfunctions, text = client("stepfunctions"), "{}"
    diagnostic = {"severity": severity, "code": "MISSING_END_STATE", "message": "no end", "location": "/States/A"}
    with Stubber(stepfunctions) as stub:
        asked = {"definition": text, "type": "STANDARD", "severity": "WARNING", "maxResults": 100}
        stub.add_response("validate_state_machine_definition", {"result": "FAIL", "diagnostics": [diagnostic]}, asked)
        assert is_fine("definition", lambda: checks.definition(stepfunctions, text)) == is_right
    assert f"{severity}: MISSING_END_STATE /States/A: no end" in capsys.readouterr().out


@pytest.mark.parametrize("kind, is_right", [("ERROR", False), ("SECURITY_WARNING", True)])
def test_what_access_analyzer_finds_is_printed(capsys, kind, is_right):
    accessanalyzer = client("accessanalyzer")
    finding = {"findingType": kind, "issueCode": "INVALID_ACTION", "findingDetails": "no such", "learnMoreLink": "https://l", "locations": []}
    trust = Policy("Role, who may be it", {"Statement": []}, "RESOURCE_POLICY", "AWS::IAM::AssumeRolePolicyDocument")
    with Stubber(accessanalyzer) as stub:
        asked = {"policyDocument": '{"Statement": []}', "policyType": "RESOURCE_POLICY", "validatePolicyResourceType": trust.resource}
        stub.add_response("validate_policy", {"findings": [finding]}, asked)
        assert is_fine("policy", lambda: checks.policy(accessanalyzer, trust)) == is_right
    assert f"{kind}: INVALID_ACTION: no such" in capsys.readouterr().out


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_what_is_asked_about_has_values_in_all_places(file):
    template = read(file)
    texts = [text for _, text in template.definitions()] + [json.dumps(policy.document) for policy in template.policies()]
    unresolved = [text for text in texts if "${" in text or '"Fn::' in text or '"Ref"' in text]
    assert not unresolved
    assert len(template.body()) <= 51_200
