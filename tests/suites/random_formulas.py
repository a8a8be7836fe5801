"""Random typed formulas of unequal sizes: derivative and printed text against an oracle.

The documented suite is `python -m tests.suites.random_formulas --count 10000`; it prints its seed,
can be split with `--shard 1/4`, and goes on where it stopped with `--log FILE`.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gradwright.api.checking import sample_point, sample_sizes
from gradwright.api.derivation import Derivation
from gradwright.api.formula import formula
from gradwright.errors import GradwrightError
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.verification import complex_step

#: Every symbol with its declaration; m, n and k are drawn unequal.
SYMBOLS = {
    "t": "scalar positive",
    "s": "scalar",
    "x": "vector n",
    "v": "vector n",
    "y": "vector m",
    "u": "vector m positive",
    "A": "matrix m n",
    "B": "matrix n n invertible",
    "S": "matrix n n symmetric",
    "C": "matrix m k",
    "P": "posdef m m",
}
SCALARS, VECTORS, MATRICES = "ts", "xvyu", "ABSCP"

Kind = tuple[str, ...]
KINDS: dict[str, Kind] = {
    name: tuple(w for w in text.split()[1:] if w in "mnk") for name, text in SYMBOLS.items()
}

SMOOTH = ("exp", "tanh", "sigmoid", "sin", "cos", "softplus", "arctan")
KINKED = ("relu", "abs", "leaky_relu")


class Writer:
    """Writes one random formula, biased towards the variable that is differentiated by."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.wrt = self.draw.choice("xyABStCPv")

    def formula(self) -> str:
        """A scalar, vector or matrix expression that holds the variable."""
        for _ in range(50):
            kind = self.draw.choice([(), (), (), ("n",), ("m",), ("m", "n")])
            text = self.write(kind, self.draw.randrange(2, 5))
            if re.search(rf"\b{self.wrt}\b", text):
                return text
        return self.leaf(KINDS[self.wrt])

    def leaf(self, kind: Kind) -> str:
        fitting = [name for name, held in KINDS.items() if held == kind]
        if self.wrt in fitting and self.draw.random() < 0.7:
            return self.wrt
        if kind == () and self.draw.random() < 0.3:
            return self.draw.choice(["2", "0.5", "3"])
        if fitting:
            return self.draw.choice(fitting)
        return self.outer(kind, 0) if len(kind) == 2 else f"ones({kind[0]})"

    def outer(self, kind: Kind, depth: int) -> str:
        return f"({self.write(kind[:1], depth)})*({self.write(kind[1:], depth)})'"

    def write(self, kind: Kind, depth: int) -> str:
        if depth <= 0:
            return self.leaf(kind)
        choices = [self.elementwise, self.total, self.scaled]
        if kind == ():
            choices += [self.closed, self.closed, self.quotient]
        elif len(kind) == 1:
            choices += [self.product, self.product, self.vector_function]
        else:
            choices += [self.product, self.matrix_function, self.outer]
        return self.draw.choice(choices)(kind, depth - 1)

    def elementwise(self, kind: Kind, depth: int) -> str:
        if self.draw.random() < 0.5:
            name = self.draw.choice(SMOOTH if self.draw.random() < 0.8 else KINKED)
            return f"{name}({self.write(kind, depth)})"
        operator = self.draw.choice([".*", ".*", "+", "-"])
        return f"({self.write(kind, depth)}) {operator} ({self.write(kind, depth)})"

    def total(self, kind: Kind, depth: int) -> str:
        return f"({self.write(kind, depth)}) + ({self.write(kind, depth)})"

    def scaled(self, kind: Kind, depth: int) -> str:
        return f"({self.write((), depth)})*({self.write(kind, depth)})"

    def quotient(self, kind: Kind, depth: int) -> str:
        return f"({self.write((), depth)})/(1 + ({self.write((), depth)})^2)"

    def closed(self, kind: Kind, depth: int) -> str:
        one = self.draw.choice([("n",), ("m",)])
        pick = self.draw.randrange(8)
        if pick == 0:
            return f"sum({self.write(self.draw.choice([one, ('m', 'n')]), depth)})"
        if pick == 1:
            return f"norm2({self.write(one, depth)})^2"
        if pick == 2:
            return f"logsumexp({self.write(one, depth)})"
        if pick == 3:
            return f"tr({self.write((*one, *one), depth)})"
        if pick == 4:
            return f"log(1 + norm2({self.write(one, depth)})^2)"
        if pick == 5:
            return self.draw.choice(["logdet(B)", "det(P)", "logdet(P + y*y')", "tr(inv(B)*S)"])
        if pick == 6:
            return f"sum(sqrt(1 + ({self.write(one, depth)}).^2))"
        return f"({self.write(one, depth)})'*({self.write(one, depth)})"

    def product(self, kind: Kind, depth: int) -> str:
        inner = self.draw.choice("mnk" if len(kind) == 2 else "mn")
        left = self.write((kind[0], inner), depth)
        return f"({left})*({self.write((inner, *kind[1:]), depth)})"

    def vector_function(self, kind: Kind, depth: int) -> str:
        inside = self.write(kind, depth)
        return f"softmax({inside})" if self.draw.random() < 0.6 else f"diag(({inside})*({inside})')"

    def matrix_function(self, kind: Kind, depth: int) -> str:
        if kind[0] == kind[1] and self.draw.random() < 0.5:
            return (
                self.draw.choice(["inv(B)", f"diag({self.write(kind[:1], depth)})"])
                if kind[0] == "n"
                else f"diag({self.write(kind[:1], depth)})"
            )
        return (
            f"({self.write(kind[::-1], depth)})'"
            if self.draw.random() < 0.6
            else f"softmax({self.write(kind, depth)})"
        )


@dataclass
class Tally:
    """What happened to the formulas."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def add(self, outcome: str, line: str) -> None:
        self.counts[outcome] += 1
        if outcome.startswith("wrong") or outcome == "crash":
            self.failures.append(line)


def relative(found: np.ndarray, expected: np.ndarray) -> float:
    """max |a - b| over max |b|; where b is zero, a must be too."""
    gap = float(np.max(np.abs(found - expected), initial=0.0))
    scale = float(np.max(np.abs(expected), initial=0.0))
    if gap == 0.0:
        return 0.0
    return gap / scale if scale else float("inf")


def derive(text: str, wrt: str) -> Derivation:
    """The gradient of a scalar, else the Jacobian."""
    written = formula(text, **SYMBOLS)
    if written.scope.shape.kind == "scalar":
        return written.gradient(wrt)
    return written.jacobian(wrt)


def judge(seed: int) -> tuple[str, str]:
    """(outcome, the formula): `right`, `set aside`, `index`, or what is wrong."""
    writer = Writer(seed)
    text, wrt = writer.formula(), writer.wrt
    line = f"seed {seed}: d({text})/d{wrt}"
    with np.errstate(all="ignore"):
        derived = derive(text, wrt)
        generator = np.random.default_rng(seed)
        for _ in range(5):
            point = sample_point(derived.scope, generator, derived.free_sizes)
            outcome = compare(derived, wrt, point)
            if outcome != "set aside":
                break
    return outcome, line


def compare(derived: Derivation, wrt: str, point: dict[str, np.ndarray]) -> str:
    """Emitted code and printed texts against the complex step at one point."""
    scope = derived.scope
    kinks = derived.kink_distance()
    if kinks is not None and kinks(point) < 1e-6:
        return "set aside"

    def function(at: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(evaluate(derived.tree, at, scope))

    expected = np.asarray(complex_step.jacobian(function, point, wrt))
    found = np.asarray(derived(**point))
    if found.shape != expected.shape:
        return "wrong shape"
    noise = rounding(derived, function, point, wrt)
    if not np.all(np.isfinite(expected)) or noise > 1e-9:
        return "set aside"
    tolerance = 1e-11 + 64 * noise
    size = float(np.max(np.abs(function(point)), initial=1.0))
    if float(np.max(np.abs(expected), initial=0.0)) < 1e-12 * size:
        # A derivative that cancels to zero: compare on the scale of the function.
        return (
            "right" if float(np.max(np.abs(found), initial=0.0)) <= 1e-11 * size else "wrong value"
        )
    if relative(found, expected) > tolerance:
        return "wrong value"
    (printed,) = derived.printed.values()
    if printed.tree is None:
        return "index"
    for text in (plain_text(printed.tree), unicode_text(printed.tree)):
        again = parse(text)
        inside = infer(again, scope.symbols, sizes=scope.sizes)
        known = {**sample_sizes(scope), **point}
        used = {k: known[k] for k in {*inside.symbols, *inside.sizes} if k in known}
        value = np.asarray(evaluate(again, used, inside))
        if found.ndim == 4:
            rows, columns = found.shape[:2], found.shape[2:]
            value = value.reshape(*rows[::-1], *columns[::-1]).transpose(1, 0, 3, 2)
        if relative(value.reshape(expected.shape), expected) > tolerance:
            return "wrong text"
    return "right"


def rounding(derived: Derivation, function, point: dict[str, np.ndarray], wrt: str) -> float:
    """The largest relative change of both sides when inputs move by one unit in the last place."""
    draw = np.random.default_rng(0)
    ours, oracle = np.asarray(derived(**point)), complex_step.jacobian(function, point, wrt)
    worst = 0.0
    for _ in range(4):
        moved = {
            name: value
            if name in derived.free_sizes
            else value * (1 + 2.3e-16 * draw.choice([-1, 1], np.shape(value)))
            for name, value in point.items()
        }
        for name in derived.scope.symbols:
            if derived.scope.symbols[name].facts:
                moved[name] = point[name]
        again = np.asarray(derived(**moved))
        worst = max(worst, relative(again, ours))
        worst = max(worst, relative(complex_step.jacobian(function, moved, wrt), oracle))
    return worst


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
