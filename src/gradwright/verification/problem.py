"""What one block's comparison needs, and whether a derivative is zero but for rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from msgspec import Struct

from gradwright.verification import complex_step, condition, ridders
from gradwright.verification.points import Array, Function, Point

Progress = Callable[[str, int, int], None]
Claimed = Callable[[dict[str, Array]], Mapping[str, Any]]


class Problem(Struct, frozen=True):
    """Everything one block's comparison needs but the block and the claim."""

    claimed: Claimed
    function: Function
    point: Point
    output: Array
    oracle: str
    budget: int
    on_kink: bool
    generator: np.random.Generator
    progress: Progress | None

    def claims(self, point: Point) -> Mapping[str, Any]:
        """The claimed derivatives; the claim gets copies, so that it cannot move the point."""
        return self.claimed({name: value.copy() for name, value in point.items()})

    def along(self, block: str, directions: Iterable[Array], point: Point) -> ridders.Estimate:
        """The oracle's derivatives along directions, `y.shape + (directions,)`."""
        if self.oracle == "ridders":
            return ridders.along(self.function, point, block, directions)
        values = complex_step.along(self.function, point, block, directions)
        return ridders.Estimate(values, np.zeros(values.shape))


def vanishes(problem: Problem, name: str, scale: float, change: float) -> bool:
    """Whether the oracle's block is a true zero that rounding has blurred.

    Such a block, as of sum(softmax(x)), is as small as its own noise, and that noise is rounding
    on the scale of y over x. A relative error would compare noise with noise. A zero that does not
    move with the inputs is one without rounding, and stays one.
    """
    natural = natural_scale(problem, name)
    return change > 0.0 and scale <= 32 * change and max(scale, change) <= 1e-13 * natural


def blur_of_zero(problem: Problem, name: str, claim: Array) -> float:
    """The rounding in a claim where the oracle has zeros; 0 where the claim is more than that.

    An oracle may cancel exactly, as that of a bias in front of a batch normalisation does.
    """
    blur = condition.noise(
        lambda at: np.asarray(problem.claims(at)[name], np.float64),
        problem.point,
        problem.generator,
    )
    return blur if np.max(np.abs(claim)) <= 32 * blur else 0.0


def natural_scale(problem: Problem, name: str) -> float:
    """The size of the function over the size of the block."""
    output = float(np.max(np.abs(problem.output), initial=0.0))
    block = problem.point.get(name, np.ones(()))
    return output / (float(np.max(np.abs(block), initial=0.0)) or 1.0)
