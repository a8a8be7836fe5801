"""Second derivatives of weighted losses: sums over the samples, each by itself, by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError
from tests.nn.complex_backprop import gauss_newton, gradient, hessian_product
from tests.nn.random_networks import random_network
from tests.suites.structures import off

Array = Any


def made(rng: np.random.Generator) -> tuple[Any, ...]:
    """(network, parameters, X, y, weights, the same divided as the reduction says)."""
    text, loss, X, y = random_network(rng)
    X, y = np.concatenate([X, X / 2]), np.concatenate([y, y])  # two samples at least
    net = gw.Network(text, loss=loss, reduction=str(rng.choice(["mean", "sum"])))
    p = net.init()
    p.flat[:] = rng.normal(size=p.flat.size) / 2
    w = rng.uniform(0.2, 3, len(X))
    w[0] = 0
    return net, p, X, y, w, w / np.sum(w) if net.model.reduction == "mean" else w


def each(X: Array) -> list[slice]:
    """One sample after the other."""
    return [slice(k, k + 1) for k in range(len(X))]


def test_products_with_the_hessian(rng: np.random.Generator) -> None:
    net, p, X, y, w, counts = made(rng)
    v = rng.normal(size=p.flat.size)
    expected = sum(
        c * hessian_product(net, p.flat, X[one], y[one], v)
        for c, one in zip(counts, each(X), strict=True)
    )
    found = net.hvp(p, X, y, v, sample_weight=w).flat
    assert off(found, expected) <= 1e-9, net
    assert off(net.hessian(p, X, y, sample_weight=w) @ v, expected) <= 1e-9, net


def test_gauss_newton_and_fisher(rng: np.random.Generator) -> None:
    net, p, X, y, w, counts = made(rng)
    samples = list(zip(counts, each(X), strict=True))
    by_model = sum(c * gauss_newton(net, p.flat, X[one], y[one]) for c, one in samples)
    own = np.array([gradient(net, p.flat, X[one], y[one]) for _, one in samples])
    by_targets = own.T @ (counts[:, None] * own)
    given = (p, X, y)
    for matrix, expected in (
        (net.gauss_newton(*given, sample_weight=w), by_model),
        (net.fisher(*given, kind="true", sample_weight=w), by_model),
        (net.fisher(*given, kind="empirical", sample_weight=w), by_targets),
    ):
        assert off(matrix.dense(), expected) <= 1e-9, (net, matrix)
        assert off(matrix.diagonal(), np.diagonal(expected)) <= 1e-9, (net, matrix)


@pytest.mark.parametrize("kind", ["true", "empirical"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("layout", ["rows", "columns"])
def test_whole_weights_repeat_samples(
    rng: np.random.Generator, kind: str, reduction: str, layout: str
) -> None:
    net = gw.Network("4 -> 6 tanh -> 3 softmax", reduction=reduction, layout=layout)
    p, X, y = net.init(seed=3), rng.normal(size=(7, 4)), rng.integers(3, size=7)
    times = np.array([2, 1, 0, 3, 1, 1, 4])
    found = net.kronecker_factors(p, X, y, kind=kind, sample_weight=times)
    expected = net.kronecker_factors(p, X.repeat(times, 0), y.repeat(times), kind=kind)
    for ours, theirs in zip(found, expected, strict=True):
        assert off(ours.A, theirs.A) <= 1e-12 and off(ours.G, theirs.G) <= 1e-12
        assert off(ours.block.dense(), theirs.block.dense()) <= 1e-12
    hidden = np.tanh(X @ p.weight(1) + p["b1"])
    wide = np.hstack([hidden, np.ones((7, 1))])
    by_hand = sum(t * np.outer(row, row) for t, row in zip(times, wide, strict=True)) / 12
    assert off(found[1].A, by_hand) <= 1e-12


def test_layers_and_losses_by_formula(rng: np.random.Generator) -> None:
    """Here one sample after the other gives the diagonals."""
    dense = gw.layer("tanh(W*x + b)", input="vector n", W="matrix m n", b="vector m")
    net = gw.Network([3, dense(m=4), "2"], loss="sum(cos(a - 2*y))")
    p = net.init()
    p.flat[:] = rng.normal(size=p.flat.size) / 2
    X, y, w = rng.normal(size=(5, 3)), rng.normal(size=(5, 2)), rng.uniform(0.5, 2, 5)
    own = np.array([net.gradient(p, X[one], y[one]).flat for one in each(X)])
    expected = own.T @ (w[:, None] * own) / np.sum(w)
    matrix = net.fisher(p, X, y, kind="empirical", sample_weight=w)
    assert off(matrix.dense(), expected) <= 1e-12
    assert off(matrix.diagonal(), np.diagonal(expected)) <= 1e-12
    newton = net.gauss_newton(p, X, y, sample_weight=w)
    assert off(newton.diagonal(), np.diagonal(newton.dense())) <= 1e-12


def test_a_planted_fault_is_seen(rng: np.random.Generator) -> None:
    """Weights that are left out give another matrix."""
    net = gw.Network("4 -> 5 tanh -> 3 softmax")
    p, X, y = net.init(seed=1), rng.normal(size=(6, 4)), rng.integers(3, size=6)
    w, v = np.array([0, 0, 0, 1, 2, 9.0]), rng.normal(size=43)
    expected = sum(
        c / 12 * hessian_product(net, p.flat, X[one], np.eye(3)[y[one]], v)
        for c, one in zip(w, each(X), strict=True)
    )
    assert off(net.hvp(p, X, y, v, sample_weight=w).flat, expected) <= 1e-9
    assert off(net.hvp(p, X, y, v).flat, expected) > 1e-3


def test_weights_are_checked() -> None:
    net = gw.Network("4 -> 3 softmax")
    p, X, y = net.init(), np.ones((2, 4)), np.array([0, 1])
    with pytest.raises(DataError, match="weights are finite numbers from 0"):
        net.hessian(p, X, y, sample_weight=[1, -1])
