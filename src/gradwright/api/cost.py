"""What a derivative costs in each mode of the chain rule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

SCHEMA = "gradwright.cost/1"


class ModeCost(Struct, frozen=True):
    """Multiplications and divisions of single numbers in the program of one mode.

    `mode` is "reverse", "forward" or "cross_country"; `order` says in which order the chain rule
    was applied.
    """

    mode: str
    multiplications: int
    order: str


class CostReport(Struct, frozen=True):
    """The modes of one derivative at assumed lengths of the sizes, and which one runs.

    `asked` is the mode that was asked for, `mode` the one whose program is emitted. `subject` is
    the derivative, `sizes` are the lengths that were counted with, `modes` has a row for each mode.
    `report["reverse"]` is the count of a mode.
    """

    subject: str
    sizes: Mapping[str, int]
    modes: tuple[ModeCost, ...]
    asked: str
    mode: str

    def __getitem__(self, mode: str) -> int:
        """The multiplications of a mode."""
        return next(row.multiplications for row in self.modes if row.mode == mode)

    @property
    def multiplications(self) -> int:
        """Those of the program that runs, for one call."""
        return self[self.mode]

    @property
    def why(self) -> str:
        """Why this mode runs."""
        if len(self.modes) == 1:
            return f"{self.mode}, the only one for this product"
        if self.asked != "auto":
            return f"{self.mode}, as asked"
        others = [row for row in self.modes if row.mode != self.mode]
        least = min(row.multiplications for row in others)
        here = self.multiplications
        if least > here:
            times = f"{least / max(here, 1):.3g}"
            return f"auto takes {self.mode}: the next best takes {times} times as many"
        ties = [row.mode for row in others if row.multiplications == here]
        return f"auto takes {self.mode}: none takes fewer, {' and '.join(ties)} as many"

    def __str__(self) -> str:
        lengths = ", ".join(f"{name} = {length}" for name, length in sorted(self.sizes.items()))
        lines = [f"multiplications{f' at {lengths}' if lengths else ''}"]
        width = max(len(f"{row.multiplications:,}") for row in self.modes)
        for row in self.modes:
            lines.append(f"  {row.mode:<13} {row.multiplications:>{width},}  {row.order}")
        return "\n".join([*lines, self.why])

    def to_dict(self) -> dict[str, Any]:
        """The report in the schema gradwright.cost/1."""
        return {
            "schema": SCHEMA,
            "of": self.subject,
            "sizes": dict(sorted(self.sizes.items())),
            "modes": {
                row.mode: {"multiplications": row.multiplications, "order": row.order}
                for row in self.modes
            },
            "asked": self.asked,
            "mode": self.mode,
            "why": self.why,
        }
