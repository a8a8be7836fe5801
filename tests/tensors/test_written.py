"""What is printed of tensors is read back: text, LaTeX and Unicode."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.notation.declarations import declare
from gradwright.notation.parser import parse
from gradwright.notation.shapes import infer
from tests.render.latex_reader import read_latex

ROWS = [
    (
        "Y[b,i,r] = sum[j](softmax(array[b,i,j](sum[k](Q[b,i,k]*K[b,j,k])))[b,i,j]*V[b,j,r])",
        {"Q": "tensor B n d", "K": "tensor B m d", "V": "tensor B m p"},
        "QV",
    ),
    (
        "Y[b,i,c] = sum[d](tanh(gather(E, t)[b,i,d]*W[c,d]))",
        {"E": "matrix v d", "t": "indices b n v", "W": "matrix r d"},
        "EW",
    ),
    ("sum(T.*exp(S))", {"T": "tensor b n d", "S": "tensor b n d"}, "TS"),
    ("A[2:m,:]*concat(x, y)", {"A": "matrix m k+n", "x": "vector k", "y": "vector n"}, "Axy"),
    ("sum(sum(reshape(X, n, h, d), axis=2).^2)", {"X": "matrix n h*d"}, "X"),
    ("sum((gather(E, t)*w).^2)", {"E": "matrix v d", "t": "indices n v", "w": "vector d"}, "Ew"),
]


@pytest.mark.parametrize(("text", "symbols", "by"), ROWS, ids=[row[0] for row in ROWS])
def test_it_is_read_back(text, symbols, by, rng):
    formula = gw.formula(text, **symbols)
    for name in by:
        kind = "gradient" if formula.scope.shape.kind == "scalar" else "vjp"
        made = getattr(formula, kind)(name)
        (printed,) = made.printed.values()
        assert parse(made.text()) == parse(str(made)) == printed.tree
        scope = made.scope
        axes = scope.symbols[name].sizes
        again = read_latex(made.latex())
        for tree in (again, parse(gw.formula(made.latex(), **scope.symbols).text)):
            assert infer(tree, scope.known, sizes=scope.sizes, axes=axes).shape is not None
        assert again == printed.tree


def test_a_declaration_reads_back():
    for text in ("tensor b n d positive", "indices b n v", "indices n 12"):
        assert str(declare("T", text)) == text
        assert np.all(declare("T", str(declare("T", text))) == declare("T", text))
