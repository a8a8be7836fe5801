"""Standalone modules under the compilers of the system; tests/zig has that of a package."""

from __future__ import annotations

import shutil

import pytest

from tests.emit.standalone.building import passes
from tests.emit.standalone.strict import NETWORKS, module

COMPILERS = [name for name in ("gcc", "clang") if shutil.which(name)]


@pytest.mark.skipif(not COMPILERS, reason="no C compiler is installed")
@pytest.mark.parametrize("compiler", COMPILERS or ["none"])
@pytest.mark.parametrize("place", range(len(NETWORKS)))
def test_no_warning_and_the_reference_numbers(place, compiler, tmp_path, seed):
    dtype = "float64" if place == 1 else "float32"
    passes(module(place, seed=seed, dtype=dtype), tmp_path, [compiler])
