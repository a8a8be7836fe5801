"""What is printed of tensors is read back: text, LaTeX and Unicode."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.notation.declarations import declare
from gradwright.notation.definitions import read
from gradwright.notation.shapes import infer
from gradwright.render.latex import latex
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
        scope = made.scope
        texts = (made.text(), str(made), gw.formula(made.latex(), **scope.symbols).text)
        assert all(read(shown)[0] == printed.tree for shown in texts)
        assert read_latex(latex(printed.tree)) == printed.tree
        axes = scope.symbols[name].sizes
        assert infer(printed.tree, scope.known, sizes=scope.sizes, axes=axes).shape is not None


def test_an_array_that_repeats_has_a_name(rng):
    """Where it stands once it has none; the name is neither a symbol nor an index."""
    text, symbols, _ = ROWS[0]
    made = gw.formula(text, **symbols).vjp("Q")
    weights = "P = softmax(array[b,i,j](sum[k](Q[b,i,k]*K[b,j,k])))"
    assert made.text().startswith(weights + "; D[")
    assert made.text().count("softmax") == made.latex().count("softmax") == 1
    shown = "P = softmax(array[b,i,j](Σ_k Q[b,i,k] K[b,j,k]))"
    assert made.explain().splitlines()[0] == shown
    assert gw.formula(text, **symbols).vjp("V").text().startswith("D[")
    taken = gw.formula(text.replace("V", "P"), Q=symbols["Q"], K=symbols["K"], P=symbols["V"])
    again = taken.vjp("Q")
    assert again.text().startswith("S = softmax(")
    shapes = {"Q": (2, 3, 4), "K": (2, 5, 4), "P": (2, 5, 6), "cotangent": (2, 3, 6)}
    point = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    known = again.scope.symbols
    assert np.allclose(gw.formula(again.text(), **known)(**point), again(**point), rtol=1e-12)


def test_a_declaration_reads_back():
    for text in ("tensor b n d positive", "indices b n v", "indices n 12"):
        assert str(declare("T", text)) == text
        assert np.all(declare("T", str(declare("T", text))) == declare("T", text))
