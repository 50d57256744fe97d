"""Calls each function once, in the version that executions call. This also wakes functions that sleep."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .check import Check, Verdict
from .stack import Called, Stack

# Lambda's errors for a function in a VPC that nobody called for two weeks, and for one that is being created or changed.
SLEEPS = ("ResourceNotReadyException", "CodeArtifactUserPendingException", "ResourceConflictException")
# A call is not repeated: its failure is the answer.
PATIENT = Config(read_timeout=70, retries={"total_max_attempts": 1})


def ping(stack: Stack) -> Iterator[Check]:
    client = stack.session.client("lambda", config=PATIENT)

    def call(function: Called) -> Check:
        asked, step = f"function {function.name} runs", ", ".join(function.states[:1])
        try:
            version = invoke(client, function.arn, {"action": "ping"})["version"]
        except Failed as failure:
            return Check(Verdict.FAILED, asked, str(failure), step, failure.remedy)
        return Check(Verdict.FINE, asked, f"version {version}, as {function.arn.split(':')[-1]}", step)

    with ThreadPoolExecutor(4) as pool:
        yield from pool.map(call, stack.called)


class Failed(Exception):
    """A function did not run, or failed; the message is Lambda's or the function's."""

    @property
    def remedy(self) -> str:
        if any(name in str(self) for name in SLEEPS):
            return "try again in a minute or two: the function is waking up, or is being updated"
        return "check the stack's log group, and the function's state (aws lambda get-function-configuration)"


def invoke(client, arn: str, payload: dict) -> dict:
    try:
        answer = client.invoke(FunctionName=arn, Payload=json.dumps(payload))
    except (BotoCoreError, ClientError) as error:
        raise Failed(str(error)) from error
    said = json.loads(answer["Payload"].read() or "null")
    if "FunctionError" in answer:
        raise Failed(f"{said.get('errorType')}: {said.get('errorMessage')}")
    return said


def from_within(stack: Stack, source: str | None, secret: str | None) -> Iterator[Check]:
    """The checks that the doctor's function makes in the functions' network."""
    request = {name: value for name, value in (("source", source), ("secret", secret)) if value}
    try:
        answer = invoke(stack.session.client("lambda", config=PATIENT), stack.outputs["DoctorFunctionArn"], request)
    except Failed as failure:
        yield Check(Verdict.FAILED, "the functions' network can be checked", str(failure), "Inspect", failure.remedy)
        return
    for each in answer["checks"]:
        verdict = Verdict.FINE if each["is_fine"] else Verdict.FAILED
        yield Check(verdict, each["asked"], each["came"], each["step"], each["remedy"])
