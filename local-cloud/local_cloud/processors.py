"""The share of a processor that a function's memory buys on Lambda, given by the kernel's bandwidth control."""

import os
import tempfile
import time
from pathlib import Path

# What buys one processor (Lambda developer guide, "Configure Lambda function memory"): in proportion below and above.
ONE_PROCESSOR_MB = 1_769
# Short, so that what a call computes is spread as evenly as it may. AWS does not say how long its periods are.
PERIOD_US = 20_000
_GONE_LIMIT_SECONDS = 2


class Share:
    """A control group for one execution environment. Needs root, and the controller `cpu` of either version of cgroups."""

    def __init__(self, memory_mb: int) -> None:
        quota_us = round(PERIOD_US * memory_mb / ONE_PROCESSOR_MB)
        unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
        parent = Path("/sys/fs/cgroup" if unified else "/sys/fs/cgroup/cpu")
        self._group = Path(tempfile.mkdtemp(prefix=f"local-cloud-{os.getpid()}-", dir=parent))
        if unified:
            (self._group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (self._group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self._group / "cpu.cfs_quota_us").write_text(str(quota_us))

    @property
    def enter(self) -> list[str]:
        """In front of a command: it runs within the share, and so does all that it starts."""
        return ["sh", "-c", 'echo $$ > "$0" && exec "$@"', str(self._group / "cgroup.procs")]

    def end(self) -> None:
        """After the last of its processes, which the kernel may take a moment to forget."""
        deadline = time.monotonic() + _GONE_LIMIT_SECONDS
        while True:
            try:
                return self._group.rmdir()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
