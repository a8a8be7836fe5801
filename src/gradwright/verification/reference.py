"""Arrays that a user computes against a reference that has every one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

import numpy as np

from gradwright.verification import condition, kinks
from gradwright.verification.causes import Evidence, Slip
from gradwright.verification.judging import Verdict, judged, unusable, vanishing
from gradwright.verification.points import Array, Function, Point, real_value
from gradwright.verification.problem import Claimed, Problem, blur_of_zero, vanishes
from gradwright.verification.report import CheckReport
from gradwright.verification.rounds import Distance, Redraw, judged_at

Reference = Callable[[Point], Mapping[str, Array]]


def check_against(
    claimed: Claimed,
    reference: Reference,
    function: Function,
    point: Mapping[str, Any],
    *,
    oracle: str,
    seed: int,
    kink_distance: Distance,
    redraw: Redraw | None,
    context: Reference,
    slips: Callable[[Point], Iterable[Slip]],
    misshapen: Callable[[str, Array, Array, float], str],
    tolerance: float | None = None,
) -> CheckReport:
    """Compare arrays that are claimed with those of a reference, entry by entry.

    Args:
        claimed: from a point to the blocks that the reference has, real numbers.
        reference: from a point to the right arrays; blocks with the name of an array of the point
            are derivatives of `function` by it.
        function: from a point to the number that is differentiated.
        point: where.
        oracle: what the reference is called in the report.
        seed: of every random choice.
        kink_distance: the smallest distance of any kinked argument from its kink.
        redraw: another random point, or None where the point is given.
        context: the arrays in whose words causes are found: lengths, and regions by sign.
        slips: what a block would be after a slip, tried in their order.
        misshapen: what to say of a block of another shape, from its name, what is claimed, the
            right array and the tolerance.
        tolerance: in place of 32 u κ, κ the condition of the reference at the point.
    """

    def judge(settled: kinks.Settled, generator: np.random.Generator) -> list[Verdict]:
        at, output = settled.point, real_value(function, settled.point)
        problem = Problem(
            claimed, function, at, output, oracle, 0, settled.on_kink, generator, None
        )
        right, claims = reference(at), problem.claims(at)
        changes = _changes(reference, right, problem)
        known, tried = cache(lambda: dict(context(at))), cache(lambda: tuple(slips(at)))
        verdicts = []
        for name, truth in right.items():
            scale = float(np.max(np.abs(truth), initial=0.0))
            kappa = condition.condition(changes[name], scale)
            allowed = condition.complex_step_tolerance(kappa) if tolerance is None else tolerance
            claim = np.asarray(claims[name], np.float64)
            if claim.shape != truth.shape:
                text = misshapen(name, claim, truth, allowed)
                verdicts.append(unusable(name, truth.shape, truth.size, text))
                continue
            oracle_values, every = truth.reshape(1, -1), np.arange(truth.size)
            evidence = Evidence(name, claim, oracle_values, every, (), known(), allowed, tried)
            change = changes[name]
            if scale == 0.0 and claim.any():
                change = max(change, blur_of_zero(problem, name, claim))
            if tolerance is None and vanishes(problem, name, scale, change):
                verdicts.append(vanishing(evidence, problem, change, 0))
            else:
                fixed = tolerance is not None
                verdicts.append(judged(problem, evidence, None, allowed, fixed))
        return verdicts

    return judged_at(point, (), judge, oracle, seed, kink_distance, redraw)


def _changes(
    reference: Reference, right: Mapping[str, Array], problem: Problem
) -> dict[str, float]:
    """The largest change of each block under the perturbations that give its condition."""
    largest = dict.fromkeys(right, 0.0)
    for _ in range(condition.PERTURBATIONS):
        moved = reference(condition.perturbed(problem.point, problem.generator))
        for name, value in right.items():
            change = float(np.max(np.abs(moved[name] - value), initial=0.0))
            largest[name] = max(largest[name], change)
    return largest
