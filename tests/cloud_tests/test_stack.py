"""The deployment: what it makes of a SAM template, and what it refuses."""

import json
import uuid

import pytest
from cloud import stack
from conftest import BOOTSTRAP, wait_until

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  SubnetIds: {Type: String, Default: ""}
Conditions:
  InVpc: !Not [!Equals [!Ref SubnetIds, ""]]
Globals:
  Function: {Runtime: provided.al2023, Handler: bootstrap, Architectures: [arm64], MemorySize: 192, Timeout: 9}
Resources:
  EchoFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: echo}}
    Properties:
      CodeUri: .
      Environment: {Variables: {OWN: given}}
      VpcConfig: !If [InVpc, {SubnetIds: !Split [",", !Ref SubnetIds]}, !Ref AWS::NoValue]
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: echoing
      DefinitionUri: machine.asl.json
      DefinitionSubstitutions: {EchoFunctionArn: !GetAtt EchoFunction.Arn}
      Policies:
        - LambdaInvokePolicy: {FunctionName: !Ref EchoFunction}
Outputs:
  StateMachineArn: {Value: !Ref Machine}
"""
MACHINE = {
    "QueryLanguage": "JSONata",
    "StartAt": "Call",
    "States": {
        "Call": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "${EchoFunctionArn}", "Payload": {}},
            "Output": "{% $states.result.Payload.variables %}",
            "End": True,
        }
    },
}


@pytest.fixture
def deploy(cloud, tmp_path):
    def deploy(template=TEMPLATE, machine=json.dumps(MACHINE), binary="echo"):
        (tmp_path / "template.yaml").write_text(template)
        (tmp_path / "machine.asl.json").write_text(machine)
        (tmp_path / binary).write_text(BOOTSTRAP)
        (tmp_path / binary).chmod(0o755)
        endpoint_url, region = cloud.exports["AWS_ENDPOINT_URL"], cloud.exports["AWS_REGION"]
        name = f"stack-{uuid.uuid4().hex[:8]}"
        return stack.deploy(tmp_path / "template.yaml", tmp_path, endpoint_url, region, name)

    return deploy


def test_a_deployed_state_machine_calls_the_binary_with_the_templates_settings(cloud, deploy):
    arn = deploy()["StateMachineArn"]
    assert arn.endswith(":stateMachine:echoing")
    client = cloud.client("stepfunctions")
    execution = client.start_execution(stateMachineArn=arn)["executionArn"]

    def output():
        return client.describe_execution(executionArn=execution).get("output")

    variables = json.loads(wait_until(output, "output"))
    assert variables["OWN"] == "given"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "echo"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "192"
    assert variables["AWS_LAMBDA_FUNCTION_TIMEOUT"] == "9"


@pytest.mark.parametrize(
    "incomplete, said",
    [
        ({"binary": "other"}, "has no echo"),
        ({"machine": json.dumps(MACHINE).replace("EchoFunctionArn", "Unknown")}, "EchoFunctionArn, Unknown"),
        ({"template": "Resources: wrong: yaml"}, "mapping values are not allowed"),
        ({"template": TEMPLATE.replace("Runtime: provided.al2023, ", "")}, "Runtime"),
        ({"machine": json.dumps(MACHINE).replace("Arguments", "Argumentz")}, "Argumentz"),
    ],
)
def test_what_is_missing_is_said(deploy, incomplete, said):
    with pytest.raises(stack.NotDeployable, match=said):
        deploy(**incomplete)
