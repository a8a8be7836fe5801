"""What a check found: a table to read, a dictionary to store."""

from __future__ import annotations

import math
from typing import Any

from msgspec import Struct

SCHEMA = "gradwright.check/1"


class BlockCheck(Struct, frozen=True):
    """The comparison of one block, the derivative y by x that `name` names.

    `max_relative_error` is max |ours − oracle| over max |oracle| of the block, and a block is `ok`
    where that is at most its `tolerance`. `shape` is the shape of the derivative, `y.shape +
    x.shape`. `worst_index` is the place of the largest difference in it, `ours` and `oracle_value`
    the numbers there; it is None when the derivative is missing, misshapen, empty, or wrong only
    along a direction. `coordinates_checked` of the `coordinates` entries of x were compared one by
    one, `directions` random directions over the whole block besides. `accepted_at_kinks` entries
    differ from the oracle and lie between the one-sided slopes. A block that is not `judged`
    (rounding hides the answer) is not `ok`.
    """

    name: str
    shape: tuple[int, ...]
    max_relative_error: float
    tolerance: float
    worst_index: tuple[int, ...] | None
    ours: float | None
    oracle_value: float | None
    coordinates_checked: int
    coordinates: int
    ok: bool
    directions: int = 0
    accepted_at_kinks: int = 0
    judged: bool = True

    def to_dict(self) -> dict[str, Any]:
        """Plain values; None stands for a number that is not finite."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "ok": self.ok,
            "max_relative_error": _finite(self.max_relative_error),
            "tolerance": _finite(self.tolerance),
            "worst_index": None if self.worst_index is None else list(self.worst_index),
            "ours": _finite(self.ours),
            "oracle_value": _finite(self.oracle_value),
            "coordinates_checked": self.coordinates_checked,
            "coordinates": self.coordinates,
            "directions": self.directions,
            "judged": self.judged,
            "accepted_at_kinks": self.accepted_at_kinks,
        }


class CheckReport(Struct, frozen=True):
    """The result of a check: true as a condition when every block is right.

    `blocks` has a row for each derivative by each variable, `oracle` and `seed` say what it was
    compared with and how to repeat it. `redrawn_at_kinks` and `redrawn_ill_conditioned` count
    random points that were left out. `findings` says in plain words what is wrong, or was done
    differently, and where.
    """

    oracle: str
    seed: int
    blocks: tuple[BlockCheck, ...]
    findings: tuple[str, ...] = ()
    redrawn_at_kinks: int = 0
    redrawn_ill_conditioned: int = 0

    @property
    def ok(self) -> bool:
        """Whether every block is within its tolerance."""
        return all(block.ok for block in self.blocks)

    def __bool__(self) -> bool:
        """The same as `ok`."""
        return self.ok

    @property
    def worst(self) -> BlockCheck | None:
        """The block with the largest error in units of its tolerance, wrong blocks first."""
        return max(
            self.blocks,
            key=lambda block: (not block.ok, block.max_relative_error / block.tolerance),
            default=None,
        )

    @property
    def max_relative_error(self) -> float:
        """The error of the worst block; 0 without blocks."""
        return 0.0 if self.worst is None else self.worst.max_relative_error

    @property
    def tolerance(self) -> float:
        """The tolerance of the worst block; 0 without blocks."""
        return 0.0 if self.worst is None else self.worst.tolerance

    def to_dict(self) -> dict[str, Any]:
        """The report in the schema gradwright.check/1: plain values, ready for JSON."""
        return {
            "schema": SCHEMA,
            "ok": self.ok,
            "oracle": self.oracle,
            "seed": self.seed,
            "max_relative_error": _finite(self.max_relative_error),
            "tolerance": _finite(self.tolerance),
            "redrawn_at_kinks": self.redrawn_at_kinks,
            "redrawn_ill_conditioned": self.redrawn_ill_conditioned,
            "findings": list(self.findings),
            "blocks": [block.to_dict() for block in self.blocks],
        }

    def __str__(self) -> str:
        """The verdict, a row for each block, and the findings."""
        wrong = any(block.judged and not block.ok for block in self.blocks)
        verdict = "right" if self.ok else "WRONG" if wrong else "NOT JUDGED"
        lines = [f"{verdict}: compared with the {self.oracle}, seed {self.seed}"]
        lines += _table(self.blocks)
        lines += [f"- {finding}" for finding in self.findings]
        if self.redrawn_at_kinks:
            lines.append(f"- {_points(self.redrawn_at_kinks)} within 1e-6 of a kink redrawn")
        if self.redrawn_ill_conditioned:
            lines.append(f"- {_points(self.redrawn_ill_conditioned)} redrawn as ill-conditioned")
        return "\n".join(lines)


HEADER = ("block", "shape", "checked", "error", "tolerance", "worst at", "ours", "oracle", "")


def _table(blocks: tuple[BlockCheck, ...]) -> list[str]:
    rows = [HEADER, *(_row(block) for block in blocks)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(HEADER))]
    # Names and shapes read from the left, numbers from the right.
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if k in (3, 4, 6, 7) else cell.ljust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def _row(block: BlockCheck) -> tuple[str, ...]:
    checked = f"{block.coordinates_checked} of {block.coordinates}"
    if block.directions:
        checked += f" + {block.directions} directions"
    return (
        block.name,
        "scalar" if block.shape == () else "x".join(map(str, block.shape)),
        checked,
        f"{block.max_relative_error:.1e}",
        f"{block.tolerance:.1e}",
        "-" if block.worst_index is None else str(list(block.worst_index)),
        "-" if block.ours is None else f"{block.ours:.10g}",
        "-" if block.oracle_value is None else f"{block.oracle_value:.10g}",
        "ok" if block.ok else "WRONG" if block.judged else "not judged",
    )


def _points(count: int) -> str:
    return "1 point" if count == 1 else f"{count} points"


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
