"""What a check of equations found: to read, and as a dictionary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from msgspec import Struct

SCHEMA = "gradwright.equations/1"

Array = Any


class EquationCheck(Struct, frozen=True, eq=False):
    """One equation, or one link of a chain.

    `line` counts from 1; `relation` is "=", ":=", "<=", ">=" or "∈". Where it is right,
    `condition` says under which condition or convention.
    Where it is wrong, `reason` says why; `corrected` is the right side as it should be (or
    `corrected_left` the left one, where the fault lies there), `change` what was changed
    ("the derived formula" when no single change makes it right), and
    `counterexample` holds the smallest values that were found at which the two sides, `left_value`
    and `right_value`, differ.
    """

    line: int
    left: str
    right: str
    ok: bool
    condition: str = ""
    reason: str = ""
    corrected: str | None = None
    corrected_left: str | None = None
    change: str = ""
    counterexample: Mapping[str, Array] = {}
    left_value: Array = None
    right_value: Array = None
    relation: str = "="

    def to_dict(self) -> dict[str, Any]:
        """Plain values: arrays as lists, None where there is none."""
        return {
            "line": self.line,
            "left": self.left,
            "relation": self.relation,
            "right": self.right,
            "ok": self.ok,
            "condition": self.condition,
            "reason": self.reason,
            "corrected": self.corrected,
            "corrected_left": self.corrected_left,
            "change": self.change,
            "counterexample": {n: _plain(value) for n, value in self.counterexample.items()},
            "left_value": _plain(self.left_value),
            "right_value": _plain(self.right_value),
        }

    def __str__(self) -> str:
        """The verdict, and for a wrong equation what is right instead."""
        verdict = "right" if self.ok else "WRONG"
        head = f"line {self.line}: {verdict}  {self.left} {self.relation} {self.right}"
        if self.ok:
            return f"{head}\n  {self.condition}" if self.condition else head
        lines = [head, f"  {self.reason}"]
        if self.corrected is not None or self.corrected_left is not None:
            left, right = self.corrected_left or self.left, self.corrected or self.right
            lines.append(f"  right: {left} {self.relation} {right}  ({self.change})")
        if self.left_value is not None:
            at = ", ".join(f"{n} = {_short(value)}" for n, value in self.counterexample.items())
            lines.append(f"  at {at}" if at else "  always")
            lines.append(f"  the left side is {_short(self.left_value)}")
            if self.right_value is not None:
                lines.append(f"  the right side is {_short(self.right_value)}")
        return "\n".join(lines)


class EquationsReport(Struct, frozen=True):
    """The result for a text of equations: true as a condition when every one is right.

    `equations` has an `EquationCheck` for each equation, in the order of the lines; a chain
    a = b = c has one for each link. Printed it is every verdict, and how many are wrong.
    """

    equations: tuple[EquationCheck, ...]

    @property
    def ok(self) -> bool:
        """Whether every equation is right."""
        return all(equation.ok for equation in self.equations)

    def __bool__(self) -> bool:
        """The same as `ok`."""
        return self.ok

    def to_dict(self) -> dict[str, Any]:
        """The report in the schema gradwright.equations/1: plain values, ready for JSON."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "equations": [equation.to_dict() for equation in self.equations],
        }

    def __str__(self) -> str:
        """Every equation, and how many are wrong."""
        wrong = sum(not equation.ok for equation in self.equations)
        count = len(self.equations)
        told = f"{count} equation{'s' if count != 1 else ''}, {wrong or 'none'} wrong"
        return "\n".join([*map(str, self.equations), told])


def _short(value: Array) -> str:
    return str(np.round(np.asarray(value, dtype=float), 6).tolist())


def _plain(value: Array) -> Any:
    return None if value is None else np.asarray(value, dtype=float).tolist()
