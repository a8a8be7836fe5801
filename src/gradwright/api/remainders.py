"""What a linearization leaves out, against the step; and what a scalar function gains."""

from __future__ import annotations

from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.errors import DomainError

Array = Any

#: The ratio falls at least like this power of the step when the derivative is right.
SHRINKS_LIKE = 0.25


class Remainders(Struct, frozen=True, eq=False):
    """‖f(x₀ + h d) − f(x₀) − h J d‖ against h.

    `rows` are (h, remainder, what rounding may make of it), the largest step first. `direction`
    is d, of length 1.
    """

    direction: Array
    rows: tuple[tuple[float, float, float], ...]

    @property
    def _measured(self) -> list[tuple[float, float]]:
        """The rows that are more than rounding."""
        return [(h, left) for h, left, noise in self.rows if left > noise]

    @property
    def order(self) -> float | None:
        """p for a remainder that falls like h^p; None where all but one row is rounding."""
        if len(self._measured) < 2:
            return None
        steps, left = np.log(np.asarray(self._measured)).T
        return float(np.polyfit(steps, left, 1)[0])

    @property
    def shrinks(self) -> bool:
        """Whether the remainder falls faster than h, which tells a derivative from another map."""
        measured = self._measured
        if len(measured) < 2:
            # All but one step is exact to rounding.
            return len(measured) < len(self.rows) or self.rows[0][1] == 0
        (first, most), (last, least) = measured[0], measured[-1]
        return bool(least / last <= most / first * (last / first) ** SHRINKS_LIKE)

    def __str__(self) -> str:
        lines = ["‖f(x₀ + h d) − f(x₀) − h J(x₀) d‖ for a direction d of length 1"]
        lines.append(f"  {'h':>8}  {'remainder':>10}  {'remainder/h':>11}")
        for h, left, noise in self.rows:
            remark = "  rounding" if left <= noise else ""
            lines.append(f"  {h:>8.0e}  {left:>10.2e}  {left / h:>11.2e}{remark}")
        if not self.shrinks:
            lines.append("remainder/h does not tend to 0: f has no derivative here")
        elif self.order is None:
            lines.append("exact but for rounding: f is affine along d")
        else:
            lines.append(f"remainder/h tends to 0; the remainder falls like h^{self.order:.2f}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "direction": self.direction.tolist(),
            "rows": [{"step": h, "remainder": left, "rounding": n} for h, left, n in self.rows],
            "order": self.order,
            "shrinks": self.shrinks,
        }


class Ascent(Struct, frozen=True, eq=False):
    """f(x₀ + Δx) − f(x₀) ≈ ‖∇f‖ ‖Δx‖ cos θ, θ being the angle between ∇f and Δx.

    `gained` is the left side, measured; `predicted` the right side. Along ∇f itself cos θ is 1
    and the gain the largest. `cosine` is None where the gradient is 0.
    """

    gradient: Array
    gradient_norm: float
    direction: Array
    cosine: float | None
    length: float
    gained: float

    @property
    def predicted(self) -> float:
        """‖∇f‖ ‖Δx‖ cos θ."""
        return self.gradient_norm * self.length * (self.cosine or 0.0)

    @property
    def steepest(self) -> Array | None:
        """The direction of steepest ascent, ∇f/‖∇f‖; None where the gradient is 0."""
        return self.gradient / self.gradient_norm if self.gradient_norm else None

    def __str__(self) -> str:
        if self.cosine is None:
            return "∇f = 0: to first order f changes in no direction"
        parts = f"{self.gradient_norm:.4g} · {self.length:g} · {self.cosine:.4g}"
        most = self.gradient_norm * self.length
        return "\n".join(
            [
                "f(x₀ + Δx) − f(x₀) ≈ ‖∇f‖ ‖Δx‖ cos θ",
                f"  {self.gained:.4g} ≈ {parts} = {self.predicted:.4g}",
                f"  at most {most:.4g}, along ∇f: the direction of steepest ascent",
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain values."""
        return {
            "gradient_norm": self.gradient_norm,
            "direction": self.direction.tolist(),
            "cosine": self.cosine,
            "length": self.length,
            "gained": self.gained,
            "predicted": self.predicted,
        }


def unit(direction: Array) -> Array:
    """A direction with length 1.

    Raises:
        DomainError: it is 0 or not finite.
    """
    length = float(np.linalg.norm(np.ravel(direction)))
    if not (length > 0 and np.isfinite(length)):
        raise DomainError(
            "a direction",
            f"its length is {length} and a direction has a positive length",
            "give a direction with an entry that is not 0",
        )
    return direction / length
