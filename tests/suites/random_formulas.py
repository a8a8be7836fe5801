"""Random typed formulas of unequal sizes: derivatives of order 1 to 3 against three oracles.

The documented suite is `python -m tests.suites.random_formulas --count 200000`; it prints its
seed, can be split with `--shard 1/4`, and goes on where it stopped with `--log FILE`; what was
wrong there is judged again. A formula is written around one of the operations, functions and rules
that took part in the fewest formulas so far, and its own seed repeats it alone (`--only SEED`). At
the end stands how often each took part.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import zlib
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gradwright.api.checking import sample_point
from gradwright.api.derivation import Derivation
from gradwright.api.formula import Formula, formula
from gradwright.core.work import limits
from gradwright.errors import DomainError, GradwrightError, InternalError, LimitError
from tests.suites.hits import counted_rules, operations_in
from tests.suites.judging import Judge, is_rational
from tests.suites.writer import FOCUSES, SYMBOLS, WRT, Writer, seed_for

#: Of so many formulas one is differentiated twice, of so many others three times.
SECOND_ORDER, THIRD_ORDER = 8, 80

#: A formula is written around one of so many that took part in the fewest so far.
RAREST = 12

#: Of so many formulas one is judged by dual numbers in mpmath.
DUAL_NUMBERS = 8

#: How much more work than usual a formula may take.
WORK = 10

#: Points that are drawn until one can judge.
POINTS = 5

#: The least number of formulas of a whole run in which each operation and rule takes part.
ENOUGH = 500


#: What happened to one formula: its seed, the outcome, the formula, what took part.
Found = tuple[int, str, str, list[str]]


@dataclass
class Tally:
    """What happened to the formulas."""

    counts: Counter[str] = field(default_factory=Counter)
    hits: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)

    def add(self, seed: int, outcome: str, line: str, hits: list[str]) -> None:
        line = f"seed {seed}: {line}"
        self.counts[outcome] += 1
        self.hits.update(hits)
        if "wrong" in outcome:
            self.failures.append(f"{outcome}: {line}")
        if "set aside" in outcome:
            self.aside.append(line)

    def rarest(self) -> list[tuple[int, str]]:
        """How often everything that is to be hit was, the rarest first."""
        return sorted((self.hits[name], name) for name in FOCUSES)


def variables(writer: Writer, written: Formula) -> tuple[str, ...]:
    """What a formula is differentiated by, one after the other."""
    names = [writer.wrt]
    if writer.draw.randrange(THIRD_ORDER) == 0:
        names *= 3
    elif writer.draw.randrange(SECOND_ORDER) == 0:
        others = [name for name in written.variables if name in WRT]
        names.append(writer.draw.choice([writer.wrt, writer.draw.choice(others)]))
    return tuple(names)


def judge(seed: int, fired: set[str]) -> Found:
    """Right, or what is wrong."""
    writer = Writer(seed)
    written = formula(writer.formula(), **SYMBOLS)
    names = variables(writer, written)
    line = f"{written.text} by {', '.join(names)}"
    fired.clear()
    try:
        derived = written.derivative(*names, mode=writer.draw.choice(MODES))
    except LimitError:
        if len(names) < 3:
            raise
        derived = written.derivative(*names[:2])
    outcome = "set aside"
    with np.errstate(all="ignore"):
        generator = np.random.default_rng(seed)
        for _ in range(POINTS):
            point = sample_point(derived.scope, generator, derived.free_sizes)
            try:
                outcome = at_point(derived, point, writer.draw)
            except DomainError:
                # The formula is not defined here, such as the logarithm of a negative number.
                continue
            if outcome != "set aside":
                break
    hits = sorted(fired | operations_in(derived))
    order = 0 if outcome == "set aside" else len(names)
    return seed, (f"order {order}: {outcome}" if order else outcome), line, hits


#: How the code is asked for; the nodes of all modes are judged in any case.
MODES = ("auto", "reverse", "forward", "cross_country")


def at_point(derived: Derivation, point: dict[str, np.ndarray], draw: random.Random) -> str:
    """A derivation at one point by all oracles that apply."""
    judged = Judge(derived, point)
    outcome = judged.outcome()
    if outcome.startswith("right") and is_rational(derived):
        exact = judged.exactly(draw)
        outcome = exact if "wrong" in exact else outcome
    if outcome.startswith("right") and draw.randrange(DUAL_NUMBERS) == 0:
        dual = judged.by_dual_numbers(draw)
        outcome = dual if "wrong" in dual else outcome
    return outcome


def run(count: int, seed: int, shard: tuple[int, int] = (1, 1), log: Path | None = None) -> Tally:
    """Judge formulas number 0 to count - 1 that belong to the shard."""
    tally = Tally()
    done = _read(log)
    with counted_rules() as fired, limits(WORK):
        for number in range(shard[0] - 1, count, shard[1]):
            if number in done and "wrong" not in done[number][1]:
                tally.add(*done[number])
                continue
            _, focus = tally.rarest()[number % RAREST]
            drawn = zlib.crc32(f"{seed}:{number}".encode())
            found = judged(done[number][0] if number in done else seed_for(drawn, focus), fired)
            if log is not None:
                with log.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([number, *found]) + "\n")
            tally.add(*found)
    return tally


def judged(seed: int, fired: set[str]) -> Found:
    """The same where a formula is refused, and where an error is raised that is none of ours."""
    try:
        return judge(seed, fired)
    except InternalError as error:
        return seed, "wrong: the code is not what is printed", str(error), []
    except GradwrightError as error:
        return seed, f"refused: {type(error).__name__}", error.asked, []
    except Exception as error:
        return seed, f"wrong: {type(error).__name__}", str(error), []


def _read(log: Path | None) -> dict[int, Found]:
    """What a log says of each number, the last line of each."""
    if log is None or not log.exists():
        return {}
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines() if line]
    return {number: (seed, outcome, line, hits) for number, seed, outcome, line, hits in rows}


def main() -> int:
    """The documented suite."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--shard", default="1/1")
    parser.add_argument("--log", type=Path, default=None)
    parser.add_argument("--only", type=int, default=None, help="the seed of one formula")
    given = parser.parse_args()
    if given.only is not None:
        with counted_rules() as fired, limits(WORK):
            print(judge(given.only, fired))
        return 0
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    part, whole = (int(x) for x in given.shard.split("/"))
    print(f"seed {seed}, {given.count} formulas, shard {given.shard}", flush=True)
    tally = run(given.count, seed, (part, whole), given.log)
    for outcome, number in sorted(tally.counts.items()):
        print(f"  {outcome}: {number}")
    print("formulas in which each took part, the rarest first")
    for hits, name in tally.rarest():
        print(f"  {hits:>8}  {name}")
    for line in tally.aside:
        print("set aside", line)
    for line in tally.failures:
        print("FAILED", line)
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
