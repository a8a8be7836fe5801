"""Loss and gradient of a dense network in plain NumPy, and through loops over samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

ACTIVATIONS: dict[str, tuple[Callable[[Array], Array], Callable[[Array], Array]]] = {
    "relu": (lambda z: np.where(z > 0, z, 0), lambda z: np.where(z > 0, 1.0, 0.0)),
    "tanh": (np.tanh, lambda z: 1 / np.cosh(z) ** 2),
    "identity": (lambda z: z, np.ones_like),
}


def _softmax(z: Array) -> Array:
    weights = np.exp(z)
    return weights / weights.sum()


def _softmax_loss(z: Array, y: Array) -> float:
    return float(-np.sum(y * np.log(_softmax(z))))


def _sigmoid(z: Array) -> Array:
    return 1 / (1 + np.exp(-z))


def _sigmoid_loss(z: Array, y: Array) -> float:
    a = _sigmoid(z)
    return float(-np.sum(y * np.log(a) + (1 - y) * np.log(1 - a)))


#: name -> (output, loss of a sample, gradient of the loss in z).
HEADS: dict[str, tuple[Any, Any, Any]] = {
    "softmax": (_softmax, _softmax_loss, lambda z, y: np.sum(y) * _softmax(z) - y),
    "sigmoid": (_sigmoid, _sigmoid_loss, lambda z, y: _sigmoid(z) - y),
    "squared": (lambda z: z, lambda z, y: float(np.sum((z - y) ** 2)), lambda z, y: 2 * (z - y)),
}


class ByHand:
    """A network as lists of weights and biases; one sample at a time, in float64."""

    def __init__(self, widths: Sequence[int], hidden: Sequence[str], head: str, bias: bool) -> None:
        self.widths, self.hidden, self.head, self.bias = widths, hidden, head, bias

    def unpack(self, flat: Array) -> tuple[list[Array], list[Array]]:
        """Weights and biases (zeros where there are none) from the flat vector."""
        weights, biases, start = [], [], 0
        for p, q in zip(self.widths[:-1], self.widths[1:], strict=True):
            weights.append(np.array(flat[start : start + p * q]).reshape(p, q))
            start += p * q
            biases.append(np.array(flat[start : start + q]) if self.bias else np.zeros(q))
            start += q if self.bias else 0
        assert start == len(flat)
        return weights, biases

    def activations(self, flat: Array, X: Array) -> list[Array]:
        """A1, ..., AL."""
        weights, biases = self.unpack(flat)
        rows = []
        for x in X:
            found, a = [], x
            for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
                last = layer == len(weights) - 1
                apply = HEADS[self.head][0] if last else ACTIVATIONS[self.hidden[layer]][0]
                a = apply(W.T @ a + b)
                found.append(a)
            rows.append(found)
        return [np.array(layer) for layer in zip(*rows, strict=True)]

    def loss(self, flat: Array, X: Array, Y: Array) -> float:
        """The mean over the samples."""
        return self.value_and_gradient(flat, X, Y)[0]

    def value_and_gradient(self, flat: Array, X: Array, Y: Array) -> tuple[float, Array]:
        """The mean loss and its gradient as a flat vector, summed sample by sample."""
        weights, biases = self.unpack(flat)
        d_weights = [np.zeros_like(W) for W in weights]
        d_biases = [np.zeros_like(b) for b in biases]
        total = 0.0
        _, loss, slope = HEADS[self.head]
        for x, y in zip(X, Y, strict=True):
            inputs, zs = [x], []
            for layer, (W, b) in enumerate(zip(weights, biases, strict=True)):
                zs.append(W.T @ inputs[-1] + b)
                if layer < len(weights) - 1:
                    inputs.append(ACTIVATIONS[self.hidden[layer]][0](zs[-1]))
            total += loss(zs[-1], y)
            dz = slope(zs[-1], y)
            for layer in reversed(range(len(weights))):
                d_weights[layer] += inputs[layer][:, None] * dz
                d_biases[layer] += dz
                if layer:
                    before = ACTIVATIONS[self.hidden[layer - 1]][1](zs[layer - 1])
                    dz = (weights[layer] @ dz) * before
        parts = []
        for dW, db in zip(d_weights, d_biases, strict=True):
            parts += [dW.ravel(), db] if self.bias else [dW.ravel()]
        return total / len(X), np.concatenate(parts) / len(X)
