"""Random compositions of tanh and softmax, in three independent hands.

Letters: layer k maps h (n_k) to act(W_k h + b_k) (n_{k+1}); the value is c·h_last.
`function` is for floats and complex numbers, `gradient` is the reverse pass written by hand, and
`directional` is a 60-digit central difference in mpmath.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import mpmath
import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Composition:
    """Layer kinds, first to last, and a point with the blocks x, c, W0, b0, ..."""

    kinds: tuple[str, ...]
    point: dict[str, Array]

    @property
    def blocks(self) -> list[str]:
        """Every block of the point."""
        return list(self.point)


def random_composition(seed: int) -> Composition:
    generator = np.random.default_rng(seed)
    depth = int(generator.integers(1, 4))
    kinds = tuple(str(kind) for kind in generator.choice(["tanh", "softmax"], depth))
    widths = generator.choice([2, 3, 4, 5, 6], depth + 1)
    point = {"x": generator.normal(size=widths[0]), "c": generator.normal(size=widths[-1])}
    for k, (inner, outer) in enumerate(pairwise(widths)):
        point[f"W{k}"] = generator.normal(size=(outer, inner))
        point[f"b{k}"] = generator.normal(size=outer)
    return Composition(kinds, point)


def softmax(z: Array) -> Array:
    e = np.exp(z - z.real.max())
    return e / e.sum()


def activations(composition: Composition, point: dict[str, Array]) -> list[Array]:
    values = [point["x"]]
    for k, kind in enumerate(composition.kinds):
        z = point[f"W{k}"] @ values[-1] + point[f"b{k}"]
        values.append(np.tanh(z) if kind == "tanh" else softmax(z))
    return values


def function(composition: Composition, point: dict[str, Array]) -> Any:
    return point["c"] @ activations(composition, point)[-1]


def gradient(composition: Composition, point: dict[str, Array]) -> dict[str, Array]:
    values = activations(composition, point)
    found = {"c": values[-1]}
    g = point["c"]
    for k in reversed(range(len(composition.kinds))):
        a = values[k + 1]
        delta = g * (1 - a**2) if composition.kinds[k] == "tanh" else a * (g - a @ g)
        found[f"W{k}"] = np.outer(delta, values[k])
        found[f"b{k}"] = delta
        g = point[f"W{k}"].T @ delta
    found["x"] = g
    return found


def directional(composition: Composition, block: str, direction: Array) -> Any:
    """The derivative along a direction, to about 40 digits, as an mpmath number."""
    with mpmath.workdps(60):
        step = mpmath.mpf(10) ** -20
        values = []
        for sign in (1, -1):
            moved = {name: _exact(value) for name, value in composition.point.items()}
            moved[block] = moved[block] + sign * step * _exact(direction)
            values.append(_mp_value(composition.kinds, moved))
        return (values[0] - values[1]) / (2 * step)


def _exact(value: Array) -> Any:
    return mpmath.matrix(value.tolist())


def _mp_value(kinds: tuple[str, ...], point: dict[str, Any]) -> Any:
    h = point["x"]
    for k, kind in enumerate(kinds):
        z = point[f"W{k}"] * h + point[f"b{k}"]
        if kind == "tanh":
            h = z.apply(mpmath.tanh)
        else:
            e = z.apply(mpmath.exp)
            h = e / mpmath.fsum(e)
    return mpmath.fdot(point["c"], h)
