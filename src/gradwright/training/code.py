"""What training uses of code for NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

Array = Any


class Module(Protocol):
    """What training uses of an emitted network module."""

    Buffers: Callable[[int, Any], Any]
    PARAMETERS: int

    def value_and_gradient(
        self,
        parameters: Array,
        X: Array,
        Y: Array,
        *more: Any,
    ) -> tuple[float, Array]:
        """The loss of a batch and its gradient, a flat vector like the parameters.

        After the targets stand the weights of the samples, where the loss has them; then an array
        for the gradient, and buffers.
        """

    def loss(self, parameters: Array, X: Array, Y: Array, *more: Any) -> float:
        """The loss of a batch; `more` are weights, where there are some, and buffers."""

    def forward(self, parameters: Array, X: Array, buffers: Any = ...) -> list[Array]:
        """The activations of all layers."""

    def predict(self, parameters: Array, X: Array, buffers: Any = ...) -> Array:
        """The activations of the last layer."""

    def unpack(
        self, parameters: Array
    ) -> tuple[list[Array], list[Array | None]] | list[dict[str, Array]]:
        """Weights and biases as views, or for each layer its parameters by letter."""


class Code(Protocol):
    """What makes a module when it is asked for: training by compiled code may never need it."""

    @property
    def module(self) -> Any:
        """The `Module`."""
