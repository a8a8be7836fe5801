"""Expression bombs: each is answered or refused within a second and 256 MB, measured apart.

`python -m tests.suites.bombs --count 500` runs each bomb in a process of its own, forked from one
that has everything loaded, and measures its processor time and how far its memory grows.
`--shard 1/4` splits the work, `--log FILE` goes on where it stopped, `--seed` repeats a run.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import random
import resource
import select
import signal
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import gradwright as gw
from gradwright.errors import GradwrightError, LimitError
from tests.suites.bomb_families import FAMILIES

#: What a call of a bomb may take, and when all its calls together are ended from outside.
SECONDS, MEGABYTES = 1.0, 256
ENDED = 120.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What became of one bomb."""

    number: int
    family: str
    what: str
    outcome: str
    seconds: float
    megabytes: float

    @property
    def fails(self) -> bool:
        """Whether it crashed, or took too much."""
        kept = self.outcome in ("answered", "refused as too large", "refused")
        return not kept or self.seconds > SECONDS or self.megabytes > MEGABYTES


def bomb(seed: int, number: int) -> tuple[str, str, Callable[[], Iterator[object]]]:
    """(family, in words, calls to make): the families in turn, their sizes at random."""
    draw = random.Random(f"{seed} {number}")
    names = sorted(FAMILIES)
    family = names[number % len(names)]
    return (family, *FAMILIES[family](draw))


def measured(seed: int, number: int) -> Measured:
    """One bomb in a process of its own."""
    family, what, call = bomb(seed, number)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as pipe:
            pipe.write(json.dumps(_run(call)))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        ready, _, _ = select.select([pipe], [], [], ENDED)
        if not ready:
            os.kill(child, signal.SIGKILL)
        text = pipe.read()
    os.waitpid(child, 0)
    outcome, seconds, megabytes = json.loads(text) if text else ("no end", ENDED, 0.0)
    return Measured(number, family, what[:80], outcome, seconds, megabytes)


def _run(calls: Callable[[], Iterator[object]]) -> tuple[str, float, float]:
    """What became of the calls, the longest of them, and what memory they took together."""
    before, start, longest = _resident(), time.process_time(), 0.0
    outcome = "answered"
    try:
        for _ in calls():
            longest = max(longest, time.process_time() - start)
            start = time.process_time()
    except LimitError:
        outcome = "refused as too large"
    except GradwrightError:
        outcome = "refused"
    except BaseException as error:
        outcome = f"{type(error).__name__}: {str(error)[:100]}"
    longest = max(longest, time.process_time() - start)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return outcome, round(longest, 3), round(most - before, 1)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 2**20


def prepare() -> None:
    """Load everything that a bomb may use, so that loading is not measured."""
    d = gw.formula("softmax(A*x)'*y + logdet(B)", A="matrix n n", B="matrix n n").gradient("A")
    d.explain(), d.source(), d.check(), d.html(), d.to_dict(), d.latex(), d.mathml()
    net = gw.Network("3 -> 4 relu -> 2 softmax")
    net.backprop().explain(), net.backprop().source()
    gw.check_equations("dL/dW2 = A1 * dL/dZ2", net)
    gw.equal("x + x", "2*x"), gw.formula(r"\frac{1}{2} x^\top x")
    gw.linearize("exp(x)", "x", at=[0.0])
    warnings.simplefilter("ignore")
    gc.collect()
    gc.freeze()


def run(seed: int, numbers: Sequence[int], log: Path | None = None) -> list[Measured]:
    """Measure bombs, each once; those in the log are not run again."""
    done: dict[int, Measured] = {}
    if log is not None and log.exists():
        lines = log.read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        done = {r["number"]: Measured(**r) for r in rows}
    prepare()
    for number in numbers:
        if number in done:
            continue
        done[number] = measured(seed, number)
        if done[number].fails:
            print(shown(done[number]), file=sys.stderr, flush=True)
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(done[number])) + "\n")
    return [done[number] for number in numbers]


def shown(one: Measured) -> str:
    """One bomb in a line."""
    return (
        f"{one.number:5} {one.family:12} {one.seconds:6.2f} s {one.megabytes:6.0f} MB  "
        f"{one.outcome}  {one.what}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; 1 when a bomb took too much or crashed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--shard", default="1/1", help="K/N: every Nth bomb, from the Kth on")
    parser.add_argument("--log", type=Path, default=None)
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    first, step = map(int, given.shard.split("/"))
    print(f"seed {seed}", flush=True)
    found = run(seed, range(first - 1, given.count, step), given.log)
    for outcome, count in Counter(one.outcome for one in found).most_common():
        print(f"{count:6} {outcome}")
    slowest = max(found, key=lambda one: one.seconds)
    largest = max(found, key=lambda one: one.megabytes)
    print(f"longest {slowest.seconds} s, most memory {largest.megabytes} MB")
    for one in (slowest, largest, *(one for one in found if one.fails)):
        print(shown(one))
    return 1 if any(one.fails for one in found) else 0


if __name__ == "__main__":
    sys.exit(main())
