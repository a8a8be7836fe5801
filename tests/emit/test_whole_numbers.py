"""Functions of whole numbers that stand in a formula: the code may not round their values."""

from __future__ import annotations

import pytest

import gradwright as gw
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS

NAMES = sorted(
    name
    for name, record in OPERATIONS.items()
    if isinstance(record, Elementwise) and record.arity == 1 and record.sample != "unit"
)


@pytest.mark.parametrize("name", NAMES)
def test_a_function_of_two(name: str) -> None:
    formula = gw.formula(f"{name}(2)*s", s="scalar")
    assert formula.gradient("s")(s=3.0) == pytest.approx(float(formula(s=1.0)), rel=1e-12)
