"""The table of identities, and the judgement of one answer to one row.

A tool is judged by numbers: its derivative at a random point with unequal sizes, beside the answer
of the table evaluated by gradwright's reference evaluator, which differentiates nothing.
"""

from __future__ import annotations

import csv
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gradwright.api.checking import sample_sizes
from gradwright.core.sizes import Lengths
from gradwright.notation.declarations import declare
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import Scope, infer
from gradwright.notation.tree import Tree
from gradwright.ops.samples import draw

TABLE = Path(__file__).with_name("identities.csv")

#: A dozen operations, each rounded to 1e-16, on samples whose matrices have conditions below 1e4.
TOLERANCE = 1e-9

Point = dict[str, np.ndarray]


class CannotExpress(Exception):
    """The tool has no word for an operation of the row."""


@dataclass(frozen=True, slots=True)
class Row:
    """One identity: its formula as a tree with kinds and sizes, and what is asked for."""

    name: str
    expression: str
    wrt: str
    kind: str
    expected: str
    tree: Tree
    scope: Scope

    def point(self, seed: int) -> Point:
        """Values for every symbol."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        return drawn_point(self.scope, rng)

    def answer(self, point: Point) -> np.ndarray:
        """The value of the table's answer."""
        return text_value(self.expected, self.scope, point)

    def sizes(self, point: Point) -> dict[str, int]:
        """The lengths of the named sizes at a point."""
        return named_lengths(self.scope, point)


def drawn_point(scope: Scope, rng: np.random.Generator) -> Point:
    """Values for every symbol, with unequal sizes.

    Rows such as log(det(X'X)) need m >= n: the later letters get the smaller sizes.
    """
    sizes = sample_sizes(scope)
    order = sorted(sizes, reverse=True)
    lengths = Lengths(zip(order, sorted(sizes.values()), strict=True))
    return {
        name: draw(d.kind, tuple(lengths.length(size) for size in d.sizes), d.facts, rng)
        for name, d in scope.symbols.items()
    }


def named_lengths(scope: Scope, point: Point) -> dict[str, int]:
    """The lengths of the named sizes at a point."""
    return {
        size: length
        for name, d in scope.symbols.items()
        for size, length in zip(d.sizes, point[name].shape, strict=True)
        if isinstance(size, str)
    }


def text_value(text: str, among: Scope, point: Point) -> np.ndarray:
    """The value of a text in the letters of a formula, by the reference evaluator."""
    tree = parse(text)
    scope = infer(tree, among.symbols, text, sizes=among.sizes)
    known: dict[str, Any] = {n: v for n, v in point.items() if n in scope.symbols}
    known |= {s: n for s, n in named_lengths(among, point).items() if s in scope.sizes}
    return np.asarray(evaluate(tree, known, scope))


def rows() -> list[Row]:
    """All rows of the table."""
    found = []
    for line in csv.DictReader(TABLE.read_text(encoding="utf-8").splitlines()):
        parts = (part.strip().split(":") for part in line["variables"].split(";"))
        declared = {name.strip(): declare(name.strip(), kind.strip()) for name, kind in parts}
        tree = parse(line["expression"])
        scope = infer(tree, declared, line["expression"])
        found.append(
            Row(line["id"], line["expression"], line["wrt"], line["kind"], line["expected"],
                tree, scope)
        )  # fmt: skip
    return found


@dataclass(frozen=True, slots=True)
class Derived:
    """What a tool made: its value at a point, and its printed form if it has one."""

    value: Callable[[Point], np.ndarray]
    printed: str = ""
    symbols: int = 0


#: What a tool does with a row.
Tool = Callable[[Row], Derived]


@dataclass(frozen=True, slots=True)
class Judged:
    """One row by one tool: right, silently wrong, raised or cannot express."""

    row: Row
    outcome: str
    milliseconds: float
    printed: str = ""
    symbols: int = 0
    why: str = ""


def judge(row: Row, tool: Tool, seed: int) -> Judged:
    """Derive one row with a tool and compare it at one point."""
    point = row.point(seed)
    expected = row.answer(point)
    start = time.perf_counter()
    try:
        derived = tool(row)
        spent = 1000 * (time.perf_counter() - start)
        found = flat(np.asarray(derived.value(point), dtype=float), expected)
    except CannotExpress as error:
        return Judged(row, "cannot express", 0.0, why=str(error))
    except Exception as error:
        spent = 1000 * (time.perf_counter() - start)
        return Judged(row, "raised", spent, why=f"{type(error).__name__}: {error}"[:200])
    gap = distance(found, expected)
    outcome = "right" if gap <= TOLERANCE else "silently wrong"
    why = "" if gap <= TOLERANCE else "returns 0" if not np.any(found) else f"off by {gap:.1e}"
    return Judged(row, outcome, spent, derived.printed, derived.symbols, why)


def flat(value: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Four axes as the matrix of vec form, and axes of length one left out as in the answer."""
    if value.ndim == 4 and like.ndim == 2:
        rows, columns = value.shape[:2], value.shape[2:]
        value = value.transpose(1, 0, 3, 2).reshape(np.prod(rows), np.prod(columns))
    return value.reshape(like.shape) if value.size == like.size and value.ndim < 4 else value


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """max |a - b| over max |b|; infinite where the shapes differ or a value is no number."""
    if found.shape != expected.shape or not np.all(np.isfinite(found)):
        return float("inf")
    gap = float(np.max(np.abs(found - expected), initial=0.0))
    scale = float(np.max(np.abs(expected), initial=0.0))
    return 0.0 if gap == 0.0 else gap / max(scale, 1e-300)
