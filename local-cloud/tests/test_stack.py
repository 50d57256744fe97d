"""The deployment: what it makes of a SAM template, and what it refuses."""

import json
import uuid

import pytest

from local_cloud import stack
from local_cloud.testing import BOOTSTRAP, wait_until

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  SubnetIds: {Type: String, Default: ""}
Conditions:
  InVpc: !Not [!Equals [!Ref SubnetIds, ""]]
Globals:
  Function:
    Runtime: provided.al2023
    Handler: bootstrap
    Architectures: [arm64]
    MemorySize: 192
    Timeout: 9
    AutoPublishAlias: live
    LoggingConfig: {LogGroup: !Ref LogGroup}
Resources:
  Key: {Type: AWS::KMS::Key, Properties: {EnableKeyRotation: true, KeyPolicy: {Statement: []}}}
  LogGroup: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: 30, KmsKeyId: !GetAtt Key.Arn}}
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
      DefinitionSubstitutions: {EchoFunctionArn: !Ref EchoFunction.Version}
      Policies:
        - LambdaInvokePolicy: {FunctionName: !Ref EchoFunction}
Outputs:
  StateMachineArn: {Value: !Ref Machine}
  LogGroup: {Value: !Ref LogGroup}
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


OUTER = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  SubnetIds: {Type: CommaDelimitedList, Default: ""}
Resources:
  Inner:
    Type: AWS::Serverless::Application
    Properties:
      Location: infra/inner.yaml
      Parameters: {Target: !Ref Machine, SubnetIds: !Join [",", !Ref SubnetIds]}
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties: {Name: MACHINE, DefinitionUri: giving.asl.json}
Outputs:
  StateMachineArn: {Value: !Ref Machine}
  FleetStateMachineArn: {Value: !GetAtt Inner.Outputs.MachineArn}
  FleetBucket: {Value: !GetAtt Inner.Outputs.Bucket}
  FleetTopicArn: {Value: !GetAtt Inner.Outputs.TopicArn}
"""
INNER = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Target: {Type: String}
  SubnetIds: {Type: CommaDelimitedList, Default: ""}
Conditions:
  InVpc: !Not [!Equals [!Join ["", !Ref SubnetIds], ""]]
Globals:
  Function: {Runtime: provided.al2023, Handler: bootstrap, Architectures: [arm64]}
Resources:
  EchoFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: echo}}
    Properties:
      CodeUri: ..
      Environment: {Variables: {BUCKET: !Ref Bucket}}
      VpcConfig: !If [InVpc, {SubnetIds: !Ref SubnetIds}, !Ref AWS::NoValue]
      Policies: [{S3CrudPolicy: {BucketName: !Ref Bucket}}]
  Machine:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: MACHINE-inner
      DefinitionUri: ../machine.asl.json
      DefinitionSubstitutions: {EchoFunctionArn: !GetAtt EchoFunction.Arn}
      Policies: [{LambdaInvokePolicy: {FunctionName: !Ref EchoFunction}}]
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: "aws:kms"}}]}
      PublicAccessBlockConfiguration: {BlockPublicAcls: true, BlockPublicPolicy: true}
      LifecycleConfiguration: {Rules: [{Status: Enabled, ExpirationInDays: 400}]}
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
      VersioningConfiguration: {Status: Enabled}
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties: {Bucket: !Ref Bucket, PolicyDocument: {Statement: [{Effect: Deny, Principal: "*", Action: "s3:*", Resource: !Sub "${Bucket.Arn}/*"}]}}
  Topic: {Type: AWS::SNS::Topic, Properties: {KmsMasterKeyId: alias/aws/sns}}
  TopicPolicy: {Type: AWS::SNS::TopicPolicy, Properties: {Topics: [!Ref Topic], PolicyDocument: {Statement: []}}}
  Letters: {Type: AWS::SQS::Queue, Properties: {MessageRetentionPeriod: 1209600, SqsManagedSseEnabled: true}}
  LettersPolicy: {Type: AWS::SQS::QueuePolicy, Properties: {Queues: [!Ref Letters], PolicyDocument: {Statement: []}}}
  Unencrypted:
    Type: AWS::Config::ConfigRule
    Properties: {Source: {Owner: AWS, SourceIdentifier: RDS_STORAGE_ENCRYPTED}, Scope: {ComplianceResourceTypes: ["AWS::RDS::DBInstance"]}}
  Alarm: {Type: AWS::CloudWatch::Alarm, Properties: {Threshold: 1, Dimensions: [{Name: QueueName, Value: !GetAtt Letters.QueueName}]}}
  Role:
    Type: AWS::IAM::Role
    Properties: {AssumeRolePolicyDocument: {Statement: [{Effect: Allow, Principal: {Service: events.amazonaws.com}, Action: "sts:AssumeRole"}]}}
  Found:
    Type: AWS::Events::Rule
    Properties:
      Description: Starts it.
      State: ENABLED
      EventPattern:
        source: [aws.config]
        detail: {configRuleName: [!Ref Unencrypted]}
      Targets:
        - Id: target
          Arn: !Ref Target
          RoleArn: !GetAtt Role.Arn
          RetryPolicy: {MaximumRetryAttempts: 4, MaximumEventAgeInSeconds: 3600}
          DeadLetterConfig: {Arn: !GetAtt Letters.Arn}
Outputs:
  MachineArn: {Value: !Ref Machine}
  Bucket: {Value: !Ref Bucket}
  TopicArn: {Value: !Ref Topic}
"""

MACHINE_TEXT = json.dumps(MACHINE)


@pytest.fixture
def deploy(cloud, tmp_path):
    def deploy(template=TEMPLATE, machine=MACHINE_TEXT, binary="echo"):
        (tmp_path / "template.yaml").write_text(template)
        (tmp_path / "machine.asl.json").write_text(machine)
        (tmp_path / binary).write_text(BOOTSTRAP)
        (tmp_path / binary).chmod(0o755)
        endpoint_url, region = cloud.exports["AWS_ENDPOINT_URL"], cloud.exports["AWS_REGION"]
        name = f"stack-{uuid.uuid4().hex[:8]}"
        return stack.deploy(tmp_path / "template.yaml", tmp_path, endpoint_url, region, name)

    return deploy


def test_a_deployed_state_machine_calls_the_binary_with_the_templates_settings(cloud, deploy):
    outputs = deploy()
    arn = outputs["StateMachineArn"]
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
    # The version that the template refers to, in the log group that it gives, under the function's name.
    assert variables["AWS_LAMBDA_FUNCTION_VERSION"] == "1"
    (stream,) = cloud.client("logs").describe_log_streams(logGroupName=outputs["LogGroup"])["logStreams"]
    assert "/echo[1][" in stream["logStreamName"]


@pytest.mark.parametrize(
    "incomplete, said",
    [
        ({"binary": "other"}, "has no echo"),
        ({"machine": json.dumps(MACHINE).replace("EchoFunctionArn", "Unknown")}, "EchoFunctionArn, Unknown"),
        ({"template": "Resources: wrong: yaml"}, "mapping values are not allowed"),
        ({"template": TEMPLATE.replace("Runtime: provided.al2023", "")}, "Runtime"),
        ({"machine": json.dumps(MACHINE).replace("Arguments", "Argumentz")}, "Argumentz"),
    ],
)
def test_what_is_missing_is_said(deploy, incomplete, said):
    with pytest.raises(stack.NotDeployable, match=said):
        deploy(**incomplete)


def test_a_nested_application_is_deployed_with_its_parameters_and_outputs(cloud, tmp_path):
    name = f"outer-{uuid.uuid4().hex[:8]}"
    (tmp_path / "infra").mkdir()
    (tmp_path / "template.yaml").write_text(OUTER.replace("MACHINE", name))
    (tmp_path / "infra" / "inner.yaml").write_text(INNER.replace("MACHINE", name))
    (tmp_path / "machine.asl.json").write_text(json.dumps(MACHINE))
    giving = {"QueryLanguage": "JSONata", "StartAt": "Give", "States": {"Give": {"Type": "Succeed"}}}
    (tmp_path / "giving.asl.json").write_text(json.dumps(giving))
    (tmp_path / "echo").write_text(BOOTSTRAP)
    (tmp_path / "echo").chmod(0o755)
    outputs = stack.deploy(tmp_path / "template.yaml", tmp_path, cloud.exports["AWS_ENDPOINT_URL"], cloud.exports["AWS_REGION"], name)
    client = cloud.client("stepfunctions")
    execution = client.start_execution(stateMachineArn=outputs["FleetStateMachineArn"])["executionArn"]
    variables = json.loads(wait_until(lambda: client.describe_execution(executionArn=execution).get("output"), "output"))
    assert (variables["AWS_LAMBDA_FUNCTION_NAME"], variables["BUCKET"]) == ("echo", outputs["FleetBucket"])
    cloud.client("s3").put_object(Bucket=outputs["FleetBucket"], Key="k", Body=b"")
    cloud.client("sns").publish(TopicArn=outputs["FleetTopicArn"], Message="m")

    # The rule refers to the Config rule's generated name, and has the parent's state machine as its target.
    events = cloud.client("events")
    (rule,) = [rule for rule in events.list_rules()["Rules"] if name in rule["Name"] or "Found" in rule["Name"]]
    (rule_name,) = json.loads(rule["EventPattern"])["detail"]["configRuleName"]
    sent = {"Source": "aws.config", "DetailType": "d", "Detail": json.dumps({"configRuleName": rule_name})}
    events.put_events(Entries=[sent])

    def started():
        return client.list_executions(stateMachineArn=outputs["StateMachineArn"])["executions"]

    wait_until(started, "an execution that the rule started")
    (target,) = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    assert target["DeadLetterConfig"]["Arn"].startswith("arn:aws:sqs:")
