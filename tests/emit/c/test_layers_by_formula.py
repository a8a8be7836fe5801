"""Layers by formula in C: each kind of statement that their functions are made of."""

from __future__ import annotations

import pytest

import gradwright as gw
from tests.emit.c.judging import compiles, judge

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


@compiles
@pytest.mark.parametrize("first", range(0, len(LAYERS), 3))
def test_layers_by_formula(first, rng):
    width, items = 4, ["4"]
    for text, parameters in LAYERS[first : first + 3]:
        layer = gw.layer(text, input=INPUT, **parameters)
        widens = "matrix m p" in parameters.values()
        items += [layer(m=width + 3)] if widens else [layer, layer]
    net = gw.Network([*items, "3 softmax"], loss="cross_entropy")
    judge(net, rng.normal(size=(9, 4)), rng.integers(3, size=9), rng)


@compiles
def test_a_number_that_layers_share_with_no_sample(rng):
    """What is saved has an axis of samples or not; both have their places for each layer."""
    layer = gw.layer("exp(s)*tanh(W*x/norm2(W))", input=INPUT, W="matrix p p", s="scalar")
    net = gw.Network(["5", *[layer] * 3, "2"], loss="squared_error")
    judge(net, rng.normal(size=(7, 5)), rng.normal(size=(7, 2)), rng)
