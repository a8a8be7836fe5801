"""The point of a check: redrawn at kinks and where the derivative is ill-conditioned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gradwright.errors import DataError
from gradwright.verification import kinks
from gradwright.verification.judging import Verdict
from gradwright.verification.points import Array, Point, prepared
from gradwright.verification.report import CheckReport

#: How often an ill-conditioned point is redrawn.
REDRAWS = 8

Judge = Callable[[kinks.Settled, np.random.Generator], Sequence[Verdict]]
Distance = Callable[[dict[str, Array]], float]
Redraw = Callable[[np.random.Generator], Mapping[str, Any]]


def judged_at(
    point: Mapping[str, Any],
    blocks: Sequence[str],
    judge: Judge,
    oracle: str,
    seed: int,
    kink_distance: Distance | None,
    redraw: Redraw | None,
) -> CheckReport:
    """The report of what `judge` says of the blocks at a point, or at the first good one.

    `blocks` are those of the point that are differentiated by, `oracle` is what the report names.
    """
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
        verdicts = judge(settled, generator)
        ill = any(not verdict.check.judged for verdict in verdicts)
        if not ill or again is None or attempt == REDRAWS:
            break
        here = again()
    return CheckReport(
        oracle=oracle,
        seed=seed,
        blocks=tuple(verdict.check for verdict in verdicts),
        findings=_findings(verdicts),
        redrawn_at_kinks=at_kinks,
        redrawn_ill_conditioned=attempt,
    )


def _findings(verdicts: Sequence[Verdict]) -> tuple[str, ...]:
    """What is said, each once, behind the names of the blocks of which it is."""
    names: dict[str, list[str]] = {}
    for verdict in verdicts:
        for text in verdict.findings:
            names.setdefault(text, []).append(verdict.check.name)
    return tuple(f"{', '.join(blocks)}: {text}" for text, blocks in names.items())


def require_functions(**given: object) -> None:
    """Refuse what cannot be called.

    Raises:
        DataError: one of these, by name, is no function.
    """
    for name, one in given.items():
        if not callable(one):
            raise DataError(
                "checking a derivative",
                f"{name} is a {type(one).__name__} and a function is needed",
                f"give a function as {name}",
            )
