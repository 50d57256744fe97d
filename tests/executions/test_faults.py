"""The short tier of the fault matrix: a sample of it, in which kinds of fault and tasks differ; `make test-faults` tries all."""

import pytest

from faults.matrix import all_cases
from faults.run import carry_out

# Every so many cases: a number that has no factor in common with the number of faults at a task.
STEP = 47
CASES = all_cases()[7::STEP]


@pytest.mark.parametrize("number", range(len(CASES)), ids=[case.name for case in CASES])
def test_nothing_is_lost_and_nothing_is_left(cloud, number):
    case = CASES[number]
    cloud.api("DELETE", "faults")
    result = carry_out(cloud, case, f"fault-{number}", case.major or 17)
    cloud.api("DELETE", "faults")
    assert not result.problems, (case, result)
