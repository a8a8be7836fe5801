"""Layer kinds: what is the same for all layers that share a formula, sizes left open.

A kind is derived once, however many layers a network has of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from gradwright.nn.activations import exact_decimal


@dataclass(frozen=True, slots=True)
class Kind:
    """A dense layer's formula: activation, bias, layout, and for the last layer its loss."""

    activation: str
    options: tuple[tuple[str, Fraction], ...] = ()
    bias: bool = True
    loss: str | None = None
    reduction: str = "mean"
    layout: str = "rows"

    @property
    def name(self) -> str:
        """An identifier such as `dense_relu`, used in emitted code."""
        parts = ["dense", self.activation]
        if self.options:
            parts += [f"{name}_{_digits(value)}" for name, value in self.options]
        if not self.bias:
            parts.append("no_bias")
        if self.layout != "rows":
            parts.append(self.layout)
        if self.loss is not None:
            parts += [self.loss, self.reduction]
        return "_".join(parts)


def _digits(value: Fraction) -> str:
    return exact_decimal(value).replace(".", "_").replace("-", "minus_")
