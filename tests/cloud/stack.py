"""Deploys template.yaml on the cloud, the way `sam deploy` does: packages, transforms, and leaves the rest to
CloudFormation.

Two things differ from a deployment. A function's package is a zip with nothing but a link to the binary that cargo has
built, so that nothing is copied and the next invocation takes up a new build. And a function is called what
its binary is called, where CloudFormation would make a name up: logs, faults and measurements speak of `cutover`.
"""

import io
import json
import re
import stat
import zipfile
from pathlib import Path

import boto3
import yaml
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
from samtranslator.yaml_helper import yaml_parse

_PLACEHOLDER = re.compile(r"\$\{([^}]+)\}")


class NotDeployable(Exception):
    """The template, the state machine or the binaries are not complete; the text says what is missing."""


def deploy(
    template_file: Path, binaries: Path, endpoint_url: str, region: str, name: str = "rds-reencrypt"
) -> dict[str, str]:
    """The stack's outputs, once functions, roles and state machines exist, those of nested applications included."""
    session = boto3.Session("deployer", "deployer", region_name=region)
    bucket = f"{name}-packages"
    uploads = {}
    plain = _transform(template_file, binaries.resolve(), bucket, uploads, session)
    _upload(uploads, bucket, session.client("s3", endpoint_url=endpoint_url))
    cloudformation = session.client("cloudformation", endpoint_url=endpoint_url)
    try:
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(plain), Capabilities=["CAPABILITY_IAM"])
    except (ClientError, ResponseParserError) as error:
        # The second, since moto answers with JSON here when the interpreter does not like a definition.
        raise NotDeployable(str(error)[:500]) from error
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _transform(
    template_file: Path, binaries: Path, bucket: str, uploads: dict[str, bytes], session: boto3.Session
) -> dict:
    """The template in plain CloudFormation; what it refers to by key is in `uploads` afterwards."""
    try:
        template = yaml_parse(template_file.read_text())
        for name, application in _resources(template, "AWS::Serverless::Application").items():
            nested_file = template_file.parent / application["Properties"]["Location"]
            nested = _transform(nested_file, binaries, bucket, uploads, session)
            uploads[f"{name}.template"] = json.dumps(nested).encode()
            application["Properties"]["Location"] = f"https://s3.amazonaws.com/{bucket}/{name}.template"
        definitions = _take_out_definitions(template, template_file.parent)
        uploads |= _name_functions(template, binaries, bucket)
        plain = Translator({}, Parser(), boto_session=session).translate(template, parameter_values={})
    except (OSError, yaml.YAMLError) as error:
        raise NotDeployable(str(error)) from error
    except InvalidDocumentException as error:
        raise NotDeployable("; ".join(cause.message for cause in error.causes)) from error
    for machine, definition in definitions.items():
        properties = plain["Resources"][machine]["Properties"]
        del properties["DefinitionS3Location"]
        properties["DefinitionString"] = {"Fn::Sub": [definition, properties.pop("DefinitionSubstitutions", {})]}
    return plain


def _name_functions(template: dict, binaries: Path, bucket: str) -> dict[str, bytes]:
    """Gives each function its name and the place of its package; the packages by these names."""
    functions = _resources(template, "AWS::Serverless::Function").values()
    named = {each["Metadata"]["BuildProperties"]["Binary"]: each["Properties"] for each in functions}
    if missing := [name for name in named if not (binaries / name).is_file()]:
        raise NotDeployable(f"{binaries} has no {', '.join(missing)}; build with `cargo build --release`")
    for name, properties in named.items():
        properties |= {"FunctionName": name, "CodeUri": {"Bucket": bucket, "Key": name}}
    return {name: _package(binaries / name) for name in named}


def _upload(uploads: dict[str, bytes], bucket: str, s3) -> None:
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": s3.meta.region_name})
    for key, content in uploads.items():
        s3.put_object(Bucket=bucket, Key=key, Body=content)


def _package(binary: Path) -> bytes:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        link = zipfile.ZipInfo("bootstrap")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, str(binary))
    return package.getvalue()


def _take_out_definitions(template: dict, home: Path) -> dict[str, str]:
    """The definition of each state machine by its resource's name: moto's CloudFormation knows neither
    DefinitionS3Location nor DefinitionSubstitutions."""
    definitions = {}
    for name, resource in _resources(template, "AWS::Serverless::StateMachine").items():
        file = home / resource["Properties"]["DefinitionUri"]
        substitutions = resource["Properties"].get("DefinitionSubstitutions", {})
        definition = file.read_text()
        if unknown := set(_PLACEHOLDER.findall(definition)) ^ substitutions.keys():
            raise NotDeployable(f"{file.name} and its DefinitionSubstitutions differ in {', '.join(sorted(unknown))}")
        resource["Properties"]["DefinitionUri"] = {"Bucket": "not uploaded", "Key": file.name}
        definitions[name] = definition
    return definitions


def _resources(template: dict, kind: str) -> dict[str, dict]:
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}
