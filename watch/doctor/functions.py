"""The functions: each is called once, in the version that executions call, and so are woken those that sleep."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from .check import Check, Verdict
from .stack import Called, Stack

# What Lambda says of a function in a VPC that nobody called for two weeks, and of one that is being made or changed.
SLEEPS = ("ResourceNotReadyException", "CodeArtifactUserPendingException", "ResourceConflictException")
# One call is made again by nobody: its failure is the answer.
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
    """A function that did not run, or failed: what Lambda or the function said."""

    @property
    def remedy(self) -> str:
        if any(name in str(self) for name in SLEEPS):
            return "ask again in a minute or two: it has been woken, or is being updated"
        return "look into the stack's log group, and at the function's state (aws lambda get-function-configuration)"


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
    """What the doctor's function finds where the functions stand."""
    request = {name: value for name, value in (("source", source), ("secret", secret)) if value}
    try:
        answer = invoke(stack.session.client("lambda", config=PATIENT), stack.outputs["DoctorFunctionArn"], request)
    except Failed as failure:
        yield Check(Verdict.FAILED, "the functions' network can be looked at", str(failure), "Inspect", failure.remedy)
        return
    for each in answer["checks"]:
        verdict = Verdict.FINE if each["is_fine"] else Verdict.FAILED
        yield Check(verdict, each["asked"], each["came"], each["step"], each["remedy"])
