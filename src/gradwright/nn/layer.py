"""One dense layer of a network, as its text describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from gradwright.errors import Span
from gradwright.nn.layouts import LAYOUTS


@dataclass(frozen=True, slots=True)
class Layer:
    """A = φ(Z), Z the affine map of its layout, with b of length fan_out.

    In the rows layout Z = X W + 1 bᵀ with W of shape (fan_in, fan_out).
    """

    fan_in: int
    fan_out: int
    activation: str = "identity"
    options: tuple[tuple[str, Fraction], ...] = ()
    bias: bool = True
    layout: str = "rows"
    span: Span | None = field(default=None, compare=False)

    @property
    def weight_shape(self) -> tuple[int, int]:
        """The shape of W."""
        inputs_first = LAYOUTS[self.layout].row_inputs
        return (self.fan_in, self.fan_out) if inputs_first else (self.fan_out, self.fan_in)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.fan_in * self.fan_out + (self.fan_out if self.bias else 0)
