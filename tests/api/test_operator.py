"""Structured linear maps against the dense derivative and NumPy's dense linear algebra."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DomainError, ShapeError, UnsupportedError
from tests.api.test_products import point_of

CASES = [
    ("tanh(W*x)", "W", "jacobian", "(dense ⊗ diagonal)"),
    ("tanh(W*x)", "x", "jacobian", "diagonal · dense"),
    ("softmax(x)", "x", "jacobian", "diagonal − rank 1"),
    ("A*X*B", "X", "jacobian", "(dense ⊗ dense)"),
    ("tanh(A*X*B)", "X", "jacobian", "diagonal · (dense ⊗ dense)"),
    ("A'", "A", "jacobian", "permutation"),
    ("A'*A", "A", "jacobian", "(identity ⊗ dense) + (dense ⊗ identity) · permutation"),
    ("norm2(T - U*V')^2", "U", "hessian", "2 (dense ⊗ identity)"),
    ("sum(log(1 + exp(X*w)))", "w", "hessian", "dense · diagonal · dense"),
    ("logdet(A)", "A", "hessian", "−(dense ⊗ dense) · permutation"),
    ("x'*A*x", "x", "jacobian", "dense"),
    ("x'*A*x", "A", "jacobian", "dense"),
    ("a*A", "a", "jacobian", "dense"),
    ("diag(x)", "x", "jacobian", "dense"),
    ("vec(A*B)", "A", "jacobian", "(dense ⊗ identity)"),
    ("tr(A)*A", "A", "jacobian", None),
    ("sum(x)^2 + x'*x", "x", "hessian", "2 (identity + rank 1)"),
    ("norm2(x)", "x", "hessian", None),
    ("(u'*x)*(A*x)", "x", "jacobian", None),
    ("(A*x)*(u'*(A*x))", "A", "jacobian", None),
]


def flattened(array: np.ndarray, unknowns: int) -> np.ndarray:
    """d vec(y)/d vec(x)ᵀ: one column for each entry of x, in NumPy's column-major order."""
    rows = array.ndim - unknowns
    shape = array.shape[rows:]
    places = [np.unravel_index(k, shape, order="F") for k in range(int(np.prod(shape)))]
    columns = [array[(..., *place)].reshape(-1, order="F") for place in places]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize(("text", "wrt", "kind", "structure"), CASES)
def test_the_map_is_the_dense_derivative(
    text: str, wrt: str, kind: str, structure: str | None
) -> None:
    formula = gw.formula(text)
    point = point_of(formula, 8)
    derivation = getattr(formula, kind)(wrt)
    made = derivation.operator(**point)
    expected = flattened(np.asarray(derivation(**point)), np.ndim(point[wrt]))
    if structure is not None:
        assert made.structure == structure
    assert made.shape == expected.shape
    generator = np.random.default_rng(9)
    scale = np.max(np.abs(expected))
    columns = generator.normal(size=(expected.shape[1], 3))
    rows = generator.normal(size=expected.shape[0])

    def close(found: np.ndarray, wanted: np.ndarray) -> bool:
        return bool(np.allclose(found, wanted, rtol=0, atol=1e-12 * max(1.0, scale) * 10))

    assert close(made.dense(), expected) and close(np.asarray(made), expected)
    assert close(made @ columns, expected @ columns)
    assert close(made.matvec(columns[:, 0]), expected @ columns[:, 0])
    assert close(made.T @ rows, expected.T @ rows) and close(made.rmatvec(rows), expected.T @ rows)
    assert close(made.diagonal(), np.diagonal(expected))
    if expected.shape[0] == expected.shape[1]:
        assert close(made.trace(), np.trace(expected))


@pytest.mark.parametrize(
    ("text", "wrt", "kind"),
    [
        ("norm2(T - U*V')^2", "U", "hessian"),
        ("logdet(A)", "A", "hessian"),
        ("sum(x)^2 + x'*x", "x", "hessian"),
        ("inv(A)*x", "x", "jacobian"),
        ("tanh(x) + v*v'*x", "x", "jacobian"),
        ("3*A.*B", "A", "jacobian"),
        ("A'", "A", "jacobian"),
    ],
)
def test_solving_and_the_determinant(text: str, wrt: str, kind: str) -> None:
    formula = gw.formula(text)
    point = point_of(formula, 10)
    made = getattr(formula, kind)(wrt).operator(**point)
    dense = made.dense()
    right = np.random.default_rng(11).normal(size=(len(dense), 2))
    # A backward stable solution is off by the condition number times rounding.
    bound = 64 * np.linalg.cond(dense) * 2.3e-16 * np.max(np.abs(np.linalg.solve(dense, right)))
    assert np.max(np.abs(made.solve(right) - np.linalg.solve(dense, right))) <= bound
    assert made.solve(right[:, 0]).shape == (len(dense),)
    assert abs(made.logdet() - np.linalg.slogdet(dense)[1]) <= 1e-12 * len(dense)


BLOCKS = [
    ("norm2(T - U*V')^2", ("U", "V")),
    ("norm2(T - U*V')^2 + sum(U.*U)", ("V", "U", "T")),
    ("sum(tanh(A*x)) + a*x'*x + x'*B*y + exp(a)", ("x", "a", "y")),
    ("sum(exp(x)) + u'*x*sum(y) + y'*y + 9*x'*x", ("x", "y")),
    ("a^2*b + a*tr(X) + sum(exp(X))", ("a", "X", "b")),
]


@pytest.mark.parametrize(("text", "names"), BLOCKS)
def test_blocks_of_several_variables(text: str, names: tuple[str, ...]) -> None:
    """A Hessian over several variables is one map on their stacked vecs."""
    formula = gw.formula(text)
    point = point_of(formula, 14)
    hessian = formula.hessian(*names)
    made, results = hessian.operator(**point), hessian(**point)
    rows = [
        [
            flattened(np.asarray(results[one, other]), np.ndim(point[other])).reshape(
                np.size(point[one]), np.size(point[other])
            )
            for other in names
        ]
        for one in names
    ]
    expected = np.block(rows)
    scale = max(1.0, float(np.max(np.abs(expected))))
    right = np.random.default_rng(15).normal(size=(len(expected), 2))
    bound = 1e-13 * len(expected) * scale
    assert np.max(np.abs(made.dense() - expected)) <= bound
    assert np.max(np.abs(made @ right - expected @ right)) <= 10 * bound
    assert np.max(np.abs(made.T @ right - expected.T @ right)) <= 10 * bound
    assert np.max(np.abs(made.diagonal() - np.diagonal(expected))) <= bound
    condition = float(np.linalg.cond(expected))
    if condition < 1e8:
        solution = np.linalg.solve(expected, right)
        off = np.max(np.abs(made.solve(right) - solution))
        assert off <= 1e-13 * condition * np.max(np.abs(solution))
        assert abs(made.logdet() - np.linalg.slogdet(expected)[1]) <= 1e-10 * condition


def test_jacobians_stand_side_by_side() -> None:
    formula = gw.formula("tanh(A*x + b)")
    point = point_of(formula, 16)
    jacobian = formula.jacobian("x", "b", "A")
    made, results = jacobian.operator(**point), jacobian(**point)
    expected = np.hstack([flattened(results[x], np.ndim(point[x])) for x in ("x", "b", "A")])
    assert np.max(np.abs(made.dense() - expected)) <= 1e-14
    assert np.max(np.abs(made.T @ expected[:, 0] - expected.T @ expected[:, 0])) <= 1e-13


def test_a_grid_is_solved_with_through_its_largest_block() -> None:
    """The block of x, of a size of 30,000, is diagonal: what is left is 4 × 4."""
    generator = np.random.default_rng(17)
    formula = gw.formula("sum(exp(x)) + x'*B*y + 99999*y'*y", B="matrix n k")
    point = {
        "x": generator.normal(size=30_000),
        "B": generator.normal(size=(30_000, 4)) / 99,
        "y": generator.normal(size=4),
    }
    made = formula.hessian("x", "y").operator(**point)
    right = generator.normal(size=30_004)
    assert made.structure == "[diagonal, dense; dense, 199998 identity]"
    assert np.linalg.norm(made @ made.solve(right) - right) <= 1e-10 * np.linalg.norm(right)
    assert made.costs.solve < 2_000_000


def test_a_newton_step_of_a_factorisation_never_forms_the_hessian() -> None:
    """2 VᵀV ⊗ I of 60,000 rows: dense it would be 27 GiB."""
    generator = np.random.default_rng(12)
    T, V = generator.normal(size=(20_000, 5)), generator.normal(size=(5, 3))
    U = generator.normal(size=(20_000, 3))
    formula = gw.formula("norm2(T - U*V')^2")
    hessian = formula.hessian("U").operator(T=T, U=U, V=V)
    gradient = formula.gradient("U")(T=T, U=U, V=V)
    step = hessian.solve(gradient.reshape(-1, order="F")).reshape(U.shape, order="F")
    best = np.linalg.lstsq(V, T.T, rcond=None)[0].T
    assert np.max(np.abs(U - step - best)) <= 1e-10
    assert hessian.shape == (60_000, 60_000)


def test_what_is_no_map_or_has_no_inverse() -> None:
    formula = gw.formula("A*x")
    with pytest.raises(UnsupportedError, match="it is a vjp"):
        formula.vjp("x").operator()
    made = formula.jacobian("x").operator(A=np.ones((2, 3)), x=np.ones(3))
    with pytest.raises(ShapeError, match="2 rows and 3 columns"):
        made.solve(np.ones(2))
    with pytest.raises(ShapeError, match=r"an array of shape \(4,\), and 3 rows fit"):
        made @ np.ones(4)
    singular = formula.jacobian("x").operator(A=np.ones((2, 2)), x=np.ones(2))
    with pytest.raises(DomainError, match="singular"):
        singular.solve(np.ones(2))
    zero = gw.formula("x.*x").jacobian("x").operator(x=np.array([1.0, 0.0]))
    with pytest.raises(DomainError, match="singular"):
        zero.solve(np.ones(2))
    assert zero.logdet() == -np.inf
    with pytest.raises(DomainError, match="x > 0"):
        gw.formula("log(x)").jacobian("x").operator(x=np.array([-1.0, 2.0]))


def test_scipy_takes_the_map() -> None:
    """SciPy comes with scikit-learn, which the tests install."""
    from scipy.sparse.linalg import aslinearoperator, cg

    formula = gw.formula("sum(log(1 + exp(X*w))) + w'*w")
    point = point_of(formula, 13)
    made = formula.hessian("w").operator(**point)
    right = np.arange(1.0, 1.0 + made.shape[0])
    found, failed = cg(aslinearoperator(made), right, rtol=1e-12)
    assert not failed
    assert np.max(np.abs(found - np.linalg.solve(made.dense(), right))) <= 1e-9
