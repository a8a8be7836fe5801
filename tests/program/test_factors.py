"""One factor of a positive definite matrix for all that is made of it, against NumPy's routines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.emit.support import HELPERS
from gradwright.errors import DomainError
from gradwright.run.load import load

UNIT = np.finfo(float).eps / 2

#: Below one block of the helpers, one block, just above one, and several with a rest.
SIZES = (1, 3, 64, 65, 200)


def definite(n: int, rng: np.random.Generator) -> Any:
    points = rng.normal(size=(n, n))
    return points @ points.T / n + np.eye(n)


def helper(name: str) -> Any:
    return getattr(load(f"import numpy as np\n{HELPERS[name]}"), name)


def error_bound(matrix: Any) -> float:
    """What rounding may move a solution by, relative to its largest entry.

    Golub and Van Loan, section 4.2.6: some n u times the condition.
    """
    return float(20 * len(matrix) * UNIT * np.linalg.cond(matrix))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_helpers_solve_and_invert(n: int, dtype: Any, rng: np.random.Generator) -> None:
    K = definite(n, rng).astype(dtype)
    factor = np.linalg.cholesky(K)
    bound = error_bound(K) * np.finfo(dtype).eps / np.finfo(float).eps
    for b in (rng.normal(size=n), rng.normal(size=(n, 4))):
        found = helper("cholesky_solve")(factor, b.astype(dtype))
        expected = np.linalg.solve(K.astype(float), b)
        assert found.dtype == dtype
        assert np.max(np.abs(found - expected)) <= bound * np.max(np.abs(expected))
    found, expected = helper("cholesky_inverse")(factor), np.linalg.inv(K.astype(float))
    assert found.dtype == dtype and np.array_equal(found, found.T)
    assert np.max(np.abs(found - expected)) <= bound * np.max(np.abs(expected))


def test_a_block_left_out_of_a_helper_is_seen(rng: np.random.Generator) -> None:
    factor = np.linalg.cholesky(K := definite(200, rng))
    text = HELPERS["cholesky_solve"]
    broken = text.replace("z[k] - factor[k.stop :, k].T @ z[k.stop :]", "z[k]")
    assert broken != text
    b = rng.normal(size=200)
    found = load(f"import numpy as np\n{broken}").cholesky_solve(factor, b)
    expected = np.linalg.solve(K, b)
    assert np.max(np.abs(found - expected)) > error_bound(K) * np.max(np.abs(expected))


LIKELIHOOD = "logdet(K) + y'*inv(K)*y"
STRUCTURED = "logdet(B*B' + s^2*eye(m)) + y'*inv(B*B' + s^2*eye(m))*y"


def likelihood(declared: str = "posdef n n") -> Any:
    return gw.formula(LIKELIHOOD, K=declared, y="vector n").gradient("K", "y")


@pytest.mark.parametrize("n", SIZES)
def test_a_likelihood_and_its_gradient_share_a_factor(n: int, rng: np.random.Generator) -> None:
    K, y = definite(n, rng), rng.normal(size=n)
    z, inverse = np.linalg.solve(K, y), np.linalg.inv(K)
    value, found = likelihood().value_and(K=K, y=y)
    bound = error_bound(K)
    assert abs(value - (np.linalg.slogdet(K)[1] + y @ z)) <= bound * max(abs(value), n)
    expected = inverse - np.outer(z, z)
    scale = np.max(np.abs(inverse)) + np.max(np.abs(z)) ** 2
    assert np.max(np.abs(found["K"] - expected)) <= 2 * bound * scale
    assert np.max(np.abs(found["y"] - 2 * z)) <= 2 * bound * np.max(np.abs(z))


def test_a_matrix_that_is_definite_by_structure(rng: np.random.Generator) -> None:
    B, y, s = rng.normal(size=(5, 3)), rng.normal(size=5), 0.7
    made = gw.formula(STRUCTURED, B="matrix m n", y="vector m", s="scalar positive").gradient("B")
    K = B @ B.T + s**2 * np.eye(5)
    z = np.linalg.solve(K, y)
    expected = 2 * (np.linalg.solve(K, B) - np.outer(z, z @ B))
    found = made(B=B, y=y, s=s)
    assert np.max(np.abs(found - expected)) <= 10 * error_bound(K) * np.max(np.abs(expected))
    assert made.source().count("np.linalg.cholesky(") == 1


#: declaration of K, formula, by, what the code factors and how often, what it says of it.
CODE = [
    ("posdef n n", LIKELIHOOD, ("K", "y"), "np.linalg.cholesky(", "inv(A) and inv(A) b: from one"),
    ("posdef n n", LIKELIHOOD, ("y",), "np.linalg.solve(", "the solution of A z = b"),
    ("invertible n n", "y'*inv(K)*y", ("y",), "np.linalg.solve(", "the solution of A z = b"),
    ("posdef n n", "logdet(K)", ("K",), "np.linalg.inv(", ""),
    ("posdef n n", "y'*inv(K)*x + x'*inv(K)*x", ("x",), "np.linalg.cholesky(", "inv(A) b: from"),
]


@pytest.mark.parametrize(("declared", "text", "by", "routine", "said"), CODE)
def test_what_is_factored_and_said(
    declared: str, text: str, by: tuple[str, ...], routine: str, said: str
) -> None:
    names = {"K": declared, "y": "vector n", "x": "vector n"}
    used = {name: kind for name, kind in names.items() if name in text}
    source = gw.formula(text, **used).gradient(*by).source()
    body = source[source.rindex("def gradient") :]
    routines = ("np.linalg.cholesky(", "np.linalg.solve(", "np.linalg.inv(", "slogdet")
    found = {name: body.count(name) for name in routines if name in body}
    if routine == "np.linalg.solve(":
        assert set(found) == {routine}
    else:
        assert found == {routine: 1}
    assert said in source
    assert "log det(A)" not in source


def test_a_matrix_without_a_factor_is_refused() -> None:
    symmetric = np.array([[1.0, 2.0], [2.0, 1.0]])
    derived = likelihood()
    with pytest.raises(gw.GradwrightError, match="declared posdef"):
        derived(K=symmetric, y=np.ones(2))
    with pytest.raises(DomainError, match="not positive definite"):
        derived.unverified()(K=symmetric, y=np.ones(2))


def test_digits_of_a_smooth_right_side_are_kept() -> None:
    """y'inv(K)y for the kernel of a smooth y: the inverse times y loses digits that this keeps.

    y is an eigenvector of the largest eigenvalue, so that y'inv(K)y is one over it.
    """
    n = 60
    x = np.linspace(0, 5, n)
    values, vectors = np.linalg.eigh(np.exp(-((x[:, None] - x) ** 2)))
    values = np.abs(values) + 1e-8
    K = (vectors * values) @ vectors.T
    y = vectors[:, -1]
    exact = 1 / values[-1]
    by_factor = y @ helper("cholesky_solve")(np.linalg.cholesky((K + K.T) / 2), y)
    assert abs(by_factor - exact) <= 1e-7 * exact
    # What makes the difference: the error of the whole inverse.
    by_inverse = y @ (np.linalg.inv((K + K.T) / 2) @ y)
    assert abs(by_inverse - exact) > abs(by_factor - exact)
