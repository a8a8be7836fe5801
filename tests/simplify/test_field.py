"""Evaluation of nodes: long contractions stay quick."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.graph import Graph
from gradwright.simplify.contracting import PRIME
from gradwright.simplify.equal import Level, differ, equal
from gradwright.simplify.field import evaluate, evaluate_modular, magnitude


def test_a_contraction_of_many_labels_is_done_in_pairs(rng: np.random.Generator) -> None:
    """Thirty matrices in a row: one loop over all labels would take 3³⁰ steps."""
    graph = Graph()
    count = 30
    names = [f"A{k}" for k in range(count)]
    factors = [(graph.variable(name, ("n", "n")), (k, k + 1)) for k, name in enumerate(names)]
    node = graph.product(factors, (0, count))
    values = {name: rng.normal(size=(3, 3)) / 2 for name in names}
    expected = np.linalg.multi_dot([values[name] for name in names])
    found = evaluate(node, values, {"n": 3})
    # Thirty products of three terms each, in another order of summation.
    assert np.max(np.abs(found - expected)) <= 1e-12 * np.max(np.abs(expected))


def test_large_residues_stay_whole_in_closed_contractions() -> None:
    """x'y z'w modulo the prime: scalars on the way are Python integers, beyond 64 bits."""
    graph = Graph()
    names = ("x", "y", "z", "w")
    parts = [graph.variable(name, ("n",)) for name in names]
    labels = ((0,), (0,), (1,), (1,))
    node = graph.product(list(zip(parts, labels, strict=True)))
    cube = graph.product([(node, ()), (graph.power(node, 2), ())])
    values = {
        name: np.array([PRIME - 1 - k, PRIME - 5], dtype=object) for k, name in enumerate(names)
    }
    one = int(values["x"] @ values["y"]) * int(values["z"] @ values["w"])
    assert int(evaluate_modular((cube,), values, {"n": 2}, salt=1)[0]) == pow(one, 3, PRIME)


@pytest.fixture
def graph() -> Graph:
    return Graph()


def test_a_system_that_is_solved_is_the_inverse_times_the_right_side(graph: Graph) -> None:
    a, b = graph.variable("A", ("n", "n")), graph.variable("B", ("n", "m"))
    solved = graph.operation("solve", (a, b), b.axes)
    inverse = graph.operation("inv", (a,), a.axes)
    assert equal(graph, solved, graph.product([(inverse, (0, 1)), (b, (1, 2))], (0, 2)))
    turned = graph.product([(inverse, (1, 0)), (b, (1, 2))], (0, 2))
    assert equal(graph, solved, turned) is None
    assert differ(solved, turned)


def test_logarithms_of_determinants_agree_where_they_have_one_meaning(graph: Graph) -> None:
    facts = frozenset({"posdef", "symmetric"})
    a = graph.variable("A", ("n", "n"), facts)
    det = graph.operation("det", (a,), ())
    factored = graph.operation("cholesky_logdet", (a,), ())
    forms = [graph.operation(name, (a,), ()) for name in ("logdet", "log_of_det")]
    for form in (*forms, graph.function("log", det)):
        assert equal(graph, factored, form) is Level.MODULAR
    assert differ(factored, graph.scale(2, forms[0]))


def test_what_is_left_of_terms_that_cancel_is_zero(graph: Graph) -> None:
    """cos² + sin² - 1 is rounding, and so is 1 - softmax's sum; 1e-12 x is none."""
    x = graph.variable("x", ("n",))
    squares = [graph.power(graph.function(name, x), 2) for name in ("cos", "sin")]
    one = graph.add([(1, squares[0]), (1, squares[1]), (-1, graph.ones("n"))], ("n",))
    softmax = graph.operation("softmax", (x,), ("n",))
    total = graph.product([(softmax, (1,))], (0,), sizes={0: "n", 1: "n"})
    other = graph.add([(3, graph.ones("n")), (-3, total)], ("n",))
    tiny = graph.scale(Fraction(1, 10**12), x)
    assert equal(graph, one, other) is not None
    assert equal(graph, one, tiny) is None
    assert equal(graph, tiny, graph.scale(2, tiny)) is None
    values = {"x": np.array([0.5, 1.25])}
    assert abs(magnitude(one, values, {"n": 2}) - 2) < 1e-12


def test_a_derivative_that_is_zero_by_its_values_is_printed() -> None:
    """Rows of step(…) = 1 times softmax(x), which sums to 1: every entry is 0 but for rounding."""
    derived = gw.formula("step((1 + (s*A).^2).^0.5)*softmax(x)", s="scalar").derivative("x", "x")
    values = {"A": np.full((2, 3), 0.5), "s": 1.5, "x": np.array([0.1, -0.4, 0.3])}
    assert np.max(np.abs(derived(**values))) < 1e-15
