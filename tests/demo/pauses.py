"""How long writers could not write, as they felt it."""

from collections.abc import Callable

from .application import Writer
from .executions import Entered


def write_pause_ms(writers: list[Writer]) -> float:
    """From the last write that was acknowledged on the source to the first on the target, whoever's they were."""
    left = max(write.at for writer in writers for write in writer.acknowledged if write.server == writer.first_server)
    moved = min(write.at for writer in writers for write in writer.acknowledged if write.server != writer.first_server)
    return 1000 * (moved - left)


def longest_switch_ms(writers: list[Writer]) -> float:
    """The same of the writer that was hit worst."""
    return max(1000 * (after - before) for before, after, stays in _gaps(writers) if not stays)


def longest_gap_ms(writers: list[Writer], is_counted: Callable[[float], bool]) -> float:
    """The longest time between two acknowledged writes of one writer on its first server, among those that began at
    a moment that is counted."""
    gaps = (1000 * (after - before) for before, after, stays in _gaps(writers) if stays and is_counted(before))
    return max(gaps, default=0.0)


def _gaps(writers: list[Writer]):
    """Of each two successive writes of a writer: when the first was acknowledged, when the second was, and whether
    both were on its first server. What it did on its next server is left out."""
    for writer in writers:
        for before, after in zip(writer.acknowledged, writer.acknowledged[1:]):
            if before.server == writer.first_server:
                yield before.at, after.at, after.server == writer.first_server


def during(entered: list[Entered], states: set[str], clock_offset: float) -> Callable[[float], bool]:
    """Whether a monotonic moment lies in one of these states; the offset leads from there to seconds since 1970."""
    ends = [each.at for each in entered[1:]] + [float("inf")]
    spans = [(each.at, end) for each, end in zip(entered, ends) if each.state in states]
    return lambda moment: any(begin <= moment + clock_offset < end for begin, end in spans)
