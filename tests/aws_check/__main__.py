"""Asks AWS about the state machines, the templates, their policies and a change set, which is deleted: a line for each, and what was found below.

Ends with 1 where something is an error, or could not be asked. Without credentials nothing is asked.
"""

import functools
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from . import checks
from .template import Template

REPOSITORY = Path(__file__).resolve().parents[2]
FILES = [REPOSITORY / "template.yaml", *sorted((REPOSITORY / "infra").glob("*.yaml"))]


def main() -> None:
    # Of metrics about itself that nobody asked for.
    logging.getLogger("samtranslator").setLevel(logging.ERROR)
    session = boto3.Session()
    if not session.get_credentials():
        print("aws-check: no credentials for AWS, so nothing was asked")
        return
    if not session.region_name:
        sys.exit("aws-check: no Region; set AWS_DEFAULT_REGION")
    # A list, so that everything is asked whatever fails.
    sys.exit(not all([is_fine(what, ask) for what, ask in all_checks(session)]))  # noqa: C419


def all_checks(session: boto3.Session) -> Iterator[tuple[str, Callable[[], list[checks.Finding]]]]:
    stepfunctions, cloudformation, accessanalyzer = (session.client(name) for name in ("stepfunctions", "cloudformation", "accessanalyzer"))
    region = session.region_name
    templates = {file: Template(file, region, session.get_partition_for_region(region)) for file in FILES}
    for template in templates.values():
        for file, text in template.definitions():
            yield f"definition {file.name}", functools.partial(checks.definition, stepfunctions, text)
    for file, template in templates.items():
        yield f"template {file.name}", functools.partial(checks.template, cloudformation, template.body())
    for file, template in templates.items():
        for policy in template.policies():
            yield f"policy of {file.name}: {policy.name}", functools.partial(checks.policy, accessanalyzer, policy)
    for policy in checks.policies_of_people(REPOSITORY / "infra" / "policies"):
        yield f"policy {policy.name}", functools.partial(checks.policy, accessanalyzer, policy)
    yield "change set", functools.partial(checks.change_set, cloudformation, templates[FILES[0]].body())


def is_fine(what: str, ask: Callable[[], list[checks.Finding]]) -> bool:
    try:
        findings = ask()
    # The last where something else than AWS answers, as a proxy or an emulator without the request.
    except (BotoCoreError, ClientError, ResponseParserError) as error:
        findings = [checks.Finding("ERROR", " ".join(str(error).split())[:300])]
    fine = all(finding.kind != "ERROR" for finding in findings)
    print(f"{'fine ' if fine else 'ERROR'}  {what}", *(f"         {each.kind}: {each.text}" for each in findings), sep="\n", flush=True)
    return fine


if __name__ == "__main__":
    main()
