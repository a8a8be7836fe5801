"""Weights without meaning in compiled code, which has no exceptions."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from tests.programs.installed import COMPILER

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")


@pytest.mark.parametrize("weights", [[1.0, -1.0], [1.0, np.nan], [1.0, np.inf], [0.0, 0.0]])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_compiled_code_gives_no_number_for_them(weights: list[float], reduction: str) -> None:
    """C has no exceptions: the loss is NaN and the gradient too, and no step is made."""
    net = gw.Network("3 -> 2 softmax", reduction=reduction)
    code = net.model.weighted.compiled("float64")
    flat, X, Y, w = net.init().flat, np.ones((2, 3)), np.eye(2), np.array(weights)
    gradient, work = np.zeros_like(flat), code._memory(2)
    *before, out, memory = code._addresses(flat, X, Y, w, gradient, work)
    assert np.isnan(code._value_and_gradient(*before, 2, out, 1, memory))
    assert np.all(np.isnan(gradient))
    good = np.array([1.0, 3.0])
    *before, out, memory = code._addresses(flat, X, Y, good, gradient, work)
    assert np.isfinite(code._value_and_gradient(*before, 2, out, 1, memory))
    assert np.all(np.isfinite(gradient))
    with pytest.raises(AssertionError, match="for a compiled network"):
        code.value_and_gradient(flat, X, Y, w)
    order = np.arange(2)
    made = code.descend(flat, X, Y, order, 2, 0.1, gradient, weights=(good,))
    assert made[0] == 1 and not np.array_equal(flat, net.init().flat)
    with pytest.raises(AssertionError, match="for a compiled network"):
        code.descend(flat, X, Y, order, 2, 0.1, gradient, weights=(w,))
