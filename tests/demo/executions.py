"""Executions of the state machine, as somebody follows them who has nothing but the API."""

import json
from dataclasses import dataclass

from watch.follower import Follower
from watch.history import History
from watch.view import View

from .local_cloud import LocalCloud
from .waiting import wait_until


@dataclass(frozen=True)
class Entered:
    """A state that was entered, and when: seconds since 1970."""

    state: str
    kind: str
    at: float


class Execution:
    """One execution, running or ended: a new one, or one that somebody else has started."""

    def __init__(self, cloud: LocalCloud, name: str, request: object = None, arn: str | None = None, machine_arn: str | None = None) -> None:
        self.name = name
        self._client = cloud.client("stepfunctions")
        self._followed: list[Entered] = []
        self.arn = (
            arn
            or self._client.start_execution(stateMachineArn=machine_arn or cloud.state_machine_arn, name=name, input=json.dumps(request))[
                "executionArn"
            ]
        )
        self._history = History(self._client, self.arn)

    def stop(self) -> None:
        """As a person does who has had enough: Step Functions runs no Catch."""
        self._client.stop_execution(executionArn=self.arn)

    def describe(self) -> dict:
        return self._client.describe_execution(executionArn=self.arn)

    @property
    def status(self) -> str:
        return self.describe()["status"]

    @property
    def output(self) -> dict:
        return json.loads(self.describe()["output"])

    @property
    def plan(self) -> dict:
        """What its functions work from: the last answer that has one, since the first one has no databases yet."""
        return [answer["plan"] for answer in self.answers() if "plan" in answer][-1]

    def events(self) -> list[dict]:
        pages = self._client.get_paginator("get_execution_history").paginate(executionArn=self.arn)
        return [event for page in pages for event in page["events"]]

    def answers(self) -> list[dict]:
        """What its functions have answered, in their order."""
        outputs = [json.loads(event["taskSucceededEventDetails"]["output"]) for event in self.events() if "taskSucceededEventDetails" in event]
        return [answer for output in outputs if isinstance(answer := output.get("Payload"), dict)]

    def follow(self) -> list[str]:
        """The states entered so far, of which only the new ones are asked for."""
        self._followed += entered_states(self._history.news())
        return [each.state for each in self._followed]

    def watched(self, view: View) -> Follower:
        """As `python -m watch` shows it."""
        return Follower(self._client, self.arn, view)

    def wait(self, limit_seconds: float) -> dict:
        """Its description, once it has ended."""
        try:
            wait_until(lambda: self.status, lambda status: status != "RUNNING", f"execution {self.name}", limit_seconds, 0.25)
        except TimeoutError as error:
            raise TimeoutError(f"{error}, in {self.follow()[-4:]}") from error
        return self.describe()

    def wait_for_state(self, state: str, limit_seconds: float, every_seconds: float = 0.05) -> None:
        """Returns once the state has been entered."""
        states = wait_until(
            lambda: [self.status, *self.follow()],
            lambda seen: state in seen or seen[0] != "RUNNING", f"state {state} of {self.name}", limit_seconds, every_seconds,
        )  # fmt: skip
        if state not in states:
            raise RuntimeError(f"{self.name} has not entered {state}: {states}, {self.describe().get('cause')}")


def entered_states(events: list[dict]) -> list[Entered]:
    """The states in the order in which they were entered; as many as Step Functions bills transitions."""
    return [
        Entered(event["stateEnteredEventDetails"]["name"], event["type"].removesuffix("StateEntered"), event["timestamp"].timestamp())
        for event in events
        if "stateEnteredEventDetails" in event
    ]


def failures(events: list[dict]) -> list[str]:
    """What went wrong in the execution's tasks, those that were tried again included."""
    details = [each for event in events for kind, each in event.items() if kind in ("taskFailedEventDetails", "taskTimedOutEventDetails")]
    return [f"{each.get('error')}: {each.get('cause')}" for each in details]
