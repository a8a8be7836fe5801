"""The evaluator: values against NumPy, sizes, dtypes, given values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gradwright.errors import DomainError, ShapeError, SymbolError
from gradwright.notation.declarations import declare
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer

from .evaluating import value_of
from .random_text import DECLARED, Writer, values

EPS = float(np.finfo(float).eps)


@pytest.mark.parametrize("seed", range(25))
def test_random_formulas_against_numpy(seed):
    generator = np.random.default_rng(seed)
    given = values(generator)
    for _ in range(12):
        writer = Writer(generator, given)
        want = writer.pick(("s",), ("c", "n"), ("r", "m"), ("m", "m", "n"), ("m", "k", "k"))
        text, expected = writer.write(want, 4)
        symbols = {name: declare(name, said) for name, said in DECLARED.items()}
        tree = parse(text)
        scope = infer(tree, symbols, text)
        used = {name: given[name] for name in scope.symbols}
        found = evaluate(tree, used | {"m": 3, "n": 4, "k": 2}, scope)
        assert np.shape(found) == np.shape(expected), f"seed {seed}: {text}"
        # Every intermediate is moderate, so rounding grows with the number of operations only.
        scale = max(1.0, float(np.max(np.abs(expected))))
        error = float(np.max(np.abs(found - expected)))
        assert error <= 200 * len(text) * EPS * scale, f"seed {seed}: {text}"


# Sizes, dtypes, given values ---------------------------------------------------------------------


def test_kinds_not_sizes_decide_when_sizes_coincide():
    x, y = np.array([2.0, 3.0]), np.array([5.0, 7.0])
    a = np.arange(4.0).reshape(2, 2)
    assert np.array_equal(value_of("A + x'", A=a, x=x), a + x[None, :])
    assert np.array_equal(value_of("A + x", A=a, x=x), a + x[:, None])
    assert np.array_equal(value_of("x*y'", x=x, y=y), np.outer(x, y))
    one = np.array([2.0])
    assert value_of("x*y'", x=one, y=one).shape == (1, 1)
    assert value_of("x'*y", x=one, y=one).shape == ()
    assert value_of("R*x", {"R": "matrix 1 n", "x": "vector n"}, R=a[:1], x=x).shape == (1,)
    assert value_of("x'", x=x).shape == (2,)


def test_kron_and_vec_are_column_major():
    generator = np.random.default_rng(2)
    a, x, b = (generator.normal(size=shape) for shape in ((2, 3), (3, 4), (4, 5)))
    left = value_of("vec(A*X*B)", A=a, X=x, B=b)
    assert np.allclose(left, value_of("kron(B', A)*vec(X)", A=a, X=x, B=b), rtol=1e-12)
    assert np.array_equal(left[:2], (a @ x @ b)[:, 0])


@pytest.mark.parametrize(
    ("given", "dtype"),
    [
        ({"x": [1, 2], "y": [True, False]}, np.float64),
        ({"x": np.ones(2, "f"), "y": np.ones(2, "f")}, np.float32),
        ({"x": np.ones(2, "f"), "y": np.ones(2)}, np.float64),
        ({"x": np.ones(2, "f"), "y": [1, 2]}, np.float64),
        ({"x": np.ones(2, np.longdouble), "y": np.ones(2)}, np.longdouble),
        ({"x": np.ones(2, complex), "y": np.ones(2)}, np.complex128),
    ],
)
def test_dtypes(given, dtype):
    assert value_of("2*x.*y + 0.1", **given).dtype == dtype


def test_python_numbers_do_not_promote():
    assert value_of("a*x", a=0.1, x=np.ones(2, "f")).dtype == np.float32
    assert value_of("a*x", a=0.1j, x=np.ones(2)).dtype == np.complex128
    assert value_of("a + 1", a=1j).dtype == np.complex128


def test_literals_and_eliminations_have_the_digits_of_longdouble():
    long = np.longdouble
    assert value_of("0.1*a", a=long(1)) == long(1) / long(10)
    a = (np.eye(4) * 3 + np.random.default_rng(3).uniform(-1, 1, (4, 4))).astype(long)
    tolerance = 100 * float(np.finfo(long).eps)
    assert np.max(np.abs(value_of("A*inv(A) - eye(4)", A=a))) < tolerance
    assert abs(value_of("logdet(A) - log(abs(det(A)))", A=a)) < tolerance
    assert value_of("det(A)", A=a) == pytest.approx(np.linalg.det(a.astype(float)), rel=1e-13)
    swapped = a[[1, 0, 2, 3]]
    assert value_of("det(A)", A=swapped) == pytest.approx(float(-value_of("det(A)", A=a)))
    assert value_of("logdet(A)", A=-swapped) == pytest.approx(float(value_of("logdet(A)", A=a)))


def test_singular_matrices():
    for given in (np.zeros((2, 2)), np.zeros((2, 2), np.longdouble)):
        with pytest.raises(DomainError):
            value_of("inv(A)", A=given)
        with pytest.raises(DomainError):
            value_of("A^(-1)", A=given)
        assert value_of("det(A)", A=given) == 0


def test_sizes_as_numbers():
    x = np.array([1.0, 2.0, 6.0])
    assert value_of("sum(x)/n", {"x": "vector n"}, x=x) == 3
    assert np.array_equal(value_of("ones(k)", k=2), [1, 1])
    assert np.array_equal(value_of("ones(2, k)*k", k=3), np.full((2, 3), 3.0))
    assert np.array_equal(value_of("eye(n)*x", {"x": "vector n"}, x=x, n=3), x)


BAD = [
    ("x'*y", {}, {"x": np.ones(3), "y": np.ones(4)}, ShapeError, ["(4,)", "n of x is 3"]),
    ("x'*y", {"x": "vector 3", "y": "vector 3"}, {"x": np.ones(3), "y": np.ones(4)}, ShapeError,
     ["y has shape (4,)", "declaration is 3"]),
    ("A*x", {}, {"A": np.ones((3, 4)), "x": np.ones(3)}, ShapeError, ["x has shape (3,)", "4"]),
    ("A^2", {}, {"A": np.ones((2, 3))}, ShapeError, ["A has shape (2, 3)", "n of A is 2"]),
    ("sum(x)", {}, {"x": np.ones((3, 1))}, ShapeError, ["x is a vector n", "(3, 1)"]),
    ("sum(x)", {}, {"x": 1.0}, ShapeError, ["x is a vector n", "()"]),
    ("sum(A)", {}, {"A": [[1, 2], [3]]}, ShapeError, ["A is no array"]),
    ("sum(x)", {}, {"x": ["a"]}, ShapeError, ["dtype"]),
    ("sum(x)", {}, {}, SymbolError, ["x is a symbol", "no value"]),
    ("sum(x)", {}, {"x": np.ones(2), "y": 1}, SymbolError, ["y has a value", "x"]),
    ("ones(k)", {}, {}, SymbolError, ["the size k"]),
    ("ones(k)", {}, {"k": 1.5}, ShapeError, ["k is given as 1.5"]),
    ("ones(k)", {}, {"k": 0}, ShapeError, ["k is given as 0"]),
    ("n*x", {"x": "vector n"}, {"x": np.ones(3), "n": 4}, ShapeError,
     ["(3,)", "the value given for n is 4"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "declared", "given", "error", "facts"), BAD)
def test_bad_values(text, declared, given, error, facts):
    with pytest.raises(error) as caught:
        value_of(text, declared, **given)
    for fact in facts:
        assert fact in caught.value.clash
    assert caught.value.instead


def test_subscripts_in_given_names():
    tree = parse("W₁*x")
    scope = infer(tree, {})
    given = {"W₁": np.eye(2), "x": np.ones(2)}
    assert np.array_equal(evaluate(tree, given, scope), np.ones(2))


@pytest.mark.parametrize("joint", ["+", ".*", "-"])
def test_long_chains(joint):
    found = value_of(joint.join(["x"] * 5_000), x=np.array([1.0, -1.0]))
    expected = {"+": [5000.0, -5000.0], ".*": [1.0, 1.0], "-": [-4998.0, 4998.0]}[joint]
    assert np.array_equal(found, expected)


def test_matrix_powers():
    a = np.array([[2.0, 1.0], [1.0, 1.0]])
    exact = [[Fraction(2), Fraction(1)], [Fraction(1), Fraction(1)]]
    power = exact
    for _ in range(9):
        power = [[sum(p * q for p, q in zip(row, column, strict=True))
                  for column in zip(*exact, strict=True)] for row in power]  # fmt: skip
    assert np.array_equal(value_of("A^10", A=a), np.array(power, dtype=float))
    assert np.array_equal(value_of("A^0", A=a), np.eye(2))
    assert np.allclose(value_of("A^(-3)*A^3", A=a), np.eye(2), atol=1e-12)
