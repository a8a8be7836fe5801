"""Backprop of a dense network as a careful NumPy programmer writes it, to measure against.

Everything that can be made once is made once: the views of weights, biases and gradients and all
intermediate arrays. Every operation writes into an array that exists. The activation overwrites its
argument, since relu and sigmoid know their slope from their value; on the way back the slope
overwrites the gradient. The loss shares the shifted logits and the one exp with softmax.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def views(flat: Array, widths: Sequence[int]) -> tuple[list[Array], list[Array]]:
    """Weights (fan-in, fan-out) and biases of W1, b1, W2, b2, ... within one vector."""
    weights, biases, start = [], [], 0
    for p, q in pairwise(widths):
        weights.append(flat[start : start + p * q].reshape(p, q))
        biases.append(flat[start + p * q : start + p * q + q])
        start += p * q + q
    return weights, biases


class HandWritten:
    """Loss and gradient of `widths` with one activation, softmax and cross-entropy (mean)."""

    def __init__(
        self, widths: Sequence[int], activation: str, samples: int, parameters: Array
    ) -> None:
        dtype = parameters.dtype
        self.relu = activation == "relu"
        self.weights, self.biases = views(parameters, widths)
        self.transposed = [w.T for w in self.weights]
        self.gradient = np.empty_like(parameters)
        self.d_weights, self.d_biases = views(self.gradient, widths)
        self.activations = [np.empty((samples, q), dtype) for q in widths[1:]]
        self.deltas = [np.empty((samples, q), dtype) for q in widths[1:-1]]
        slope = np.bool_ if self.relu else dtype
        self.slopes = [np.empty((samples, q), slope) for q in widths[1:-1]]
        self.column = np.empty((samples, 1), dtype)
        self.inverse = 1 / samples

    def value_and_gradient(self, X: Array, Y: Array) -> tuple[float, Array]:
        """(loss, gradient) for X (samples, features) and one-hot Y (samples, outputs)."""
        last = len(self.weights) - 1
        before = X
        for layer, A in enumerate(self.activations):
            np.matmul(before, self.weights[layer], out=A)
            np.add(A, self.biases[layer], out=A)
            if layer < last:
                self._activate(A)
            before = A
        value = self._softmax_and_loss(before, Y)
        delta = before
        np.subtract(delta, Y, out=delta)
        np.multiply(delta, self.inverse, out=delta)
        for layer in range(last, 0, -1):
            A = self.activations[layer - 1]
            np.matmul(A.T, delta, out=self.d_weights[layer])
            np.add.reduce(delta, axis=0, out=self.d_biases[layer])
            following, delta = delta, self.deltas[layer - 1]
            np.matmul(following, self.transposed[layer], out=delta)
            self._multiply_by_slope(delta, A, self.slopes[layer - 1])
        np.matmul(X.T, delta, out=self.d_weights[0])
        np.add.reduce(delta, axis=0, out=self.d_biases[0])
        return value, self.gradient

    def _activate(self, A: Array) -> None:
        if self.relu:
            np.maximum(A, 0, out=A)
        else:
            np.negative(A, out=A)
            np.exp(A, out=A)
            np.add(A, 1, out=A)
            np.reciprocal(A, out=A)

    def _multiply_by_slope(self, delta: Array, A: Array, slope: NDArray[np.generic]) -> None:
        if self.relu:
            np.greater(A, 0, out=slope)
        else:
            np.subtract(1, A, out=slope)
            np.multiply(slope, A, out=slope)
        np.multiply(delta, slope, out=delta)

    def _softmax_and_loss(self, Z: Array, Y: Array) -> float:
        np.maximum.reduce(Z, axis=1, keepdims=True, out=self.column)
        np.subtract(Z, self.column, out=Z)
        of_targets = float(np.vdot(Y, Z))
        np.exp(Z, out=Z)
        np.add.reduce(Z, axis=1, keepdims=True, out=self.column)
        np.divide(Z, self.column, out=Z)
        np.log(self.column, out=self.column)
        return (float(np.add.reduce(self.column, axis=None)) - of_targets) * self.inverse
