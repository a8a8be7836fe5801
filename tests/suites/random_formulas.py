"""Random typed formulas of unequal sizes: derivative and printed text against an oracle.

The documented suite is `python -m tests.suites.random_formulas --count 10000`; it prints its seed,
can be split with `--shard 1/4`, and goes on where it stopped with `--log FILE`.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gradwright.api.checking import sample_point, sample_sizes
from gradwright.api.derivation import Derivation
from gradwright.api.formula import formula
from gradwright.errors import GradwrightError
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Tree
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.verification import complex_step
from tests.suites.index_reader import index_value
from tests.suites.vec_form import unstacked
from tests.suites.writer import SYMBOLS, Writer

#: A value that agrees this well is right; nothing else is asked.
TOLERANCE = 1e-11

#: Points where rounding alone moves the derivative by more than this cannot judge it.
CONDITIONED = 1e-9

#: One unit in the last place of float32 is this many of float64.
SINGLE_TO_DOUBLE = 2.0**-29

#: Every how many scalar formulas the Hessian is judged too.
HESSIAN_SHARE = 4

#: The symmetric matrices without the constraint.
FREE = {"S": "matrix n n", "P": "matrix m m invertible"}

Point = dict[str, np.ndarray]
Function = Callable[[Point], np.ndarray]


@dataclass
class Tally:
    """What happened to the formulas."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, outcome: str, line: str) -> None:
        self.counts[outcome] += 1
        if "wrong" in outcome:
            self.failures.append(line)


def relative(found: np.ndarray, expected: np.ndarray, floor: float = 0.0) -> float:
    """max |a - b| over max |b| (at least `floor`); where b is zero, a must be too."""
    gap = float(np.max(np.abs(found - expected), initial=0.0))
    scale = max(floor, float(np.max(np.abs(expected), initial=0.0)))
    if gap == 0.0:
        return 0.0
    return gap / scale if scale else float("inf")


def judge(seed: int) -> tuple[str, str]:
    """(outcome, the formula): what was derived and that it is right, or what is wrong."""
    writer = Writer(seed)
    text, wrt = writer.formula(), writer.wrt
    written = formula(text, **SYMBOLS)
    if written.scope.shape.kind != "scalar":
        kind = "jacobian"
    else:
        kind = "hessian" if writer.draw.randrange(HESSIAN_SHARE) == 0 else "gradient"
    line = f"seed {seed}: {kind} of {text} by {wrt}"
    outcome = "set aside"
    with np.errstate(all="ignore"):
        derived = getattr(written, kind)(wrt)
        generator = np.random.default_rng(seed)
        for _ in range(5):
            point = sample_point(derived.scope, generator, derived.free_sizes)
            outcome = at_point(derived, wrt, point)
            if outcome != "set aside":
                break
    return outcome if outcome == "set aside" else f"{kind}: {outcome}", line


def at_point(derived: Derivation, wrt: str, point: Point) -> str:
    """A derivation at one point: `right`, `right in index form`, `set aside` or what is wrong.

    A Hessian is the complex step of the printed text of a gradient, which is itself judged at the
    same point. A symmetric matrix is differentiated without the constraint, so in that gradient
    it is not declared symmetric.
    """
    kinks = derived.kink_distance()
    if kinks is not None and kinks(point) < 1e-6:
        return "set aside"
    if derived.kind != "hessian":
        return compare(derived, evaluator(derived.tree, derived.scope, point), wrt, point)
    gradient = formula(derived.formula, **{**SYMBOLS, **FREE}).gradient(wrt)
    (printed,) = gradient.printed.values()
    first = compare(gradient, evaluator(gradient.tree, gradient.scope, point), wrt, point)
    if first != "right":
        return f"{first} (its gradient)" if "wrong" in first else first
    axes = printed.node.axes if printed.form == "index" else None
    return compare(derived, evaluator(printed.tree, gradient.scope, point, axes), wrt, point)


def compare(derived: Derivation, function: Function, wrt: str, point: Point) -> str:
    """Emitted code and printed texts against the complex step of a function at one point."""

    def oracle(at: Point) -> np.ndarray:
        return np.asarray(complex_step.jacobian(function, at, wrt))

    def code(at: Point) -> np.ndarray:
        return np.asarray(derived(**at))

    expected = oracle(point)
    if code(point).shape != expected.shape:
        return "wrong shape"
    if not np.all(np.isfinite(expected)):
        return "set aside"
    # A derivative that cancels to zero is compared on the scale of the function.
    size = float(np.max(np.abs(function(point)), initial=1.0))
    vanishes = float(np.max(np.abs(expected), initial=0.0)) < 1e-12 * size
    floor = size if vanishes else 0.0

    def verdict(value: Function, wrong: str) -> str:
        error = relative(value(point), expected, floor)
        if error <= TOLERANCE:
            return "right"
        noise = max(inside(derived, point), *(rounding(f, derived, point) for f in (value, oracle)))
        if noise > CONDITIONED:
            return "set aside"
        return "right" if error <= TOLERANCE + 64 * noise else wrong

    outcome = verdict(code, "wrong value")
    for text in texts(derived, expected.shape):
        if outcome == "right":
            outcome = verdict(text, "wrong text")
    in_index_form = outcome == "right" and derived.form == "index"
    return "right in index form" if in_index_form else outcome


def texts(derived: Derivation, shape: tuple[int, ...]) -> list[Function]:
    """What is printed, each as a function of a point, by evaluators of the notation."""
    scope = derived.scope
    (printed,) = derived.printed.values()
    if printed.form == "index":
        axes = printed.node.axes

        def matrix(at: Point) -> Callable[[str], np.ndarray]:
            return lambda part: evaluator(parse(part), scope, at)(at)

        def again(shown: str) -> Function:
            return lambda at: evaluator(parse(shown), scope, at, axes)(at)

        shown = (plain_text(printed.tree), unicode_text(printed.tree))
        by_hand: list[Function] = [
            lambda at, text=text: index_value(text, shape, matrix(at))  # type: ignore[misc]
            for text in shown
        ]
        return [*by_hand, *map(again, shown)]

    def reading(text: str) -> Function:
        tree = parse(text)

        def value(at: Point) -> np.ndarray:
            return unstacked(evaluator(tree, scope, at)(at), derived, shape)

        return value

    return [reading(plain_text(printed.tree)), reading(unicode_text(printed.tree))]


def evaluator(
    tree: Tree, scope: Scope, point: Point, axes: tuple[int | str, ...] | None = None
) -> Function:
    """A text as a function of a point, by the notation's own evaluator."""
    inside = infer(tree, scope.symbols, sizes=scope.sizes, axes=axes)
    lengths = sample_sizes(scope)

    def value(at: Point) -> np.ndarray:
        known = {**lengths, **at}
        used = {name: known[name] for name in {*inside.symbols, *inside.sizes} if name in known}
        return np.asarray(evaluate(tree, used, inside))

    return value


def rounding(value: Function, derived: Derivation, point: Point) -> float:
    """How far a value moves, relatively, when inputs move by one unit in the last place.

    Every evaluation rounds anew, so the value's own rounding shows too.
    """
    draw = np.random.default_rng(0)
    here = value(point)
    worst = 0.0
    for _ in range(4):
        moved = dict(point)
        for name, declared in derived.scope.symbols.items():
            signs = draw.choice([-1.0, 1.0], np.shape(point[name]))
            if declared.facts & {"symmetric", "posdef"}:
                signs = np.tril(signs) + np.tril(signs, -1).T
            moved[name] = point[name] * (1 + 2.3e-16 * signs)
        worst = max(worst, relative(value(moved), here))
    return worst


def inside(derived: Derivation, point: Point) -> float:
    """The rounding inside the emitted code, measured in float32 and scaled to float64.

    This finds digits that cancel inside a formula, as in s - s^2 for s next to 1, where moving
    the inputs moves nothing.
    """
    single = {
        name: value if name in derived.free_sizes else np.asarray(value, dtype=np.float32)
        for name, value in point.items()
    }
    double = {
        name: value if name in derived.free_sizes else np.asarray(value, dtype=np.float64)
        for name, value in single.items()
    }
    change = relative(np.asarray(derived(**single)), np.asarray(derived(**double)))
    return SINGLE_TO_DOUBLE * (min(1.0, change) if np.isfinite(change) else 1.0)


def run(count: int, seed: int, shard: tuple[int, int] = (1, 1), log: Path | None = None) -> Tally:
    """Judge formulas number 0 to count - 1 that belong to the shard."""
    tally = Tally()
    done = _read(log)
    for number in range(shard[0] - 1, count, shard[1]):
        if number in done:
            outcome, line = done[number]
        else:
            own = zlib.crc32(f"{seed}:{number}".encode())
            try:
                outcome, line = judge(own)
            except GradwrightError as error:
                outcome, line = f"refused: {type(error).__name__}", f"seed {own}: {error.asked}"
            if log is not None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([number, outcome, line]) + "\n")
        tally.add(outcome, line)
    return tally


def _read(log: Path | None) -> dict[int, tuple[str, str]]:
    if log is None or not log.exists():
        return {}
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line]
    return {number: (outcome, line) for number, outcome, line in rows}


def main() -> int:
    """The documented suite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--log", type=Path, default=None)
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    part, whole = (int(x) for x in given.shard.split("/"))
    print(f"seed {seed}, {given.count} formulas, shard {given.shard}")
    tally = run(given.count, seed, (part, whole), given.log)
    for outcome, number in sorted(tally.counts.items()):
        print(f"  {outcome}: {number}")
    for line in tally.failures:
        print("FAILED", line)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
