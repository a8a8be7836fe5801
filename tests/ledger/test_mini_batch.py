"""Row S3.10: mini-batches with their samples as columns."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw


def test_s3_10_a_mini_batch_with_its_samples_as_columns(rng: np.random.Generator) -> None:
    """J = Σ L(y⁽ⁱ⁾, ŷ⁽ⁱ⁾) over B samples as columns, the bias repeated as b 1ᵀ."""
    text, loss = "3 -> 4 sigmoid -> 2 sigmoid", "binary_cross_entropy"
    net = gw.Network(text, loss=loss, reduction="sum", layout="columns")
    assert "Z₁ = W₁ X + b₁ ones(n)ᵀ" in net.backprop().explain()
    p = net.init(5)
    for name in ("b1", "b2"):
        p[name] = rng.standard_normal(p[name].shape)
    B = 7
    X, Y = rng.standard_normal((B, 3)), rng.integers(2, size=(B, 2)).astype(float)
    ones = np.ones((1, B))
    A1 = 1 / (1 + np.exp(-(p["W1"] @ X.T + p["b1"][:, None] @ ones)))
    A2 = 1 / (1 + np.exp(-(p["W2"] @ A1 + p["b2"][:, None] @ ones)))
    costs = -np.sum(Y.T * np.log(A2) + (1 - Y.T) * np.log(1 - A2), axis=0)
    value, gradient = net.value_and_gradient(p, X, Y)
    assert value == pytest.approx(np.sum(costs), rel=1e-13)
    single = [net.value_and_gradient(p, X[k : k + 1], Y[k : k + 1]) for k in range(B)]
    assert np.allclose([one for one, _ in single], costs, rtol=1e-12, atol=0)
    assert np.allclose(sum(g.flat for _, g in single), gradient.flat, rtol=0, atol=1e-13)
    delta = (A2 - Y.T) @ ones.T
    assert np.allclose(gradient["b2"], delta[:, 0], rtol=0, atol=1e-13)
