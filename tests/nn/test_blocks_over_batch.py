"""Blocks with batch_norm inside: against a forward pass written here, and complex steps of it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import UnsupportedError
from tests.programs.installed import COMPILER

compiles = pytest.mark.skipif(COMPILER is None, reason="no C compiler is installed")

Array = Any

EPS, MOMENTUM = 1e-5, 0.1


@cache
def network() -> gw.Network:
    """A residual and a parallel block, each with two layers over the batch."""
    residual = gw.residual("5 -> batch_norm -> tanh -> 7 -> batch_norm -> 4")
    parallel = gw.parallel(["batch_norm", "3 tanh"], "6 tanh -> batch_norm", "identity")
    return gw.Network(["4", residual, parallel, "2"], loss="squared_error")


class ByHand:
    """The network of `network`, real or complex; `moved` has the new state of each layer."""

    def __init__(self, p: Any, training: bool) -> None:
        self.p, self.training, self.moved = p, training, {}

    def norm(self, A: Array, gain: str, bias: str, mean: str, variance: str) -> Array:
        p = self.p
        mu, var = p[mean], p[variance]
        if self.training:
            n = len(A)
            mu = A.sum(axis=0) / n
            var = ((A - mu) ** 2).sum(axis=0) / n
            self.moved[mean] = (1 - MOMENTUM) * p[mean] + MOMENTUM * mu
            self.moved[variance] = (1 - MOMENTUM) * p[variance] + MOMENTUM * var * n / (n - 1)
        return (A - mu) / np.sqrt(var + EPS) * p[gain] + p[bias]

    def outputs(self, X: Array) -> Array:
        p = self.p
        A = np.tanh(self.norm(X @ p["W1"].T + p["b1"], "g1", "c1", "mu1", "var1"))
        A = self.norm(A @ p["V1"].T + p["d1"], "e1", "f1", "nu1", "tau1")
        X = X + A @ p["U1"].T + p["u1"]
        one = np.tanh(self.norm(X, "g2", "b2", "mu2", "var2") @ p["W2"].T + p["c2"])
        two = self.norm(np.tanh(X @ p["V2"].T + p["d2"]), "e2", "f2", "nu2", "tau2")
        return np.concatenate([one, two, X], axis=1) @ p["W3"] + p["b3"]


def by_hand(net: gw.Network, flat: Array, training: bool) -> ByHand:
    held, start = {}, 0
    for name, value in net.init().items():
        held[name] = flat[start : start + value.size].reshape(value.shape)
        start += value.size
    return ByHand(held, training)


@pytest.fixture
def drawn(rng: np.random.Generator) -> tuple[gw.Network, Any, Array, Array]:
    """The network, parameters with a state that has run, samples and targets."""
    net = network()
    p = net.init(seed=3)
    p.flat[:] += rng.uniform(0, 0.3, p.flat.shape)
    return net, p, rng.standard_normal((9, 4)), rng.standard_normal((9, 2))


def test_gradients_and_state(drawn: tuple[gw.Network, Any, Array, Array]) -> None:
    net, p, X, Y = drawn

    def loss(flat: Array) -> Any:
        return np.sum((by_hand(net, flat, training=True).outputs(X) - Y) ** 2) / len(X)

    module: Any = net.model.module
    value, gradient = module.value_and_gradient(p.flat, X, Y)
    assert value == pytest.approx(loss(p.flat), rel=1e-12)
    trained = module.PARAMETERS
    steps = p.flat + 1e-30j * np.eye(p.flat.size)[:trained]
    expected = np.array([loss(moved).imag / 1e-30 for moved in steps])
    near = 1e-11 * np.max(np.abs(expected))
    np.testing.assert_allclose(gradient[:trained], expected, rtol=0, atol=near)
    hand = by_hand(net, p.flat, training=True)
    hand.outputs(X)
    found = dict(by_hand(net, gradient, training=True).p)
    assert len(hand.moved) == 8
    for name, moved in hand.moved.items():
        np.testing.assert_allclose(found[name], moved, rtol=1e-12, atol=1e-14)


def test_prediction_normalises_by_the_state(drawn: tuple[gw.Network, Any, Array, Array]) -> None:
    net, p, X, _ = drawn
    expected = by_hand(net, p.flat, training=False).outputs(X)
    np.testing.assert_allclose(net.predict(p, X), expected, rtol=1e-11, atol=1e-12)


@compiles
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_compiled_code_trains_as_numpy_does(
    dtype: str, drawn: tuple[gw.Network, Any, Array, Array]
) -> None:
    net, p, X, Y = drawn
    runs = [
        gw.train(net, X, Y, params=p, epochs=3, batch_size=5, learning_rate=0.01, target=target)
        for target in ("numpy", "c")
    ]
    np.testing.assert_allclose(runs[0].params.flat, runs[1].params.flat, rtol=1e-9, atol=1e-11)
    code = net.model.compiled(dtype)
    arrays = [np.ascontiguousarray(a, dtype) for a in (p.flat, X, Y)]
    near = 1e-12 if dtype == "float64" else 1e-4
    _, gradient = code.value_and_gradient(*arrays)
    _, expected = net.model.module.value_and_gradient(p.flat, X, Y)
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=50 * near * scale)


def test_the_check_and_the_way_back_between_the_parts() -> None:
    block = gw.residual("3 -> batch_norm -> 4")
    backprop = gw.Network(["4", block, "2"], loss="squared_error").backprop()
    assert backprop.check(seed=1).ok
    text = backprop.explain()
    assert "G₁ = batchnorm(H₁, eps=0.00001) diag(g₁) + ones(n) c₁ᵀ" in text


def test_a_mask_in_front_is_that_of_the_step() -> None:
    """The state moves by what the step saw: NumPy and the check agree on the mask."""
    block = gw.residual("5 tanh -> dropout(0.3) -> batch_norm -> 4")
    net = gw.Network(["4", block, "2"], loss="squared_error")
    assert net.backprop().check(seed=2).ok
    assert "U" in net.model.derived[net.model.kinds[0]].stage.drawn
    with pytest.raises(UnsupportedError, match="a dropout mask in front of batch_norm"):
        net.backprop().source("torch")
