"""Waiting for a state, never for a moment."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")


def wait_until(
    look: Callable[[], Seen], is_so: Callable[[Seen], object], what: str, limit_seconds: float, every_seconds: float = 0.05
) -> Seen:
    """What `look` saw when it first was so; `TimeoutError` with what was last seen."""
    deadline = time.monotonic() + limit_seconds
    while not is_so(seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit_seconds} s; last seen: {seen!r}")
        time.sleep(every_seconds)
    return seen
