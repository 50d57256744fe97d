"""How RDS was used: what a fleet must stay below, and whether it did."""

import time
from collections import deque
from dataclasses import dataclass, field


@dataclass
class Usage:
    """Counters of one cloud's RDS since its start."""

    most_copies_in_progress: int = 0
    most_manual_snapshots: int = 0
    refused_for_quota: int = 0
    requests: int = 0
    most_requests_in_a_second: int = 0
    _last_second: deque[float] = field(default_factory=deque)

    def note_request(self) -> None:
        now = time.monotonic()
        self.requests += 1
        self._last_second.append(now)
        while self._last_second[0] <= now - 1:
            self._last_second.popleft()
        self.most_requests_in_a_second = max(self.most_requests_in_a_second, len(self._last_second))
