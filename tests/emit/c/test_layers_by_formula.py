"""Layers by formula in C: each kind of statement that their functions are made of."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.emit.c import memory
from tests.emit.c.judging import compiles, condition, distance, judge

INPUT = "vector p"
AFFINE = {"W": "matrix m p", "b": "vector m"}

#: Formula and parameters; several layers share a compilation.
LAYERS = (
    ("tanh(W*x + b)", AFFINE),
    ("c*x", {"c": "scalar"}),
    ("g.*layernorm(x) + b", {"g": "vector p", "b": "vector p"}),
    ("g.*rmsnorm(x)", {"g": "vector p"}),
    ("x + U*tanh(W*x + b) + c", {**AFFINE, "U": "matrix p m", "c": "vector p"}),
    ("x.*softmax(W*x)", {"W": "matrix p p"}),
    ("(V*x).*sigmoid(W*x)", {"W": "matrix m p", "V": "matrix m p"}),
    ("c*(a'*x)*x + logsumexp(x)*b", {"a": "vector p", "b": "vector p", "c": "scalar"}),
    ("W*x/norm2(W)^2", {"W": "matrix m p"}),
)


def _items(layers) -> list:
    width, items = 4, ["4"]
    for text, parameters in layers:
        layer = gw.layer(text, input=INPUT, **parameters)
        widens = "matrix m p" in parameters.values()
        items += [layer(m=width + 3)] if widens else [layer, layer]
    return [*items, "3 softmax"]


@compiles
@pytest.mark.parametrize("first", range(0, len(LAYERS), 3))
def test_layers_by_formula(first, rng):
    net = gw.Network(_items(LAYERS[first : first + 3]), loss="cross_entropy")
    judge(net, rng.normal(size=(9, 4)), rng.integers(3, size=9), rng)


@compiles
def test_layers_by_formula_with_units_innermost(monkeypatch, rng):
    monkeypatch.setattr(memory, "NARROW", 0)
    net = gw.Network(_items(LAYERS), loss="cross_entropy")
    assert "    softmax_logsumexp_rows(n, q, Z" in net.backprop().source("c")
    flat, X, Y = net.init(seed=4).flat, rng.normal(size=(9, 4)), np.eye(3)[rng.integers(3, size=9)]
    # Vectors start at 0, where whole layers give 0.
    flat += rng.uniform(0.2, 0.6, flat.shape)
    expected = net.model.module.value_and_gradient(flat, X, Y)
    value, gradient = net.model.compiled("float64").value_and_gradient(flat, X, Y)
    assert abs(value - expected[0]) <= 1e-12 * abs(value)
    roundings = 32 * condition(net.model.module, flat, X, Y, rng)
    assert distance(gradient, expected[1]) <= max(1e-12, roundings * 2.0**-53)


@compiles
def test_a_number_that_layers_share_with_no_sample(rng):
    """What is saved has an axis of samples or not; both have their places for each layer."""
    layer = gw.layer("exp(s)*tanh(W*x/norm2(W))", input=INPUT, W="matrix p p", s="scalar")
    net = gw.Network(["5", *[layer] * 3, "2"], loss="squared_error")
    judge(net, rng.normal(size=(7, 5)), rng.normal(size=(7, 2)), rng)
