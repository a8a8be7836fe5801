"""Compiled networks against the NumPy module of the same network."""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.nn.targets import prepare_targets
from tests.programs.installed import COMPILER

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")


def distance(found, expected) -> float:
    largest = float(np.max(np.abs(expected)))
    return float(np.max(np.abs(found - expected))) / (largest or 1.0)


def condition(module, flat, X, Y, rng) -> float:
    """How many roundings of its inputs the gradient moves by when they move by one each."""
    unit = np.finfo(np.float32).eps / 2
    _, straight = module.value_and_gradient(flat, X, Y)
    moved = []
    for _ in range(16):
        signs = [1 + unit * rng.choice([-1.0, 1.0], a.shape) for a in (flat, X)]
        _, gradient = module.value_and_gradient(flat * signs[0], X * signs[1], Y)
        moved.append(distance(gradient, straight))
    return max(1.0, max(moved) / unit)


def _is_near_a_kink(module, flat, X) -> bool:
    """Whether an activation of relu's kind could fall on the other side by rounding."""
    below = module.forward(flat, X)
    above = module.forward(flat * (1 + 1e-5), X)
    return any(np.any((a > 0) != (b > 0)) for a, b in zip(below, above, strict=True))


def judge(net, X, y, rng) -> None:
    """The C module of a network gives what its NumPy module gives, in both precisions."""
    module = net.model.module
    flat = net.init(seed=int(rng.integers(2**31))).flat.astype(np.float32).astype(np.float64)
    flat += rng.uniform(-0.1, 0.1, flat.shape).astype(np.float32)
    X = X.astype(np.float32).astype(np.float64)
    Y = prepare_targets(y, net.widths[-1], net.model.loss, len(X), np.dtype("float64"))
    value, gradient = module.value_and_gradient(flat, X, Y)
    # Neither target sums in the other's order: 1e-12 is 4500 roundings.
    double = net.model.compiled("float64")
    found, made = double.value_and_gradient(flat, X, Y)
    said = f"{net.model.text} {net.model.loss} {net.model.layout.name}"
    assert abs(found - value) <= 1e-12 * max(1.0, abs(value)), said
    assert distance(made, gradient) <= 1e-12, said
    outputs = double.predict(flat, X)
    np.testing.assert_allclose(outputs, module.predict(flat, X), rtol=1e-12, atol=1e-13)
    if _is_near_a_kink(module, flat, X):
        return
    single = net.model.compiled("float32")
    arrays = [np.ascontiguousarray(array, np.float32) for array in (flat, X, Y)]
    _, made = single.value_and_gradient(*arrays)
    bound = 32 * np.finfo(np.float32).eps / 2 * condition(module, flat, X, Y, rng)
    assert distance(made, gradient) <= bound, said
