"""The transform of the Serverless Application Model, which CloudFormation carries out and moto does not; and change sets that make a stack.

For stacks, change sets and nested stacks. A state machine's definition may be in S3.
"""

import json
import logging
import re

import boto3
from moto.cloudformation import models, responses, utils
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend
from moto.s3.models import s3_backends
from moto.stepfunctions.models import StateMachine
from moto.utilities.utils import get_partition
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

TRANSFORM = "AWS::Serverless-2016-10-31"
_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")


def install() -> None:
    # It warns of metrics about itself that nobody asked for.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    _transform_templates()
    _read_definitions_from_s3()
    _find_templates_here()


def _transform_templates() -> None:
    create_plain, propose_plain = CloudFormationBackend.create_stack, CloudFormationBackend.create_change_set
    execute = CloudFormationBackend.execute_change_set

    def create_stack(self: CloudFormationBackend, name: str, template: str, parameters: dict[str, str], **more):
        return create_plain(self, name, _transformed(template, parameters, self.region_name), parameters, **more)

    def create_change_set(self: CloudFormationBackend, template: str, parameters: dict[str, str], **more):
        return propose_plain(self, template=_transformed(template, parameters, self.region_name), parameters=parameters, **more)

    def execute_change_set(self: CloudFormationBackend, change_set_name: str, stack_name: str | None = None) -> None:
        # moto's makes a stack without the template's parameters, conditions and outputs.
        change_set = self.describe_change_set(change_set_name)
        if change_set.change_set_type != "CREATE":
            return execute(self, change_set_name, stack_name)
        del self.stacks[change_set.stack_id]
        create_plain(self, change_set.stack_name, change_set.template, change_set.parameters, tags=change_set.tags)
        change_set.execution_status = "EXECUTE_COMPLETE"

    CloudFormationBackend.create_stack = create_stack
    CloudFormationBackend.create_change_set = create_change_set
    CloudFormationBackend.execute_change_set = execute_change_set


def _transformed(template: str, parameters: dict[str, str], region: str) -> str:
    parsed = yaml_parse(template)
    if parsed.get("Transform") != TRANSFORM:
        return template
    try:
        return json.dumps(Translator({}, Parser(), boto_session=boto3.Session(region_name=region)).translate(parsed, parameters))
    except InvalidDocumentException as error:
        raise ValidationError(message="; ".join(cause.message for cause in error.causes)) from error


def _read_definitions_from_s3() -> None:
    create = StateMachine.create_from_cloudformation_json.__func__

    def create_from_s3(
        cls: type[StateMachine], resource_name: str, cloudformation_json: dict, account_id: str, region_name: str, **more
    ) -> StateMachine:
        properties = dict(cloudformation_json["Properties"])
        if place := properties.pop("DefinitionS3Location", None):
            storage = s3_backends[account_id][get_partition(region_name)]
            definition = storage.get_object(place["Bucket"], place["Key"]).value.decode()
            substitutions = properties.pop("DefinitionSubstitutions", {})
            if unknown := set(_PLACEHOLDER.findall(definition)) ^ substitutions.keys():
                raise ValidationError(message=f"the definition of {resource_name} and its substitutions differ in {', '.join(sorted(unknown))}")
            properties["DefinitionString"] = _PLACEHOLDER.sub(lambda found: substitutions[found[1]], definition)
        return create(cls, resource_name, cloudformation_json | {"Properties": properties}, account_id, region_name, **more)

    StateMachine.create_from_cloudformation_json = classmethod(create_from_s3)


def _find_templates_here() -> None:
    """The URL of an object is one of this cloud's own address for clients that were given it; moto takes the bucket for the host there."""

    def read(template_url: str, account_id: str, partition: str) -> str:
        return utils.get_stack_from_s3_url(template_url.replace("//127.0.0.1:", "//localhost:"), account_id, partition)

    models.get_stack_from_s3_url = responses.get_stack_from_s3_url = read
