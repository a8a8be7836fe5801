"""The verdict on one block, from the numbers that are compared and how far they may be off."""

from __future__ import annotations

import math

import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from gradwright.verification import condition, kinks
from gradwright.verification.causes import Evidence, cause, systematic
from gradwright.verification.points import Array, Point
from gradwright.verification.problem import Problem, natural_scale
from gradwright.verification.report import BlockCheck

#: Random directions over a block that is too large to check entry by entry.
DIRECTIONS = 4


class Verdict(Struct, frozen=True):
    """The row of a block in the report, and what is said of it, without its name."""

    check: BlockCheck
    findings: tuple[str, ...]


def unusable(name: str, shape: tuple[int, ...], size: int, finding: str) -> Verdict:
    """A block that cannot be compared: it is missing, or of another shape."""
    infinite = float("inf")
    tolerance = condition.COMPLEX_STEP_FLOOR
    check = BlockCheck(name, shape, infinite, tolerance, None, None, None, 0, size, False)
    return Verdict(check, (finding,))


def vanishing(evidence: Evidence, problem: Problem, change: float, directions: int) -> Verdict:
    """Compare a block that is zero to rounding on the scale of y over x."""
    name, claim = evidence.block, evidence.claim
    natural = natural_scale(problem, name)
    error = float(np.max(np.abs(claim), initial=0.0)) / natural
    tolerance = condition.COMPLEX_STEP_FLOOR
    ok = error <= tolerance
    text = f"the derivative is zero to rounding ({change:.1e}), so the error is relative "
    text += "to the size of the function over the size of the block"
    if not ok:
        text += "; the values given are not zero"
    check = _row(evidence, evidence.ours - evidence.oracle, error, tolerance, ok, directions, 0)
    return Verdict(check, (text,))


def judged(
    problem: Problem,
    evidence: Evidence,
    whole: float | None,
    tolerance: float,
    fixed: bool = False,
) -> Verdict:
    """Compare the numbers of a block; a `fixed` tolerance is the user's, and is not widened.

    `whole` is the error along random directions over a block of which entries are compared.
    """
    name = evidence.block
    evidence = replace(evidence, tolerance=tolerance)
    gap = evidence.ours - evidence.oracle
    accepted = 0
    if problem.on_kink and name in problem.point:
        gap, accepted = _outside_intervals(problem, evidence, gap)
        evidence = replace(evidence, oracle=evidence.ours - gap)
    entries = condition.relative_size(gap, evidence.oracle)
    error = max(entries, whole or 0.0)
    # Rounding beyond NOT_JUDGED excuses nothing, and each look at it takes nine calls.
    matters = tolerance < error <= condition.NOT_JUDGED and not fixed
    own = _own_rounding(problem, evidence) if matters else 0.0
    tolerance = max(tolerance, min(own, condition.OWN_ROUNDING_LIMIT))
    right = error <= tolerance
    findings = []
    if accepted:
        lie = "1 value on a kink lies" if accepted == 1 else f"{accepted} values on a kink lie"
        findings.append(f"{lie} between the one-sided slopes")
    blurred = tolerance < error <= min(own, condition.NOT_JUDGED) and not systematic(evidence)
    unclear = blurred or (right and not fixed and tolerance > condition.NOT_JUDGED)
    if unclear or not right:
        findings.append(_reason(evidence, entries, error, own, blurred, unclear))
    directions = 0 if whole is None else DIRECTIONS
    check = _row(evidence, gap, error, tolerance, right and not unclear, directions, accepted)
    return Verdict(replace(check, judged=not unclear), tuple(findings))


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
    size = math.prod(claim.shape[len(evidence.output) :])
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
