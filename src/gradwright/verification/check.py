"""A claimed derivative against an independent oracle, block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from gradwright.errors import DataError, UnsupportedError
from gradwright.verification import complex_step, condition, kinks, ridders
from gradwright.verification.causes import Evidence, cause, shape_cause, systematic
from gradwright.verification.points import (
    Array,
    Function,
    Point,
    prepared,
    real_value,
    unit_directions,
)
from gradwright.verification.problem import (
    Claimed,
    Problem,
    Progress,
    blur_of_zero,
    natural_scale,
    vanishes,
)
from gradwright.verification.report import BlockCheck, CheckReport

#: Function evaluations of each oracle for one column of a derivative.
COST = {"complex step": 1, "ridders": 40}
#: Random directions over a block that is too large to check entry by entry.
DIRECTIONS = 4
#: Columns whose change under perturbed inputs gives the condition number.
PROBES = 8
#: How often an ill-conditioned point is redrawn.
REDRAWS = 8


class _Verdict(Struct, frozen=True):
    check: BlockCheck
    findings: tuple[str, ...]


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
    _require_functions(claimed=claimed, function=function)
    optional = {"kink_distance": kink_distance, "redraw": redraw, "progress": progress}
    _require_functions(**{name: one for name, one in optional.items() if one is not None})
    generator = np.random.default_rng(seed)

    def another() -> Point:
        return prepared({} if redraw is None else redraw(generator), blocks)

    again = None if redraw is None else another
    distance = None if kink_distance is None else (lambda at: kink_distance(dict(at)))
    here: Point = prepared(point, blocks)
    at_kinks = 0
    for attempt in range(REDRAWS + 1):
        settled = kinks.settle(here, distance, again)
        at_kinks += settled.redrawn
        output = real_value(function, settled.point)
        at = (settled.point, output, oracle, budget, settled.on_kink, generator, progress)
        problem = Problem(claimed, function, *at)
        claims = problem.claims(settled.point)
        verdicts = [_block(problem, name, claims) for name in blocks]
        ill = any(not verdict.check.judged for verdict in verdicts)
        if not ill or again is None or attempt == REDRAWS:
            break
        here = again()
    return CheckReport(
        oracle="complex step" if oracle == "complex step" else "method of Ridders",
        seed=seed,
        blocks=tuple(verdict.check for verdict in verdicts),
        findings=tuple(text for verdict in verdicts for text in verdict.findings),
        redrawn_at_kinks=at_kinks,
        redrawn_ill_conditioned=attempt,
    )


def _require_functions(**given: object) -> None:
    for name, one in given.items():
        if not callable(one):
            raise DataError(
                "checking a derivative",
                f"{name} is a {type(one).__name__} and a function is needed",
                f"give a function as {name}",
            )


def _require_oracle(oracle: str) -> None:
    if oracle not in COST:
        raise UnsupportedError(
            f"a check by the oracle {oracle!r}",
            f"{oracle!r} is none of {', '.join(map(repr, COST))}",
            "name one of these",
        )


def _block(problem: Problem, name: str, claims: Mapping[str, Any]) -> _Verdict:
    """Check one block: its shape first, then its numbers."""
    value = problem.point[name]
    shape = problem.output.shape + value.shape
    if name not in claims:
        return _unusable(name, shape, value.size, f"{name}: no derivative is given")
    claim = np.asarray(claims[name])
    if claim.dtype.kind not in "biuf":
        text = f"{name}: the derivative given has the dtype {claim.dtype}, not real numbers"
        return _unusable(name, shape, value.size, text)
    if claim.shape != shape:
        text = f"{name}: {shape_cause(name, claim.shape, shape)}"
        return _unusable(name, shape, value.size, text)
    return _compared(problem, name, claim.astype(np.float64))


def _unusable(name: str, shape: tuple[int, ...], size: int, finding: str) -> _Verdict:
    infinite = float("inf")
    tolerance = condition.COMPLEX_STEP_FLOOR
    check = BlockCheck(name, shape, infinite, tolerance, None, None, None, 0, size, False)
    return _Verdict(check, (finding,))


def _compared(problem: Problem, name: str, claim: Array) -> _Verdict:
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
        return _vanishing(evidence, problem, change, DIRECTIONS if sampled else 0)
    if whole is not None:
        tolerance = max(tolerance, whole[1])
    return _judged(problem, evidence, None if whole is None else whole[0], tolerance)


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


def _vanishing(evidence: Evidence, problem: Problem, change: float, directions: int) -> _Verdict:
    """Compare a block that is zero to rounding on the scale of y over x."""
    name, claim = evidence.block, evidence.claim
    natural = natural_scale(problem, name)
    error = float(np.max(np.abs(claim), initial=0.0)) / natural
    tolerance = condition.COMPLEX_STEP_FLOOR
    ok = error <= tolerance
    text = f"{name}: the derivative is zero to rounding ({change:.1e}), so the error is relative "
    text += "to the size of the function over the size of the block"
    if not ok:
        text += "; the values given are not zero"
    check = _row(evidence, evidence.ours - evidence.oracle, error, tolerance, ok, directions, 0)
    return _Verdict(check, (text,))


def _judged(
    problem: Problem, evidence: Evidence, whole: float | None, tolerance: float
) -> _Verdict:
    name = evidence.block
    evidence = replace(evidence, tolerance=tolerance)
    gap = evidence.ours - evidence.oracle
    accepted = 0
    if problem.on_kink:
        gap, accepted = _outside_intervals(problem, evidence, gap)
        evidence = replace(evidence, oracle=evidence.ours - gap)
    entries = condition.relative_size(gap, evidence.oracle)
    error = max(entries, whole or 0.0)
    own = 0.0 if error <= tolerance else _own_rounding(problem, evidence)
    tolerance = max(tolerance, min(own, condition.OWN_ROUNDING_LIMIT))
    right = error <= tolerance
    findings = []
    if accepted:
        lie = "1 value on a kink lies" if accepted == 1 else f"{accepted} values on a kink lie"
        findings.append(f"{name}: {lie} between the one-sided slopes")
    blurred = tolerance < error <= min(own, condition.NOT_JUDGED) and not systematic(evidence)
    unclear = blurred or (right and tolerance > condition.NOT_JUDGED)
    if unclear or not right:
        findings.append(f"{name}: {_reason(evidence, entries, error, own, blurred, unclear)}")
    directions = 0 if whole is None else DIRECTIONS
    check = _row(evidence, gap, error, tolerance, right and not unclear, directions, accepted)
    return _Verdict(replace(check, judged=not unclear), tuple(findings))


def _own_rounding(problem: Problem, evidence: Evidence) -> float:
    """32 times the rounding in the values of the claim, relative to the block."""
    if evidence.scale == 0.0 or not np.isfinite(evidence.claim).all():
        return 0.0

    def columns(point: Point) -> Array:
        return evidence.columns(np.asarray(problem.claims(point)[evidence.block], np.float64))

    return 32 * condition.roughness(columns, problem.point, problem.generator) / evidence.scale


def _reason(
    evidence: Evidence, entries: float, error: float, own: float, blurred: bool, unclear: bool
) -> str:
    """Why a block is wrong or cannot be judged, in words."""
    tolerance = evidence.tolerance
    if blurred:
        return (
            f"not judged: the values given are off by {error:.1e} and carry rounding of "
            f"{own / 32:.1e}: their formula loses digits here, as 1 - tanh(z)^2 does where tanh(z) "
            "is near 1"
        )
    if unclear:
        return (
            "not judged: the derivative is ill-conditioned here, rounding alone may change it "
            f"by {tolerance:.1e}"
        )
    if entries > tolerance or not np.isfinite(evidence.claim).all():
        return cause(evidence)
    return (
        "the values compared one by one are right, and a random direction over the whole block is "
        f"off by {error:.1e}: another entry is wrong"
    )


def _outside_intervals(problem: Problem, evidence: Evidence, gap: Array) -> tuple[Array, int]:
    """Set to zero the differences of values that lie between the one-sided slopes."""
    limit = evidence.tolerance * evidence.scale
    wrong = ~(np.abs(gap) <= limit)
    gap, accepted = gap.copy(), 0
    for k in np.flatnonzero(wrong.any(axis=0)):
        lower, upper = kinks.slope_interval(
            problem.function, problem.point, evidence.block, int(evidence.coordinates[k])
        )
        ours = evidence.ours[:, k]
        inside = wrong[:, k] & (ours >= lower.reshape(-1)) & (ours <= upper.reshape(-1))
        gap[inside, k] = 0.0
        accepted += int(inside.sum())
    return gap, accepted


def _row(
    evidence: Evidence,
    gap: Array,
    error: float,
    tolerance: float,
    ok: bool,
    directions: int,
    accepted: int,
) -> BlockCheck:
    """The report's row, with the place of the largest difference."""
    claim, oracle, coordinates = evidence.claim, evidence.oracle, evidence.coordinates
    size = evidence.point[evidence.block].size
    index, ours, theirs = None, None, None
    if gap.size:
        distance = np.where(np.isfinite(gap), np.abs(gap), np.inf)
        i, k = np.unravel_index(int(np.argmax(distance)), gap.shape)
        flat = int(i) * size + int(coordinates[k])
        index = tuple(int(place) for place in np.unravel_index(flat, claim.shape))
        ours, theirs = float(claim[index]), float(oracle[i, k])
    return BlockCheck(
        evidence.block,
        claim.shape,
        error,
        tolerance,
        index,
        ours,
        theirs,
        len(coordinates),
        size,
        ok,
        directions,
        accepted,
    )
