"""A slice of the documented suite of standalone modules."""

from __future__ import annotations

import pytest

from tests.emit.c.judging import compiles
from tests.programs.installed import COMPILER
from tests.suites.standalone import judge

CLEAN = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@compiles
@pytest.mark.parametrize("place", range(4))
def test_random_modules(place, rng):
    found = judge(int(rng.integers(2**31)), [COMPILER], CLEAN if place else ())
    assert not found or "set aside" in found, found
