"""Which kernels nodes become, and that shared work is done once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gradwright.core.graph import Graph
from gradwright.core.nodes import Node
from gradwright.emit.numpy import FormulaBody, formula_module
from gradwright.program.build import build_function
from gradwright.program.cost import cost
from gradwright.program.ir import Einsum, MatMul, Ref, SoftmaxLogSumExp
from gradwright.run.load import load

G = Graph()
A = G.variable("A", ("m", "n"))
B = G.variable("B", ("n", "k"))
C = G.variable("C", ("m", "n"))
S = G.variable("S", ("n", "n"))
T = G.variable("T", ("m", "n", "k"))
s = G.variable("s")
x = G.variable("x", ("n",))
y = G.variable("y", ("m",))
z = G.variable("z", ("n",))
INPUTS = (A, B, C, S, T, s, x, y, z)

HALF = Fraction(1, 2)
STEP = G.function("step", A, options=(("kink", Fraction(0)),))
STEP_ONE = G.function("step", A, options=(("kink", Fraction(1)),))


def column(node: Node) -> Node:
    return G.broadcast(node, (0,), ("m", "n"))


def row(node: Node) -> Node:
    return G.broadcast(node, (1,), ("m", "n"))


#: Nodes whose whole program is one expression.
EXPRESSIONS: dict[str, tuple[Node, str]] = {
    "matrix vector": (G.product([(A, (0, 1)), (x, (1,))], (0,)), "A @ x"),
    "transpose vector": (G.product([(A, (0, 1)), (y, (0,))], (1,)), "A.T @ y"),
    "dot": (G.product([(x, (0,)), (z, (0,))]), "x @ z"),
    "outer": (G.product([(y, (0,)), (x, (1,))], (0, 1)), "np.outer(y, x)"),
    "matrix product": (G.product([(A, (0, 1)), (B, (1, 2))], (0, 2)), "A @ B"),
    "its transpose": (G.product([(A, (0, 1)), (B, (1, 2))], (2, 0)), "B.T @ A.T"),
    "inner product of matrices": (G.product([(A, (0, 1)), (C, (0, 1))]), "np.sum(A * C)"),
    "chain ending in a vector": (
        G.product([(A, (0, 1)), (C, (2, 1)), (y, (2,))], (0,)),
        "A @ (C.T @ y)",
    ),
    "weighted rows": (
        G.product([(A, (0, 1)), (A, (0, 2)), (y, (0,))], (1, 2)),
        "gram(A, y)",
    ),
    "weighted columns": (
        G.product([(A, (1, 0)), (A, (2, 0)), (x, (0,)), (z, (0,))], (1, 2), coefficient=-2),
        "gram(A.T, -2 * x * z)",
    ),
    "weighted rows of two matrices": (
        G.product([(A, (0, 1)), (C, (0, 2)), (y, (0,))], (1, 2)),
        "y * A.T @ C",
    ),
    "the difference turned round": (
        G.scale(-2, G.hadamard(x, G.add([(1, z), (-1, G.power(z, 2))], ("n",)))),
        "2 * ((np.square(z) - z) * x)",
    ),
    "the vector of a product scaled": (
        G.product([(A, (0, 1)), (y, (0,))], (0, 1), coefficient=3),
        "(3 * y)[:, None] * A",
    ),
    "trace": (G.product([(S, (0, 0))]), "np.trace(S)"),
    "diagonal part": (G.product([(S, (0, 0))], (0,)), "np.diag(S).copy()"),
    "diagonal matrix": (G.product([(x, (0,))], (0, 0)), "np.diag(x)"),
    "row sums": (G.product([(A, (0, 1))], (0,)), "np.sum(A, axis=1)"),
    "sum of all": (G.total(T), "np.sum(T)"),
    "sum of two axes": (G.product([(T, (0, 1, 2))], (1,)), "np.sum(T, axis=(0, 2))"),
    "transpose": (G.permute(A, (1, 0)), "A.T.copy()"),
    "rows scaled": (G.product([(A, (0, 1)), (y, (0,))], (0, 1)), "y[:, None] * A"),
    "a row added": (G.add([(1, A), (-1, row(x))], ("m", "n")), "A - x"),
    "a column added": (G.add([(1, A), (2, column(y))], ("m", "n")), "A + 2 * y[:, None]"),
    "a number added": (G.add([(1, x), (-3, G.ones("n"))], ("n",)), "x - 3"),
    "square": (G.power(x, 2), "np.square(x)"),
    "cube": (G.power(x, 3), "x ** 3"),
    "reciprocal": (G.power(x, -1), "1 / x"),
    "square root": (G.power(x, HALF), "np.sqrt(x)"),
    "over a root": (G.power(x, -HALF), "1 / np.sqrt(x)"),
    "over a scalar": (G.times(G.power(s, -1), x), "x / s"),
    "over a number": (G.scale(HALF, x), "x / 2"),
    "fraction": (G.scale(Fraction(2, 3), x), "2 / 3 * x"),
    "negative": (G.scale(-1, x), "-x"),
    "step as a factor": (G.hadamard(STEP, C), "C * (A > 0)"),
    "step alone": (STEP, "np.heaviside(A, 0.0)"),
    "step with another value at 0": (G.hadamard(STEP_ONE, C), "np.heaviside(A, 1.0) * C"),
    "step wider than its factor": (
        G.product([(STEP, (0, 1)), (y, (0,))], (0, 1)),
        "y[:, None] * np.heaviside(A, 0.0)",
    ),
    "number": (G.number(Fraction(1, 3)), "1 / 3"),
    "max with a number": (
        G.function("max", x, G.number(2, ("n",)), options=(("tie", Fraction(0)),)),
        "np.maximum(x, 2)",
    ),
    "inverse": (G.operation("inv", (S,), ("n", "n")), "np.linalg.inv(S)"),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression(name: str) -> None:
    node, expected = EXPRESSIONS[name]
    function = build_function("f", INPUTS, [("value", node)])
    assert FormulaBody(function).lines() == [f"return {expected}"]


#: Nodes that need sizes or a dtype of their own.
MADE_OF_NUMBERS: dict[str, tuple[Node, str]] = {
    "ones": (G.ones("m"), "np.full((m,), 1, dtype=dtype)"),
    "identity": (G.identity(("n",)), "np.eye(n, dtype=dtype)"),
    "scaled identity": (G.scale(-2, G.identity(("n",))), "-2 * np.eye(n, dtype=dtype)"),
    "repeated row": (row(x), "np.full((m, n), x, dtype=dtype)"),
    "repeated column": (column(y), "np.full((m, n), y[:, None], dtype=dtype)"),
    "tied axes": (
        G.product([(x, (2,))], (0, 0, 2), sizes={0: "m"}),
        "spread(x, (1,), (0, 0, 1), (m, m, n), dtype)",
    ),
    "a size as a factor": (G.times(G.size_of("n"), y), "n * y"),
    "the root of a size": (G.times(G.power(G.size_of("n"), HALF), y), "n ** 0.5 * y"),
}


@pytest.mark.parametrize("name", MADE_OF_NUMBERS)
def test_sizes_and_dtype(name: str) -> None:
    node, expected = MADE_OF_NUMBERS[name]
    *before, last = FormulaBody(build_function("f", (A, x, y), [("value", node)])).lines()
    assert last == f"return {expected}"
    allowed = {"m = A.shape[0]", "n = A.shape[1]", "dtype = np.result_type(A, x, y, 0.0)"}
    assert set(before) <= allowed


def test_a_node_used_twice_is_computed_once() -> None:
    product = G.product([(A, (0, 1)), (x, (1,))], (0,))
    value = G.add([(1, G.function("exp", product)), (1, product)], ("m",))
    assert cost(build_function("f", INPUTS, [("value", value)])).multiplications == 32 * 32


def test_a_product_inside_another_is_computed_once() -> None:
    """Products are flat, so that A x is no node of y .* (A x); its statement is shared."""
    product = G.product([(A, (0, 1)), (x, (1,))], (0,))
    inside = G.hadamard(y, product)
    negative = G.function("exp", G.scale(-1, product))
    outputs = [("one", G.function("sin", product)), ("two", inside), ("three", negative)]
    function = build_function("f", INPUTS, outputs)
    products = [st for st in function.statements if isinstance(st.kernel, MatMul)]
    assert len(products) == 1


def test_identities_of_two_sizes_are_two_values() -> None:
    one, other = G.identity(("n",)), G.identity(("m",))
    function = build_function("f", INPUTS, [("one", one), ("other", other)])
    first, second = function.outputs
    assert isinstance(first, Ref) and isinstance(second, Ref)
    assert function.axes[first.name] == ("n", "n")
    assert function.axes[second.name] == ("m", "m")


def test_softmax_and_logsumexp_of_one_argument_share_one_exp() -> None:
    softmax = G.operation("softmax", (A,), ("m", "n"))
    logsumexp = G.operation("logsumexp", (A,), ("m",))
    both = build_function("f", INPUTS, [("softmax", softmax), ("logsumexp", logsumexp)])
    assert [type(st.kernel) for st in both.statements] == [SoftmaxLogSumExp]
    assert cost(both).exponentials == 1
    other = G.operation("logsumexp", (C,), ("m",))
    apart = build_function("f", INPUTS, [("softmax", softmax), ("logsumexp", other)])
    assert cost(apart).exponentials == 2


@pytest.mark.parametrize(
    ("lengths", "expected"),
    [
        ({"m": 100, "n": 2, "k": 2}, "A @ (B @ "),
        ({"m": 2, "n": 100, "k": 100}, "A @ B @ "),
    ],
)
def test_the_order_of_a_chain_follows_the_lengths(lengths: dict[str, int], expected: str) -> None:
    other = G.variable("D", ("k", "n"))
    chain = G.product([(A, (0, 1)), (B, (1, 2)), (other, (2, 3))], (0, 3))
    function = build_function("f", (A, B, other), [("value", chain)], lengths)
    assert FormulaBody(function).lines()[-1] == f"return {expected}D" + ")" * ("(" in expected)
    worst = {"m": 2, "n": 100, "k": 100} if lengths["m"] == 100 else {"m": 100, "n": 2, "k": 2}
    turned = build_function("f", (A, B, other), [("value", chain)], worst)
    assert cost(function, lengths).multiplications < cost(turned, lengths).multiplications


#: Σ_j A[i,j] A[k,j] x[j] laid over four axes, and three axes tied: the Hessian of a layer.
DENSE = G.product([(A, (0, 4)), (A, (2, 4)), (B, (4, 1)), (B, (4, 3))], (0, 1, 2, 3))
TIED = G.product([(A, (0, 4)), (A, (2, 4)), (B, (4, 1))], (0, 1, 2, 1))


def test_what_is_tied_is_added_in_place() -> None:
    node = G.scale(2, G.add([(1, DENSE), (-3, TIED)], DENSE.axes))
    *before, last = FormulaBody(build_function("f", (A, B), [("value", node)])).lines()
    assert sum("add_on_diagonals(" in line for line in [*before, last]) == 1
    # The factor 2 is taken into the products, and nothing is as large as the result but the sum.
    assert not any("spread" in line or "2 * t" in line for line in [*before, last])


@pytest.mark.parametrize("shown", [False, True], ids=["alone", "with what it is added to"])
def test_a_sum_with_what_is_tied(shown: bool, rng: np.random.Generator) -> None:
    node = G.add([(1, DENSE), (-3, TIED)], DENSE.axes)
    outputs = [("value", node), *[("dense", DENSE)] * shown]
    source = formula_module(build_function("f", (A, B), outputs), "A sum.", ())
    a, b = rng.standard_normal((4, 3)), rng.standard_normal((3, 2))
    found = load(source).f(a, b)
    dense = np.einsum("ie,ke,ej,el->ijkl", a, a, b, b)
    tied = np.einsum("ie,ke,ej,jl->ijkl", a, a, b, np.eye(2))
    bound = 1e-13 * (np.einsum("ie,ke,ej->ijk", *map(np.abs, (a, a, b))).max() + 1)
    assert np.max(np.abs((found[0] if shown else found) - (dense - 3 * tied))) <= 10 * bound
    if shown:
        assert np.max(np.abs(found[1] - dense)) <= 10 * bound
    assert ("add_on_diagonals" in source) is not shown


@pytest.mark.parametrize("signs", ["positive", "negative", "both", "nothing", "nan"])
def test_weighted_rows_of_any_sign(signs: str, rng: np.random.Generator) -> None:
    node = G.product([(A, (0, 1)), (A, (0, 2)), (y, (0,))], (1, 2))
    source = formula_module(build_function("f", (A, y), [("value", node)]), "Rows.", ())
    rows, weights = rng.standard_normal((7, 3)), rng.uniform(0.5, 2.0, 7)
    match signs:
        case "negative":
            weights = -weights
        case "both":
            weights[1:4] *= -1
        case "nothing":
            weights *= 0
        case "nan":
            weights[2] = np.nan
    found = load(source).f(rows, weights)
    # Each entry is a sum of 7 terms, each rounded a few times.
    bound = 20 * np.finfo(float).eps * np.abs(rows.T) @ (np.abs(weights)[:, None] * np.abs(rows))
    wanted = sum(w * np.outer(row, row) for w, row in zip(weights, rows, strict=True))
    assert np.all(np.isnan(wanted) == np.isnan(found))
    assert np.all(np.isnan(wanted) | (np.abs(found - wanted) <= bound))
    np.testing.assert_array_equal(found, found.T)


def test_batches_are_left_to_einsum() -> None:
    batched = G.product([(T, (0, 1, 2)), (A, (0, 1))], (0, 2))
    (statement,) = build_function("f", INPUTS, [("value", batched)]).statements
    assert isinstance(statement.kernel, Einsum)


def test_a_size_that_no_input_tells_is_refused() -> None:
    with pytest.raises(AssertionError, match="size q"):
        build_function("f", (x,), [("value", G.size_of("q"))])


def test_a_size_may_be_an_input() -> None:
    function = build_function("f", (x, G.variable("q")), [("v", G.times(G.size_of("q"), x))])
    assert FormulaBody(function).lines() == ["return q * x"]


def test_a_symbol_with_the_name_of_a_size_is_not_the_size() -> None:
    own = G.variable("n", ("n",))
    node = G.times(G.size_of("n"), own)
    lines = FormulaBody(build_function("f", (own,), [("value", node)])).lines()
    assert lines == ["n_ = n.shape[0]", "return n_ * n"]


@pytest.mark.parametrize("out", [(1,), ()], ids=["of columns", "of all"])
def test_equal_sums_of_one_array_that_share_both_axes(out, rng):
    """They are one matrix twice, and no matrix of inner products."""
    node = G.product([(T, (0, 1, 2)), (T, (0, 1, 3)), (y, (0,))], out)
    function = build_function("compute", (T, y), [("out", node)], {"m": 3, "n": 4, "k": 5})
    t, w = rng.normal(size=(3, 4, 5)), rng.normal(size=3)
    columns = [sum(w[p] * sum(t[p, i]) ** 2 for p in range(3)) for i in range(4)]
    found = load(formula_module(function, "", ())).compute(t, w)
    # 60 products of numbers near 1, sums of 5 squared.
    np.testing.assert_allclose(found, columns if out else sum(columns), rtol=1e-11, atol=1e-11)
