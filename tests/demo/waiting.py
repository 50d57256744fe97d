"""Waiting for a state, never for a moment."""

import time
from collections.abc import Callable
from typing import TypeVar

Seen = TypeVar("Seen")
# A look at a cloud costs it some milliseconds of a processor that tests share: what takes longer is looked at less often.
RAREST_SECONDS = 0.25


def wait_until(
    look: Callable[[], Seen], is_so: Callable[[Seen], object], what: str, limit_seconds: float, every_seconds: float | None = None
) -> Seen:
    """What `look` saw when it first was so; `TimeoutError` with what was last seen."""
    deadline = time.monotonic() + limit_seconds
    pause = every_seconds or 0.05
    while not is_so(seen := look()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {limit_seconds} s; last seen: {seen!r}")
        time.sleep(pause)
        pause = every_seconds or min(1.1 * pause, RAREST_SECONDS)
    return seen
