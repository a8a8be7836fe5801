"""Formulas that are defined between 0 and 1 alone: few points of both signs show what is equal."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.core.graph import Graph
from gradwright.core.nodes import Node
from gradwright.notation.declarations import declare
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.shapes import infer
from gradwright.simplify.equal import equal

SHAPES = {"A": "matrix m n", "Y": "matrix m n"}


@pytest.mark.parametrize(
    "text",
    [
        "sum(A.^1.5.*log(1 - A))/m",
        "sum(sqrt(A).*log(1 - A).*arcsin(Y))/m",
        "-sum(Y.*(1 - A).^2.5.*log(A) + (1 - Y).*A.^2.5.*log(1 - A))/m",
    ],
)
def test_a_gradient_has_its_form_in_matrices(text: str, rng: np.random.Generator) -> None:
    """It was written with indices, as none of its forms in matrices could be verified."""
    f = gw.formula(text, **SHAPES)
    d = f.gradient("A")
    assert d.form == "matrix"
    values = {name: rng.uniform(0.1, 0.9, (3, 4)) for name in SHAPES}
    values = {name: value for name, value in values.items() if name in f.scope.symbols}
    again = gw.formula(d.text(), **SHAPES)(**values)
    wanted = np.zeros((3, 4))
    for place in np.ndindex(3, 4):
        moved = values["A"].astype(complex)
        moved[place] += 1e-30j
        wanted[place] = np.imag(f(**{**values, "A": moved})) / 1e-30
    np.testing.assert_allclose(again, wanted, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(d(**values), wanted, rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("A.^1.5.*log(1 - A)", "A.^1.5.*log(1 - A)*(1 + 1/10000)"),
        ("A.^1.5.*log(1 - A)", "A.^1.5.*log(1 - A')"),
        ("sqrt(A).*log(1 - A).*Y", "sqrt(A).*log(1 - A).*abs(Y)"),
        ("sqrt(A).*log(1 - A).*Y", "sqrt(A).*log(1 - A).*relu(Y)"),
    ],
)
def test_what_differs_there_is_told(one: str, other: str, seed: int) -> None:
    """A sign that is free shows too: not all variables lie between 0 and 1."""
    names = {"A": declare("A", "matrix n n"), "Y": declare("Y", "matrix n n")}
    graph = Graph()

    def node(text: str) -> Node:
        tree = parse(text)
        return lower(tree, infer(tree, names, text), graph, text=text).value.node

    assert equal(graph, node(one), node(other), seed=seed) is None
    again = node(one.replace("log(1 - A)", "log(1 - 1*A)").replace("A.^1.5", "A.*sqrt(A)"))
    assert equal(graph, node(one), again, seed=seed) is not None
