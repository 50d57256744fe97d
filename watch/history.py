"""An execution's history, read gently: GetExecutionHistory has a small rate in each account."""

import itertools
from collections.abc import Callable
from typing import Any

import boto3
from botocore.config import Config

# The first look reads all there is; later ones what has come since, which is little.
FIRST_PAGE_EVENTS, NEXT_PAGE_EVENTS = 1000, 10
# Backs off when told to, and sends less from then on.
GENTLY = Config(retries={"mode": "adaptive", "max_attempts": 10})

Event = dict[str, Any]


def client_for(arn: str | None = None) -> Any:
    """Step Functions, in the Region of the ARN; without one in the caller's own."""
    return boto3.client("stepfunctions", region_name=arn.split(":")[3] if arn else None, config=GENTLY)


class History:
    """The events of one execution, each of them once."""

    def __init__(self, client: Any, arn: str) -> None:
        self._read: Callable = client.get_paginator("get_execution_history").paginate
        self._arn = arn
        self._last_event = 0

    def news(self) -> list[Event]:
        """Those that came since the last look, the oldest first."""
        size = NEXT_PAGE_EVENTS if self._last_event else FIRST_PAGE_EVENTS
        pages = self._read(executionArn=self._arn, reverseOrder=True, PaginationConfig={"PageSize": size})
        newest_first = (event for page in pages for event in page["events"])
        events = list(itertools.takewhile(lambda event: event["id"] > self._last_event, newest_first))
        self._last_event = max([self._last_event, *(event["id"] for event in events)])
        return events[::-1]
