"""Checks whether a stack works, and whether anything prevents moving a database: python -m watch.doctor [--source orders-db]

Changes nothing. Exit status: 0 all checks passed, 1 one failed, 2 the stack cannot be checked.
"""

import argparse
import json
import sys
from collections.abc import Iterator

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from . import functions, notices, rights
from .check import Check, Verdict
from .plan import Plan
from .stack import Stack

WITHOUT_END = 100_000
COLOURS = {Verdict.WARNED: "yellow", Verdict.FAILED: "red"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m watch.doctor", description=__doc__.splitlines()[0], epilog=__doc__.splitlines()[2])
    parser.add_argument("--stack", default="rds-reencrypt", metavar="NAME", help="name or ARN of the stack; default %(default)s")
    parser.add_argument("--source", help="a database to be moved: also check its network path, rights and preconditions")
    parser.add_argument("--secret", help="secret of its master user; default the one that RDS manages")
    parser.add_argument("--input", type=json.loads, default={}, metavar="JSON", help="further fields of the execution's input (docs/reference.md)")
    arguments = parser.parse_args()
    named = {name: value for name in ("source", "secret") if (value := getattr(arguments, name))}
    try:
        region = arguments.stack.split(":")[3] if arguments.stack.startswith("arn:") else None
        checks = list(ask(Stack(boto3.Session(region_name=region), arguments.stack), arguments.input | named))
    except (BotoCoreError, ClientError, LookupError) as error:
        print(f"cannot check stack {arguments.stack}: {error}", file=sys.stderr)
        return 2
    show(checks)
    return int(any(each.verdict == Verdict.FAILED for each in checks))


def ask(stack: Stack, request: dict) -> Iterator[Check]:
    """`request` is the input of an execution, empty to check the stack alone."""
    yield from functions.ping(stack)
    yield from functions.from_within(stack, request.get("source"), request.get("secret"))
    yield from untold_where_refused("topics and queues", notices.look(stack))
    if "source" not in request:
        return
    if meant := {"undo", "detail"} & request.keys():
        raise LookupError(f"{', '.join(meant)} in the input starts an undo, which has no plan")
    plan = Plan(stack, request)
    yield from plan.checks()
    if made := plan.made:
        source = made["source"]
        of_source = source["identifier"], source["kind"] != "instance", made["kms_key_arn"]
        yield from untold_where_refused("rights", rights.simulate(stack, *of_source, lambda: secrets_of(stack, made)))


def untold_where_refused(what: str, checks: Iterator[Check]) -> Iterator[Check]:
    """A request that the operator may not make is a note, and does not hide the other checks."""
    try:
        yield from checks
    except ClientError as error:
        yield Check(Verdict.WARNED, f"{what} can be checked", f"unknown: {error}", "", "run the doctor with credentials that allow it")


def secrets_of(stack: Stack, plan: dict) -> list[str]:
    client = stack.session.client("secretsmanager")
    return [client.describe_secret(SecretId=each)["ARN"] for each in plan["cutover"]["secrets"]]


def show(checks: list[Check]) -> None:
    table = Table("", "check", "result", "state that would fail", "remedy")
    for each in checks:
        step = each.step if each.verdict == Verdict.FAILED else ""
        cells = (each.verdict.value, each.asked, each.came, step, each.remedy)
        # Text, not markup: a message of PostgreSQL or AWS may look like markup.
        table.add_row(*map(Text, cells), style=COLOURS.get(each.verdict))
    # A file or a pipe gets one line per row, for programs, whatever width the environment sets.
    Console(width=None if sys.stdout.isatty() else WITHOUT_END).print(table)
    count = {verdict: sum(each.verdict == verdict for each in checks) for verdict in Verdict}
    print(f"{count[Verdict.FINE]} ok, {count[Verdict.WARNED]} notes, {count[Verdict.FAILED]} failed")


if __name__ == "__main__":
    sys.exit(main())
