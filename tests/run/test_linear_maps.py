"""Linear maps of random structure against dense NumPy, their costs, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import ConditionWarning, DomainError, LimitError, ShapeError
from gradwright.run.blocks import Grid
from gradwright.run.linear_map import LinearMap
from gradwright.run.product_maps import Kronecker, Product
from gradwright.run.structured_maps import Dense, Diagonal, Outer, Permutation
from gradwright.run.sum_maps import Sum
from tests.run.random_maps import (
    identity,
    kronecker_sum,
    plain,
    rectangular,
    square,
    symmetric,
)
from tests.suites.structures import require_equal

Array = Any


@pytest.mark.filterwarnings("ignore::gradwright.errors.ConditionWarning")
def test_random_structures(rng: np.random.Generator) -> None:
    for _ in range(80):
        size, depth = int(rng.integers(2, 13)), int(rng.integers(0, 4))
        require_equal(*square(rng, size, depth), rng)


def test_random_rectangles(rng: np.random.Generator) -> None:
    for _ in range(40):
        require_equal(*rectangular(rng, int(rng.integers(0, 3))), rng)


@pytest.mark.parametrize("fault", ["transposed", "order", "scale", "rank"])
def test_planted_faults_are_seen(rng: np.random.Generator, fault: str) -> None:
    """A Kronecker product the other way round, a forgotten transpose, scale or rank."""
    (A, one), (B, two) = plain(rng, 2, 2), plain(rng, 3, 3)
    made: LinearMap = Kronecker(A, B)
    match fault:
        case "transposed":
            array = np.kron(one.T, two)
        case "order":
            array = np.kron(two, one)
        case "scale":
            array = 2 * np.kron(one, two)
        case _:
            made = Sum(
                [(1.0, Diagonal(np.ones(3))), (1.0, Outer(two[:, :1], one[:1, :1] * two[:, :1]))]
            )
            array = np.eye(3)
    with pytest.raises(AssertionError):
        require_equal(made, array, rng)


def symmetric_sum(rng: np.random.Generator, outer: int, inner: int) -> LinearMap:
    (A, _), (B, _) = symmetric(rng, outer), symmetric(rng, inner)
    terms = [(1.0, Kronecker(A, identity(inner)[0])), (1.0, Kronecker(identity(outer)[0], B))]
    return Sum(terms)


def test_no_structure_is_given_up(rng: np.random.Generator, monkeypatch: Any) -> None:
    """Where a structure allows it, nothing is computed from the dense array."""
    (A, _), (B, _) = plain(rng, 30, 30), symmetric(rng, 40)
    thin = rng.normal(size=(1200, 3))
    entries = Diagonal(rng.uniform(1, 2, 1200))
    low = Sum([(1.0, entries), (1.0, Outer(thin, thin))])
    narrow = Product([Dense(thin), Diagonal(np.array([1.0, 2.0, 3.0])), Dense(thin.T)])
    maps: list[LinearMap] = [
        low,
        Sum([(0.1, Diagonal(np.ones(1200))), (1.0, narrow)]),
        Kronecker(A, B),
        Product([entries, Kronecker(A, B), Permutation(rng.permutation(1200))]),
        Sum([(2.0, Kronecker(A, B)), (1.0, Outer(thin, thin))]),
        Sum([(2.0, Kronecker(A, B)), (1.0, Kronecker(A, identity(40)[0]))]),
        symmetric_sum(rng, 30, 40),
        Sum(
            [(1.0, Kronecker(*(symmetric(rng, n)[0] for n in (30, 40)))), (0.1, identity(1200)[0])]
        ),
        Grid([[entries, Dense(thin)], [Dense(thin.T), Dense(np.eye(3) * 9)]]),
    ]

    original = LinearMap._array

    def guarded(self: LinearMap) -> Array:
        assert min(self.shape) < 1200, f"{self.structure} is made dense"
        return original(self)

    monkeypatch.setattr(LinearMap, "_array", guarded)
    for made in maps:
        right = rng.normal(size=(made.shape[0], 2))
        found = made.solve(right)
        residual = np.linalg.norm(made @ found - right)
        assert residual <= 1e-9 * np.linalg.norm(right), made.structure
        assert np.isfinite(made.logdet()) and np.isfinite(made.trace())
        assert made.costs.solve < made.costs.dense_solve / 20
        assert made.costs.product < made.costs.dense_product / 5


class Counted(np.ndarray):
    """An array that counts the multiplications of the matrix products that it takes part in."""

    total = 0

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **named: Any) -> Any:
        arrays = [np.asarray(x) for x in inputs]
        if ufunc is np.matmul:
            (rows, inner), columns = arrays[0].shape, arrays[1].shape[1]
            Counted.total += rows * inner * columns
        return getattr(ufunc, method)(*arrays, **named)


def test_costs_are_those_that_are_counted(rng: np.random.Generator) -> None:
    """The multiplications of products, counted while they are done."""

    def counted(rows: int, columns: int) -> Dense:
        return Dense(rng.normal(size=(rows, columns)).view(Counted))

    for made in (
        Kronecker(counted(3, 7), counted(5, 2)),
        Kronecker(counted(7, 3), counted(2, 5)),
        Product([counted(4, 6), counted(6, 5)]),
        Kronecker(counted(4, 3), Diagonal(np.ones(6))),
        Sum([(1.0, counted(4, 6)), (1.0, counted(4, 6))]),
        Grid([[counted(2, 2), counted(2, 3)], [counted(3, 2), counted(3, 3)]]),
    ):
        Counted.total = 0
        made @ np.ones(made.shape[1])
        assert Counted.total == made.costs.product, made.structure
    Counted.total = 0
    made = Product([counted(4, 60), counted(60, 4)])
    made.solve(np.ones(4))
    assert Counted.total + 4**3 // 3 + 4**2 == made.costs.solve


def test_costs_are_written() -> None:
    hessian = gw.formula("norm2(T - U*V')^2").hessian("U")
    H = hessian.operator(T=np.zeros((1000, 7)), U=np.zeros((1000, 2)), V=np.eye(7)[:, :2])
    assert str(H).splitlines() == [
        "linear map 2000 × 2000: 2 (dense ⊗ identity)",
        "  @      6,000 multiplications for a vector, 4,000,000 as an array",
        "  solve  6,002 multiplications for a vector, 2,670,666,666 as an array",
    ]


SINGULAR = [
    ("array", Dense(np.array([[1.0, 2.0], [2.0, 4.0]]))),
    ("array, but for rounding", Dense(np.vander([1.0, 2.0, 1.0 + 1e-16 * 3, 3.0]) @ np.eye(4))),
    ("diagonal", Diagonal(np.array([1.0, 0.0]))),
    ("kronecker", Kronecker(Diagonal(np.ones(3)), Dense(np.ones((2, 2))))),
    ("rank", Sum([(1.0, Diagonal(np.ones(4))), (-0.25, Outer(np.ones((4, 1)), np.ones((4, 1))))])),
    ("zero", Sum([(0.0, Diagonal(np.ones(4)))])),
    ("product", Product([Diagonal(np.ones(2)), Dense(np.ones((2, 2)))])),
    (
        "grid",
        Grid(
            [
                [Diagonal(np.ones(3)), Dense(np.ones((3, 1)))],
                [Dense(np.ones((1, 3))), Dense(3 * np.ones((1, 1)))],
            ]
        ),
    ),
]


@pytest.mark.parametrize(("name", "made"), SINGULAR, ids=[name for name, _ in SINGULAR])
def test_singular_maps_are_refused(name: str, made: LinearMap) -> None:
    with pytest.raises(DomainError, match="singular"):
        made.solve(np.arange(1.0, 1.0 + made.shape[0]))


def test_kronecker_sums_that_are_singular() -> None:
    A, B = np.diag([1.0, 2.0]), np.diag([-2.0, 5.0, 7.0])
    eye = [Diagonal(np.ones(n)) for n in (2, 3)]
    made = Sum([(1.0, Kronecker(Dense(A), eye[1])), (1.0, Kronecker(eye[0], Dense(B)))])
    assert made.logdet() == -np.inf
    with pytest.raises(DomainError, match="singular"):
        made.solve(np.ones(6))


def test_near_singularity_is_said(rng: np.random.Generator) -> None:
    """The condition is in the message; where some digits are left there is a warning."""
    turn = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    other = np.linalg.qr(rng.normal(size=(6, 6)))[0]

    def with_condition(condition: float) -> LinearMap:
        return Dense(turn * np.geomspace(1, 1 / condition, 6) @ other)

    right = rng.normal(size=6)
    hilbert = 1 / (np.arange(12.0)[:, None] + np.arange(1.0, 13.0))
    with pytest.raises(DomainError, match=r"condition number is about \de\+1[5-8]"):
        Dense(hilbert).solve(np.ones(12))
    with pytest.warns(ConditionWarning, match="digits of the solution"):
        with_condition(1e13).solve(right)
    # No warning, which would be an error: six digits are right.
    with_condition(1e10).solve(right)
    two = with_condition(1e9)
    with pytest.raises(DomainError, match="condition number"):
        Kronecker(two, two).solve(rng.normal(size=36))
    # Rows and columns of unequal units are no near-singularity.
    units = np.array([1e-12, 1.0, 1e9])
    scaled = units[:, None] * (np.eye(3) + 0.1) * units
    x = Dense(scaled).solve(scaled @ (1 / units))
    np.testing.assert_allclose(x, 1 / units, rtol=1e-13)


def test_an_unstable_way_is_not_taken() -> None:
    """A base that is almost singular where the sum is not: solved with as an array."""
    entries = np.array([1e-17, 1.0, 2.0, 3.0, 4.0])
    ones = np.eye(5)[:, :1]
    made = Sum([(1.0, Diagonal(entries)), (1.0, Outer(ones, ones))])
    np.testing.assert_allclose(made.solve(np.ones(5)), [1, 1, 1 / 2, 1 / 3, 1 / 4], rtol=1e-14)
    grid = Grid([[Diagonal(np.zeros(2)), Dense(np.eye(2))], [Dense(np.eye(2)), Dense(np.eye(2))]])
    np.testing.assert_allclose(grid @ grid.solve(np.arange(4.0)), np.arange(4.0), atol=1e-14)


def test_float32_stays(rng: np.random.Generator) -> None:
    formula = gw.formula("norm2(T - U*V')^2")
    point = {
        name: rng.normal(size=shape).astype(np.float32)
        for name, shape in (("T", (6, 4)), ("U", (6, 3)), ("V", (4, 3)))
    }
    H = formula.hessian("U").operator(**point)
    right = rng.normal(size=18).astype(np.float32)
    for found in (H @ right, H.solve(right), H.diagonal(), H.dense(), H.T @ right):
        assert found.dtype == np.float32
    assert H.solve(right.astype(np.float64)).dtype == np.float64
    assert gw.jacobian("A'", "A").operator(A=point["T"]).dense().dtype == np.float32
    assert gw.jacobian("M + x", "x", M="matrix m n").operator(M=point["T"], x=point["T"][:, 0])


def test_arrays_of_bounded_size() -> None:
    wide = Kronecker(Diagonal(np.ones(300)), Diagonal(np.ones(300)))
    with pytest.raises(LimitError, match="90000 rows"):
        wide.dense()
    assert gw.jacobian("A'", "A").operator(A=np.zeros((200, 300))).shape == (60_000, 60_000)
    with pytest.raises(ShapeError, match="2 rows and 3 columns"):
        Dense(np.ones((2, 3))).solve(np.ones(2))


@pytest.mark.parametrize("installed", [True, False])
def test_sylvester_without_symmetry(
    rng: np.random.Generator, monkeypatch: Any, installed: bool
) -> None:
    """SciPy's Schur forms; without SciPy the array gives the same."""
    if not installed:
        monkeypatch.setattr("gradwright.run.kronecker_sums.find_spec", lambda name: None)
    for _ in range(5):
        made, array = kronecker_sum(rng, 3, 4, 1)
        right = rng.normal(size=12)
        np.testing.assert_allclose(made.solve(right), np.linalg.solve(array, right), rtol=1e-9)
