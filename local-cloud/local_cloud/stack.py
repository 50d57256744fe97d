"""Deploys template.yaml on the cloud, the way `sam deploy` does: packages, and leaves the rest to CloudFormation.

Two things differ from a deployment. A function's package is a zip with nothing but a link to the binary that cargo has
built, so that nothing is copied and the next invocation takes up a new build. And a function is called what
its binary is called, where CloudFormation would make a name up: logs, faults and measurements speak of `cutover`.
"""

import io
import json
import stat
import zipfile
from pathlib import Path

import boto3
import yaml
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from samtranslator.yaml_helper import yaml_parse


class NotDeployable(Exception):
    """The template, the state machine or the binaries are not complete; the text says what is missing."""


def deploy(template_file: Path, binaries: Path, endpoint_url: str, region: str, name: str) -> dict[str, str]:
    """The stack's outputs, once functions, roles and state machines exist, those of nested applications included."""
    session = boto3.Session("deployer", "deployer", region_name=region)
    bucket = f"{name}-packages"
    uploads = {}
    template = _packaged(template_file, binaries.resolve(), bucket, uploads)
    _upload(uploads, bucket, session.client("s3", endpoint_url=endpoint_url))
    cloudformation = session.client("cloudformation", endpoint_url=endpoint_url)
    try:
        cloudformation.create_stack(StackName=name, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"])
    except (ClientError, ResponseParserError) as error:
        # The second, since moto answers with JSON here when the interpreter does not like a definition.
        raise NotDeployable(str(error)[:500]) from error
    stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def _packaged(template_file: Path, binaries: Path, bucket: str, uploads: dict[str, bytes]) -> dict:
    """The template; what it refers to by key is in `uploads` afterwards."""
    try:
        template = yaml_parse(template_file.read_text())
        for name, application in _resources(template, "AWS::Serverless::Application").items():
            nested = _packaged(template_file.parent / application["Properties"]["Location"], binaries, bucket, uploads)
            uploads[f"{name}.template"] = json.dumps(nested).encode()
            application["Properties"]["Location"] = f"https://s3.amazonaws.com/{bucket}/{name}.template"
        for machine in _resources(template, "AWS::Serverless::StateMachine").values():
            definition = template_file.parent / machine["Properties"]["DefinitionUri"]
            uploads[definition.name] = definition.read_bytes()
            machine["Properties"]["DefinitionUri"] = {"Bucket": bucket, "Key": definition.name}
        uploads |= _name_functions(template, binaries, bucket)
    except (OSError, yaml.YAMLError) as error:
        raise NotDeployable(str(error)) from error
    return template


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


def _resources(template: dict, kind: str) -> dict[str, dict]:
    return {name: resource for name, resource in template["Resources"].items() if resource["Type"] == kind}
