"""One thing that was asked."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    FINE = "ok"
    # Somebody has something to do or to know; no run fails for it.
    WARNED = "note"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Check:
    verdict: Verdict
    asked: str
    came: str
    # The state that fails where this does.
    step: str = ""
    remedy: str = ""
