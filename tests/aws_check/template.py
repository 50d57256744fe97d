"""A template, and what its transform makes of it, with well-formed values in place of what only a deployed stack has."""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

ACCOUNT = "123456789012"
# Where artefacts would be; nobody looks before a change set is executed.
IN_S3 = {
    "AWS::Serverless::Function": ("CodeUri", "s3://rds-reencrypt-check/package.zip"),
    "AWS::Serverless::StateMachine": ("DefinitionUri", "s3://rds-reencrypt-check/definition.asl.json"),
    "AWS::Serverless::Application": ("Location", "https://s3.amazonaws.com/rds-reencrypt-check/nested.template"),
}
ARNS = {
    "AWS::Events::Rule": "events:{region}:{account}:rule/{name}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Lambda::Version": "lambda:{region}:{account}:function:{name}:1",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
}
REFERRED_TO_BY_ARN = {"AWS::Lambda::Version", "AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}
# What Access Analyzer holds a resource's policy against, where it knows more than the grammar of policies.
KINDS_OF_RESOURCES = {"AWS::S3::BucketPolicy": "AWS::S3::Bucket", "AWS::IAM::Role": "AWS::IAM::AssumeRolePolicyDocument"}
SUFFIXES = {"aws-cn": "amazonaws.com.cn"}
PLACEHOLDER = re.compile(r"\$\{([^}!]+)\}")


@dataclass(frozen=True)
class Policy:
    name: str
    document: dict
    # As Access Analyzer calls it.
    kind: str
    resource: str | None = None


class Template:
    def __init__(self, file: Path, region: str, partition: str) -> None:
        self.given = yaml_parse(file.read_text())
        # The state machines' definitions by the resource's name.
        self._definitions = {}
        for name, resource in self.given["Resources"].items():
            if place := IN_S3.get(resource["Type"]):
                member, uri = place
                if member == "DefinitionUri":
                    self._definitions[name] = file.parent / resource["Properties"][member]
                resource["Properties"][member] = uri
        self._plain = self.given
        if "Transform" in self.given:
            session = boto3.Session(region_name=region)
            self._plain = Translator({}, Parser(), boto_session=session).translate(copy.deepcopy(self.given), {})
        self._region, self._partition = region, partition

    def body(self) -> str:
        """As short as can be: a request takes 51,200 bytes, of which comments and indentation would be a fifth."""
        return json.dumps(self.given, separators=(",", ":"))

    def definitions(self) -> Iterator[tuple[Path, str]]:
        """The state machines' definitions with values in their placeholders, by their files."""
        for name, file in self._definitions.items():
            values = self._resolved(self._plain["Resources"][name]["Properties"]["DefinitionSubstitutions"])
            yield file, PLACEHOLDER.sub(lambda found, values=values: values[found[1]], file.read_text())

    def policies(self) -> Iterator[Policy]:
        for name, resource in self._plain["Resources"].items():
            kind, properties = resource["Type"], resource.get("Properties", {})
            if kind == "AWS::IAM::Role":
                yield self._policy(f"{name}, who may be it", properties["AssumeRolePolicyDocument"], "RESOURCE_POLICY", kind)
                for place, policy in enumerate(properties["Policies"], 1):
                    yield self._policy(f"{name}, {place}", policy["PolicyDocument"], "IDENTITY_POLICY")
            elif kind == "AWS::IAM::ManagedPolicy":
                yield self._policy(name, properties["PolicyDocument"], "IDENTITY_POLICY")
            elif document := properties.get("PolicyDocument") or properties.get("KeyPolicy"):
                yield self._policy(name, document, "RESOURCE_POLICY", kind)

    def _policy(self, name: str, document: dict, kind: str, of: str = "") -> Policy:
        return Policy(name, self._resolved(document), kind, KINDS_OF_RESOURCES.get(of))

    def _resolved(self, value):
        """Without CloudFormation's functions; of a condition the first case, which is the fuller one in these templates."""
        match value:
            case {"Ref": name}:
                return self._referred_to(name)
            case {"Fn::GetAtt": [name, "Arn"]}:
                return self._arn(name)
            case {"Fn::If": [_, first, _]}:
                return self._resolved(first)
            case {"Fn::Sub": [text, values]}:
                return self._substituted(text, self._resolved(values))
            case {"Fn::Sub": text}:
                return self._substituted(text, {})
            case dict():
                return {name: self._resolved(member) for name, member in value.items()}
            case list():
                return [self._resolved(member) for member in value]
        return value

    def _substituted(self, text: str, values: dict[str, str]) -> str:
        def value(found: re.Match) -> str:
            name, _, attribute = found[1].partition(".")
            return values.get(found[1]) or (self._arn(name) if attribute == "Arn" else self._referred_to(name))

        return PLACEHOLDER.sub(value, text)

    def _referred_to(self, name: str) -> str:
        if pseudo := self._pseudo_parameters().get(name):
            return pseudo
        if resource := self._plain["Resources"].get(name):
            return self._arn(name) if resource["Type"] in REFERRED_TO_BY_ARN else name.lower()
        # Parameters without a default are given by the template around this one.
        given = self._plain["Parameters"][name].get("Default")
        return given or (self._arn_of("AWS::StepFunctions::StateMachine", name) if name.endswith("Arn") else name.lower())

    def _pseudo_parameters(self) -> dict[str, str]:
        return {
            "AWS::AccountId": ACCOUNT, "AWS::Partition": self._partition, "AWS::Region": self._region, "AWS::StackName": "rds-reencrypt",
            "AWS::URLSuffix": SUFFIXES.get(self._partition, "amazonaws.com"),
        }  # fmt: skip

    def _arn(self, name: str) -> str:
        return self._arn_of(self._plain["Resources"][name]["Type"], name)

    def _arn_of(self, kind: str, name: str) -> str:
        return f"arn:{self._partition}:" + ARNS[kind].format(region=self._region, account=ACCOUNT, name=name.lower())
