"""Block matrices: their values, derivatives, printing, LaTeX and errors."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.api.sources import read_source
from gradwright.core.sizes import Lengths
from gradwright.errors import GradwrightError, NotationError, ShapeError
from gradwright.notation.declarations import declare
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.render.plain import plain_text
from tests.render.latex_reader import read_latex

LENGTHS = Lengths({"m": 3, "n": 4, "k": 2, "p": 5})
GRID = {"A": "matrix m n", "B": "matrix m k", "C": "matrix p n", "D": "matrix p k"}
BORDERED = {"S": "matrix n n", "x": "vector n", "s": "scalar", "z": "vector n+1"}
#: A formula, its symbols, and NumPy for the same.
ROWS = [
    (
        "[A, B; C, D]*x",
        {**GRID, "x": "vector n+k"},
        lambda A, B, C, D, x: np.vstack([np.hstack([A, B]), np.hstack([C, D])]) @ x,
    ),
    (
        "tanh([A, B; C, D]'*x)",
        {**GRID, "x": "vector m+p"},
        lambda A, B, C, D, x: np.tanh(np.vstack([np.hstack([A, B]), np.hstack([C, D])]).T @ x),
    ),
    (
        "[S, x; x', s]*z",
        BORDERED,
        lambda S, x, s, z: np.append(S @ z[:4] + x * z[4], x @ z[:4] + s * z[4]),
    ),
    (
        "inv([S, B; 0, K])*x",
        {"S": "matrix n n", "B": "matrix n k", "K": "matrix k k", "x": "vector n+k"},
        lambda S, B, K, x: np.linalg.solve(
            np.vstack([np.hstack([S, B]), np.hstack([np.zeros((2, 4)), K])]), x
        ),
    ),
    (
        "logdet([S*S' + eye(n), x; 0, 2])",
        {"S": "matrix n n", "x": "vector n"},
        lambda S, x: np.linalg.slogdet(S @ S.T + np.eye(4))[1] + np.log(2),
    ),
    ("[x; y]'*z", {"x": "vector m", "y": "vector n", "z": "vector m+n"},
     lambda x, y, z: np.concatenate([x, y]) @ z),
    ("[x', y']*z", {"x": "vector m", "y": "vector n", "z": "vector m+n"},
     lambda x, y, z: np.concatenate([x, y]) @ z),
    ("[x, 2*x, y]*w", {"x": "vector n", "y": "vector n", "w": "vector 3"},
     lambda x, y, w: np.stack([x, 2 * x, y], 1) @ w),
    ("[x'; y']*w", {"x": "vector n", "y": "vector n", "w": "vector n"},
     lambda x, y, w: np.array([x @ w, y @ w])),
    ("[a, b; c, d]^2*w", {"a": "scalar", "b": "scalar", "c": "scalar", "d": "scalar",
                          "w": "vector 2"},
     lambda a, b, c, d, w: np.array([[a, b], [c, d]]) @ np.array([[a, b], [c, d]]) @ w),
    ("sum([A; x'].^3)", {"A": "matrix m n", "x": "vector n"},
     lambda A, x: np.sum(A**3) + np.sum(x**3)),
    ("[A, 0; 0, D]*x", {"A": "matrix m n", "D": "matrix p k", "x": "vector n+k"},
     lambda A, D, x: np.concatenate([A @ x[:4], D @ x[4:]])),
    ("[s; x]", {"s": "scalar", "x": "vector n"}, lambda s, x: np.array([s, *x])),
]  # fmt: skip


def _point(symbols, rng):
    shapes = {name: declare(name, text).sizes for name, text in symbols.items()}
    return {
        name: rng.uniform(0.3, 1.2, [LENGTHS.length(size) for size in sizes])
        + (2 * np.eye(*[LENGTHS.length(size) for size in sizes]) if name in "SK" else 0)
        for name, sizes in shapes.items()
    }


@pytest.mark.parametrize(("text", "symbols", "numpy"), ROWS, ids=[row[0] for row in ROWS])
def test_values_and_derivatives(text, symbols, numpy, rng):
    formula = gw.formula(text, **symbols)
    point = _point(symbols, rng)
    expected = numpy(**point)
    assert np.allclose(formula(**point), expected, rtol=1e-11)
    assert np.allclose(evaluate(parse(text), point, formula.scope), expected, rtol=1e-11)
    for name in symbols:
        value, _ = formula.jacobian(name).value_and(**point)
        assert np.allclose(value, expected, rtol=1e-11)
    name = str(rng.choice(list(symbols)))
    kinds = ["vjp", "jvp"] + ["hessian"] * (formula.scope.shape.kind == "scalar")
    for kind in ("jacobian", str(rng.choice(kinds))):
        report = getattr(formula, kind)(name).check(seed=int(rng.integers(2**31)))
        assert report.ok, report


@pytest.mark.parametrize(("text", "symbols", "numpy"), ROWS, ids=[row[0] for row in ROWS])
def test_it_is_read_back(text, symbols, numpy):
    formula = gw.formula(text, **symbols)
    assert parse(plain_text(parse(text))) == parse(text)
    for name in symbols:
        made = formula.vjp(name)
        (printed,) = made.printed.values()
        assert parse(made.text()) == parse(str(made)) == printed.tree
        # A strict reader does not know whether A⁻¹ is an inverse or a power.
        assert "⁻¹" in str(made) or read_latex(made.latex()) == printed.tree
        again = gw.formula(made.latex(), **made.scope.symbols)
        assert gw.equal(again.text, made.text(), **made.scope.symbols)


@pytest.mark.parametrize(
    ("text", "by", "kind", "printed"),
    [
        ("[A, B; C, D]*x", "B", "vjp", "cotangent[1:m] x[n+1:k+n]ᵀ"),
        ("[A, B; C, D]*x", "x", "jacobian", "[A, B; C, D]"),
        ("[A, B; C, D]*x", "x", "vjp", "[A, B; C, D]ᵀ cotangent"),
        ("logdet([A, B; C, D])", "A", "gradient", "([A, B; C, D]⁻¹)[1:m,1:m]ᵀ"),
        ("tr([A, B; C, D]*M)", "M", "gradient", "[A, B; C, D]ᵀ"),
        ("concat(x, tanh(x))", "x", "jacobian", "[eye(n); diag(1 − tanh(x)⊙²)]"),
        ("concat(x, tanh(x))", "x", "jvp", "concat(tangent, tangent ⊙ (1 − tanh(x)⊙²))"),
        ("2*[x; y]", "x", "vjp", "2 cotangent[1:n]"),
        ("[A, B]*[w; y]", "A", "vjp", "cotangent wᵀ"),
        ("[A, B]*[w; y]", "y", "jacobian", "B"),
        ("sum([A; w'].^2)", "w", "gradient", "2 w"),
    ],
)
def test_what_is_printed(text, by, kind, printed):
    square = "logdet" in text or "tr(" in text
    symbols = {"A": "matrix m m", "B": "matrix m k", "C": "matrix k m", "D": "matrix k k"}
    symbols = {**(symbols if square else GRID), "M": "matrix k+m k+m"}
    symbols |= {"w": "vector n"} if "w" in text else {}
    symbols |= {"x": "vector n+k" if "A" in text else "vector n", "y": "vector k"}
    made = getattr(gw.formula(text, **symbols), kind)(by)
    assert str(made) == printed
    assert made.check().ok


def test_code_puts_arrays_side_by_side():
    source = gw.formula("[A, B; C, D]*x", **GRID, x="vector n+k").vjp("x").source()
    assert source.count("np.concatenate") == 3 and "padded" not in source


@pytest.mark.parametrize(
    ("latex", "text"),
    [
        (r"\begin{bmatrix}A & B\\ C & D\end{bmatrix} x", "[A, B; C, D]*x"),
        (r"W\begin{pmatrix} x \\ y \end{pmatrix}", "W*[x; y]"),
        (r"\begin{bmatrix}A & B\\[2pt] C & D\end{bmatrix} x", "[A, B; C, D]*x"),
        (r"2\begin{bmatrix} A & 0 \\ 0 & D \\ \end{bmatrix}^{\top}", "2*[A, 0; 0, D]'"),
        (r"\log\det\begin{bmatrix}A & \frac{1}{2} B\end{bmatrix}", "log(det([A, (1/2)*B]))"),
    ],
)
def test_latex_is_read(latex, text):
    assert parse(read_source(latex, {})[0]) == parse(text)


@pytest.mark.parametrize(
    ("text", "error", "facts"),
    [
        ("[A, C]", ShapeError, ("A has m rows", "C has p rows")),
        ("[A; B]", ShapeError, ("A has n columns", "B has k columns")),
        ("[A, x']", ShapeError, ("A is a matrix of m rows", "x' is a row", "need rows")),
        ("[x; A]", ShapeError, ("x is a column", "A is a matrix", "need columns")),
        ("[T, T]", ShapeError, ("T is a tensor",)),
        ("[u; x]", ShapeError, ("the sizes of u are not known",)),
        ("[A, B; C]", NotationError, ("row 1 of the block matrix has 2 parts", "row 2 has 1 part")),
        ("[A]*x", NotationError, ("one part stands alone",)),
        ("[A, B", NotationError, ("[ is opened here and never closed",)),
        ("A [x, x]", NotationError, ("[ stands apart",)),
        ("[A, ; C]", NotationError, ("nothing stands between , and ;",)),
        ("(A; B)", NotationError, ("( is opened here", "semicolon")),
    ],
)
def test_errors(text, error, facts):
    given = {**GRID, "x": "vector n", "T": "tensor m n k"}
    with pytest.raises(GradwrightError) as caught:
        gw.formula(text, **given)
    assert isinstance(caught.value, error)
    assert any(fact in caught.value.clash for fact in facts[-1:])
    assert facts[0] in caught.value.clash or text == "(A; B)"
