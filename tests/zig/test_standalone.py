"""Standalone modules compiled by zig, which is clang, for this machine and for arm."""

from __future__ import annotations

import sys

import pytest

from tests.emit.standalone.building import passes, sections, write
from tests.emit.standalone.strict import NETWORKS, module

ZIG = (sys.executable, "-m", "ziglang", "cc")

#: Machines that zig compiles for; what it makes for them is not run.
ARM = ("arm-linux-musleabihf", "aarch64-linux-musl")


@pytest.mark.parametrize("place", range(len(NETWORKS)))
def test_no_warning_and_the_reference_numbers(place, tmp_path, seed):
    dtype = "float64" if place == 1 else "float32"
    passes(module(place, seed=seed, dtype=dtype), tmp_path, ZIG)


@pytest.mark.parametrize("machine", ARM)
@pytest.mark.parametrize("place", range(len(NETWORKS)))
def test_compiles_for_arm_and_takes_the_same_memory(place, machine, tmp_path):
    made = module(place)
    write(made, tmp_path)
    compiler = (*ZIG, "-target", machine)
    sections(tmp_path, "test_network", compiler, "-Os")
    found = sections(tmp_path, "network", compiler, "-Os")
    assert found[".data"] + found[".bss"] == made.budget.ram
