"""The rows of the table of identities: deriving one, a point for it, and the judgement.

A value is compared with two things that share no code with the derivation: the answer of the
table, evaluated by the notation's own evaluator, and the complex step through that evaluator. For
second derivatives the oracle is Ridders' method on the complex step's gradient.
"""

from __future__ import annotations

import csv
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from conformance.rows import (
    TABLE,
    TOLERANCE,
    Point,
    distance,
    drawn_point,
    flat,
    text_value,
)
from gradwright.api.derivation import Derivation
from gradwright.api.formula import Formula, formula
from gradwright.errors import GradwrightError
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.tree import Tree, walk
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.verification import complex_step, ridders

Row = dict[str, str]

HERE = Path(__file__).parent


def table(path: Path) -> list[Row]:
    """The rows of a table of derivatives."""
    return list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))


#: The identities, and further derivations of the literature, with their published answers.
ROWS = table(TABLE)
LITERATURE = table(HERE / "literature.csv")


@dataclass(frozen=True, slots=True)
class Judged:
    """One row: what was printed, and how its numbers compare.

    `answer` and `oracle` are relative differences of the emitted code from the table's answer and
    from the oracle; `text` is that of the printed text from the answer. `refused` is the error's
    class where nothing was derived, and then the rest is empty.
    """

    row: Row
    printed: str = ""
    form: str = ""
    verified: str = ""
    answer: float = float("inf")
    oracle: float = float("inf")
    text: float = float("inf")
    symbols: int = 0
    symbols_expected: int = 0
    refused: str = ""

    @property
    def right(self) -> bool:
        """Whether code and printed text agree with the answer and with the oracle."""
        return max(self.answer, self.oracle, self.text) <= TOLERANCE

    @property
    def silently_wrong(self) -> bool:
        """A result was given, and it is wrong."""
        return not self.refused and not self.right


def declarations(row: Row) -> dict[str, str]:
    """The row's symbols as `formula` takes them."""
    parts = (part.strip().split(":") for part in row["variables"].split(";"))
    return {name.strip(): kind.strip() for name, kind in parts}


def derive(row: Row, written: Formula) -> Derivation:
    """The derivative that the row asks for."""
    kind = {"vecjac": "jacobian", "vechess": "hessian"}.get(row["kind"], row["kind"])
    derived = getattr(written, kind)(row["wrt"])
    assert isinstance(derived, Derivation)
    return derived


def oracle_value(row: Row, written: Formula, values: Point) -> np.ndarray:
    """The derivative from the evaluator alone, with axes `y.shape + x.shape`."""

    def function(at: Point) -> np.ndarray:
        return np.asarray(evaluate(written.tree, at, written.scope))

    def first(at: Point) -> np.ndarray:
        return np.asarray(complex_step.jacobian(function, at, row["wrt"]))

    if row["kind"] in ("hessian", "vechess"):
        return np.asarray(ridders.jacobian(first, values, row["wrt"]).values)
    return first(values)


def symbols(tree: Tree) -> int:
    """Leaves plus operators: every name, number, sign and function of an expression."""
    return sum(1 for _ in walk(tree))


def judge(row: Row, rng: np.random.Generator) -> Judged:
    """Derive one row and compare it at one random point."""
    written = formula(row["expression"], **declarations(row))
    try:
        derived = derive(row, written)
    except GradwrightError as error:
        return Judged(row, refused=type(error).__name__)
    values = drawn_point(written.scope, rng)
    expected = text_value(row["expected"], written.scope, values)
    found = flat(np.asarray(derived(**values)), expected)
    (printed,) = derived.printed.values()
    text = float("inf")
    if printed.form != "index":
        text = distance(text_value(plain_text(printed.tree), written.scope, values), expected)
    return Judged(
        row=row,
        printed=unicode_text(printed.tree),
        form=derived.form,
        verified="" if printed.level is None else printed.level.value,
        answer=distance(found, expected),
        oracle=distance(found, flat(oracle_value(row, written, values), expected)),
        text=text,
        symbols=symbols(printed.tree),
        symbols_expected=symbols(parse(row["expected"])),
    )


def judge_all(seed: int) -> list[Judged]:
    """Every row, each with a generator of its own, so that a row can be repeated alone."""
    return [
        judge(row, np.random.default_rng([seed, zlib.crc32(row["id"].encode())])) for row in ROWS
    ]
