"""A derivative is defined where the text is, also where what the text asks for is merged away."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import DomainError, LimitError

#: Numbers that are none, and the part of the text that is pointed at.
NO_NUMBERS = {
    "x*(0/0)": "0/0",
    "x + 0/0": "0/0",
    "x*(1/(2 - 2))": "1/(2-2)",
    "x.*(1./0)": "1./0",
    "x*log(0)": "log(0)",
    "x + log(-1)": "log(-1)",
    "x*0^(-1)": "0^(-1)",
    "x*sqrt(-1)*sqrt(-1)": "sqrt(-1)",
    "x*(-1)^0.5": "(-1)^0.5",
    "x*(-8)^(1/3)": "(-8)^(1/3)",
    "x + arcsin(2)": "arcsin(2)",
    "x*(0/0)^0": "0/0",
    "c = 0/0; x + c": "0/0",
    "x*tr(inv(ones(2, 2)))": "tr(inv(ones(2,2)))",
    "x*(1/(n - n))": "1/(n-n)",
}

#: Formulas of which making a node merges a part away: by hand, and what the derivative assumes.
Entry = Callable[[np.ndarray], Any]
MERGED: dict[str, tuple[Entry, str]] = {
    "sum(x.^1.5.*x.^0.5)": (lambda x: np.sum(x**1.5 * x**0.5), "x > 0"),
    "sum(sqrt(x).*sqrt(x))": (lambda x: np.sum(np.sqrt(x) * np.sqrt(x)), "x > 0"),
    "sum((x.^0.5).^2)": (lambda x: np.sum((x**0.5) ** 2), "x > 0"),
    "sum(x./x.*x.^2)": (lambda x: np.sum(x / x * x**2), "x ≠ 0"),
    "sum(0*log(x) + x)": (lambda x: np.sum(0 * np.log(x) + x), "x > 0"),
    "sum(log(x) + x - log(x))": (lambda x: np.sum(np.log(x) + x - np.log(x)), "x > 0"),
    "sum[i](x[i]^0.5*x[i]^0.5)": (lambda x: np.sum(x**0.5 * x**0.5), "x > 0"),
    "r = sqrt(x); r'*r": (lambda x: np.sqrt(x) @ np.sqrt(x), "x > 0"),
    "x'*(log(x)./log(x))": (lambda x: x @ (np.log(x) / np.log(x)), "log(x) ≠ 0"),
}


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_a_number_that_is_none_is_pointed_at(text: str) -> None:
    formula = gw.formula(text, x="vector n")
    for derive in (formula.jacobian, formula.jvp, formula.vjp):
        with pytest.raises(DomainError, match="is not defined") as caught:
            derive("x")
        _, line, marks, _ = str(caught.value).split("\n")
        marked = line[marks.index("^") : marks.rindex("^") + 1]
        assert marked.replace(" ", "") == NO_NUMBERS[text]


@pytest.mark.parametrize("text", ["x*log(2)", "x*0^0", "x*sqrt(0)", "x*0", "x/2 + (1 - 1)"])
def test_a_number_at_the_edge_is_one(text: str) -> None:
    found = gw.jacobian(text, "x", x="vector n")(x=np.ones(2))
    by_hand = {"x*log(2)": np.log(2), "x*0^0": 1, "x/2 + (1 - 1)": 0.5}.get(text, 0)
    assert np.array_equal(found, by_hand * np.eye(2))


@pytest.mark.parametrize("text", MERGED)
def test_a_derivative_is_a_number_where_the_value_is(text: str, rng: np.random.Generator) -> None:
    by_hand, condition = MERGED[text]
    derived = gw.gradient(text, "x", x="vector n")
    assert condition in derived.assumptions
    inside = rng.uniform(0.5, 0.9, 3)
    # Complex steps of 1e-30: their square is no longer a digit.
    steps = 1e-30j * np.eye(3)
    slopes = [np.imag(by_hand(inside + step)) / 1e-30 for step in steps]
    assert np.allclose(derived(x=inside), slopes, rtol=1e-13)
    assert np.allclose(derived.value_and(x=inside)[0], by_hand(inside), rtol=1e-13)
    for outside in (-rng.uniform(0.5, 2), 0.0, 1.0):
        point = np.array([0.5, outside, 0.75])
        with np.errstate(all="ignore"):
            defined = np.isfinite(by_hand(point))
        if defined:
            assert np.all(np.isfinite(derived(x=point)))
            continue
        for ask in (derived, derived.value_and):
            with pytest.raises(DomainError, match=re.escape(condition)):
                ask(x=point)


def test_abstract_functions_and_products_know_it_too() -> None:
    formula = gw.formula("sum(sqrt(x).*sqrt(x).*phi(x))", x="vector n", phi="elementwise")
    sine = (np.sin, np.cos)
    low, high = np.array([-1.0, 2.0]), np.array([0.5, 2.0])
    by_hand = np.sin(high) + high * np.cos(high)
    assert np.allclose(formula.gradient("x")(x=high, phi=sine), by_hand, rtol=1e-14)
    product = formula.jvp("x")
    assert np.isclose(product(x=high, phi=sine, tangent=np.ones(2)), by_hand.sum(), rtol=1e-14)
    with pytest.raises(DomainError, match="x > 0"):
        formula.gradient("x")(x=low, phi=sine)
    with pytest.raises(DomainError, match="x > 0"):
        product(x=low, phi=sine, tangent=np.ones(2))


def test_a_linear_map_is_refused_where_the_text_is_undefined() -> None:
    derived = gw.jacobian("x.^1.5.*x.^0.5", "x", x="vector n")
    assert np.allclose(derived.operator(x=np.array([1.0, 2.0])).dense(), np.diag([2.0, 4.0]))
    with pytest.raises(DomainError, match="x > 0"):
        derived.operator(x=np.array([-1.0, 2.0]))


def test_a_size_is_no_exception() -> None:
    derived = gw.gradient("(n - 3)^1.5*(n - 3)^0.5*sum(x)", "x", x="vector n")
    assert derived.assumptions == ("n − 3 > 0",)
    assert np.allclose(derived(x=np.ones(5)), np.full(5, 4.0))
    with pytest.raises(DomainError, match="n − 3 > 0"):
        derived(x=np.ones(2))


#: Formulas of sizes that are defined for some sizes alone, and what multiplies 1 + 2x there.
OF_SIZES: dict[str, Callable[[int], float]] = {
    "(sum(x) + x'*x)*sqrt(n - 3)*(n - 3)": lambda n: (n - 3) ** 1.5,
    "sqrt(n - 3)*(sum(x) + x'*x) + (sum(x) + x'*x)*(n - 3)^1.5": lambda n: (n - 3) ** 0.5 * (n - 2),
    "log(n - 3)*sum(x) + log(n - 3)*x'*x": lambda n: np.log(n - 3),
    "sqrt(n - 3)*sqrt(9 - n)*(sum(x) + x'*x)": lambda n: np.sqrt((n - 3) * (9 - n)),
}


@pytest.mark.parametrize("text", OF_SIZES)
def test_a_formula_of_sizes_is_derived_and_checked_where_it_is_defined(
    text: str, rng: np.random.Generator
) -> None:
    derived = gw.gradient(text, "x", x="vector n")
    for n in (4, 5, 8):
        x = rng.standard_normal(n)
        by_hand = OF_SIZES[text](n) * (1 + 2 * x)
        assert np.allclose(derived(x=x), by_hand, rtol=1e-12, atol=1e-12)
    assert derived.check(seed=1).ok
    for shorter in (0, 1, 2):
        with pytest.raises(DomainError, match="n − 3 > 0"):
            derived(x=np.ones(shorter))


@pytest.mark.parametrize("text", ["x*10^400", "x*sqrt(10^401)"])
def test_a_number_beyond_all_floats_is_refused(text: str) -> None:
    with pytest.raises(LimitError, match="beyond the largest"):
        gw.gradient(text, "x", x="scalar")(x=1.0)


@pytest.mark.parametrize(
    ("constant", "value"),
    [("log(sum(exp(ones(n))))", 1 + np.log(3)), ("tr(inv(eye(n)))", 3.0), ("det(2*eye(n))", 8.0)],
)
def test_a_number_that_a_size_makes_is_worked_out_where_the_size_is_known(
    constant: str, value: float
) -> None:
    derived = gw.gradient(f"sum(x)*{constant}", "x", x="vector n")
    np.testing.assert_allclose(derived(x=np.ones(3)), np.full(3, value), rtol=1e-14)


@pytest.mark.parametrize("text", ["max(x)", "logsumexp(x)", "sum(x)*max(x)", "min(x)^2"])
def test_the_largest_of_no_entries_is_refused(text: str) -> None:
    formula = gw.formula(text, x="vector n")
    for ask in (formula, formula.gradient("x"), formula.gradient("x").value_and):
        with pytest.raises(DomainError, match="has no entries"):
            ask(x=np.zeros(0))
    assert np.array_equal(gw.gradient("x'*x", "x", x="vector n")(x=np.zeros(0)), np.zeros(0))
