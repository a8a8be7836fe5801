"""Row S1.1: derivatives that jump are printed by cases, with their conditions.

The oracle evaluates the formula by NumPy alone, on both sides of the place where it bends, and
takes the difference quotient there, which is exact for a piecewise-linear function.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping

import numpy as np
import pytest

import gradwright as gw
from gradwright.notation.tree import Tree
from gradwright.ops.record import Elementwise
from gradwright.ops.table import OPERATIONS
from gradwright.render.cases import Cases, Comparison
from gradwright.render.plain import plain_text

COMPARE = {
    "<": np.less,
    "≤": np.less_equal,
    "=": np.equal,
    "≥": np.greater_equal,
    ">": np.greater,
}

#: Formula in the scalar x, the same for NumPy, and the printed cases of its derivative.
SCALARS: list[tuple[str, Callable[[float], float], str]] = [
    ("max(0, x)", lambda x: max(0, x), "0 if x ≤ 0, 1 if x > 0"),
    ("relu(x)", lambda x: max(0, x), "0 if x ≤ 0, 1 if x > 0"),
    ("leaky_relu(x)", lambda x: max(x, 0) + 0.1 * min(x, 0), "0.1 if x ≤ 0, 1 if x > 0"),
    (
        "leaky_relu(x, kink=1)",
        lambda x: max(x, 0) + 0.1 * min(x, 0),
        "0.1 if x < 0, 1 if x ≥ 0",
    ),
    ("abs(x)", abs, "-1 if x < 0, 0 if x = 0, 1 if x > 0"),
    ("min(2*x + 1, 3)", lambda x: min(2 * x + 1, 3), "2 if x < 1, 0 if x ≥ 1"),
    ("relu(1 - x)", lambda x: max(0, 1 - x), "-1 if x < 1, 0 if x ≥ 1"),
    ("max(x, 3*x)", lambda x: max(x, 3 * x), "1 if x < 0, 2 if x = 0, 3 if x > 0"),
]


def value(tree: Tree, point: Mapping[str, object]) -> np.ndarray:
    known = {name: v for name, v in point.items() if name in gw.formula(plain_text(tree)).variables}
    kinds = {name: "scalar" if np.ndim(v) == 0 else "vector n" for name, v in known.items()}
    return np.asarray(gw.formula(plain_text(tree), **kinds)(**known))


def holds(comparison: Comparison, point: Mapping[str, object]) -> np.ndarray:
    left, right = value(comparison.left, point), value(comparison.right, point)
    return COMPARE[comparison.relation](left, right)


def chosen(cases: Cases, point: Mapping[str, object], shape: tuple[int, ...] = ()) -> np.ndarray:
    """The value that the cases give: exactly one holds for each entry."""
    swap = cases.given is not None and not holds(cases.given, point)
    values = [v for v, _ in cases.cases]
    if swap:
        values.reverse()
    found, times = np.zeros(shape), np.zeros(shape, dtype=int)
    for one, (_, when) in zip(values, cases.cases, strict=True):
        true = holds(when, point)
        found = np.where(true, value(one, point), found)
        times = times + true
    assert np.all(times == 1), times
    return found


@pytest.mark.parametrize(("text", "function", "shown"), SCALARS, ids=[s[0] for s in SCALARS])
def test_s1_1_cases_of_one_variable(
    text: str, function: Callable[[float], float], shown: str, rng: np.random.Generator
) -> None:
    derived = gw.gradient(text, "x", x="scalar")
    (part,) = derived.cases["x"]
    assert f"  ∂f/∂x: {shown}" in derived.explain().splitlines()
    for x in (*rng.normal(scale=3, size=20), 0.0, 1.0):
        assert float(derived(x=x)) == pytest.approx(float(chosen(part.cases, {"x": x})))
        if min(abs(x), abs(x - 1)) > 1e-3:
            quotient = (function(x + 1e-4) - function(x - 1e-4)) / 2e-4
            assert float(chosen(part.cases, {"x": x})) == pytest.approx(quotient, abs=1e-9)


@pytest.mark.parametrize("slope", [-1.5, 0.25, 0.999, 1.001, 4.0])
def test_s1_1_the_condition_on_a_symbolic_slope(slope: float) -> None:
    derived = gw.gradient("max(L*x, x)", "x", L="scalar", x="scalar")
    (part,) = derived.cases["x"]
    printed = [line for line in derived.explain().splitlines() if "cases swap" in line]
    assert printed == [
        "  ∂f/∂x: L if x < 0, 0.5 (1 + L) if x = 0, 1 if x > 0  "
        "(for L < 1; for L > 1 the cases swap)"
    ]
    for x in (-2.0, -0.3, 0.7, 5.0):
        quotient = (max(slope * (x + 1e-3), x + 1e-3) - max(slope * x, x)) / 1e-3
        found = chosen(part.cases, {"x": x, "L": slope})
        assert float(found) == pytest.approx(quotient, rel=1e-9)
        assert derived(x=x, L=slope) == pytest.approx(quotient, rel=1e-9)
    tie = chosen(part.cases, {"x": 0.0, "L": slope})
    assert derived(x=0.0, L=slope) == pytest.approx(float(tie))
    assert derived.assumptions == ("at a tie of max the derivative is 0.5",)


def test_a_moved_border_and_a_condition_with_the_other_sign() -> None:
    derived = gw.gradient("max(1 - b*x - a, x)", "x", x="scalar")
    (part,) = derived.cases["x"]
    assert part.cases.given is not None
    assert part.cases.given.text() == "b < -1"
    for a, b, x in ((0.5, 2.0, 3.0), (0.5, 2.0, -3.0), (-1.0, -4.0, 2.0), (-1.0, -4.0, -2.0)):
        expected = -b if 1 - b * x - a > x else 1.0
        assert float(chosen(part.cases, {"a": a, "b": b, "x": x})) == pytest.approx(expected)


def test_vectors_are_compared_entry_by_entry(rng: np.random.Generator) -> None:
    derived = gw.gradient("sum(w .* abs(z - 2*w)) + sum(z)", "z")
    (part,) = derived.cases["z"]
    assert part.cases.entrywise
    z, w = rng.normal(size=7), rng.normal(size=7)
    z[3] = 2 * w[3]
    found = chosen(part.cases, {"z": z, "w": w}, (7,))
    assert np.allclose(found, w * np.sign(z - 2 * w) + 1)
    assert np.allclose(derived(z=z, w=w), found)


def test_inside_a_product_the_function_is_given_by_its_cases() -> None:
    text = gw.jacobian("relu(W*x)", "x").explain()
    assert "  step(W x): 0 if W x ≤ 0, 1 if W x > 0, entry by entry" in text.splitlines()
    (one, other) = gw.gradient("relu(c) - relu(c - 1)", "c").cases["c"]
    assert {one.text(""), other.text("")} == {
        "step(c): 0 if c ≤ 0, 1 if c > 0",
        "step(c − 1): 0 if c ≤ 1, 1 if c > 1",
    }
    assert gw.gradient("x'*A*x", "x").cases == {"x": ()}


def test_cases_as_latex_and_mathml() -> None:
    derived = gw.gradient("max(L*x, x)", "x", L="scalar", x="scalar")
    (part,) = derived.cases["x"]
    assert part.latex("f'") == (
        r"f' = \begin{cases} L & \text{if } x < 0 \\ 0.5 \left(1 + L\right) & \text{if } x = 0 \\ "
        r"1 & \text{if } x > 0 \end{cases} \quad \text{for } L < 1 \text{; for } L > 1 "
        r"\text{ the cases swap}"
    )
    shown, remark = part.cases.mathml()
    table = ElementTree.fromstring(shown).find("mtable")
    assert table is not None
    assert next("".join(row.itertext()) for row in table).replace("\xa0", " ") == "Lif x<0"
    assert remark == "for L < 1; for L > 1 the cases swap"
    assert shown in derived.html()
    assert derived.to_dict()["cases"]["x"][0]["given"] == "L < 1"


LEVELLED = [r for r in OPERATIONS.values() if isinstance(r, Elementwise) and r.levels]


@pytest.mark.parametrize("record", LEVELLED, ids=lambda r: r.name)
def test_the_levels_of_a_record_are_its_values(record: Elementwise) -> None:
    options = {name: float(v) for name, v in record.options}
    levels = [float(level.format(**options)) for level in record.levels]
    assert [float(record.value(x, **options)) for x in (-2.5, 0.0, 0.1)] == levels


def test_swapped_cases_would_be_noticed() -> None:
    """The harness has teeth: with the values of the wrong side it fails."""
    derived = gw.gradient("abs(x)", "x", x="scalar")
    (part,) = derived.cases["x"]
    wrong = Cases(
        tuple(
            (v, when)
            for (v, _), (_, when) in zip(part.cases.cases[::-1], part.cases.cases, strict=True)
        )
    )
    assert chosen(wrong, {"x": 2.0}) == -derived(x=2.0)
