"""Rows S1.4, S1.6, S1.7, S3.8, S3.9: proofs with indices, each line evaluated by itself.

A line is typed in as an equation and compared with a numeric derivative of the definitions, which
are composed here by NumPy.
"""

from __future__ import annotations

import re

import numpy as np
import pytest
from msgspec.structs import replace

import gradwright as gw
from gradwright.core.graph import Graph
from gradwright.explain.product_rule import product_rule
from gradwright.notation.lower import lower
from gradwright.notation.parser import parse
from gradwright.notation.raising.index import IndexRaiser, opened
from gradwright.notation.raising.raiser import Raiser
from gradwright.notation.tree import Equation
from gradwright.ops.outputs import OUTPUTS
from gradwright.ops.record import IndexProof, Structured
from gradwright.ops.table import OPERATIONS
from gradwright.render.plain import plain_text
from gradwright.render.unicode import unicode_text
from gradwright.verification import ridders

RECORDS = [r for r in OPERATIONS.values() if isinstance(r, Structured) and r.with_indices]
SIZES = {"m": 3, "n": 4, "k": 2, "p": 5}


def definition_value(proof: IndexProof, point: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The values of what is defined, one after the other."""
    known = dict(point)
    for text in proof.definitions:
        formula = gw.formula(text, **declared(known))
        ((name, _),) = parse(text).left.names
        known[name] = np.asarray(formula(**{x: known[x] for x in formula.variables}))
    return known


def declared(values: dict[str, np.ndarray]) -> dict[str, str]:
    """Vectors of one length, and numbers."""
    return {name: "vector n" if np.ndim(v) else "scalar" for name, v in values.items()}


def check_proof(proof: IndexProof, point: dict[str, np.ndarray], wrt: str) -> int:
    """Compare every line with the numeric derivative; how many lines there are."""
    ((last, _),) = parse(proof.definitions[-1]).left.names

    def function(at: dict[str, np.ndarray]) -> np.ndarray:
        return definition_value(proof, at)[last]

    estimate = ridders.jacobian(function, point, wrt)
    expected = np.asarray(estimate.values)
    known = definition_value(proof, point)
    checked = 0
    for case in proof.cases:
        for line in case.lines:
            formula = gw.formula(
                f"D[{','.join(case.indices)}] = {line.expression}", **declared(known)
            )
            found = formula(**{name: known[name] for name in formula.variables})
            compare(found, expected, case.condition, line.expression)
            checked += 1
    return checked


def compare(found: np.ndarray, expected: np.ndarray, condition: str, line: str) -> None:
    if condition.replace(" ", "") in ("r=i", "i=r"):
        expected = np.diagonal(expected)
    elif condition:
        off = ~np.eye(len(expected), dtype=bool)
        found, expected = found[off], expected[off]
    assert found.shape == expected.shape, line
    assert np.max(np.abs(found - expected)) <= 1e-8, line


@pytest.mark.parametrize("record", RECORDS, ids=lambda r: r.name)
def test_s1_6_the_proofs_of_operations_with_indices(record: Structured, rng) -> None:
    assert record.with_indices is not None
    x = rng.normal(size=4)
    known = definition_value(record.with_indices, {"x": x})
    whole = gw.formula(record.definition)(x=x)
    assert np.allclose(known["y"], whole)
    assert check_proof(record.with_indices, {"x": x}, "x") >= 3


@pytest.mark.parametrize("record", OUTPUTS, ids=lambda r: f"{r.activation} with {r.loss}")
def test_s1_7_and_s3_8_the_sum_over_i_collapses(record, rng) -> None:
    z, y = rng.normal(size=4), rng.uniform(0.1, 0.9, 4)
    if "sum1" in record.facts:
        y = y / np.sum(y)
    known = definition_value(record.proof, {"z": z, "y": y})
    assert known["L"] == pytest.approx(gw.formula(record.definition)(z=z, y=y))
    assert check_proof(record.proof, {"z": z, "y": y}, "z") >= 4


def test_a_wrong_line_is_caught(rng) -> None:
    proof = next(r for r in OUTPUTS if r.activation == "softmax").proof
    (case,) = proof.cases
    for place, line in enumerate(case.lines):
        wrong = replace(line, expression=line.expression + " + 0.001*a[r]")
        lines = (*case.lines[:place], wrong, *case.lines[place + 1 :])
        planted = replace(proof, cases=(replace(case, lines=lines),))
        with pytest.raises(AssertionError):
            check_proof(planted, {"z": rng.normal(size=4), "y": np.full(4, 0.25)}, "z")


def test_the_sum_to_one_is_needed(rng) -> None:
    """Only the last line of S1.7 uses it."""
    record = next(r for r in OUTPUTS if r.activation == "softmax")
    (case,) = record.proof.cases
    point = {"z": rng.normal(size=4), "y": np.array([0.3, 0.9, 0.2, 0.4])}
    before = replace(record.proof, cases=(replace(case, lines=case.lines[:-1]),))
    check_proof(before, point, "z")
    with pytest.raises(AssertionError):
        check_proof(record.proof, point, "z")


# The product rule --------------------------------------------------------------------------------

PRODUCTS = [
    ("x'*A*x", "x", {}),
    ("W*a", "W", {"a": "vector n"}),
    ("W'*x + b", "W", {"x": "vector n", "b": "vector m"}),
    ("W'*x + b", "x", {"x": "vector n", "b": "vector m"}),
    ("tr(A*B)", "A", {}),
    ("x'*x", "x", {}),
    ("3*A*x - x", "x", {}),
    ("X*W + ones(n)*v'", "W", {"v": "vector p"}),
    ("sum(X.^3)", "X", {}),
    ("x'*S*x", "x", {"S": "symmetric n n"}),
    ("-2*tr(A'*A) + sum(A)", "A", {}),
    ("sum[i,j](A[i,j]*x[i]*y[j])", "A", {"x": "vector m", "y": "vector n"}),
    ("x'*A*exp(y)", "x", {}),
]


@pytest.mark.parametrize(("text", "wrt", "given"), PRODUCTS)
def test_s1_4_and_s3_9_each_line_of_the_product_rule(text: str, wrt: str, given, rng) -> None:
    formula = gw.formula(text, **given)
    scope = formula.scope
    graph = Graph()
    lowering = lower(formula.tree, scope, graph)
    symbol = scope.symbols[wrt]
    variable = graph.variable(wrt, symbol.sizes, symbol.facts)
    writer = IndexRaiser(opened(Raiser(graph, lowering.said)), {*scope.known, *scope.sizes})
    steps = product_rule("f", lowering.value.node, variable, writer, None)
    assert steps is not None and len(steps.lines) == 2
    point = {n: rng.normal(size=[SIZES[s] for s in d.sizes]) for n, d in scope.symbols.items()}
    for name, value in point.items():
        point[name] = value + value.T if "symmetric" in scope.symbols[name].facts else value
    derived = formula.gradient(wrt) if scope.shape.kind == "scalar" else formula.jacobian(wrt)
    expected = derived(**point)
    for tree, _ in steps.lines:
        for shown in (plain_text, unicode_text):
            equation = shown(Equation(steps.left, tree))
            value = typed(equation, scope, point, np.shape(expected))
            assert np.allclose(value, expected), equation


def typed(equation: str, scope, point, shape: tuple[int, ...]) -> np.ndarray:
    formula = gw.formula(equation, **scope.known)
    held = {s for d in formula.scope.symbols.values() for s in d.sizes}
    own = formula.scope.shape
    axes = zip((*own.rows, *own.columns, *own.deeper), shape, strict=True)
    sizes = {size: length for size, length in axes if size not in held}
    sizes |= {size: SIZES[size] for size in formula.scope.sizes - held - set(sizes)}
    return formula(**{name: point[name] for name in formula.variables}, **sizes)


def test_s1_4_from_the_double_sum_to_the_matrix_form() -> None:
    shown = gw.gradient("x'*A*x", "x").explain("index")
    lines = [re.sub(r" {2,}.*", "", line.strip()) for line in shown.splitlines()]
    start = lines.index("f = Σ_i,j A[i,j] x[i] x[j]")
    assert lines[start + 2 : start + 5] == [
        "∂f/∂x[k] = Σ_i,j A[i,j] δ[i,k] x[j] + Σ_i,j A[i,j] x[i] δ[j,k]",
        "= Σ_j A[k,j] x[j] + Σ_i A[i,k] x[i]",
        "= ((A + Aᵀ) x)[k]",
    ]
    rng = np.random.default_rng(7)
    A, x = rng.normal(size=(4, 4)), rng.normal(size=4)
    for line in lines[start + 2 : start + 5]:
        value = gw.formula(f"D[k] {line[line.index('=') :]}", A="matrix n n")(A=A, x=x)
        assert np.allclose(value, (A + A.T) @ x), line


@pytest.mark.parametrize(("layout", "by_weight"), [
    ("rows", "δ[i,l] x[k]"), ("columns", "δ[i,k] x[l]"), ("transposed", "δ[i,l] x[k]"),
])  # fmt: skip
def test_s3_9_the_affine_map_of_a_network(layout: str, by_weight: str) -> None:
    """∂z/∂W is a unit vector times an entry of the input, in every layout."""
    shown = gw.Network("4 -> 3 softmax", layout=layout).backprop().explain("index")
    part = shown.split("The affine map of one sample")[1].split("\n\n")[0]
    assert f"= {by_weight} " in part
    assert "∂L/∂x[k]" in part and "e_" in part


def test_s1_7_and_s3_8_are_shown_with_a_formula_too() -> None:
    shown = gw.gradient("-sum(y.*log(softmax(z)))", "z").explain("index")
    assert "softmax with cross_entropy" in shown
    text = "-sum(y.*log(sigmoid(z)) + (1 - y).*log(1 - sigmoid(z)))"
    assert "sigmoid with binary_cross_entropy" in gw.gradient(text, "z").explain("index")
    for other in ("sum(softmax(z).^2)", "sum(log(sigmoid(z)))"):
        assert "for one sample" not in gw.gradient(other, "z").explain("index")


def test_s1_6_and_s1_7_are_shown() -> None:
    shown = gw.Network("4 -> 3 softmax").backprop().explain("index")
    for text in ("r = i:", "r ≠ i:", "softmax with cross_entropy", "the entries of y sum to 1"):
        assert text in shown
    assert "sigmoid with binary_cross_entropy" in (
        gw.Network("4 -> 1 sigmoid", loss="binary_cross_entropy").backprop().explain("index")
    )
