"""Follows an execution of one of the state machines to its end: python -m watch <ARN or name>

Exit status: 0 succeeded, 1 failed or stopped, 2 cannot be read, 130 interrupted, which does not affect the execution.
"""

import argparse
import os
import sys
import time
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from .follower import Follower
from .history import client_for
from .progress import RUNNING, SUCCEEDED
from .view import View

STATE_MACHINE = "rds-reencrypt"
LOOK_EVERY_SECONDS, AT_LEAST_EVERY_SECONDS = 2, 30
# After an hour nobody is in a hurry: the interval grows to a hundredth of the time watched.
SHARE_OF_THE_TIME = 0.01


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m watch", description=__doc__.splitlines()[0], epilog=__doc__.splitlines()[2])
    parser.add_argument("execution", help="ARN of an execution, or its name")
    parser.add_argument(
        "--state-machine", metavar="ARN", default=os.environ.get("STATE_MACHINE_ARN"),
        help=f"state machine that a name belongs to; default $STATE_MACHINE_ARN, else {STATE_MACHINE} in your account and Region",
    )  # fmt: skip
    parser.add_argument("--until-approval", action="store_true", help="exit with 0 once only the approval is missing")
    arguments = parser.parse_args()
    try:
        return follow(arguments.execution, arguments.state_machine, arguments.until_approval)
    except (BotoCoreError, ClientError, LookupError) as error:
        print(f"cannot read {arguments.execution}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"stopped watching; the execution goes on: {arguments.execution}", file=sys.stderr)
        return 130


def follow(execution: str, machine_arn: str | None, until_approval: bool) -> int:
    is_arn = execution.startswith("arn:")
    client = client_for(execution if is_arn else machine_arn)
    arn = execution if is_arn else arn_of(execution, machine_arn or find_machine(client))
    began = time.monotonic()
    with View() as view:
        follower = Follower(client, arn, view)
        while (progress := follower.look()).status == RUNNING:
            if until_approval and progress.needs_approval:
                return 0
            watched = time.monotonic() - began
            time.sleep(min(AT_LEAST_EVERY_SECONDS, max(LOOK_EVERY_SECONDS, SHARE_OF_THE_TIME * watched)))
    return 0 if progress.status == SUCCEEDED else 1


def arn_of(name: str, machine_arn: str) -> str:
    return machine_arn.replace(":stateMachine:", ":execution:") + f":{name}"


def find_machine(client: Any) -> str:
    pages = client.get_paginator("list_state_machines").paginate()
    found = (each["stateMachineArn"] for page in pages for each in page["stateMachines"] if each["name"] == STATE_MACHINE)
    if arn := next(found, None):
        return arn
    raise LookupError(f"no state machine named {STATE_MACHINE} in {client.meta.region_name}")


if __name__ == "__main__":
    sys.exit(main())
