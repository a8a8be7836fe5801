"""Formulas with numbers in the places of their names, as text."""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.notation.parser import parse
from gradwright.render.blocks import numbers_block

VALUES = {"A": np.array([[1.0, 2], [3, 4]]), "x": np.array([5.0, 6])}


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("A[:,1:1]*x", ["[ 1  2 ][:,1:1] [ 5 ]", "[ 3  4 ]        [ 6 ]"]),
        ("[A, x]", ["[[ 1  2 ], [ 5 ]]", "[[ 3  4 ]  [ 6 ]]"]),
        ("sum[i](x[i])", ["Σ_i [ 5 ][i]", "[ 6 ]"]),
    ],
)
def test_parts_blocks_and_sums(formula: str, expected: list[str]) -> None:
    assert [line.strip() for line in numbers_block(parse(formula), VALUES).lines] == expected
