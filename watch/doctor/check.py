"""The result of one check."""

from dataclasses import dataclass
from enum import Enum


class Verdict(Enum):
    FINE = "ok"
    # Needs attention, but no run fails because of it.
    WARNED = "note"
    FAILED = "FAILED"


@dataclass(frozen=True)
class Check:
    verdict: Verdict
    asked: str
    came: str
    # The state that would fail if this check fails.
    step: str = ""
    remedy: str = ""
