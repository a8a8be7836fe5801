"""Evaluation of nodes: long contractions stay quick."""

from __future__ import annotations

import numpy as np

from gradwright.core.graph import Graph
from gradwright.simplify.field import evaluate


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
