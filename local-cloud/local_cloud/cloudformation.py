"""CloudFormation: what moto's lacks for the product's templates.

A nested stack's outputs can be read by its parent, a role has the policies that it is to
have, functions write into the log group that they are given and can be called by version, a rule of AWS Config has
the name that an event pattern refers to (nothing evaluates it: tests send the events themselves), and of a type that
moto does not know nothing is made, in silence.
"""

import json
import logging
import uuid
import warnings

from moto.awslambda.models import LambdaFunction, LambdaVersion, lambda_backends
from moto.cloudformation.models import Stack
from moto.core.common_models import CloudFormationModel
from moto.iam.models import Role, iam_backends


def install() -> None:
    logging.getLogger("moto").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message="Tried to parse .* but it's not supported by moto")
    Stack.get_cfn_attribute = _output
    Role.put_policy = _put_policy
    _attach_policies()
    _give_functions_their_log_group()
    _refer_to_versions()


def _output(self: Stack, attribute: str) -> str:
    return self.output_map[attribute.removeprefix("Outputs.")].value


def _put_policy(self: Role, name: str, document: dict | str) -> None:
    """A document from a template is no text yet."""
    self.policies[name] = document if isinstance(document, str) else json.dumps(document)


def _attach_policies() -> None:
    """moto attaches none; AWS's own it does not know."""
    create = Role.create_from_cloudformation_json.__func__

    def create_with_policies(cls: type[Role], resource_name: str, cloudformation_json: dict, account_id: str, region_name: str, **more) -> Role:
        role = create(cls, resource_name, cloudformation_json, account_id, region_name, **more)
        for arn in cloudformation_json["Properties"].get("ManagedPolicyArns", []):
            if ":aws:policy/" not in arn:
                iam_backends[account_id][role.partition].attach_role_policy(arn, role.name)
        return role

    Role.create_from_cloudformation_json = classmethod(create_with_policies)


def _give_functions_their_log_group() -> None:
    create = LambdaFunction.create_from_cloudformation_json.__func__

    def create_writing(cls: type[LambdaFunction], resource_name: str, cloudformation_json: dict, *where: str, **more) -> LambdaFunction:
        function = create(cls, resource_name, cloudformation_json, *where, **more)
        logging_config = cloudformation_json["Properties"].get("LoggingConfig", {})
        function.logs_group_name = logging_config.get("LogGroup", function.logs_group_name)
        return function

    LambdaFunction.create_from_cloudformation_json = classmethod(create_writing)


def _refer_to_versions() -> None:
    """A version's `Ref` is its ARN; moto's has nothing but the number."""

    def create(cls: type[LambdaVersion], resource_name: str, cloudformation_json: dict, account_id: str, region_name: str, **_) -> LambdaVersion:
        backend = lambda_backends[account_id][region_name]
        function = backend.publish_version(cloudformation_json["Properties"]["FunctionName"])
        version = cls({"Version": function.version})
        version.physical_resource_id = function.function_arn
        return version

    LambdaVersion.create_from_cloudformation_json = classmethod(create)


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
    def create_from_cloudformation_json(cls, resource_name: str, cloudformation_json: dict, account_id: str, region_name: str, **_) -> "ConfigRule":
        identifier = f"config-rule-{uuid.uuid4().hex[:6]}"
        return cls(resource_name, f"arn:aws:config:{region_name}:{account_id}:config-rule/{identifier}")

    @classmethod
    def update_from_cloudformation_json(cls, original_resource: "ConfigRule", *_) -> "ConfigRule":
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *_) -> None:
        """Nothing is left of it."""
