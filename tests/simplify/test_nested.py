"""Results of deeply nested formulas: right, found by few looks at sums, refused when too long."""

from __future__ import annotations

import mpmath
import pytest

import gradwright as gw
from gradwright.errors import LimitError
from gradwright.notation.parser import parse
from gradwright.notation.raising import cost as costs
from gradwright.notation.raising import sums
from gradwright.notation.tree import Spelled, Tree, spelling, walk
from gradwright.simplify import readable


def nested(depth: int) -> str:
    text = "x"
    for _ in range(depth):
        text = f"sin({text})"
    return text


def by_mpmath(depth: int, x: float) -> float:
    def function(z: mpmath.mpf) -> mpmath.mpf:
        for _ in range(depth):
            z = mpmath.sin(z)
        return z

    with mpmath.workdps(40):
        return float(mpmath.diff(function, x, 2))


@pytest.mark.parametrize("depth", [3, 8, 12])
def test_the_second_derivative_of_nested_sines(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Terms that share many factors have exponentially many subsets; few of them are looked at."""
    looked: list[int] = []
    inner = sums._grouped

    def counted(*given: object) -> object:
        looked.append(1)
        return inner(*given)

    monkeypatch.setattr(sums, "_grouped", counted)
    hessian = gw.formula(nested(depth), x="scalar").hessian("x")
    assert hessian(x=0.7) == pytest.approx(by_mpmath(depth, 0.7), rel=1e-10)
    # Each of about 4·depth sums looks at no more than this many others.
    assert len(looked) <= 4 * depth * sums.MAX_GROUPED
    assert gw.formula(hessian.text(), x="scalar")(x=0.7) == pytest.approx(hessian(x=0.7), rel=1e-9)


def test_a_result_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readable, "MAX_LENGTH", 1000)
    with pytest.raises(LimitError, match="characters and at most 1000 are read back"):
        gw.formula(nested(9), x="scalar").hessian("x")
    assert gw.formula(nested(3), x="scalar").hessian("x")


TEXTS = ["x'*A*x + (A + A')'*x", "sin(x)^2*(x - y)/2", "(A + A')^3 .* tanh(B')", "inv(A)'*x"]


def without_memory(tree: Tree, said: frozenset[Tree], weight: float = 1.0) -> float:
    """The cost by its definition: each part by itself, what the user wrote at half the price."""
    parts, price = costs._measured(tree)
    whole = parts == costs.children(tree)
    if weight == 1.0 and whole and parts and tree in said:
        weight = costs.USER_DISCOUNT
    return weight * price + sum(without_memory(part, said, weight) for part in parts)


@pytest.mark.parametrize("text", TEXTS)
def test_costs_that_are_kept_are_the_costs(text: str) -> None:
    tree = parse(text)
    parts = list(walk(tree))
    for said in (frozenset(), frozenset(parts[2:4]), frozenset({tree})):
        reading = costs.Readability(said)
        for part in (tree, *parts, tree):
            assert reading.cost(part) == pytest.approx(without_memory(part, said), abs=1e-6)
    assert costs.transposes(tree) == text.count("'")
    other = parse(text + " + 1")
    assert (Spelled(tree) < Spelled(other)) == (spelling(tree) < spelling(other))
    assert Spelled(tree) == Spelled(parse(text))
