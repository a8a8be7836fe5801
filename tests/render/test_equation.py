"""Blocks of equations, and shapes."""

from __future__ import annotations

import pytest

from gradwright.notation.parser import parse
from gradwright.notation.tree import Symbol
from gradwright.render.equation import (
    MAX_COLUMN,
    latex_block,
    shape_latex,
    shape_text,
    text_block,
)
from gradwright.render.latex import latex
from gradwright.render.unicode import unicode_text


def test_equals_signs_and_remarks_are_aligned() -> None:
    rows = [("Z₁", "X W₁", "n × 10"), ("", "Z", ""), ("∂L/∂W₁", "Xᵀ δZ₁", "3 × 10")]
    assert text_block(rows) == [
        "    Z₁ = X W₁    n × 10",
        "       = Z",
        "∂L/∂W₁ = Xᵀ δZ₁  3 × 10",
    ]
    assert text_block([]) == []


def test_a_long_right_side_does_not_push_all_remarks_away() -> None:
    lines = text_block([("a", "x" * 200, "one"), ("b", "y", "two")])
    assert lines[0].endswith("x  one")
    assert lines[1].index("two") == len("a = ") + MAX_COLUMN + 2


def test_align_environment() -> None:
    rows = [("Z", "X W", "10 % of n_1"), ("", "Z", "")]
    assert latex_block(rows) == (
        "\\begin{align*}\nZ &= X W && \\text{10 \\% of n\\_1} \\\\\n &= Z\n\\end{align*}"
    )


@pytest.mark.parametrize(
    ("sizes", "shown", "written"),
    [
        ((), "scalar", r"\text{scalar}"),
        (("n",), "n", "n"),
        (("n", 3), "n × 3", r"n \times 3"),
        (("n1", "n[l-1]"), "n₁ × n₍ₗ₋₁₎", r"n_{1} \times n_{l-1}"),
    ],
)
def test_shapes(sizes: tuple[int | str, ...], shown: str, written: str) -> None:
    assert shape_text(sizes) == shown
    assert shape_latex(sizes) == written


@pytest.mark.parametrize(
    ("name", "shown", "written"),
    [
        ("W[l]", "Wₗ", "W_{l}"),
        ("A[l-1]", "A₍ₗ₋₁₎", "A_{l-1}"),
        ("W[l+1]", "W₍ₗ₊₁₎", "W_{l+1}"),
        ("δZ[l]", "δZₗ", r"\delta_{Z_{l}}"),
    ],
)
def test_families_x4(name: str, shown: str, written: str) -> None:
    """Names with an index are printed for the general layer (X4); they cannot be typed."""
    assert unicode_text(Symbol(name)) == shown
    assert latex(Symbol(name)) == written


def test_s1_4_the_quadratic_form_looks_as_in_the_note() -> None:
    """S1.4."""
    assert unicode_text(parse("(A + A')*x")) == "(A + Aᵀ) x"
