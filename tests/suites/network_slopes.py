"""The gradient of a network beside difference quotients of its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tests.suites.network_judging import Case

Array = Any


def by_difference(at: Callable[[Array], Array], straight: Array, case: Case) -> str:
    """Along a direction, by central differences of two lengths, whose distance is the tolerance."""
    flat, count = case.p.flat, case.trained
    direction = np.zeros_like(flat)
    direction[:count] = case.rng.choice([-1.0, 1.0], count)
    slopes = []
    for h in (1e-4, 1e-5, 1e-6):
        above, below = at(flat + h * direction)[0], at(flat - h * direction)[0]
        slopes.append((above - below) / (2 * h))
    gradient = straight[1 : 1 + len(flat)]
    ours = float(gradient @ direction)
    spread = max(abs(slopes[0] - slopes[1]), abs(slopes[1] - slopes[2]))
    size = float(np.sum(np.abs(gradient[:count]))) or 1.0
    if spread > 1e-3 * size:
        return ""  # a kink between the points
    error = min(abs(ours - slope) for slope in slopes)
    return f"slope {ours} and {slopes}" if error > 2 * spread + 1e-6 * size else ""
