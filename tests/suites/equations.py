"""Random equations: right ones, rewritten, are accepted; corrupted ones are rejected.

`python -m tests.suites.equations --count 500`. An equation starts with one side, which is rewritten
by rules of algebra into the other. Expressions, their values, the gradients of networks and the
judgement of what is still equal are this file's own, in NumPy; nothing is shared with the checker.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

import gradwright as gw
from gradwright.api.equations.report import EquationsReport
from tests.suites import equation_networks, equation_trees
from tests.suites.equation_trees import Tree

Check = Callable[..., EquationsReport]


@dataclass(slots=True)
class Outcome:
    """How many equations of each sort were judged as they should be, and those that were not."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, sort: str, fine: bool, told: str) -> None:
        self.counts[sort] += 1
        if not fine:
            self.failures.append(f"{sort}: {told}")


@dataclass(frozen=True, slots=True)
class Case:
    """One equation: its sides, what the names are, and values for them."""

    left: Tree
    right: Tree
    declared: dict[str, str]
    points: tuple[dict[str, np.ndarray], ...]
    network: gw.Network | None = None

    def report(self, check: Check, left: str, right: str) -> EquationsReport:
        text = f"{left} = {right}"
        if self.network is None:
            return check(text, **self.declared)
        return check(text, self.network)


def run(
    count: int, seed: int, check: Check = gw.check_equations, *, faults: bool = True
) -> Outcome:
    """Judge `count` equations, each as it is, in other forms, and with `faults` corrupted."""
    outcome = Outcome()
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        case = _case(draw, number)
        _accepted(outcome, case, draw, check)
        if faults:
            _rejected(outcome, case, draw, check)
    return outcome


def _case(draw: random.Random, number: int) -> Case:
    """Every second equation is about a network."""
    if number % 2:
        made = equation_networks.equation(draw)
        right = equation_trees.rewritten(made.right, draw, draw.randrange(3))
        return Case(made.left, right, {}, made.points, made.network)
    names = equation_trees.names(draw)
    shape = draw.choice([(), ("n",), ("m",), ("m", "n"), ("n", "n")])
    left = equation_trees.random_tree(shape, 3, names, draw)
    right = equation_trees.rewritten(left, draw, 1 + draw.randrange(4))
    points = tuple(equation_trees.point(names, draw) for _ in range(3))
    declared = {name: equation_trees.declaration(held) for name, held in names.items()}
    # A fault may bring in a name that neither side had.
    return Case(left, right, declared, points)


def _accepted(outcome: Outcome, case: Case, draw: random.Random, check: Check) -> None:
    """The equation, and one other form of it."""
    plain = equation_trees.text(case.left), equation_trees.text(case.right)
    forms = [("rewritten", plain)]
    turned = [equation_trees.text(("t", side)) for side in (case.left, case.right)]
    forms.append(("transposed on both sides", (turned[0], turned[1])))
    entries: tuple[str | None, ...] = (None, None)
    if case.network is None:
        entries = equation_trees.entries(case.left), equation_trees.entries(case.right)
    if all(entries):
        index = "".join(
            f"[{i}]" for i in [",".join("ij"[: len(equation_trees.axes(case.left))])] if i
        )
        whole = f"({plain[0]}){index}" if index else plain[0]
        forms.append(("index form", (whole, str(entries[1]))))
    chosen = [forms[0], draw.choice(forms[1:])]
    for sort, (left, right) in chosen:
        report = case.report(check, left, right)
        outcome.add(sort, report.ok, f"{left} = {right}\n{case.declared}\n{report}")


def _rejected(outcome: Outcome, case: Case, draw: random.Random, check: Check) -> None:
    """A corruption of the right side that changes its value or its shape."""
    wrong = equation_trees.corrupted(case.right, draw, case.points[0])
    difference = equation_trees.apart(case.left, wrong, case.points)
    if case.network is not None:
        # Biases may be written as rows, and the report says so.
        rows = tuple(equation_networks.with_bias_rows(at) for at in case.points)
        if equation_trees.apart(case.left, wrong, rows) == "equal":
            difference = "equal"
    if difference == "equal":
        outcome.counts["corrupted, and still equal"] += 1
        return
    left, right = equation_trees.text(case.left), equation_trees.text(wrong)
    report = case.report(check, left, right)
    (found,) = report.equations
    told = f"{left} = {right}\n{case.declared} {case.network}\n{report}"
    if difference == "shape":
        outcome.add("corrupted, not conformable", not found.ok and bool(found.reason), told)
        return
    rejected = not found.ok or found.condition.startswith("holds if")
    outcome.add("corrupted", rejected and _shows(found, case, wrong), told)


def _shows(found: gw.api.equations.report.EquationCheck, case: Case, wrong: Tree) -> bool:
    """Whether the counterexample is one, by this file's own evaluation."""
    if not found.counterexample:
        return False
    point = {name: np.asarray(value, dtype=float) for name, value in found.counterexample.items()}
    if case.network is not None:
        point = equation_networks.values(case.network, point)
    sides = [equation_trees.flat(tree, point) for tree in (case.left, wrong)]
    reported = [np.ravel(value) for value in (found.left_value, found.right_value)]
    agree = all(
        np.allclose(a, b, rtol=1e-6, atol=1e-9) for a, b in zip(sides, reported, strict=True)
    )
    return agree and not np.allclose(*sides, rtol=1e-9, atol=1e-12)


def main() -> int:
    """Run the suite, print what was judged, and return 1 when something was judged wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    outcome = run(given.count, given.seed)
    for sort, count in sorted(outcome.counts.items()):
        print(f"{count:6}  {sort}")
    print(f"{len(outcome.failures):6}  judged wrongly")
    for failure in outcome.failures:
        print(failure, file=sys.stderr)
    return 1 if outcome.failures else 0


if __name__ == "__main__":
    sys.exit(main())
