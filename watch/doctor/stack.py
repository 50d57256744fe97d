"""The deployed stack: its outputs, and the functions that its state machines call."""

import json
import re
from dataclasses import dataclass
from functools import cached_property

import boto3

FUNCTION = re.compile(r"arn:[\w-]+:lambda:[\w-]+:\d+:function:[\w-]+(?::[\w-]+)?")


@dataclass(frozen=True)
class Called:
    """A function, in the version that executions call."""

    arn: str
    states: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.arn.split(":")[6]


class Stack:
    def __init__(self, session: boto3.Session, name: str) -> None:
        self.session = session
        self._described = session.client("cloudformation").describe_stacks(StackName=name)["Stacks"][0]

    @cached_property
    def outputs(self) -> dict[str, str]:
        return {each["OutputKey"]: each["OutputValue"] for each in self._described["Outputs"]}

    @property
    def state_machine_arn(self) -> str:
        return self.outputs["StateMachineArn"]

    def arn(self, service: str, resource: str) -> str:
        """The ARN of a resource in the stack's account and Region."""
        _, partition, _, region, account, *_ = self.state_machine_arn.split(":")
        return f"arn:{partition}:{service}:{region}:{account}:{resource}"

    @cached_property
    def called(self) -> list[Called]:
        states: dict[str, list[str]] = {self.outputs["DoctorFunctionArn"]: []}
        client = self.session.client("stepfunctions")
        for output in "StateMachineArn", "FleetStateMachineArn":
            definition = client.describe_state_machine(stateMachineArn=self.outputs[output])["definition"]
            for name, state in _states(json.loads(definition)):
                for arn in FUNCTION.findall(json.dumps(state.get("Arguments", ""))):
                    states.setdefault(arn, []).append(name)
        return [Called(arn, tuple(names)) for arn, names in states.items()]


def _states(machine: dict):
    for name, state in machine["States"].items():
        yield name, state
        if "ItemProcessor" in state:
            yield from _states(state["ItemProcessor"])
