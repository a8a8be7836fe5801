"""Row X5: every number of a step, against the emitted code and against plain NumPy."""

from __future__ import annotations

import json

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DataError, TrainingError

#: The network of note 003.
NOTE = "2 -> 3 sigmoid -> 2 sigmoid -> 1 sigmoid"
NETWORKS = [
    (NOTE, "binary_cross_entropy"),
    ("3 -> 10 relu -> 6 relu -> 3 softmax", "cross_entropy"),
    ("4 -> 3 tanh no_bias -> 5 leaky_relu(0.2) -> 2", "squared_error"),
    ("5 -> 4 * 6 tanh -> 3 softmax", "cross_entropy"),
    ("70 -> 12 relu -> 2", "squared_error"),
]


def labels(net: gw.Network, loss: str, samples: int) -> np.ndarray:
    generator = np.random.default_rng(2)
    width = net.widths[-1]
    if loss == "cross_entropy":
        return generator.integers(width, size=samples)
    if loss == "binary_cross_entropy":
        return generator.integers(2, size=(samples, width)).astype(float)
    return generator.normal(size=(samples, width))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize(("text", "loss"), NETWORKS)
def test_x5_the_trace_has_the_numbers_of_the_emitted_code(
    text: str, loss: str, reduction: str
) -> None:
    net = gw.Network(text, loss=loss, reduction=reduction)
    p, X = net.init(seed=1), np.random.default_rng(3).normal(size=(4, net.widths[0]))
    y = labels(net, loss, 4)
    trace = net.backprop().trace(p, X, y, learning_rate=0.25)
    value, gradient = net.value_and_gradient(p, X, y)
    assert abs(trace.values["L"] - value) <= 1e-13 * max(1.0, abs(value))
    for name in p.names():
        assert np.allclose(trace.values[f"δ{name}"], gradient[name], rtol=1e-12, atol=1e-14)
        step = p[name] - 0.25 * gradient[name]
        assert np.allclose(trace.updated[name], step, rtol=1e-12, atol=1e-14)
    activations = net.model.module.forward(p.flat, X)
    for number, activation in enumerate(activations, start=1):
        assert np.allclose(trace.values[f"A{number}"], activation, rtol=1e-13, atol=1e-15)
    moved = p.flat.copy()
    net.model.module.step(moved, X, net.targets(p, X, y), 0.25)
    assert np.allclose(trace.updated.flat, moved, rtol=1e-12, atol=1e-14)


def test_x5_the_network_of_the_note_by_hand() -> None:
    """z, a, δ, ∂W and the updated W of the 2 → 3 → 2 → 1 network, in plain NumPy."""
    net = gw.Network(NOTE, loss="binary_cross_entropy", reduction="sum")
    p = net.init(seed=4, scheme="uniform")
    X, y = np.array([[1.0, -2.0], [0.5, 0.25]]), np.array([1.0, 0.0])
    trace = net.backprop().trace(p, X, y, learning_rate=0.5)
    a = [X]
    for number in (1, 2, 3):
        z = a[-1] @ p[f"W{number}"] + p[f"b{number}"]
        assert np.allclose(trace.values[f"Z{number}"], z, atol=1e-15)
        a.append(1 / (1 + np.exp(-z)))
    delta = a[3] - y[:, None]
    for number in (3, 2, 1):
        assert np.allclose(trace.values[f"δZ{number}"], delta, atol=1e-14)
        slope = a[number - 1].T @ delta
        assert np.allclose(trace.values[f"δW{number}"], slope, atol=1e-14)
        assert np.allclose(trace.updated[f"W{number}"], p[f"W{number}"] - 0.5 * slope, atol=1e-14)
        delta = (delta @ p[f"W{number}"].T) * a[number - 1] * (1 - a[number - 1])


def test_x5_what_is_printed_are_the_numbers_that_were_multiplied() -> None:
    net = gw.Network("2 -> 2 relu -> 1", loss="squared_error", reduction="sum")
    p = net.init()
    p.flat[:] = 1, -2, 3, 0.5, 0.1, -0.1, 2, -1, 0.25
    text = str(net.backprop().trace(p, [[1.0, 2.0]], [[3.0]], learning_rate=0.1))
    for block in (
        """
   Z₁ = X W₁ + ones(n) b₁ᵀ
      = [ 1  2 ] [ 1   -2 ] + [ 1 ] [  0.1 ]ᵀ
                 [ 3  0.5 ]         [ -0.1 ]
      = [ 7.1  -1.1 ]""",
        """
   A₁ = relu(Z₁)
      = relu([ 7.1  -1.1 ])
      = [ 7.1  0 ]""",
        """
   L = ‖A₂ − Y‖²
     = ‖[ 14.45 ] − [ 3 ]‖²
     = 131.1""",
        """
   ∂L/∂W₂ = A₁ᵀ δA₂
          = [ 7.1  0 ]ᵀ [ 22.9 ]
          = [ 162.6 ]
            [     0 ]""",
        """
   W₂ := W₂ − 0.1 ∂L/∂W₂
       = [  2 ] − 0.1 [ 162.6 ]
         [ -1 ]       [     0 ]
       = [ -14.26 ]
         [     -1 ]""",
    ):
        assert block in text


def test_x5_large_arrays_are_named_and_measured() -> None:
    net = gw.Network("70 -> 12 relu -> 2", loss="squared_error")
    X = np.random.default_rng(5).normal(size=(3, 70))
    text = str(net.backprop().trace(net.init(), X, np.zeros((3, 2))))
    assert "Z₁ = X W₁ + ones(n) b₁ᵀ" in text
    assert "3 × 12, norm" in text and "70 × 12, norm" in text


def test_x5_the_document_holds_every_number() -> None:
    net = gw.Network(NOTE, loss="binary_cross_entropy")
    trace = net.backprop().trace(net.init(), np.ones((2, 2)), np.array([0, 1]))
    document = trace.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["schema"] == "gradwright.trace/1"
    found = {line["name"]: line["value"] for line in document["lines"]}
    assert np.array_equal(found["δW2"], trace.values["δW2"])
    assert document["updated"]["b3"] == trace.updated["b3"].tolist()


def test_x5_what_cannot_be_traced() -> None:
    net = gw.Network(NOTE, loss="binary_cross_entropy")
    with pytest.raises(TrainingError, match="learning_rate is -1"):
        net.backprop().trace(net.init(), np.ones((2, 2)), [0, 1], learning_rate=-1)
    with pytest.raises(DataError, match="the network has 2 inputs"):
        net.backprop().trace(net.init(), np.ones((2, 3)), [0, 1])
