"""A network module written by hand: one hidden relu layer, softmax, mean cross-entropy.

X (n, d), Y (n, k) one-hot; Z1 = X W1 + b1, A1 = relu(Z1), Z2 = A1 W2 + b2, A2 = softmax(Z2).
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


class HandWritten:
    """The names that an emitted module has; nothing here is shared with the emitter."""

    def __init__(self, d: int, h: int, k: int) -> None:
        self.WIDTHS = (d, h, k)
        self.PARAMETERS = d * h + h + h * k + k

    @property
    def module(self) -> HandWritten:
        return self

    class Buffers:
        def __init__(self, samples: int, dtype: Any) -> None:
            self.samples = samples

    def init(self, generator: np.random.Generator) -> Array:
        d, h, k = self.WIDTHS
        parts = [
            generator.normal(0, np.sqrt(2 / d), d * h),
            np.zeros(h),
            generator.normal(0, np.sqrt(1 / h), h * k),
            np.zeros(k),
        ]
        return np.concatenate(parts)

    def unpack(self, parameters: Array) -> tuple[list[Array], list[Array]]:
        d, h, k = self.WIDTHS
        W1, b1, W2, b2 = np.split(parameters, np.cumsum([d * h, h, h * k]))
        return [W1.reshape(d, h), W2.reshape(h, k)], [b1, b2]

    def forward(self, parameters: Array, X: Array, buffers: Any = None) -> list[Array]:
        assert buffers is None or len(X) <= buffers.samples
        (W1, W2), (b1, b2) = self.unpack(parameters)
        A1 = np.maximum(X @ W1 + b1, 0)
        Z2 = A1 @ W2 + b2
        E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
        return [A1, E / E.sum(axis=1, keepdims=True)]

    def predict(self, parameters: Array, X: Array, buffers: Any = None) -> Array:
        return self.forward(parameters, X, buffers)[-1]

    def loss(self, parameters: Array, X: Array, Y: Array, buffers: Any = None) -> float:
        A2 = self.predict(parameters, X, buffers)
        return float(-np.sum(Y * np.log(A2)) / len(X))

    def value_and_gradient(
        self, parameters: Array, X: Array, Y: Array, gradient: Array = None, buffers: Any = None
    ) -> tuple[float, Array]:
        (_, W2), _ = self.unpack(parameters)
        A1, A2 = self.forward(parameters, X, buffers)
        value = float(-np.sum(Y * np.log(A2)) / len(X))
        D2 = (A2 - Y) / len(X)
        D1 = (D2 @ W2.T) * (A1 > 0)
        parts = [X.T @ D1, D1.sum(axis=0), A1.T @ D2, D2.sum(axis=0)]
        return value, np.concatenate([part.ravel() for part in parts])

    def step(
        self,
        parameters: Array,
        X: Array,
        Y: Array,
        learning_rate: float,
        gradient: Array = None,
        buffers: Any = None,
    ) -> float:
        value, gradient = self.value_and_gradient(parameters, X, Y, gradient, buffers)
        parameters -= learning_rate * gradient
        return value
