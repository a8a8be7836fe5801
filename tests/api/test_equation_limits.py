"""Equations that are too much, or nonsense, end in a typed error."""

from __future__ import annotations

import random

import pytest

import gradwright as gw
from gradwright.errors import GradwrightError, LimitError

NETWORK = gw.Network("3 -> 4 relu -> 2 softmax")
LINES = (
    "d/dx (x'*A*x) = (A + A')*x",
    "∂L/∂Z2 = Ŷ - Y",
    "δ^(l) = W^(l+1) δ^(l+1) ∘ g'(z^(l))",
    "W1 := W1 - α dL/dW1",
    "Z2 ∈ ℝ^(n×2)",
    "Σ_{i≠r} y_i = 1 - y_r",
    "∂ŷ_i/∂z_r = {ŷ_r(1-ŷ_r), r = i; -ŷ_r ŷ_i, r ≠ i}",
    r"\frac{\partial L}{\partial W_2} = A_1^T \cdot \frac{\partial L}{\partial Z_2}",
    r"\varphi'(z) = \begin{cases} 1 & \text{if } z \geq 0 \\ 0.1 & z < 0 \end{cases}",
)
SIGNS = "()[]{}^_'=+-*/.,;:<>≤∈Σδ∂∇ℝdxyAW1230 lLij\\"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 500 + "x" + ")" * 500 + " = 1",
        "x = " + "{" * 150 + "1, x > 0" + "}" * 150,
        "x" + " + x" * 2000 + " = x",
        "x" + " = x" * 200,
        "\n".join(["x = x"] * 1001),
        "x = " + "y" * 200_000,
        r"\frac{" * 500 + "1" + "}{2}" * 500 + " = 1",
    ],
)
def test_too_much_is_a_typed_error(text: str) -> None:
    for given in ((), (NETWORK,)):
        with pytest.raises(LimitError):
            gw.check_equations(text, *given)


def test_a_long_sum_ends_at_once() -> None:
    report = gw.check_equations("x" + " + x" * 300 + " = x", NETWORK)
    assert not report.ok


def test_nonsense_is_judged_or_a_typed_error(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradwright.api.equations.judge.MAX_CANDIDATES", 10)
    draw = random.Random(seed)
    refused = 0
    for _ in range(100):
        letters = list(draw.choice(LINES))
        for _ in range(draw.randint(1, 4)):
            place = draw.randrange(len(letters) + 1)
            if draw.random() < 0.5 and letters:
                letters.pop(min(place, len(letters) - 1))
            else:
                letters.insert(place, draw.choice(SIGNS))
        for given in ((), (NETWORK,)):
            try:
                gw.check_equations("".join(letters), *given)
            except GradwrightError as error:
                refused += 1
                assert error.clash and error.instead
    assert 0 < refused < 200


def test_what_does_not_go_together_is_refused() -> None:
    with pytest.raises(GradwrightError):
        gw.check_equations("x = x", NETWORK, x="scalar")
    with pytest.raises(GradwrightError):
        gw.check_equations("x = x", notation="003")
    with pytest.raises(GradwrightError):
        gw.check_equations("x = x", NETWORK, notation="005")
    with pytest.raises(GradwrightError):
        gw.check_equations(3)  # type: ignore[arg-type]
