"""A claimed derivative against an independent oracle, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.errors import UnsupportedError
from gradwright.verification import complex_step, condition, kinks, ridders
from gradwright.verification.causes import Evidence, shape_cause
from gradwright.verification.judging import DIRECTIONS, Verdict, judged, unusable, vanishing
from gradwright.verification.points import (
    Array,
    Function,
    real_value,
    unit_directions,
)
from gradwright.verification.problem import (
    Claimed,
    Problem,
    Progress,
    blur_of_zero,
    vanishes,
)
from gradwright.verification.report import CheckReport
from gradwright.verification.rounds import judged_at, require_functions

#: Function evaluations of each oracle for one column of a derivative.
COST = {"complex step": 1, "ridders": 40}
#: Columns whose change under perturbed inputs gives the condition number.
PROBES = 8


def check_derivative(
    claimed: Claimed,
    function: Function,
    point: Mapping[str, Any],
    blocks: Sequence[str],
    *,
    seed: int,
    oracle: str = "complex step",
    kink_distance: Callable[[dict[str, Array]], float] | None = None,
    redraw: Callable[[np.random.Generator], Mapping[str, Any]] | None = None,
    budget: int = 4096,
    progress: Progress | None = None,
) -> CheckReport:
    """Compare a claimed derivative with an oracle's.

    Args:
        claimed: from a point to the derivative for each block, of shape `y.shape + x.shape`.
        function: from a point to y, a number or an array; for the complex step it is called with
            one complex block and must be analytic in it.
        point: where; every block a number or an array.
        blocks: the names to differentiate with respect to.
        seed: of every random choice.
        oracle: "complex step", or "ridders" for a function that takes no complex numbers.
        kink_distance: the smallest distance of any kinked argument from its kink.
        redraw: another random point; used within 1e-6 of a kink and at ill-conditioned points.
            Without it, values between the one-sided slopes are accepted at a kink.
        budget: function evaluations for one block; a larger block is checked on a random sample of
            its coordinates, and along random directions over the whole of it.
        progress: called with the block, the columns done and all its columns.

    Returns:
        The report. A block whose tolerance would exceed 1e-6 is not judged and counts as wrong.

    Raises:
        SymbolError: a block is not in the point.
        DomainError: an input, or the function near it, is not finite or not real.
        UnsupportedError: the function is no analytic extension, or the oracle is unknown.
        DataError: a function is none.
    """
    _require_oracle(oracle)
    require_functions(claimed=claimed, function=function)
    optional = {"kink_distance": kink_distance, "redraw": redraw, "progress": progress}
    require_functions(**{name: one for name, one in optional.items() if one is not None})

    def judge(settled: kinks.Settled, generator: np.random.Generator) -> list[Verdict]:
        output = real_value(function, settled.point)
        at = (settled.point, output, oracle, budget, settled.on_kink, generator, progress)
        problem = Problem(claimed, function, *at)
        claims = problem.claims(settled.point)
        return [_block(problem, name, claims) for name in blocks]

    said = "complex step" if oracle == "complex step" else "method of Ridders"
    return judged_at(point, blocks, judge, said, seed, kink_distance, redraw)


def _require_oracle(oracle: str) -> None:
    if oracle not in COST:
        raise UnsupportedError(
            f"a check by the oracle {oracle!r}",
            f"{oracle!r} is none of {', '.join(map(repr, COST))}",
            "name one of these",
        )


def _block(problem: Problem, name: str, claims: Mapping[str, Any]) -> Verdict:
    """Check one block: its shape first, then its numbers."""
    value = problem.point[name]
    shape = problem.output.shape + value.shape
    if name not in claims:
        return unusable(name, shape, value.size, "no derivative is given")
    claim = np.asarray(claims[name])
    if claim.dtype.kind not in "biuf":
        text = f"the derivative given has the dtype {claim.dtype}, not real numbers"
        return unusable(name, shape, value.size, text)
    if claim.shape != shape:
        text = shape_cause(name, claim.shape, shape)
        return unusable(name, shape, value.size, text)
    return _compared(problem, name, claim.astype(np.float64))


def _compared(problem: Problem, name: str, claim: Array) -> Verdict:
    value = problem.point[name]
    coordinates = _coordinates(problem, value.size)
    sampled = len(coordinates) < value.size
    signs = _signs(problem.generator, value.shape, DIRECTIONS)
    if problem.oracle == "complex step" and value.size and not problem.on_kink:
        direction = problem.generator.standard_normal(value.shape)
        complex_step.require_analytic(problem.function, problem.point, name, direction)
    found = _columns(problem, name, coordinates)
    evidence = Evidence(
        name, claim, found.values, coordinates, problem.output.shape, problem.point, 0.0
    )
    whole = _whole(problem, name, claim, signs) if sampled else None
    change, tolerance = _tolerance(problem, name, coordinates, found)
    if evidence.scale == 0.0 and claim.any():
        change = max(change, blur_of_zero(problem, name, claim))
    if vanishes(problem, name, evidence.scale, change):
        return vanishing(evidence, problem, change, DIRECTIONS if sampled else 0)
    if whole is not None:
        tolerance = max(tolerance, whole[1])
    return judged(problem, evidence, None if whole is None else whole[0], tolerance)


def _coordinates(problem: Problem, size: int) -> Array:
    cost = COST[problem.oracle]
    if size * cost <= problem.budget:
        return np.arange(size)
    count = min(size, max(PROBES, problem.budget // cost - DIRECTIONS))
    return np.sort(problem.generator.choice(size, count, replace=False))


def _signs(generator: np.random.Generator, shape: tuple[int, ...], count: int) -> list[Array]:
    """Directions of ±1: an error in any one entry shows in full along each."""
    return [generator.choice([-1.0, 1.0], shape) for _ in range(count)]


def _columns(problem: Problem, name: str, coordinates: Array) -> ridders.Estimate:
    """The oracle's columns as `(y.size, coordinates)`, with progress."""

    def reported() -> Iterator[Array]:
        directions = unit_directions(problem.point[name].shape, coordinates)
        for done, direction in enumerate(directions, start=1):
            yield direction
            if problem.progress is not None:
                problem.progress(name, done, len(coordinates))

    found = problem.along(name, reported(), problem.point)
    shape = (problem.output.size, len(coordinates))
    return ridders.Estimate(found.values.reshape(shape), found.errors.reshape(shape))


def _whole(problem: Problem, name: str, claim: Array, signs: list[Array]) -> tuple[float, float]:
    """The error along random directions over the whole block, and what the oracle may be off."""
    size = problem.point[name].size
    columns = np.stack([direction.reshape(-1) for direction in signs], axis=1)
    ours = claim.reshape(problem.output.size, size) @ columns
    found = problem.along(name, signs, problem.point)
    error = condition.block_error(ours, found.values.reshape(ours.shape))
    if problem.oracle == "complex step":
        return error, condition.COMPLEX_STEP_FLOOR
    return error, condition.ridders_tolerance(found.errors, found.values)


def _tolerance(
    problem: Problem, name: str, coordinates: Array, found: ridders.Estimate
) -> tuple[float, float]:
    """How much the oracle's values change by rounding, and the tolerance that follows."""
    if problem.oracle == "ridders":
        change = float(np.max(found.errors, initial=0.0))
        return change, condition.ridders_tolerance(found.errors, found.values)
    # The largest columns decide the measure; a few random ones see the rest.
    order = np.argsort(np.max(np.abs(found.values), axis=0, initial=0.0), kind="stable")
    chosen = set(coordinates[order[::-1][: PROBES // 2]].tolist())
    if len(coordinates):
        chosen |= set(problem.generator.choice(coordinates, PROBES // 2).tolist())
    directions = list(unit_directions(problem.point[name].shape, sorted(chosen)))
    change = condition.noise(
        lambda at: problem.along(name, directions, at).values, problem.point, problem.generator
    )
    scale = float(np.max(np.abs(found.values), initial=0.0))
    return change, condition.complex_step_tolerance(condition.condition(change, scale))
