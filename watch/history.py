"""An execution's history, read sparingly: GetExecutionHistory has a low rate limit per account."""

import itertools
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

# The first poll reads the whole history; later ones only the few events since.
FIRST_PAGE_EVENTS, NEXT_PAGE_EVENTS = 1000, 10
# Backs off when throttled, and lowers its rate from then on.
GENTLY = Config(retries={"mode": "adaptive", "max_attempts": 10})

Event = dict[str, Any]


def client_for(arn: str | None = None) -> Any:
    """A Step Functions client in the ARN's Region, or in the caller's without an ARN."""
    return boto3.client("stepfunctions", region_name=arn.split(":")[3] if arn else None, config=GENTLY)


class History:
    """The events of one execution, each once."""

    def __init__(self, client: Any, arn: str) -> None:
        self._read: Callable = client.get_paginator("get_execution_history").paginate
        self._arn = arn
        self._last_event = 0

    def news(self) -> list[Event]:
        """The events since the last poll, oldest first."""
        size = NEXT_PAGE_EVENTS if self._last_event else FIRST_PAGE_EVENTS
        pages = self._read(executionArn=self._arn, reverseOrder=True, PaginationConfig={"PageSize": size})
        newest_first = (event for page in pages for event in page["events"])
        events = list(itertools.takewhile(lambda event: event["id"] > self._last_event, newest_first))
        self._last_event = max([self._last_event, *(event["id"] for event in events)])
        return events[::-1]
