"""Rows S2.4, S3.3, S3.11, S4.3: what a user can take out of a network, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import NetworkError, ShapeError

TEXTS = [
    ("3 -> 5 relu -> 4 tanh -> 2 softmax", "cross_entropy"),
    ("4 -> 6 leaky_relu(0.2) no_bias -> 3 sigmoid", "binary_cross_entropy"),
    ("2 -> 3 sigmoid -> 5", "squared_error"),
    ("5 -> 1", "squared_error"),
]


def start(net: gw.Network, seed: int) -> object:
    p = net.init(seed=seed)
    p.flat[:] += 0.1 * np.random.default_rng(seed).normal(size=p.flat.size)
    return p


def difference(function, point: np.ndarray, step: float = 1e-6) -> np.ndarray:
    """∂function/∂point by central differences, last axis the entries of the point."""
    columns = []
    for place in np.ndindex(point.shape):
        moved = [point.copy(), point.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        columns.append((function(moved[0]) - function(moved[1])) / (2 * step))
    return np.stack(columns, axis=-1)


@pytest.mark.parametrize(("text", "loss"), TEXTS)
def test_s2_4_both_blocks_of_each_layer_are_structured_maps(text: str, loss: str) -> None:
    net = gw.Network(text, loss=loss)
    p, x = start(net, 1), np.random.default_rng(2).normal(size=net.widths[0])
    for number, pair in enumerate(net.layer_jacobians(p, x), start=1):
        layer = net.model.layers[number - 1]
        name = f"{layer.fan_in} -> {layer.fan_out}"
        options = "".join(f"({float(v)})" for k, v in layer.options if k == "slope")
        ending = "" if layer.bias else " no_bias"
        one = gw.Network(f"{name} {layer.activation}{options}{ending}", loss=fit(layer.activation))
        q = one.init()
        q["W1"][...] = p[f"W{number}"]
        if layer.bias:
            q["b1"][...] = p[f"b{number}"]

        def by_parameters(flat: np.ndarray, one=one, q=q, x=x) -> np.ndarray:
            moved = q.copy()
            moved.flat[:] = flat
            return one.predict(moved, x[None, :])[0]

        by_input = difference(lambda v, one=one, q=q: one.predict(q, v[None, :])[0], x)
        assert np.allclose(pair.J_y.dense(), by_input, atol=1e-8)
        assert np.allclose(pair.J_theta.dense(), difference(by_parameters, q.flat), atol=1e-8)
        assert pair.stacked().shape == (layer.fan_out, layer.fan_in + layer.size)
        for block in pair:
            values = np.linalg.svd(block.dense(), compute_uv=False)
            assert np.allclose(block.singular_values(), values, atol=1e-13)
        x = one.predict(q, x[None, :])[0]


def fit(activation: str) -> str:
    return {"softmax": "cross_entropy", "sigmoid": "binary_cross_entropy"}.get(
        activation, "squared_error"
    )


def test_s4_3_the_jacobian_of_a_softmax_layer() -> None:
    """(diag(s) − s sᵀ) wᵀ, and diag[A'(wᵀz)] wᵀ for an elementwise one."""
    net = gw.Network("3 -> 4 tanh -> 5 softmax")
    p, x = start(net, 3), np.array([0.3, -1.0, 0.5])
    first, second = (pair.J_y for pair in net.layer_jacobians(p, x))
    hidden = np.tanh(x @ p["W1"] + p["b1"])
    s = np.exp(hidden @ p["W2"] + p["b2"])
    s /= np.sum(s)
    assert np.allclose(first.dense(), np.diag(1 - hidden**2) @ p["W1"].T, atol=1e-15)
    assert np.allclose(second.dense(), (np.diag(s) - np.outer(s, s)) @ p["W2"].T, atol=1e-15)
    assert first.structure == "diagonal · dense"
    assert second.structure == "(diagonal − rank 1) · dense"


def test_s3_3_without_activations_the_network_is_one_affine_map() -> None:
    """W̃ = W⁽³⁾W⁽²⁾W⁽¹⁾ and b̃ = W⁽³⁾W⁽²⁾b⁽¹⁾ + W⁽³⁾b⁽²⁾ + b⁽³⁾, in rows."""
    net = gw.Network("2 -> 3 -> 4 -> 2", loss="squared_error")
    p, X = start(net, 4), np.random.default_rng(5).normal(size=(6, 2))
    found = net.collapse(p)
    W1, W2, W3 = (p[f"W{k}"].T for k in (1, 2, 3))
    assert np.allclose(found.W.T, W3 @ W2 @ W1, atol=1e-15)
    assert np.allclose(found.b, W3 @ W2 @ p["b1"] + W3 @ p["b2"] + p["b3"], atol=1e-15)
    assert np.allclose(found.predict(X), net.predict(p, X), atol=1e-14)
    assert found.weight_formula == "W₁ W₂ W₃"
    assert found.bias_formula == "W₃ᵀ W₂ᵀ b₁ + W₃ᵀ b₂ + b₃"


def test_s3_3_x1_the_affine_map_is_written_in_the_layout() -> None:
    net = gw.Network("2 -> 3 -> 4 -> 2", loss="squared_error")
    p, X = start(net, 4), np.random.default_rng(5).normal(size=(6, 2))
    columns, q = net.relayout("columns"), p.relayout("columns")
    found = columns.collapse(q)
    assert found.weight_formula == "W₃ W₂ W₁"
    assert found.bias_formula == "W₃ W₂ b₁ + W₃ b₂ + b₃"
    assert np.allclose(found.W, q["W3"] @ q["W2"] @ q["W1"], atol=1e-15)
    assert np.allclose(found.predict(X), net.predict(p, X), atol=1e-14)
    turned = net.relayout("transposed").collapse(p.relayout("transposed"))
    assert turned.weight_formula == "W₁ W₂ W₃" and np.allclose(turned.W, found.W.T, atol=1e-15)
    assert np.allclose(turned.predict(X), net.predict(p, X), atol=1e-14)


def test_s3_3_deep_and_partly_unbiased_networks_collapse_too() -> None:
    for text in ("3 -> 20 * 3", "3 -> 2 no_bias -> 4", "2 -> 2 no_bias"):
        net = gw.Network(text, loss="squared_error")
        p, X = start(net, 6), np.random.default_rng(7).normal(size=(5, net.widths[0]))
        assert np.allclose(net.collapse(p).predict(X), net.predict(p, X), rtol=1e-12)


def test_s3_3_the_first_layer_that_is_not_linear_is_named() -> None:
    net = gw.Network("2 -> 3 -> 4 tanh -> 2 relu", loss="squared_error")
    with pytest.raises(NetworkError, match="layer 2 has the activation tanh") as caught:
        net.collapse(net.init())
    assert caught.value.span is not None


@pytest.mark.parametrize(("text", "loss"), TEXTS)
def test_s3_11_a_learned_feature_map_and_a_linear_model(text: str, loss: str) -> None:
    net = gw.Network(text, loss=loss)
    p, X = start(net, 8), np.random.default_rng(9).normal(size=(7, net.widths[0]))
    features = net.features(p, X)
    depth = len(net.model.layers)
    assert features.shape == (7, net.widths[-2])
    Z = features @ p[f"W{depth}"] + p[f"b{depth}"]
    shifted = np.exp(Z - np.max(Z, axis=1, keepdims=True))
    head = {
        "softmax": shifted / np.sum(shifted, axis=1, keepdims=True),
        "sigmoid": 1 / (1 + np.exp(-Z)),
        "identity": Z,
    }[net.model.layers[-1].activation]
    assert np.allclose(net.predict(p, X), head, rtol=1e-12)


@pytest.mark.parametrize(("text", "loss"), TEXTS)
def test_the_jacobian_of_a_batch(text: str, loss: str) -> None:
    net = gw.Network(text, loss=loss)
    p, X = start(net, 10), np.random.default_rng(11).normal(size=(4, net.widths[0]))
    found = net.jacobian(p, X)
    out = np.empty_like(found)
    assert net.jacobian(p, X, out=out) is out and np.array_equal(out, found)
    for row, jacobian in zip(X, found, strict=True):
        expected = difference(lambda v: net.predict(p, v[None, :])[0], row)
        assert np.allclose(jacobian, expected, atol=1e-8)
    with pytest.raises(ShapeError, match="out has shape"):
        net.jacobian(p, X, out=np.empty((1, 2, 3)))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("text", "loss"), TEXTS)
def test_the_gradient_norm_of_each_sample(text: str, loss: str, reduction: str) -> None:
    net = gw.Network(text, loss=loss, reduction=reduction)
    p, X = start(net, 12), np.random.default_rng(13).normal(size=(5, net.widths[0]))
    y = {
        "cross_entropy": np.array([0, 1, 1, 0, 1]),
        "binary_cross_entropy": np.random.default_rng(14).integers(2, size=(5, net.widths[-1])),
        "squared_error": np.random.default_rng(14).normal(size=(5, net.widths[-1])),
    }[loss]
    found = net.sample_gradient_norms(p, X, y)
    expected = [np.linalg.norm(net.gradient(p, X[k : k + 1], y[k : k + 1]).flat) for k in range(5)]
    assert np.allclose(found, expected, rtol=1e-12)
