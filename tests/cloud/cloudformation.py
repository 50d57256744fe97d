"""CloudFormation: what moto's lacks for the product's templates.

A nested stack's outputs can be read by its parent, a role's policies are kept as IAM keeps them, a rule of AWS Config has the name that an event pattern refers to
(nothing evaluates it: tests send the events themselves), and of a type that moto does not know nothing is made, in
silence.
"""

import json
import logging
import uuid
import warnings

from moto.cloudformation.models import Stack
from moto.core.common_models import CloudFormationModel
from moto.iam.models import Role


def install() -> None:
    logging.getLogger("moto").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="Tried to parse .* but it's not supported by moto")
    Stack.get_cfn_attribute = _output
    Role.put_policy = _put_policy


def _output(self: Stack, attribute: str) -> str:
    return self.output_map[attribute.removeprefix("Outputs.")].value


def _put_policy(self: Role, name: str, document: dict | str) -> None:
    """A document from a template is no text yet."""
    self.policies[name] = document if isinstance(document, str) else json.dumps(document)


class ConfigRule(CloudFormationModel):
    """A rule of AWS Config by its name."""

    def __init__(self, name: str, arn: str) -> None:
        self.physical_resource_id = name
        self.arn = arn

    @staticmethod
    def cloudformation_name_type() -> str:
        return "ConfigRuleName"

    @staticmethod
    def cloudformation_type() -> str:
        return "AWS::Config::ConfigRule"

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return attr in ("Arn", "ConfigRuleId")

    def get_cfn_attribute(self, attribute_name: str) -> str:
        return self.arn if attribute_name == "Arn" else self.arn.split("/")[-1]

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: dict, account_id: str, region_name: str, **_
    ) -> "ConfigRule":
        identifier = f"config-rule-{uuid.uuid4().hex[:6]}"
        return cls(resource_name, f"arn:aws:config:{region_name}:{account_id}:config-rule/{identifier}")

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: "ConfigRule", *_) -> "ConfigRule":
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *_) -> None:
        """Nothing is left of it."""
