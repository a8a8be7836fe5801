"""How far rounding moves the value of a node, measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradwright.core.nodes import Node, Variable, postorder
from gradwright.simplify import field

Point = dict[str, np.ndarray]

#: By how much of its size values are moved to see how that changes a result, and by how much
#: rounding moves them.
MOVED, ROUNDED = 2.0**-30, 2.0**-53


def relative(found: np.ndarray, expected: np.ndarray, floor: float = 0.0) -> float:
    """max |a - b| over max |b| (at least `floor`); where b is zero, a must be too."""
    gap = float(np.max(np.abs(found - expected), initial=0.0))
    scale = max(floor, float(np.max(np.abs(expected), initial=0.0)))
    if gap == 0.0:
        return 0.0
    return gap / scale if scale else float("inf")


class AsLeft:
    """A node's value as a function of a point."""

    def __init__(self, node: Node, sizes: dict[str, int]) -> None:
        self.node = node
        self.sizes = sizes

    def __call__(self, at: Point) -> np.ndarray:
        return np.asarray(field.evaluate(self.node, at, self.sizes))


def along(value: np.ndarray, ways: Sequence[np.ndarray]) -> np.ndarray:
    """A derivative along directions; its last axes belong to the last one."""
    for way in reversed(ways):
        value = np.tensordot(value, way, way.ndim)
    return np.asarray(value)


def amplified(node: Node, point: Point, sizes: dict[str, int]) -> float:
    """How far the rounding of inputs and intermediate values moves a node, relatively.

    Every input and every value of a function or a power is moved by 2⁻³⁰ of its size with a random
    sign, and what that changes is scaled to 2⁻⁵³, the size of a rounding. So digits that cancel, as
    in s - s², count as they are lost.
    """
    draw = np.random.default_rng(0)

    def moved(array: Any) -> Any:
        return array * (1 + MOVED * draw.choice([-1.0, 1.0], np.shape(array)))

    here = np.asarray(field.evaluate(node, point, sizes))
    inputs = {part.name for part in postorder(node) if isinstance(part, Variable)}
    worst = 0.0
    for _ in range(4):
        there = field._evaluate(
            (node,),
            {n: moved(v) if n in inputs else v for n, v in point.items()},
            sizes,
            lambda base, exponent: moved(field._real_power(base, exponent)),
            lambda part, given, shape: moved(field._real_call(part, given, shape)),
            float,
        )
        worst = max(worst, relative(np.asarray(there[0]), here))
    return worst * ROUNDED / MOVED
