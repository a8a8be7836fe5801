"""Zeros: what a derivative that is 0 everywhere is called, in every language, and read again."""

from __future__ import annotations

import re

import numpy as np
import pytest

import gradwright as gw
from gradwright.notation.parser import parse
from gradwright.render.latex import latex
from gradwright.render.mathml import mathml
from tests.render.latex_reader import read_latex

SYMBOLS = {
    "A": "matrix m n",
    "B": "matrix n m",
    "X": "matrix m n",
    "a": "scalar",
    "x": "vector m",
    "y": "vector n",
}
LENGTHS = {"m": 2, "n": 3}

#: (formula, derived by, the result, its shape)
ZEROS = [
    ("x'*A*y", "x x", "zeros(m, m)", (2, 2)),
    ("3*sum(A*y)", "y y", "zeros(n, n)", (3, 3)),
    ("x'*(A - A)*y", "x", "zeros(m)", (2,)),
    ("x'*A*y - y'*A'*x", "x y", "zeros(m, n)", (2, 3)),
    ("tr(B*X)", "X X", "kron(zeros(n, n), zeros(m, m))", (2, 3, 2, 3)),
    ("a*tr(B*X)", "a a", "0", ()),
    ("x'*A*y", "x x y", "kron(zeros(m), zeros(m, n))", (2, 2, 3)),
]


@pytest.mark.parametrize(("text", "wrt", "printed", "shape"), ZEROS, ids=lambda one: str(one))
def test_a_derivative_that_is_zero(
    text: str, wrt: str, printed: str, shape: tuple[int, ...], rng: np.random.Generator
) -> None:
    derived = gw.formula(text, **SYMBOLS).derivative(*wrt.split())
    assert derived.text().replace("\n", "") == printed
    assert "ones" not in str(derived)
    at = {
        name: rng.normal(size=[LENGTHS[size] for size in declared.sizes])
        for name, declared in derived.scope.symbols.items()
    }
    found = np.asarray(derived(**at))
    assert found.shape == shape and not found.any()
    assert gw.formula(printed)(**{k: v for k, v in LENGTHS.items() if k in printed}).max() == 0


@pytest.mark.parametrize("text", ["zeros(n)", "zeros(m, n)", "x + zeros(m)", "zeros(3, n)*y"])
def test_latex_and_mathml(text: str) -> None:
    tree = parse(text)
    assert read_latex(latex(tree)) == tree
    assert gw.formula(latex(tree), **SYMBOLS).tree == tree
    assert re.search(r"<msub><mn>0</mn><mrow><m[in]>", mathml(tree))


def test_zeros_are_no_ones() -> None:
    """Values by hand, and what the calculus makes of them."""
    formula = gw.formula("x'*zeros(m, n)*y + sum(x + zeros(m))", x="vector m", y="vector n")
    assert formula(x=np.array([2.0, 5.0]), y=np.ones(3)) == 7
    assert str(formula.gradient("x")) == "ones(m)"
    assert not gw.equal("zeros(m) + x", "x + ones(m)", x="vector m")
    spread = gw.formula("A + zeros(m, n)", A="matrix m n")
    assert spread(A=np.full((2, 3), 4.0)).tolist() == [[4.0] * 3] * 2
