"""One dense layer of a network, as its text describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from gradwright.errors import Span


@dataclass(frozen=True, slots=True)
class Layer:
    """A = φ(X W + 1 bᵀ) with W of shape (fan_in, fan_out) and b of length fan_out."""

    fan_in: int
    fan_out: int
    activation: str = "identity"
    options: tuple[tuple[str, Fraction], ...] = ()
    bias: bool = True
    span: Span | None = field(default=None, compare=False)

    @property
    def size(self) -> int:
        """The number of parameters."""
        return self.fan_in * self.fan_out + (self.fan_out if self.bias else 0)
