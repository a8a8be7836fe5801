r"""Hostile texts: each is read, or refused with a typed error, and nothing else happens.

`python -m tests.suites.hostile --count 1000000` reads texts as formulas, LaTeX, equations,
declarations and networks. Half of them are formulas with a few characters or parts put out of
place, half are random characters. Only the errors that say what is wrong with a text may be
raised, and while a text is read the interpreter must not compile, execute, import or open
anything, which its own audit events tell. `--shard 1/4` splits the work, `--log FILE` goes on
where it stopped, `--seed` repeats a run.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import gradwright as gw
from gradwright.errors import (
    DomainError,
    LimitError,
    NetworkError,
    NotationError,
    ShapeError,
    SymbolError,
    UnsupportedError,
)
from tests.identities.rows import ROWS
from tests.suites.hostile_texts import (
    DECLARATIONS,
    EQUATIONS,
    INDEXED,
    LATEX,
    NETWORKS,
    PARTS,
)
from tests.suites.writer import SYMBOLS, Writer

#: What a text may be refused with. `NetworkError` is that of a network's text, `DomainError` that
#: of equations whose sides are defined at no point.
REFUSALS = (
    NotationError,
    ShapeError,
    SymbolError,
    LimitError,
    UnsupportedError,
    NetworkError,
    DomainError,
)

#: Events of the interpreter that reading a text must not cause, by the start of their names.
EVENTS = ("exec", "compile", "import", "open", "socket", "subprocess", "os.", "ctypes", "pickle")

#: A text that takes longer than this is a failure: ten times what a whole call may take.
SECONDS = 10.0

#: How many texts one block of work has; a log says which blocks are done.
BLOCK = 1000


@dataclass
class Tally:
    """What happened to the texts."""

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    longest: str = ""

    def add(self, other: Tally) -> None:
        """Those of another block too."""
        self.counts.update(other.counts)
        self.failures += other.failures
        if other.seconds > self.seconds:
            self.seconds, self.longest = other.seconds, other.longest


class Watch:
    """The audit events while a text is read; a hook cannot be removed, so there is one."""

    def __init__(self) -> None:
        self.on = False
        self.seen: list[str] = []
        sys.addaudithook(self)

    def __call__(self, event: str, given: object) -> None:
        if self.on and event.startswith(EVENTS):
            self.seen.append(event)


def formulas(draw: random.Random) -> list[str]:
    """Texts that are formulas, to be put out of shape."""
    written = [Writer(draw.randrange(2**32)).formula() for _ in range(100)]
    return [*(row["expression"] for row in ROWS), *written, *LATEX, *INDEXED]


def mutated(draw: random.Random, texts: Sequence[str]) -> str:
    """A text with a few parts put in, taken out, doubled, turned round or moved elsewhere."""
    text = draw.choice(texts)
    for _ in range(draw.choice((1, 1, 1, 2, 3, 6))):
        start = draw.randrange(len(text) + 1)
        end = min(len(text), start + draw.choice((1, 1, 2, 5, 20)))
        part = text[start:end]
        put = {
            "in": lambda part: part + draw.choice(PARTS),
            "out": lambda part: "",
            "doubled": lambda part: part * draw.choice((2, 2, 3, 40)),
            "turned": lambda part: part[::-1],
            "other": lambda part: chr(draw.randrange(1, 0x3000)),
            "crossed": lambda part: draw.choice(texts)[: draw.randrange(12)],
        }
        text = text[:start] + put[draw.choice(list(put))](part) + text[end:]
    return text


def noise(draw: random.Random) -> str:
    """Random signs of the notation, bytes, characters of Unicode, or parts of other languages."""
    count = draw.choice((1, 3, 8, 20, 60, 200))
    match draw.randrange(4):
        case 0:
            return "".join(draw.choices("xyAWn0123456789.+-*/^'()[],=_ δΣ‖⊙⊘⊗ᵀ²₃", k=count))
        case 1:
            return draw.randbytes(count).decode("latin-1")
        case 2:
            return "".join(chr(draw.randrange(0x110000)) for _ in range(count))
        case _:
            return "".join(draw.choices(PARTS, k=min(count, 20)))


#: How a text is read, and how often.
Reading = Callable[[str], object]
READINGS: tuple[tuple[str, int, Reading], ...] = (
    ("formula", 16, lambda text: gw.formula(text)),
    ("declared", 8, lambda text: gw.formula(text, **SYMBOLS)),
    ("LaTeX", 4, lambda text: gw.formula("\\cdot " + text)),
    ("equations", 2, lambda text: gw.check_equations(text)),
    ("declaration", 1, lambda text: gw.formula("x", x=text)),
    ("network", 1, lambda text: gw.Network(text)),
)
#: What each way of reading is given in the first half of the texts, beside formulas.
OWN = {"LaTeX": LATEX, "equations": EQUATIONS, "declaration": DECLARATIONS, "network": NETWORKS}
WEIGHTS = [weight for _, weight, _ in READINGS]


def read_block(seed: int, block: int, watch: Watch, tally: Tally) -> None:
    """The texts of one block."""
    draw = random.Random(f"{seed} {block}")
    known = formulas(draw)
    for number in range(BLOCK):
        name, _, read = draw.choices(READINGS, WEIGHTS)[0]
        text = noise(draw) if number % 2 else mutated(draw, OWN.get(name, known))
        start = time.process_time()
        outcome = outcome_of(read, text, watch)
        seconds = time.process_time() - start
        if seconds > tally.seconds:
            tally.seconds, tally.longest = round(seconds, 3), f"{name} {text[:300]!r}"
        tally.counts[outcome if outcome in EXPECTED else "failure"] += 1
        if outcome not in EXPECTED or seconds > SECONDS:
            line = f"{outcome} after {seconds:.1f} s: {name} {text[:300]!r} (block {block})"
            tally.failures.append(line)
            print(line, file=sys.stderr, flush=True)


#: Outcomes that are no failure.
EXPECTED = frozenset({"read", *(error.__name__ for error in REFUSALS)})


def outcome_of(read: Reading, text: str, watch: Watch) -> str:
    """Read, the error's class, or what else happened."""
    watch.seen.clear()
    watch.on = True
    try:
        read(text)
        outcome = "read"
    except REFUSALS as error:
        outcome = type(error).__name__
    except BaseException as error:
        outcome = f"{type(error).__name__}: {str(error)[:100]}"
    finally:
        watch.on = False
    return f"events {sorted(set(watch.seen))}" if watch.seen else outcome


def prepare() -> Watch:
    """Everything that is loaded on first use, so that the import of our own files is no event."""
    import encodings.idna  # noqa: F401
    import unicodedata  # noqa: F401

    watch = Watch()
    for texts in (LATEX, INDEXED, EQUATIONS, NETWORKS, DECLARATIONS, PARTS):
        for text in texts:
            for _, _, read in READINGS:
                outcome_of(read, text, watch)
    return watch


def run(seed: int, blocks: Sequence[int], log: Path | None = None) -> Tally:
    """Read the texts of some blocks; those in the log are not read again."""
    tally, done = Tally(), set[int]()
    if log is not None and log.exists():
        for line in log.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            done.add(row.pop("block"))
            tally.add(Tally(Counter(row.pop("counts")), **row))
    watch = prepare()
    for block in blocks:
        if block in done:
            continue
        part = Tally()
        read_block(seed, block, watch, part)
        tally.add(part)
        if log is not None:
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"block": block, **vars(part)}) + "\n")
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the suite; 1 when a text did what it must not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--shard", default="1/1", help="K/N: every Nth block, from the Kth on")
    parser.add_argument("--log", type=Path, default=None)
    given = parser.parse_args(arguments)
    seed = random.SystemRandom().randrange(2**32) if given.seed is None else given.seed
    first, step = map(int, given.shard.split("/"))
    print(f"seed {seed}", flush=True)
    tally = run(seed, range(first - 1, given.count // BLOCK, step), given.log)
    for outcome, count in tally.counts.most_common():
        print(f"{count:8} {outcome}")
    print(f"{tally.counts.total():8} texts, the longest in {tally.seconds:.2f} s")
    print(tally.longest)
    print("\n".join(tally.failures[:50]))
    return 1 if tally.failures else 0


if __name__ == "__main__":
    sys.exit(main())
