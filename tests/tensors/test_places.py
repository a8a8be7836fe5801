"""Single places in emitted code: read as indices, and put into zeros on the way back."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw

LENGTHS = {"m": 3, "n": 4, "k": 5}
MATRIX = {"A": "matrix m n", "x": "vector n"}

#: A formula, the variable, its symbols, NumPy for the same, and what the code of both holds.
ROWS = [
    ("A[2,:]*x", "A", MATRIX, lambda A, x: A[1] @ x, ("A[1] @ x", "placed(x, 0, 1, m, dtype)")),
    ("A[:,2]'*A[:,1]", "A", {"A": "matrix m n"}, lambda A: A[:, 1] @ A[:, 0], ("A[:, 1]",)),
    ("x[3]^2", "x", {"x": "vector n"}, lambda x: x[2] ** 2, ("placed(2 * x[2], 0, 2, n, dtype)",)),
    ("exp(A[2,3])", "A", {"A": "matrix m n"}, lambda A: np.exp(A[1, 2]), ("placed(",)),
    ("sum(T[2,:,:].^3)", "T", {"T": "tensor m n k"}, lambda T: np.sum(T[1] ** 3), ("T[1]",)),
    ("sum(T[:,3,2].^3)", "T", {"T": "tensor m n k"}, lambda T: np.sum(T[:, 2, 1] ** 3), ()),
    (
        "y[i] = exp(A[i,2])*u[i]",
        "A",
        {"A": "matrix m n", "u": "vector m"},
        lambda A, u: np.exp(A[:, 1]) * u,
        ("np.exp(A[:, 1])", "placed("),
    ),
    ("y[i] = A[i,2]*x[3]", "x", MATRIX, lambda A, x: A[:, 1] * x[2], ("placed(", "A[:, 1]")),
    ("x[2]*x[3]*a", "x", {"x": "vector n", "a": "scalar"}, lambda x, a: x[1] * x[2] * a, ()),
]


@pytest.mark.parametrize(("text", "by", "symbols", "numpy", "held"), ROWS, ids=[r[0] for r in ROWS])
def test_values_derivatives_and_code(text, by, symbols, numpy, held, rng):
    formula = gw.formula(text, **symbols)
    point = {
        name: rng.uniform(0.4, 1.1, [LENGTHS[size] for size in declared.split()[1:]])
        for name, declared in symbols.items()
    }
    expected = numpy(**point)
    for kind in ("vjp", "jvp", "jacobian"):
        derived = getattr(formula, kind)(by)
        assert derived.check(seed=int(rng.integers(2**31))).ok
    value, found = formula.jacobian(by).value_and(**point)
    assert np.allclose(value, expected, rtol=1e-12)
    tangent = rng.normal(size=np.shape(point[by]))
    ahead = numpy(**{**point, by: point[by] + 1e-30j * tangent})
    along = np.tensordot(found, tangent, np.ndim(tangent))
    assert np.allclose(along, np.imag(ahead) / 1e-30, rtol=1e-12)
    narrow = {name: np.asarray(array, np.float32) for name, array in point.items()}
    assert formula.jacobian(by)(**narrow).dtype == np.float32
    kind = "gradient" if formula.scope.shape.kind == "scalar" else "vjp"
    derived = getattr(formula, kind)(by)
    assert ").astype" not in derived.source()
    # The torch module holds the value too.
    source = derived.source() + formula.jacobian(by).source("torch")
    assert all(piece in source for piece in held), source


def test_a_part_of_a_comparison_is_no_comparison():
    found = gw.gradient("sum(relu(x[2:n]))", "x", x="vector n")(x=np.array([1.0, -2.0, 3.0]))
    assert found.dtype == np.float64 and found.tolist() == [0.0, 0.0, 1.0]


def test_samples_have_the_places_that_are_read():
    assert gw.gradient("x[6]^2*y[2]", "x", x="vector n", y="vector m").check().ok
