"""Time that runs faster: what a state machine waits for is divided, what works takes as long as it takes."""

import time
import types

from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction


def divide_waits(time_scale: float) -> None:
    """Wait states and the intervals of retries; a task's time-out is held against work, and stays."""

    def wait(self: WaitFunction, env, wait_seconds: float) -> None:
        deadline = time.monotonic() + wait_seconds / time_scale
        while env.is_running() and (left := deadline - time.monotonic()) > 0:
            env.program_state_event.wait(left)

    WaitFunction._wait_interval = wait
    retrier_decl.time = types.SimpleNamespace(sleep=lambda seconds: time.sleep(seconds / time_scale))
