"""A slice of the suite of random parts, concatenations, reshapes and gathered rows."""

from __future__ import annotations

import gradwright as gw
from gradwright.program import selecting
from tests.suites import random_tensors

SLICE = 12


def test_random_formulas(seed):
    found = [random_tensors.judge(seed + k) for k in range(SLICE)]
    wrong = [line for line in found if line not in ("", "set aside")]
    assert not wrong, "\n".join(wrong)
    assert found.count("set aside") < SLICE


def test_a_planted_fault_is_found(monkeypatch):
    """Code that puts what comes back one place too early."""
    right = selecting.Pad
    monkeypatch.setattr(selecting, "Pad", lambda axis, start, size: right(axis, 0, size))
    assert not gw.gradient("sum(x[2:4].^2)", "x", x="vector 9").check().ok
    found = [random_tensors.judge(seed) for seed in range(SLICE)]
    assert any(line not in ("", "set aside") for line in found)
