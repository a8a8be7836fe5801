"""Positive definite by structure: eigenvalues at random points are the other side."""

from __future__ import annotations

import re

import numpy as np
import pytest

from gradwright import formula
from gradwright.api.formula import Formula
from gradwright.core.definite import positive_definite
from gradwright.core.graph import Graph
from gradwright.errors import DomainError
from gradwright.notation.lower import lower

DECLARED = {
    "A": "matrix m n",
    "B": "matrix n m",
    "K": "posdef n n",
    "M": "posdef m m",
    "Q": "matrix n n symmetric",
    "x": "vector n",
    "w": "vector m positive",
    "v": "vector n positive",
    "s": "scalar positive",
    "c": "scalar",
}

DEFINITE = [
    "K",
    "K'",
    "3*K",
    "s*K",
    "K + s*eye(n)",
    "A'*A + s*eye(n)",
    "A'*diag(w)*A + 0.5*eye(n)",
    "A'*M*A + K",
    "A'*inv(M)*A/s + inv(K)",
    "x*x' + K",
    "c^2*x*x' + diag(v)",
    "diag(exp(x)) + B*B'",
    "s*x*x' + K .* inv(K)",
    "inv(K + A'*A) + s*Q*Q",
]

UNKNOWN = [
    "K - s*eye(n)",
    "K + c*eye(n)",
    "c*K",
    "-K",
    "A'*A",
    "x*x'",
    "K + Q",
    "K + Q*K",
    "K*K + 0*Q + K*Q*Q",
    "A'*B' + K",
    "A'*diag(A*x)*A + K",
    "diag(x) + A'*A",
    "K + x*v'",
    "inv(A'*A)",
    "K + c*x*x'",
    "K .* Q",
]


def read(text: str) -> Formula:
    names = set(re.findall(r"\b[A-Za-z]\b", text))
    return formula(text, **{k: v for k, v in DECLARED.items() if k in names})


def is_definite(text: str) -> bool:
    written = read(text)
    lowering = lower(written.tree, written.scope, Graph())
    return positive_definite(lowering.value.node)


def values(text: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    lengths = {"m": 3, "n": 4}
    found: dict[str, np.ndarray] = {}
    for name in sorted(set(DECLARED) & set(read(text).scope.symbols)):
        declared = DECLARED[name]
        array = rng.normal(size=[lengths[s] for s in declared.split() if s in lengths])
        if "posdef" in declared:
            array = array @ array.T + 0.1 * np.eye(len(array))
        if "symmetric" in declared:
            array = array + array.T
        found[name] = np.abs(array) if "positive" in declared else array
    return found


@pytest.mark.parametrize("text", DEFINITE)
def test_definite_matrices_have_positive_eigenvalues(text: str, rng: np.random.Generator) -> None:
    assert is_definite(text)
    written = read(text)
    for _ in range(5):
        matrix = written(**values(text, rng))
        np.testing.assert_allclose(matrix, matrix.T, rtol=1e-10, atol=1e-10 * np.max(matrix))
        assert np.linalg.eigvalsh(matrix)[0] > -1e-12 * np.max(np.abs(matrix))


@pytest.mark.parametrize("text", UNKNOWN)
def test_of_others_nothing_is_said(text: str) -> None:
    assert not is_definite(text)


def test_a_log_determinant_of_a_definite_sum_goes_through_a_cholesky_factor() -> None:
    declared = {k: DECLARED[k] for k in ("A", "s")}
    made = formula("logdet(A'*A + s*eye(n))", **declared).hessian("s")
    values = {"A": np.arange(6.0).reshape(2, 3) / 3, "s": np.array(0.7)}
    source = formula("logdet(A'*A + s*eye(n))*s", **declared).gradient("s").source()
    assert "np.linalg.cholesky" in source and "slogdet" not in source
    assert "Cholesky factor" in source
    # Of eigenvalues e of A'A: the sum of log(e + s), whose second derivative is -1/(e + s)².
    eigenvalues = np.linalg.eigvalsh(values["A"].T @ values["A"])
    expected = -np.sum((eigenvalues + 0.7) ** -2.0)
    assert abs(made(**values) - expected) <= 1e-12 * abs(expected)


def test_a_sum_that_is_singular_to_rounding_is_refused() -> None:
    made = formula("logdet(A'*A + s*eye(n))*s", A="matrix m n", s="scalar positive").gradient("s")
    with pytest.raises(DomainError, match="not positive definite"):
        made(A=np.ones((2, 3)), s=1e-20)
