"""Index notation as input: entries, sums over indices, identities, equations."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.graph import Graph
from gradwright.errors import (
    GradwrightError,
    LimitError,
    NotationError,
    ShapeError,
    SymbolError,
    UnsupportedError,
)
from gradwright.notation.declarations import declare
from gradwright.notation.definitions import read
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from gradwright.notation.tree import Entry, Equation, Identity, IndexSum, Left, Symbol
from gradwright.render.latex import latex
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.simplify import field
from tests.notation import random_index
from tests.render.latex_reader import read_latex

SYMBOLS = {name: declare(name, text) for name, text in random_index.DECLARED.items()}
#: Rounding of a few dozen operations on numbers of size 1, with cancellation.
TOLERANCE = 1e-10
COUNT = 150


def value_of(tree, point):
    scope = infer(tree, SYMBOLS, sizes=frozenset(random_index.SIZES))
    known = {**random_index.SIZES, **point}
    return evaluate(tree, {k: known[k] for k in {*scope.symbols, *scope.sizes}}, scope)


def assert_near(found, expected, text):
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape, text
    scale = max(1.0, float(np.max(np.abs(expected))))
    assert float(np.max(np.abs(found - expected))) <= TOLERANCE * scale, text


def formulas(rng):
    point = random_index.values(rng)
    writer = random_index.Writer(rng, point)
    for _ in range(COUNT):
        text, expected = writer.equation(int(rng.integers(1, 4)))
        yield text, expected, point


def test_random_formulas_have_the_value_that_numpy_gives(rng: np.random.Generator) -> None:
    for text, expected, point in formulas(rng):
        assert_near(value_of(parse(text), point), expected, text)


def test_random_formulas_are_lowered_to_nodes_of_that_value(rng: np.random.Generator) -> None:
    for text, expected, point in formulas(rng):
        tree = parse(text)
        scope = infer(tree, SYMBOLS, text, sizes=frozenset(random_index.SIZES))
        node = lower(tree, scope, Graph(), text=text).value.node
        assert_near(field.evaluate(node, point, random_index.SIZES), expected, text)


def test_random_formulas_are_printed_and_read_back(rng: np.random.Generator) -> None:
    for text, expected, point in formulas(rng):
        tree = parse(text)
        for shown, reader in ((plain_text, parse), (unicode_text, parse), (latex, read_latex)):
            assert_near(value_of(reader(shown(tree)), point), expected, f"{text}: {shown(tree)}")


def test_random_formulas_are_differentiated_and_checked(rng: np.random.Generator) -> None:
    """Results in index form are read back by the printer itself, and here once more."""
    forms = set()
    for text, _, point in itertools.islice(formulas(rng), 30):
        formula = gw.formula(text, **random_index.DECLARED)
        if not formula.variables:
            continue
        wrt = str(rng.choice(formula.variables))
        scalar = formula.scope.shape.kind == "scalar"
        derived = formula.gradient(wrt) if scalar else formula.jacobian(wrt)
        assert derived.check().ok, (text, wrt, str(derived))
        forms.add(derived.form)
        (printed,) = derived.printed.values()
        again = read(derived.text())[0]
        axes = printed.node.axes
        if derived.form == "index":
            scope = infer(again, SYMBOLS, sizes=frozenset(random_index.SIZES), axes=axes)
            known = {**random_index.SIZES, **point}
            used = {name: known[name] for name in {*scope.symbols, *scope.sizes}}
            expected = field.evaluate(printed.node, point, random_index.SIZES)
            assert_near(evaluate(again, used, scope), expected, derived.text())
    assert "index" in forms


def test_a_sum_that_is_wrong_by_a_size_is_caught(rng: np.random.Generator) -> None:
    """The harness fails when δ[i,i] counts once."""
    point = random_index.values(rng)
    writer = random_index.Writer(rng, point)
    right = writer.spread(np.eye(4), ("j", "q")).sum()
    with pytest.raises(AssertionError):
        assert_near(value_of(parse("sum[j](δ[j,j]*y[j]/y[j])"), point), right + 1, "")
    assert_near(value_of(parse("sum[j](δ[j,j]*y[j]/y[j])"), point), right, "")


def test_the_derivative_of_a_sum_over_indices_is_printed_in_matrix_form() -> None:
    """S1.4 from the double sum."""
    f = gw.formula("sum[i,j](a[i,j]*x[i]*x[j])", a="matrix n n")
    d = f.gradient("x")
    assert str(d) == "(a + aᵀ) x"
    assert d.check().ok
    rng = np.random.default_rng(3)
    a, x = rng.normal(size=(4, 4)), rng.normal(size=4)
    assert f(a=a, x=x) == pytest.approx(x @ a @ x)
    assert np.allclose(d(a=a, x=x), (a + a.T) @ x)


@pytest.mark.parametrize(
    ("text", "wrt"),
    [
        ("c[k] = sum[i](A[i,k]*x[i])", "A"),
        ("c[k] = exp(x[k])/sum[i](exp(x[i]))", "x"),
        ("T[i,j,k] = A[i,j]*x[k] + δ[i,k]", "x"),
        ("T[i,j,k] = tanh(A[i,j])*x[k]", "A"),
        ("W[2,3]*x[1] + W[1,1]^2", "W"),
        ("D[i] = W[i,2]*δ[i,1]", "W"),
        ("x[1]*δ[2,2] + x[2]*δ[1,2]", "x"),
        ("sum[i](phi(x[i])*x[i])", "x"),
    ],
)
def test_formulas_with_indices_are_differentiated_and_checked(text: str, wrt: str) -> None:
    f = gw.formula(text)
    d = f.gradient(wrt) if f.scope.shape.kind == "scalar" else f.jacobian(wrt)
    assert d.check().ok


RESULTS = [
    ("diag(x)", "x", {}),
    ("T[i,j,k] = tanh(A[i,j])*x[k]", "A", {}),
    ("T[i,j,k] = A[i,j]*x[k] + δ[i,k]*sum[l](A[j,l]^2)", "A", {"A": "matrix n n"}),
    ("W[2,3]*x[1] + W[1,1]^2", "W", {"W": "matrix m n"}),
    ("D[i,j] = max(A[i,j], x[j])*δ[i,j]", "x", {"A": "matrix n n"}),
    ("diag(phi(x))", "x", {}),
]


@pytest.mark.parametrize(("text", "wrt", "given"), RESULTS)
def test_a_result_in_index_form_can_be_typed_in_again(text: str, wrt: str, given: dict) -> None:
    f = gw.formula(text, **given)
    d = f.gradient(wrt) if f.scope.shape.kind == "scalar" else f.jacobian(wrt)
    assert d.form == "index"
    assert d.check().ok
    sizes = {"m": 3, "n": 4, "k": 5}
    rng = np.random.default_rng(5)
    point = {
        name: rng.normal(size=[sizes[s] for s in declared.sizes])
        for name, declared in d.scope.symbols.items()
    }
    functions = {name: gw.formula("sin(z)", z="scalar") for name in d.scope.functions}
    expected = d(**point, **functions)
    for shown in (d.text(), str(d)):
        again = gw.formula(shown, **d.scope.known)
        # A size that the text does not name gets a new name.
        shape = again.scope.shape
        axes = (*shape.rows, *shape.columns, *shape.deeper)
        fresh = dict(zip(axes, expected.shape, strict=True))
        known = {**sizes, **fresh, **point, **functions}
        held = {s for declared in again.scope.symbols.values() for s in declared.sizes}
        names = {*again.scope.symbols, *again.scope.functions, *(again.scope.sizes - held)}
        assert np.allclose(again(**{name: known[name] for name in names}), expected), shown


def test_the_letters_of_a_result_are_no_names_of_the_formula() -> None:
    d = gw.jacobian("diag(i)*(j'*l)", "i", i="vector k", j="vector n", l="vector n")
    names = {"i", "j", "l", "k", "n"}
    assert d.form == "index"
    assert not names & set(read(d.text())[0].left.indices)
    taken = gw.jacobian("diag(D)", "D", D="vector n")
    assert str(taken) == "J[i,j,k] = δ[i,j] δ[i,k]"
    delta = gw.jacobian("diag(δ)", "δ", δ="vector n")
    assert str(delta) == "D[i,j,k] = eye(n)[i,j] eye(n)[i,k]"


def test_s1_6_the_softmax_written_with_indices_is_softmax() -> None:
    typed = gw.jacobian("s[k] = exp(x[k])/sum[i](exp(x[i]))", "x")
    assert str(typed) == str(gw.jacobian("softmax(x)", "x"))


def test_the_nodes() -> None:
    assert parse("A[i,2]") == Entry(Symbol("A"), ("i", 2))
    assert parse("sum[i](x[i])") == parse("Σ_i x[i]") == parse("∑_i x[i]")
    assert parse("sum[i](x[i])") == IndexSum(("i",), Entry(Symbol("x"), ("i",)))
    assert parse("δ[i,j]") == parse("delta[i,j]") == Identity(("i", "j"))
    assert parse("δ[i]") == Entry(Symbol("δ"), ("i",))
    assert parse("δ") == Symbol("δ")
    assert parse("y[i] = x[i]") == Equation(Left((("y", ("i",)),)), Entry(Symbol("x"), ("i",)))
    left = Left((("f", ("i",)), ("W", ("j", "k"))))
    assert parse("∂f[i]/∂W[j,k] = δ[i,j] a[k]").left == left
    assert parse("∂²f/∂x[i]∂x[j] = A[i,j]").left.indices == ("i", "j")
    assert parse("2 Σ_i x[i] y[i] + 1") == parse("2*sum[i](x[i]*y[i]) + 1")
    assert parse("-Σ_i x[i]^2") == parse("-sum[i](x[i]^2)")


def test_an_equation_without_indices_is_its_right_side() -> None:
    x = np.array([1.0, 2.0])
    assert gw.formula("f = x'*x")(x=x) == 5.0
    assert np.array_equal(gw.formula("y = 2*x")(x=x), 2 * x)


def test_the_left_side_gives_the_order_of_the_axes() -> None:
    A, x = np.arange(6.0).reshape(2, 3), np.array([1.0, 10.0])
    T = gw.formula("T[k,j,i] = A[i,j]*x[k]", A="matrix m n", x="vector p")(A=A, x=x)
    assert np.array_equal(T, np.einsum("ij,k->kji", A, x))
    assert np.array_equal(gw.formula("B[j,i] = A[i,j]")(A=A), A.T)
    assert np.array_equal(gw.formula("d[i] = S[i,i]")(S=A[:, :2]), [0.0, 4.0])


def test_identities_alone_take_their_size_as_a_value() -> None:
    D = gw.formula("D[i,j,k] = δ[i,j] δ[i,k]")(n=2)
    assert np.array_equal(D, np.einsum("ij,ik->ijk", np.eye(2), np.eye(2)))


ERRORS = [
    ("x[i]", SymbolError, "x[i]", "the index i is free"),
    ("y[j] = x[i]", SymbolError, "x[i]", "i is an index of the right side alone"),
    ("y[i,j] = x[i]", SymbolError, "y[i,j] = x[i]", "j is an index of the left side alone"),
    ("sum[i](A[i,i])", ShapeError, "A[i,i]", "i takes m values in A[i,i] and n in A[i,i]"),
    ("sum[i,j](A[i,j]*u[j])", ShapeError, "u[j]", "j takes n values in A[i,j] and m in u[j]"),
    ("sum[i](u[i]*sum[i](u[i]))", SymbolError, "sum[i](u[i])", "bound twice"),
    ("y[i] = u[i]*sum[i](u[i])", SymbolError, "sum[i](u[i])", "on the left and by a sum"),
    ("sum[i,i](u[i])", NotationError, "[i,i]", "bound twice by one sum"),
    ("y[i,i] = u[i]", NotationError, "y[i,i] ", "stands twice on the left side"),
    ("sum[i](u)", ShapeError, "sum[i](u)", "a sum adds scalars and u is a column"),
    ("sum[i](a)", SymbolError, "sum[i](a)", "i is summed over and does not stand"),
    ("sum[a](u[a]*a)", SymbolError, "a", "a is an index here"),
    ("F[4,1]", ShapeError, "F[4,1]", "the index 4 is beyond the size 3"),
    ("u[0]", NotationError, "0", "0 stands where an index is read"),
    ("u[1.5]", NotationError, "1.5", "1.5 stands where an index is read"),
    ("u[i+1]", SymbolError, "u[i+1]", "i is no size of a symbol"),
    ("u[i", NotationError, "[", "opened here and never closed"),
    ("u [i]", NotationError, "[", "stands apart"),
    ("u.^2[i]", NotationError, "2[", "may belong to it or to the power"),
    ("A[i]", ShapeError, "A[i]", "2 axes, and 1 index is given"),
    ("a[i]", ShapeError, "a[i]", "0 axes"),
    ("y[i] = A*x[i]", ShapeError, "A*x[i]", "A is a matrix of m rows and n columns"),
    ("y[i] = softmax(u[i])", ShapeError, "softmax(u[i])", "acts on a whole vector"),
    ("s = sum(u[i])", ShapeError, "sum(u[i])", "u[i] is one entry"),
    ("y[i] = exp(u[i], u[i])", ShapeError, "exp(u[i], u[i])", "takes 1 arguments"),
    ("sum[i,j](δ[i,j])", ShapeError, "δ[i,j]", "nothing says how many values i takes"),
    ("δ[i,j,k]", NotationError, "δ[i,j,k]", "compares two"),
    ("kron(A, A)[i,j]", UnsupportedError, "kron(A, A)[i,j]", "several indices"),
    ("u[i] = u[i]", SymbolError, "u[i] = u[i]", "defined by the equation"),
    ("f(u) = u", NotationError, "f(u) ", "f(u) stands on the left side"),
    ("∂f/∂x[i]∂x[j] = u[i]", NotationError, "∂f/∂x[i]∂x[j] ", "order of the derivative"),
    ("Σ_ u", NotationError, "Σ", "followed by no index"),
    ("sum[i] u[i]", NotationError, "sum[i]", "names of indices in brackets"),
    ("sum[2](u[2])", NotationError, "sum[2]", "names of indices in brackets"),
    ("sum[i](u[i], 2)", NotationError, "sum[i](u[i], 2)", "2 are given"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "at", "fact"), ERRORS, ids=[row[0] for row in ERRORS])
def test_errors_say_where_and_what_instead(text, kind, at, fact) -> None:
    given = {"A": "matrix m n", "u": "vector m", "x": "vector n", "a": "scalar", "F": "matrix 3 2"}
    with pytest.raises(GradwrightError) as caught:
        gw.formula(text, **given)
    error = caught.value
    assert type(error) is kind, error
    assert fact in error.clash, error
    assert error.instead
    assert error.span is not None
    assert text[error.span.start : error.span.end] == at, error


def test_an_index_beyond_the_values_is_an_error() -> None:
    f = gw.formula("x[3]^2")
    with pytest.raises(ShapeError, match="the index 3 is beyond the size 2"):
        f(x=[1.0, 2.0])
    with pytest.raises(ShapeError, match="the size n is 2"):
        f.gradient("x")(x=[1.0, 2.0])
    assert np.array_equal(f.gradient("x")(x=[1.0, 2.0, 3.0]), [0.0, 0.0, 6.0])


def test_many_indices_end_in_one_error() -> None:
    letters = [f"i{number}" for number in range(60)]
    product = "*".join(f"x[{letter}]" for letter in letters)
    with pytest.raises(LimitError, match="at most 48"):
        gw.formula(f"sum[{','.join(letters)}]({product})")
    some = letters[:8]
    spread = " + ".join(f"x[{letter}]" for letter in some)
    f = gw.formula(f"sum[{','.join(some)}](exp({spread}))")
    with pytest.raises(LimitError, match="entries"):
        f(x=np.ones(20))


def test_a_long_chain_of_sums_is_contracted_two_at_a_time() -> None:
    """Multiplied out at once this would hold 20¹¹ numbers."""
    letters = [f"i{number}" for number in range(11)]
    product = "*".join(f"A[{one},{other}]" for one, other in itertools.pairwise(letters))
    A = np.full((20, 20), 0.05)
    assert gw.formula(f"sum[{','.join(letters)}]({product})")(A=A) == pytest.approx(20.0)
