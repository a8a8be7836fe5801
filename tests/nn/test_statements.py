"""What the notes say of networks, in numbers: each formula written out and compared.

Samples are rows here, so a weight matrix is the transpose of the one in note 003. All numbers are
of size 1 to 100 and come from a few hundred roundings, below 1e-13 each: `EXACT` is far above
what they add up to, also where terms cancel, and far below what a wrong formula is off by.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw

Array = Any

EXACT: dict[str, Any] = {"rtol": 1e-11, "atol": 1e-11}


def sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def softmax(z: Array) -> Array:
    return np.array([np.exp(row) / np.exp(row).sum() for row in z])


def drawn(net: gw.Network, generator: np.random.Generator) -> Any:
    """Parameters whose biases are not zero either."""
    p = net.init()
    p.flat[:] = generator.normal(0, 0.7, p.flat.size)
    return p


def activations(net: gw.Network, p: Any, X: Array) -> list[Array]:
    return [a.copy() for a in net.model.module.forward(p.flat, X)]


def test_three_layers_of_note_1_S1_5(rng: np.random.Generator) -> None:
    """S1.5, and the gradients of S1.7, S1.8 and S1.9 for the sum over samples."""
    net = gw.Network("3 -> 10 relu -> 6 relu -> 3 softmax", reduction="sum")
    p, X, y = drawn(net, rng), rng.normal(size=(5, 3)), rng.integers(0, 3, 5)
    shapes = {"W1": (3, 10), "b1": (10,), "W2": (10, 6), "b2": (6,), "W3": (6, 3), "b3": (3,)}
    assert p.shapes() == shapes

    Z1 = X @ p["W1"] + p["b1"]
    A1 = Z1 * (Z1 > 0)
    Z2 = A1 @ p["W2"] + p["b2"]
    A2 = Z2 * (Z2 > 0)
    Y_hat, Y = softmax(A2 @ p["W3"] + p["b3"]), np.eye(3)[y]
    value, gradient = net.value_and_gradient(p, X, y)
    np.testing.assert_allclose(value, -np.log(Y_hat[np.arange(5), y]).sum(), **EXACT)

    dZ3 = Y_hat - Y
    dZ2 = (dZ3 @ p["W3"].T) * (Z2 > 0)
    dZ1 = (dZ2 @ p["W2"].T) * (Z1 > 0)
    expected = {
        "W3": A2.T @ dZ3,
        "b3": dZ3.sum(axis=0),
        "W2": A1.T @ dZ2,
        "b2": dZ2.sum(axis=0),
        "W1": X.T @ dZ1,
        "b1": dZ1.sum(axis=0),
    }
    for name, wanted in expected.items():
        np.testing.assert_allclose(gradient[name], wanted, **EXACT, err_msg=name)


def test_relu_has_the_derivative_0_at_0_S1_9() -> None:
    net = gw.Network("2 -> 3 relu -> 1", loss="squared_error")
    p = net.init()
    p["W1"], p["b1"] = np.zeros((2, 3)), np.array([0.0, 1.0, -1.0])
    p["W2"] = np.ones((3, 1))
    gradient = net.gradient(p, [[1.0, 2.0]], [5.0])
    # Z1 = (0, 1, -1): only the second unit is on. δ = 2 (1 - 5) = -8.
    np.testing.assert_array_equal(gradient["b1"], [0, -8, 0])
    np.testing.assert_array_equal(gradient["W1"], [[0, -8, 0], [0, -16, 0]])


def test_logistic_regression_S3_1(rng: np.random.Generator) -> None:
    net = gw.Network("4 -> 1 sigmoid", loss="binary_cross_entropy")
    p, X, y = drawn(net, rng), rng.normal(size=(6, 4)), rng.integers(0, 2, 6)
    y_hat = np.array([sigmoid(x @ p["W1"][:, 0] + p["b1"][0]) for x in X])
    np.testing.assert_allclose(net.predict(p, X)[:, 0], y_hat, **EXACT)
    gradient = net.gradient(p, X, y)
    np.testing.assert_allclose(gradient["W1"][:, 0], X.T @ (y_hat - y) / 6, **EXACT)
    np.testing.assert_allclose(gradient["b1"], [(y_hat - y).mean()], **EXACT)


def test_layer_by_layer_and_unit_by_unit_S3_2(rng: np.random.Generator) -> None:
    net = gw.Network("2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid", loss="binary_cross_entropy")
    p, x = drawn(net, rng), rng.normal(size=2)
    assert [layer.fan_out for layer in net.model.layers] == [3, 2, 1]
    a, found = x, activations(net, p, x[None])
    for number, layer in enumerate(net.model.layers, start=1):
        W, b = p[f"W{number}"], p[f"b{number}"]
        a = np.array(
            [
                sigmoid(sum(a[j] * W[j, i] for j in range(layer.fan_in)) + b[i])
                for i in range(layer.fan_out)
            ]
        )
        np.testing.assert_allclose(found[number - 1], a[None], **EXACT)


def test_a_network_of_identities_is_one_affine_map_S3_3(rng: np.random.Generator) -> None:
    net = gw.Network("4 -> 5 -> 2 -> 3", loss="squared_error")
    p, X = drawn(net, rng), rng.normal(size=(6, 4))
    W1, b1, W2, b2, W3, b3 = p.values()
    W = W1 @ W2 @ W3
    b = b1 @ W2 @ W3 + b2 @ W3 + b3
    np.testing.assert_allclose(net.predict(p, X), X @ W + b, **EXACT)


@pytest.mark.parametrize("y", [0, 1])
def test_three_sigmoid_layers_S3_8(rng: np.random.Generator, y: int) -> None:
    net = gw.Network("2 -> 4 sigmoid -> 3 sigmoid -> 1 sigmoid", loss="binary_cross_entropy")
    p, x = drawn(net, rng), rng.normal(size=(1, 2))
    a1, a2, a3 = (a[0] for a in activations(net, p, x))
    gradient = net.gradient(p, x, [y])
    np.testing.assert_allclose(gradient["b3"], a3 - y, **EXACT)
    for i in range(3):
        for j in range(4):
            wanted = (a3[0] - y) * p["W3"][i, 0] * a2[i] * (1 - a2[i]) * a1[j]
            np.testing.assert_allclose(gradient["W2"][j, i], wanted, **EXACT)


@pytest.mark.parametrize("h", [1, 2, 3, 4, 5])
def test_the_product_over_the_depth_S3_9(rng: np.random.Generator, h: int) -> None:
    """∂L/∂z⁽ʰ⁾ = (a⁽ᴸ⁾ - y) W⁽ᴸ⁾ diag(g'(z⁽ᴸ⁻¹⁾)) W⁽ᴸ⁻¹⁾ … diag(g'(z⁽ʰ⁾)), L = 5."""
    net = gw.Network(
        "3 -> 4 tanh -> 2 tanh -> 5 tanh -> 3 tanh -> 2 sigmoid", loss="binary_cross_entropy"
    )
    p, x, y = drawn(net, rng), rng.normal(size=(1, 3)), np.array([[1.0, 0.0]])
    a = [x[0], *(found[0] for found in activations(net, p, x))]
    # The Jacobian of all the layers above h comes first; no row is carried down the layers.
    jacobian = np.eye(len(a[h]))
    for layer in range(h, 5):
        jacobian = p[f"W{layer + 1}"].T @ np.diag(1 - a[layer] ** 2) @ jacobian
    delta = (a[5] - y[0]) @ jacobian
    gradient = net.gradient(p, x, y)
    np.testing.assert_allclose(gradient[f"b{h}"], delta, **EXACT)
    np.testing.assert_allclose(gradient[f"W{h}"], np.outer(a[h - 1], delta), **EXACT)


@pytest.mark.parametrize("loss", ["cross_entropy", "binary_cross_entropy", "squared_error"])
def test_the_cost_of_a_batch_is_a_sum_over_samples_S3_10(
    rng: np.random.Generator, loss: str
) -> None:
    last = {"cross_entropy": "softmax", "binary_cross_entropy": "sigmoid"}.get(loss, "")
    text = f"3 -> 5 tanh -> 2 {last}"
    total, mean = (gw.Network(text, loss=loss, reduction=r) for r in ("sum", "mean"))
    p, X, y = drawn(total, rng), rng.normal(size=(7, 3)), rng.integers(0, 2, 7)
    value, gradient = total.value_and_gradient(p, X, y)
    parts = [total.value_and_gradient(p, X[i : i + 1], y[i : i + 1]) for i in range(7)]
    np.testing.assert_allclose(value, sum(part[0] for part in parts), **EXACT)
    np.testing.assert_allclose(gradient.flat, sum(part[1].flat for part in parts), **EXACT)
    # The mean divides by the number of samples, and not by that of the outputs.
    averaged = mean.value_and_gradient(p, X, y)
    np.testing.assert_allclose(averaged[0], value / 7, **EXACT)
    np.testing.assert_allclose(averaged[1].flat, gradient.flat / 7, **EXACT)


def test_a_feature_map_and_a_linear_model_S3_11(rng: np.random.Generator) -> None:
    net = gw.Network("4 -> 6 relu -> 5 tanh -> 3 softmax")
    p, X, y = drawn(net, rng), rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
    features = activations(net, p, X)[-2]
    assert features.shape == (8, 5)
    model = gw.Network("5 -> 3 softmax")
    q = model.init()
    q["W1"], q["b1"] = p["W3"], p["b3"]
    np.testing.assert_allclose(model.predict(q, features), net.predict(p, X), **EXACT)
    alone, within = model.gradient(q, features, y), net.gradient(p, X, y)
    np.testing.assert_allclose(alone["W1"], within["W3"], **EXACT)
    np.testing.assert_allclose(alone["b1"], within["b3"], **EXACT)


def test_ten_classes_S3_12(rng: np.random.Generator) -> None:
    net = gw.Network("6 -> 10 softmax")
    p, X, y = drawn(net, rng), rng.normal(size=(9, 6)), rng.integers(0, 10, 9)
    Y_hat, Y = softmax(X @ p["W1"] + p["b1"]), np.eye(10)[y]
    expected = -sum(Y[i, k] * np.log(Y_hat[i, k]) for i in range(9) for k in range(10)) / 9
    np.testing.assert_allclose(net.loss(p, X, y), expected, **EXACT)
    np.testing.assert_allclose(net.loss(p, X, Y), expected, **EXACT)
