"""Rows S1.2 to S1.4, S1.6 to S1.8, S2.7, S3.8, S3.9 at the level of indices.

What is printed is read by a reader of index notation that shares nothing with the printer, and
compared with NumPy.
"""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import UnsupportedError
from gradwright.explain.components import line_components
from gradwright.nn.letters import letters_of
from gradwright.notation.parser import parse
from gradwright.notation.reference import evaluate
from gradwright.notation.shapes import infer
from tests.suites.index_reader import index_value

SIZES = {"m": 3, "n": 4, "k": 2, "p": 5, "q": 3}


def reader(scope, point):
    """The value of a text in matrix notation."""

    def matrix(text: str) -> np.ndarray:
        tree = parse(text)
        own = infer(tree, scope.known, sizes=scope.sizes)
        known = {**{s: SIZES[s] for s in own.sizes}, **point}
        used = {name: known[name] for name in {*own.symbols, *own.sizes} if name in known}
        return np.asarray(evaluate(tree, used, own))

    return matrix


def point_of(scope) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(21)
    return {
        name: generator.normal(size=[SIZES[s] for s in declared.sizes])
        for name, declared in sorted(scope.symbols.items())
    }


def section(text: str, title: str) -> list[str]:
    lines = text.splitlines()
    start = lines.index(title) + 1
    return [line for line in lines[start:] if line.strip()]


@pytest.mark.parametrize(
    ("text", "wrt"),
    [
        ("x'*A*x", "x"),
        ("softmax(x)", "x"),
        ("tanh(W*x)", "x"),
        ("sum(sigmoid(W*x))", "W"),
        ("tr(A*B)", "A"),
        ("diag(x)*A*x", "x"),
        ("norm2(W*x)^2", "x"),
    ],
)
def test_components_are_the_formula_and_its_derivative(text: str, wrt: str) -> None:
    formula = gw.formula(text)
    scalar = formula.scope.shape.kind == "scalar"
    derived = formula.gradient(wrt) if scalar else formula.jacobian(wrt)
    shown = section(derived.explain(level="index"), "In components")
    point = point_of(formula.scope)
    matrix = reader(formula.scope, point)
    value = np.asarray(formula(**point))
    slope = np.asarray(derived(**point))
    equations = [line.strip() for line in shown if " = " in line and line.startswith("  ")]
    for equation, expected in zip(equations, (value, slope), strict=False):
        assert np.allclose(index_value(equation, expected.shape, matrix), expected)
        assert np.allclose(typed(equation, formula.scope, point), expected), equation


def typed(equation: str, scope, point) -> np.ndarray:
    """The value of a line by the product's own parser and evaluator."""
    own = gw.formula(equation, **scope.known)
    known = {**SIZES, **point}
    return np.asarray(own(**{name: known[name] for name in {*own.scope.symbols, *sizes_of(own)}}))


def sizes_of(formula) -> set[str]:
    """The sizes that no symbol of a formula has."""
    held = {s for d in formula.scope.symbols.values() for s in d.sizes}
    return {s for s in formula.scope.sizes if s not in held and s in SIZES}


def test_s1_4_the_sums_of_the_quadratic_form() -> None:
    shown = section(gw.gradient("x'*A*x", "x").explain(level="index"), "In components")
    assert shown[:2] == [
        "  f = Σ_i,j A[i,j] x[i] x[j]",
        "  ∂f/∂x[i] = Σ_j A[i,j] x[j] + Σ_j A[j,i] x[j]",
    ]


def test_s1_6_the_softmax_jacobian_by_cases() -> None:
    """r = i: ŷᵣ(1 − ŷᵣ); r ≠ i: −ŷᵣŷᵢ, with the quotient rule."""
    derived = gw.jacobian("softmax(x)", "x")
    text = derived.explain(level="index")
    same, other = re.search(r"    i = j: (.*)\n    i ≠ j: (.*)", text).groups()
    x = np.random.default_rng(22).normal(size=4)
    s = np.exp(x) / np.sum(np.exp(x))
    matrix = reader(derived.scope, {"x": x})
    assert same == "softmax(x)[i] (1 − softmax(x)[i])"
    assert np.allclose(index_value(f"D[i] = {same}", (4,), matrix), s * (1 - s))
    assert np.allclose(gw.formula(f"D[i] = {same}")(x=x), s * (1 - s))
    off = index_value(f"D[i,j] = {other}", (4, 4), matrix)
    assert np.allclose(gw.formula(f"D[i,j] = {other}")(x=x), -np.outer(s, s))
    assert np.allclose(off, -np.outer(s, s))
    assert "quotient rule" in text


@pytest.mark.parametrize(
    ("row", "text", "rules"),
    [
        ("S1.2", "sigmoid(x)", ["chain rule", "the two signs cancel", "add and subtract 1"]),
        ("S1.3", "tanh(x)", ["quotient rule", "divide each term", "definition of tanh"]),
    ],
)
def test_s1_2_and_s1_3_the_proof_is_shown(row: str, text: str, rules: list[str]) -> None:
    """The lines themselves are checked one by one in tests/ops/test_records.py."""
    shown = gw.gradient(text, "x", x="scalar").explain(level="index")
    places = [shown.index(rule) for rule in rules]
    assert places == sorted(places), row
    assert len(section(shown, "The operations")) >= 4


def test_s1_7_s1_8_s2_7_and_s3_8_the_lines_of_each_kind_in_components() -> None:
    """(∂L/∂b)ₖ = Σᵢ δᵢₖ, ∂L/∂Wᵢⱼ = Σ aᵢ δⱼ, eⱼ = Σₖ wⱼₖ δₖ, δⱼ = f'(vⱼ) eⱼ, each evaluated."""
    net = gw.Network("4 -> 5 sigmoid -> 3 softmax", reduction="sum")
    for kind, derived in net.model.derived.items():
        letters = letters_of(kind)
        lines = (*derived.forward, *derived.adjoints)
        shown = line_components(lines, letters)
        generator = np.random.default_rng(23)
        point = {}
        for name, declared in letters.items():
            drawn = generator.uniform(0.1, 0.9, [SIZES[s] for s in declared.sizes])
            point[name] = drawn

        def matrix(text: str, letters=letters, point=point) -> np.ndarray:
            tree = parse(text)
            own = infer(tree, letters, sizes=("n", "p", "q"))
            known = {**SIZES, **point}
            used = {s: known[s] for s in {*own.symbols, *own.sizes} if s in known}
            return np.asarray(evaluate(tree, used, own))

        for line, equation in zip(lines, shown, strict=True):
            own = infer(line.tree, letters, sizes=("n", "p", "q"))
            used = {name: point[name] for name in own.symbols}
            sizes = {
                s: SIZES[s] for s in own.sizes - {x for d in own.symbols.values() for x in d.sizes}
            }
            expected = np.asarray(evaluate(line.tree, used | sizes, own))
            assert np.allclose(index_value(equation, expected.shape, matrix), expected), equation
            own = gw.formula(equation, **letters).unverified()
            used = {name: point[name] for name in own.scope.symbols}
            used |= {size: SIZES[size] for size in sizes_of(own)}
            assert np.allclose(own(**used), expected), equation
    text = net.backprop().explain(level="index")
    assert "∂L/∂b[i] = Σ_j δZ[j,i]" in text
    assert "∂L/∂W[i,j] = Σ_k X[k,i] δZ[k,j]" in text
    assert "∂L/∂X[i,j] = Σ_k δZ[i,k] W[j,k]" in text
    assert "∂L/∂Z[i,j] = A[i,j] − Y[i,j]" in text


def test_s3_9_the_derivative_of_z_by_one_weight_is_a_unit_vector() -> None:
    """∂z_k/∂W_ij = δ_ki a_j: the vector eᵢ aⱼ."""
    derived = gw.jacobian("W*a", "W", a="vector n")
    shown = section(derived.explain(level="index"), "In components")
    assert shown[1] == "  ∂f[i]/∂W[j,k] = δ[i,j] a[k]"
    assert str(derived) == "aᵀ ⊗ eye(m)"


def test_there_are_three_levels() -> None:
    derived = gw.gradient("x'*x", "x")
    assert len(derived.explain("outline")) < len(derived.explain()) < len(derived.explain("index"))
    with pytest.raises(UnsupportedError, match="the levels are outline, full, index"):
        derived.explain("most")
    with pytest.raises(UnsupportedError, match="the levels are outline, full, index"):
        gw.Network("2 -> 2 softmax").backprop().explain("most")


def test_the_reader_sums_each_term_by_itself() -> None:
    """Twelve letters at once would be an array of 4¹⁴ entries, 2 GB."""
    letters = "abcdefghkpqr"
    chain = "*".join(f"A[{one},{two}]" for one, two in pairwise("i" + letters + "j"))
    text = f"D[i,j] = 1.5e-1*sum[{','.join(letters)}]({chain} + 2*{chain})"
    A = np.random.default_rng(3).normal(size=(4, 4))
    found = index_value(text, (4, 4), lambda name: {"A": A}[name])
    np.testing.assert_allclose(found, 0.45 * np.linalg.matrix_power(A, 13), rtol=1e-12)


def test_the_reader_counts_a_term_without_the_letter() -> None:
    x = np.arange(1.0, 4.0)
    found = index_value("D[i] = sum[p](x[i] + x[p])", (3,), lambda name: {"x": x}[name])
    np.testing.assert_allclose(found, 3 * x + 6)
