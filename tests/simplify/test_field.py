"""Evaluation of nodes: long contractions stay quick."""

from __future__ import annotations

import numpy as np
import pytest

from gradwright.core.graph import Graph
from gradwright.simplify.contracting import PRIME
from gradwright.simplify.equal import Level, differ, equal
from gradwright.simplify.field import evaluate, evaluate_modular


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
