"""Random typed formulas as plain C99: compiled without a warning, equal to the NumPy module.

The documented suite is `python -m tests.suites.c_formulas --count 5000`; it prints its seed, can be
split with `--shard 1/4`, and `--only` repeats one formula. Many modules are compiled together.
Sizes are unequal, memory is guarded on both sides, and what NumPy computes is judged by
`tests.suites.random_formulas`. Where the two differ by more than 1e-12, rounding is measured: each
value moved by a unit in the last place, ten times, and 32 times the largest change allowed.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from gradwright.api.checking import sample_point
from gradwright.api.derivation import Derivation
from gradwright.api.formula import formula
from gradwright.core.work import limits
from gradwright.errors import DomainError, GradwrightError, UnsupportedError
from tests.emit.c.formulas import Compiled, compiled, results_of
from tests.suites.random_formulas import POINTS, WORK, variables
from tests.suites.writer import FOCUSES, SYMBOLS, Writer, seed_for

TOLERANCE = 1e-12
MOVES, FACTOR = 10, 32

#: Modules that one library is made of.
TOGETHER = 50

Point = dict[str, np.ndarray]


def drawn(seed: int) -> tuple[Derivation, Point] | None:
    """A derivation and a point at which it is defined, where there is one."""
    writer = Writer(seed)
    written = formula(writer.formula(), **SYMBOLS)
    derived = written.derivative(*variables(writer, written))
    generator = np.random.default_rng(seed)
    for _ in range(POINTS):
        point = sample_point(derived.scope, generator, derived.free_sizes)
        try:
            derived(**point)
        except DomainError:
            continue
        return derived, point
    return None


def numpy_value(derived: Derivation, point: Point) -> np.ndarray:
    """The results of the NumPy module, behind each other."""
    found = derived(**point)
    listed = list(found.values()) if isinstance(found, dict) else [found]
    return np.concatenate([np.ravel(value) for value in listed])


def rounding(derived: Derivation, point: Point, value: np.ndarray) -> float:
    """How much a value changes where inputs are moved by a unit in the last place."""
    generator, most = np.random.default_rng(0), 0.0
    for _ in range(MOVES):
        moved = {
            name: x * (1 + 2.0**-52 * generator.choice([-1, 1], np.shape(x)))
            if np.asarray(x).dtype.kind == "f"
            else x
            for name, x in point.items()
        }
        try:
            with np.errstate(all="ignore"):
                most = max(most, float(np.max(np.abs(numpy_value(derived, moved) - value))))
        except GradwrightError:
            # At the edge of its domain, or of a declared fact.
            continue
    return most


def judged(derived: Derivation, point: Point, function: Compiled) -> str:
    """Right, or what is wrong, of the C code at a point."""
    with np.errstate(all="ignore"):
        value = numpy_value(derived, point)
        found = results_of(derived, function, point)
        if found.shape != value.shape:
            return f"wrong: {found.shape} for {value.shape}"
        if not value.size:
            return "right"
        same = (found == value) | (np.isnan(found) & np.isnan(value))
        gap = float(np.max(np.where(same, 0, np.abs(found - value))))
        scale = float(np.max(np.abs(value)))
        if gap <= TOLERANCE * scale:
            return "right"
        allowed = FACTOR * rounding(derived.unverified(), point, value)
        return "right" if gap <= allowed else f"wrong: off by {gap:.1e} of {scale:.1e}"


def outcomes(seeds: Sequence[int]) -> Iterator[tuple[int, str]]:
    """What became of the formulas with these seeds, compiled together."""
    early: list[tuple[int, str]] = []
    ready: list[tuple[int, Derivation, Point, str]] = []
    for seed in seeds:
        try:
            made = drawn(seed)
            if made is None:
                early.append((seed, "set aside: not defined at the points drawn"))
            else:
                ready.append((seed, *made, made[0].source("c")))
        except UnsupportedError as error:
            early.append((seed, f"refused: {error.clash}"))
        except GradwrightError as error:
            early.append((seed, f"set aside: {type(error).__name__}"))
    with tempfile.TemporaryDirectory() as folder:
        try:
            functions = compiled([source for *_, source in ready], Path(folder)) if ready else []
        except AssertionError as error:
            # One of them does not compile: which?
            if len(seeds) == 1:
                yield seeds[0], f"wrong: {error}"
            else:
                yield from (one for seed in seeds for one in outcomes([seed]))
            return
        yield from early
        for (seed, derived, point, _), function in zip(ready, functions, strict=True):
            yield seed, judged(derived, point, function)


def run(count: int, seed: int, shard: tuple[int, int] = (1, 1)) -> tuple[Counter[str], list[str]]:
    """Judge formulas number 0 to count - 1 that belong to the shard."""
    counts: Counter[str] = Counter()
    failures = []
    numbers = range(shard[0] - 1, count, shard[1])
    focuses = sorted(FOCUSES)
    seeds = [
        seed_for(zlib.crc32(f"{seed}:{n}".encode()), focuses[n % len(focuses)]) for n in numbers
    ]
    with limits(WORK):
        for start in range(0, len(seeds), TOGETHER):
            for one, outcome in outcomes(seeds[start : start + TOGETHER]):
                counts[outcome.split(": off")[0]] += 1
                if outcome.startswith("wrong"):
                    failures.append(f"{one}: {outcome}")
    return counts, failures


def main() -> int:
    """The documented suite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--only", type=int, default=None, help="the seed of one formula")
    given = parser.parse_args()
    if given.only is not None:
        with limits(WORK):
            print(*outcomes([given.only]))
        return 0
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    part, whole = (int(x) for x in given.shard.split("/"))
    print(f"seed {seed}, {given.count} formulas, shard {given.shard}", flush=True)
    counts, failures = run(given.count, seed, (part, whole))
    for outcome, number in sorted(counts.items()):
        print(f"  {number:>6}  {outcome}")
    for line in failures:
        print("FAILED", line)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
