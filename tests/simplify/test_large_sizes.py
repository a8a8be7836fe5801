"""Sizes that are large numbers: derived like named ones, and told apart from other numbers."""

from __future__ import annotations

import pytest

import gradwright as gw
from gradwright.simplify import point_sizes

TEXTS = ["x'*A*x", "sum(tanh(A*x))", "norm2(A*x)^2", "sum(softmax(A*x).^2)", "sum(A*x)*x'*x"]


@pytest.mark.parametrize("kind", ["gradient", "hessian"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_large_number_is_derived_like_a_small_one(text: str, kind: str) -> None:
    def printed(n: int) -> str:
        declared = {"A": f"matrix {n} {n}", "x": f"vector {n}"}
        return str(getattr(gw.formula(text, **declared), kind)("x"))

    assert printed(98_765).replace("98765", "7") == printed(7)


def test_a_sum_that_became_a_number_is_not_taken_for_another_number() -> None:
    """The lengths that are tried must not pass for what the axis really is."""
    assert gw.equal("sum(ones(1000))*a", "1000*a")
    first = point_sizes.SMALLEST
    tried = {length for k in range(2) for length in range(first, first + 9 + k)}
    for wrong in sorted(tried):
        assert not gw.equal("sum(x + a*ones(1000)) - sum(x)", f"{wrong}*a", x="vector 1000")
    assert gw.equal("sum(x + a*ones(1000)) - sum(x)", "1000*a", x="vector 1000")


def test_a_place_on_a_long_axis_keeps_its_length() -> None:
    assert gw.equal("x[40]*2", "x[40] + x[40]", x="vector 50")
    assert not gw.equal("x[40]", "x[41]", x="vector 50")
