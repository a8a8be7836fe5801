"""Derivations of the literature: right, printed as reviewed, every difference with a reason."""

from __future__ import annotations

import statistics

import numpy as np
import pytest

import gradwright as gw
from gradwright.notation.parser import parse
from gradwright.notation.tree import Binary, Call, Transpose, walk
from tests.identities.published import EVERY_ROW, golden, published, reasons
from tests.identities.rows import (
    LITERATURE,
    ROWS,
    TOLERANCE,
    Row,
    declarations,
    derive,
    judge,
    symbols,
)

#: How much longer than the published answer a printed one may be.
LONGEST = 1.2

GOLDEN, REASONS = golden(), reasons()


@pytest.mark.parametrize("row", LITERATURE, ids=lambda row: row["id"])
def test_a_derivation_of_the_literature_is_right(row: Row, rng: np.random.Generator) -> None:
    judged = judge(row, rng)
    assert judged.form == ("kronecker" if row["kind"].startswith("vec") else "matrix")
    assert judged.answer <= TOLERANCE
    assert judged.oracle <= TOLERANCE
    assert judged.text <= TOLERANCE


@pytest.fixture(scope="module")
def printed() -> dict[str, str]:
    """What is printed for each row now."""
    return {
        row["id"]: str(derive(row, gw.formula(row["expression"], **declarations(row))))
        for row in EVERY_ROW
    }


def test_what_is_printed_is_what_was_reviewed(printed: dict[str, str]) -> None:
    assert len(printed) >= 150
    assert printed == GOLDEN


def test_every_difference_from_the_published_form_has_a_reason(printed: dict[str, str]) -> None:
    differ = {row["id"] for row in EVERY_ROW if printed[row["id"]] != published(row)}
    assert differ == set(REASONS)


def test_no_printed_answer_is_much_longer_than_the_published_one(printed: dict[str, str]) -> None:
    ratios = {
        row["id"]: symbols(parse(printed[row["id"]])) / symbols(parse(row["expected"]))
        for row in EVERY_ROW
    }
    assert {name: ratio for name, ratio in ratios.items() if ratio > LONGEST} == {}
    assert statistics.median(ratios[row["id"]] for row in ROWS) <= 1.0


@pytest.mark.parametrize("row", EVERY_ROW, ids=lambda row: row["id"])
def test_nothing_is_printed_that_nobody_would_write(row: Row) -> None:
    """No transpose of a transpose, and no ones in a sum unless the user wrote ones."""
    for part in walk(parse(GOLDEN[row["id"]])):
        assert not (isinstance(part, Transpose) and isinstance(part.operand, Transpose))
        if isinstance(part, Binary) and part.operator in "+-" and "ones" not in row["expression"]:
            for side in (part.left, part.right):
                assert not (isinstance(side, Call) and side.function == "ones")
