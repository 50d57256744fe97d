"""The guards are in the places where `make test-guards` removes them; this check alone is quick enough for every day."""

import pytest

from .__main__ import GUARDS, REPOSITORY


@pytest.mark.parametrize("guard", GUARDS, ids=[guard.guard for guard in GUARDS])
def test_a_guard_exists_once(guard):
    text = (REPOSITORY / guard.file).read_text()
    assert text.count(guard.present) == 1, f"{guard.file} has {guard.present!r} {text.count(guard.present)} times"
    if not guard.test.startswith("cargo: "):
        file, _, name = guard.test.partition("::")
        assert f"def {name}" in (REPOSITORY / "tests" / file).read_text()
